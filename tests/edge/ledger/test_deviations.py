"""Deviations in the ledger: counted by model, the first frame kept, bounded."""

from __future__ import annotations

import sqlite3
from typing import Any

from edge.ledger import projections
from edge.ledger.ledger import Ledger
from edge.ledger.queries import queries
from edge.ledger.rows import Rows
from protocols.sync.topics import Stream
from protocols.sync.up import Entry
from protocols.sync.upkeep import DeviationSeen
from tests.edge.domain.site_kit import START


def seen(**more: Any) -> DeviationSeen:
    usual = {
        "station_id": "A",
        "vendor": "V",
        "model": "M",
        "firmware_version": "1",
        "action": "MeterValues",
        "path": "/meterValue/sampledValue/unit",
        "problem": "no word of the standard",
        "remedy": "entry left out",
    }
    return DeviationSeen(**{**usual, **more})


def journal(connection: sqlite3.Connection, *bodies: DeviationSeen, day: int = 1) -> None:
    rows = Rows()
    (last,) = connection.execute("SELECT COALESCE(MAX(seq), 0) FROM journal").fetchone()
    for number, body in enumerate(bodies, last + 1):
        entry = Entry(stream=Stream.EVENT, seq=number, at=START, body=body)
        projections.append(rows, entry, b"{}", f"2026-03-{day:02}T00:00:00+00:00")
    rows.write(connection)


def kept(connection: sqlite3.Connection) -> list[Any]:
    return connection.execute(queries()["deviations"]).fetchall()


def test_they_are_counted_by_model_and_the_first_frame_is_kept(ledger: Ledger) -> None:
    journal(ledger.connection, seen(frame="first"), seen(count=4, station_id="B"), seen(model="N"))
    journal(ledger.connection, seen(frame="second", count=2), day=2)
    first, second = kept(ledger.connection)
    assert first[1:3] == ("M", "1")
    assert first[7:] == (7, "2026-03-01T00:00:00+00:00", "2026-03-02T00:00:00+00:00", "A", "first")
    assert second[1] == "N"


def test_models_made_up_do_not_fill_the_disk(ledger: Ledger, monkeypatch: Any) -> None:
    monkeypatch.setattr(projections, "MAX_DEVIATIONS", 3)
    for day in range(1, 9):
        journal(ledger.connection, seen(model=f"M{day}"), day=day)
    assert [row[1] for row in kept(ledger.connection)] == ["M6", "M7", "M8"]
