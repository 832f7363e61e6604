"""What was last noted of the site's clock, read back after a start."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pydantic import AwareDatetime, TypeAdapter

from edge.domain.site import Site
from edge.ledger.queries import queries
from protocols.sync.clock import ClockNoted
from protocols.sync.present import ClockReport

CLOCK: Final = "clock"


@dataclass(frozen=True, slots=True)
class Noted:
    """A note of the clock and the time of its entry."""

    at: AwareDatetime
    noted: ClockNoted


_NOTED: Final = TypeAdapter(Noted)


def restore_clock(site: Site, connection: sqlite3.Connection) -> None:
    """The hub's time is known on as long as the machine runs: the first look finds out whether it does."""
    if (kept := clock_noted(connection)) is None:
        return
    book, offset_ms = site.clock, kept.noted.offset_ms
    book.noted, book.noted_at = kept.noted, kept.at
    book.offset = timedelta(milliseconds=offset_ms) if offset_ms is not None else None


def clock_report(connection: sqlite3.Connection) -> ClockReport | None:
    """As it is told to the hub and to people."""
    if (kept := clock_noted(connection)) is None:
        return None
    return ClockReport(quality=kept.noted.quality, noted_at=kept.at, offset_ms=kept.noted.offset_ms)


def clock_noted(connection: sqlite3.Connection) -> Noted | None:
    """The newest note; None where there never was one."""
    row = connection.execute(queries()["meta_of"], (CLOCK,)).fetchone()
    return _NOTED.validate_json(row[0]) if row is not None else None
