"""The telemetry stream of the journal: a table for each day, so that what is old goes a table at a time.

A row is an entry: `head` is its JSON without the block's data, deflated against a dictionary (a third of what it would
be), `data` the block as it is, not as base64. Read, they are the very bytes that were journaled. What older versions
journaled, a message's readings in an entry, is in `telemetry_0`, whole in `head`; that table is also the pattern of all
others. The newest table always has a row: it numbers the next one.
"""

from __future__ import annotations

import sqlite3
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from edge.ledger.queries import queries
from protocols.sync.codec import MAX_SEQ

_PATTERN: Final = "telemetry_0"
_DATA: Final = b'"data":"'
_KNOWN: Final = (
    b'{"stream":"telemetry","seq":10,"at":"2026-01-01T00:00:30.000000Z","body":{"station_id":"CS-1","evse_id":1,'
    b'"begins_at":"2026-01-01T00:15:00Z","samples":60,"data":"","filter":"deadband-1","dropped":0,'
    b'"kind":"telemetry_block"}}'
)
"""What heads are deflated against. Never to be changed: another one needs a byte before the heads that says so."""
_WINDOW: Final = -10
"""Of 1 kB, without a frame: there is no more to look back at, and it takes little to set up."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Stored:
    """A telemetry entry as it is kept."""

    seq: int
    at: datetime
    head: bytes
    data: bytes | None


def in_ms(at: datetime) -> int:
    """Since 1970: how times are written where there are many of them."""
    return (at - _EPOCH) // _MILLISECOND


def stored(seq: int, at: datetime, encoded: bytes) -> Stored:
    """Take an entry's JSON apart; whole where it is no block, or would not come together as it was."""
    begin = encoded.find(_DATA) + len(_DATA)
    if begin < len(_DATA):
        return Stored(seq, at, encoded, None)
    end = encoded.index(b'"', begin)
    data = b64decode(encoded[begin:end])
    if b64encode(data) != encoded[begin:end]:
        return Stored(seq, at, encoded, None)
    squeeze = zlib.compressobj(9, zlib.DEFLATED, _WINDOW, 8, zlib.Z_DEFAULT_STRATEGY, _KNOWN)
    head = squeeze.compress(encoded[:begin] + encoded[end:]) + squeeze.flush()
    return Stored(seq, at, head, data)


def together(head: bytes, data: bytes | None) -> bytes:
    """The entry's JSON as it was."""
    if data is None:
        return head
    whole = zlib.decompressobj(_WINDOW, _KNOWN).decompress(head)
    begin = whole.index(_DATA) + len(_DATA)
    return b"".join((whole[:begin], b64encode(data), whole[begin:]))


# --- in the writer's thread ---


def write(connection: sqlite3.Connection, entries: Sequence[Stored]) -> None:
    """Add entries in the transaction that is open; a day that is another one begins a table."""
    sql = queries()
    newest = connection.execute(sql["newest_day"]).fetchone()
    number, day = newest if newest is not None else (0, None)
    for entry in entries:
        today = entry.at.date().isoformat()
        if today != day:
            number, day = number + 1, today
            (pattern,) = connection.execute(sql["pattern_of_days"]).fetchone()
            connection.execute(pattern.replace(_PATTERN, f"telemetry_{number}"))
            connection.execute(sql["add_day"], (number, day, entry.seq))
        row = (entry.seq, in_ms(entry.at), entry.head, entry.data)
        connection.execute(_of(number, "append_telemetry"), row)


def trim(connection: sqlite3.Connection, upto_seq: int, before: datetime, most: int) -> int:
    """Drop at most so many of the oldest entries up to a number, of those from before a time; returns how many.

    A table that has no more than that is dropped whole, which costs less than its rows would; so it is by steps that a
    large one goes.
    """
    sql = queries()
    days = connection.execute(sql["oldest_days"]).fetchall()
    if not days:
        return 0
    number, is_newest = days[0][0], len(days) == 1
    if is_newest:
        upto_seq = min(upto_seq, last_seq(connection) - 1)
    limits = (in_ms(before), upto_seq, most)
    young, last, count = connection.execute(_of(number, "oldest_telemetry"), limits).fetchone()
    if last is None:
        return 0
    if young is None and not is_newest and last == days[1][1] - 1:
        _drop_day(connection, number)
        return int(count)
    return connection.execute(_of(number, "trim_telemetry"), (last if young is None else young - 1,)).rowcount


def _drop_day(connection: sqlite3.Connection, number: int) -> None:
    if number:
        connection.execute(f"DROP TABLE telemetry_{number}")
    else:
        connection.execute(queries()["trim_telemetry"], (MAX_SEQ,))
    connection.execute(queries()["drop_day"], (number,))


# --- in any thread ---


def read(connection: sqlite3.Connection, after_seq: int, most: int) -> list[tuple[int, bytes]]:
    """Entries behind a number, in order, as they were journaled."""
    found: list[tuple[int, bytes]] = []
    with _one_moment(connection):
        for number in _days_behind(connection, after_seq):
            rows = connection.execute(_of(number, "read_telemetry"), (after_seq, most - len(found))).fetchall()
            found += [(seq, together(head, data)) for seq, head, data in rows]
            if len(found) >= most:
                break
    return found


def read_between(connection: sqlite3.Connection, since: datetime, until: datetime) -> Iterator[bytes]:
    """Entries made from `since` to before `until`, in order."""
    with _one_moment(connection):
        days = connection.execute(queries()["days_between"], (since.date().isoformat(), until.date().isoformat()))
        for (number,) in days.fetchall():
            rows = connection.execute(_of(number, "telemetry_between"), (in_ms(since), in_ms(until)))
            yield from (together(head, data) for head, data in rows)


def time_of_next(connection: sqlite3.Connection, after_seq: int) -> datetime | None:
    """When the first entry behind a number was made."""
    with _one_moment(connection):
        for number in _days_behind(connection, after_seq):
            found = connection.execute(_of(number, "time_of_telemetry"), (after_seq,)).fetchone()
            if found is not None:
                return _EPOCH + int(found[0]) * _MILLISECOND
    return None


def first_seq(connection: sqlite3.Connection) -> int:
    """The oldest entry that is there; 0 for none."""
    with _one_moment(connection):
        for number in _days_behind(connection, 0):
            (seq,) = connection.execute(_of(number, "first_telemetry")).fetchone()
            return int(seq)
    return 0


def last_seq(connection: sqlite3.Connection) -> int:
    """The newest entry; 0 for none."""
    with _one_moment(connection):
        newest = connection.execute(queries()["newest_day"]).fetchone()
        if newest is None:
            return 0
        (seq,) = connection.execute(_of(newest[0], "last_telemetry")).fetchone()
    return int(seq)


@contextmanager
def _one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """Between the look at the tables and the look into one, none of them goes."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def _days_behind(connection: sqlite3.Connection, after_seq: int) -> list[int]:
    """The tables that may have entries behind a number, the oldest first."""
    days = connection.execute(queries()["oldest_days"]).fetchall()
    passed = sum(first <= after_seq + 1 for _, first in days[1:])
    return [number for number, _ in days[passed:]]


def _of(number: int, query: str) -> str:
    """A statement of queries.sql, which names the pattern, for one of the tables."""
    return queries()[query].replace(_PATTERN, f"telemetry_{number}")
