"""The journal by its streams: money and events in one table, telemetry in one for each day (partitions.py)."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from edge.ledger import partitions
from edge.ledger.queries import queries
from protocols.sync.topics import Stream


def first_seq(connection: sqlite3.Connection, stream: Stream) -> int:
    """The oldest entry that is there; 0 for none."""
    return partitions.first_seq(connection) if stream is Stream.TELEMETRY else _number(connection, "first_seq", stream)


def last_seq(connection: sqlite3.Connection, stream: Stream) -> int:
    """The newest entry; 0 for none."""
    return partitions.last_seq(connection) if stream is Stream.TELEMETRY else _number(connection, "last_seq", stream)


def read_entries(
    connection: sqlite3.Connection, stream: Stream, after_seq: int, most: int
) -> list[tuple[int, bytes]] | sqlite3.Cursor:
    """Entries behind a number, in order, as they were journaled: number and JSON."""
    if stream is Stream.TELEMETRY:
        return partitions.read(connection, after_seq, most)
    return connection.execute(queries()["read_journal"], (stream.value, after_seq, most))


def time_of_next(connection: sqlite3.Connection, stream: Stream, after_seq: int) -> datetime | None:
    """When the first entry behind a number was made; None where there is none."""
    if stream is Stream.TELEMETRY:
        return partitions.time_of_next(connection, after_seq)
    found = connection.execute(queries()["time_of_next"], (stream.value, after_seq)).fetchone()
    return datetime.fromisoformat(found[0]) if found is not None else None


def _number(connection: sqlite3.Connection, query: str, stream: Stream) -> int:
    (number,) = connection.execute(queries()[query], (stream.value,)).fetchone()
    return int(number)
