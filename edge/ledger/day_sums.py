"""Adds up, beside the commits, what each stream's entries of a day come to, and has it journaled: the hub holds that
against what it has.

A sum ends with its day at the site, with a hole in the journal, and after some thousand entries: so after a restart
little is read again, for it goes on behind the last sum that was journaled. Nothing of it is on the way of a commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import msgspec
from pydantic import TypeAdapter

from edge.domain.proof_events import DayReckoned
from edge.ledger.queries import queries
from edge.ports import Clock, Inbox, Journal, Overloaded
from protocols.sync.codec import stamp_of
from protocols.sync.comparing import DaySummed, summed
from protocols.sync.topics import Stream

LOOK_EVERY_S: Final = 60.0
MAX_ENTRIES: Final = 2000
"""Of one sum."""
CHUNK_ENTRIES: Final = 500
CHUNK_BYTES: Final = 256 * 1024
PAUSE_S: Final = 0.02
"""Between chunks, for whoever else reads."""
MARK: Final = "day_summed:"
"""What the names begin with by which the ledger keeps the last sum of each stream; the stream's name follows."""
_SUM: Final = TypeAdapter(DaySummed)
_BILL: Final = b'"kind":"cdr_issued"}}'


class _Total(msgspec.Struct):
    incl_vat: Decimal


class _Cdr(msgspec.Struct):
    total_energy_wh: int
    currency: str
    total_cost: _Total


class _Body(msgspec.Struct):
    cdr: _Cdr


class _Billed(msgspec.Struct):
    """What of a bill's entry is added up."""

    body: _Body


_billed: Final = msgspec.json.Decoder(_Billed).decode


@dataclass(slots=True)
class RunningSum:
    """What entries come to so far; empty: nothing of them was read."""

    first_seq: int = 0
    last_seq: int = 0
    day: date | None = None
    hash: str = ""
    bills: int = 0
    energy_wh: int = 0
    amounts: dict[str, Decimal] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return self.last_seq - self.first_seq + 1 if self.day is not None else 0

    def takes(self, seq: int, day: date) -> bool:
        """Whether an entry belongs to it."""
        return self.day is None or (day == self.day and seq == self.last_seq + 1 and self.count < MAX_ENTRIES)

    def add(self, seq: int, day: date, encoded: bytes) -> None:
        if self.day is None:
            self.first_seq, self.day = seq, day
        self.last_seq, self.hash = seq, summed(self.hash, encoded)
        if encoded.endswith(_BILL):
            cdr = _billed(encoded).body.cdr
            self.bills, self.energy_wh = self.bills + 1, self.energy_wh + cdr.total_energy_wh
            self.amounts[cdr.currency] = self.amounts.get(cdr.currency, Decimal()) + cdr.total_cost.incl_vat


def last_sums(connection: sqlite3.Connection) -> tuple[DaySummed, ...]:
    """The last sum of each stream; those of which nothing was summed are left out."""
    found = dict(connection.execute(queries()["meta"]).fetchall())
    return tuple(_SUM.validate_json(found[MARK + stream]) for stream in Stream if MARK + stream in found)


def marks(connection: sqlite3.Connection) -> dict[Stream, int]:
    """How far each stream was summed."""
    return {each.stream: each.last_seq for each in last_sums(connection)}


class Summer:
    """`marks` is how far each stream was summed when the agent started: what it never summed it begins at its end."""

    def __init__(
        self,
        journal: Journal,
        marks: Mapping[Stream, int],
        inbox: Inbox,
        clock: Clock,
        day_of: Callable[[datetime], date],
    ) -> None:
        self._journal = journal
        self._inbox = inbox
        self._clock = clock
        self._day_of = day_of
        self._turn = asyncio.Lock()
        self._sums = {stream: RunningSum() for stream in Stream}
        self._read = {stream: marks.get(stream, journal.last_seq(stream)) for stream in Stream}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look()

    async def look(self) -> None:
        """Add what has come, and tell of the sums that are over."""
        async with self._turn:
            for stream in Stream:
                with contextlib.suppress(Overloaded):  # it is looked again
                    await self._follow(stream)
                    if self._sums[stream].day != self._day_of(self._clock()):
                        await self._tell(stream)

    async def tell_now(self) -> int:
        """Tell of all that has come, whether its day is over or not; of how many streams. Raises Overloaded."""
        told = 0
        async with self._turn:
            for stream in Stream:
                await self._follow(stream)
                told += self._sums[stream].day is not None
                await self._tell(stream)
        return told

    async def _tell(self, stream: Stream) -> None:
        """Have a sum journaled, and begin another one. Raises Overloaded; then it stays."""
        over = self._sums[stream]
        if over.day is None:
            return
        told = DaySummed(
            stream=stream,
            day=over.day,
            first_seq=over.first_seq,
            last_seq=over.last_seq,
            count=over.count,
            hash=over.hash,
            bills=over.bills,
            energy_wh=over.energy_wh,
            amounts=dict(sorted(over.amounts.items())),
        )
        await self._inbox.ask(DayReckoned(summed=told))
        self._sums[stream] = RunningSum()

    async def _follow(self, stream: Stream) -> None:
        """Up to what the journal ended with when this began: sums are entries, too."""
        end = self._journal.last_seq(stream)
        while self._read[stream] < end:
            rows = await self._journal.read(stream, self._read[stream], CHUNK_ENTRIES, CHUNK_BYTES)
            if not rows:
                return
            for seq, encoded in rows:
                day = self._day_of(_time_of(encoded))
                if not self._sums[stream].takes(seq, day):
                    await self._tell(stream)
                self._sums[stream].add(seq, day, encoded)
                self._read[stream] = seq
            await asyncio.sleep(PAUSE_S)


def _time_of(encoded: bytes) -> datetime:
    stamp = stamp_of(encoded)
    if stamp is None:
        raise ValueError(f"an entry without its time: {encoded[:80]!r}")
    return datetime.fromisoformat(stamp)
