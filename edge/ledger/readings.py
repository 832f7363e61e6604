"""Readings that were kept and wait for their block; see edge/ledger/packing.py."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from edge.ledger.partitions import in_ms
from edge.ledger.queries import queries
from edge.ledger.rows import Rows
from protocols.sync.up import MeterValuesSampled

ENCODER: Final = msgspec.json.Encoder(decimal_format="string")
_LINES: Final = msgspec.json.Decoder()
MOST_WAITING: Final = 500_000
"""Rows that are looked at in one go: what 30,000 EVSEs keep in a quarter of an hour, and 4 MB of numbers."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The rows of an EVSE whose readings wait to be packed."""

    station_id: str
    evse_id: int
    numbers: list[int]


def keep(rows: Rows, number: int, kept: MeterValuesSampled) -> None:
    latest_ms = 0
    for sample in kept.samples:
        if sample.after_ms > latest_ms:  # of one message they are nearly always of one time
            latest_ms = sample.after_ms
    at_ms = int(kept.at.timestamp() * 1000) + latest_ms
    rows.add("readings", "keep_reading", number, at_ms, kept.station_id, kept.evse_id, ENCODER.encode(kept))


def drop(rows: Rows, numbers: Sequence[int]) -> None:
    """Those that went into blocks of this commit."""
    rows.add("packed", "drop_readings", json.dumps(numbers))


def waiting(connection: sqlite3.Connection, before: datetime, after: datetime) -> list[Waiting]:
    """What waits, by EVSE, of those whose latest reading is older than a time; or from after another, which lies ahead:
    the clock has been set back."""
    values = (in_ms(before), in_ms(after), MOST_WAITING)
    found = connection.execute(queries()["waiting_readings"], values)
    return [Waiting(station_id, evse_id, sorted(json.loads(numbers))) for station_id, evse_id, numbers in found]


def kept(connection: sqlite3.Connection, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """What was kept in these rows, as its JSON says it, in the order of the rows. One row of all, for after each row
    the thread may have to wait for the interpreter."""
    (lines,) = connection.execute(queries()["readings_numbered"], (json.dumps(numbers),)).fetchone()
    return _LINES.decode_lines(lines) if lines is not None else []


def kept_of(connection: sqlite3.Connection, station_id: str, evse_id: int) -> list[dict[str, Any]]:
    """All that waits of an EVSE."""
    return [_LINES.decode(body) for (body,) in connection.execute(queries()["readings_of"], (station_id, evse_id))]


def last_number(connection: sqlite3.Connection) -> int:
    (number,) = connection.execute(queries()["last_reading"]).fetchone()
    return int(number)
