"""Retention: drops what is old from the journal and from the ended transactions, a little at a time.

Each step is a transaction of its own in the writer's thread. The next one is handed in only when the last is done, so a
commit waits for one step at most. Dropped rows leave free pages that the next rows fill: the file stays as large as the
longest journal ever was, and nothing is ever moved about to make it smaller.
"""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from edge.ledger import partitions
from edge.ledger.journal import last_seq
from edge.ledger.queries import queries
from edge.ports import Clock
from protocols.sync.topics import Stream

log = structlog.get_logger("ledger")

STEP_ROWS: Final = 500
MIN_STEP_ROWS: Final = 100
STEP_S: Final = 0.005
"""Steps that take longer become smaller, but not so small that the journal could grow faster than it is trimmed."""
LOOK_EVERY_S: Final = 5.0
EVER: Final = "9999-12-31T00:00:00+00:00"
"""All that there is is from before."""
PAUSE_S: Final = 0.02
"""Between two steps: commits have the disk for themselves nearly all the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long things are kept, in site time. `waits_for_ack`: entries stay until the hub has them, however old.

    Bills and postings are no part of this: they stay.
    """

    journal: timedelta
    past_transactions: timedelta
    waits_for_ack: bool


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did: rows dropped, and how long the writer's thread was busy with it."""

    rows: int
    took_s: float


class Trimmed(Protocol):
    """The ledger, as it is trimmed. Times are as the ledger writes them."""

    async def trim_journal(self, stream: Stream, before: str, *, waits_for_ack: bool, most: int) -> Step: ...

    async def trim_past(self, before: str, *, most: int) -> Step: ...


class Trimmer:
    """Looks every few seconds whether something has become too old, and drops it step by step."""

    def __init__(self, ledger: Trimmed, clock: Clock, retention: Retention, pause_s: float = PAUSE_S) -> None:
        self._ledger = ledger
        self._pause_s = pause_s
        self._clock = clock
        self._retention = retention
        self._most = STEP_ROWS

    async def run(self) -> None:
        """Until cancelled. What cannot be dropped now, on a full disk for one, is tried again later."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.trim()
            except sqlite3.OperationalError as error:
                log.warning("not_trimmed", reason=str(error))

    async def trim(self) -> int:
        """Drop all that is too old; returns the number of rows."""
        total = 0
        for stream in Stream:
            while rows := await self._step_of_journal(stream):
                total += rows
                await asyncio.sleep(self._pause_s)
        while rows := await self._step_of_past():
            total += rows
            await asyncio.sleep(self._pause_s)
        return total

    async def _step_of_journal(self, stream: Stream) -> int:
        before = (self._clock() - self._retention.journal).isoformat()
        waits_for_ack = self._retention.waits_for_ack
        return self._measured(
            await self._ledger.trim_journal(stream, before, waits_for_ack=waits_for_ack, most=self._most)
        )

    async def _step_of_past(self) -> int:
        before = (self._clock() - self._retention.past_transactions).isoformat()
        return self._measured(await self._ledger.trim_past(before, most=self._most))

    def _measured(self, step: Step) -> int:
        if step.took_s > STEP_S:
            self._most = max(MIN_STEP_ROWS, self._most // 2)
        else:
            self._most = min(STEP_ROWS, self._most + self._most // 4 + 1)
        return step.rows


# --- in the writer's thread ---


def trim_journal(connection: sqlite3.Connection, stream: Stream, before: str, *, waits_for_ack: bool, most: int) -> int:
    """Drop the oldest entries of a stream that are from before a time; returns how many.

    The order of entries is seq, and a younger one never stands before an older one by more than a clock was put right:
    the first that is young ends it. The newest entry stays in any case: it is what numbers the next one.
    """
    sql, name = queries(), stream.value
    upto_seq = last_seq(connection, stream) - 1
    if waits_for_ack:
        acked = connection.execute(sql["acked_seq"], (name,)).fetchone()
        upto_seq = min(upto_seq, acked[0] if acked else 0)
    if stream is Stream.TELEMETRY:
        return partitions.trim(connection, upto_seq, datetime.fromisoformat(before), most)
    young, last = connection.execute(sql["oldest_entries"], (name, upto_seq, most, before)).fetchone()
    return _drop(connection, sql["trim_entries"], (name,), young, last)


def trim_past(connection: sqlite3.Connection, before: str, *, most: int) -> int:
    """Drop the transactions that ended longest ago, before a time; returns how many."""
    sql = queries()
    young, last = connection.execute(sql["oldest_past"], (most, before)).fetchone()
    return _drop(connection, sql["trim_past"], (), young, last)


def _drop(connection: sqlite3.Connection, sql: str, key: tuple[str, ...], young: int | None, last: int | None) -> int:
    """Drop what was looked at, up to the first `young` one: in one call, for between two calls the thread may wait."""
    if last is None:
        return 0
    return connection.execute(sql, (*key, last if young is None else young - 1)).rowcount
