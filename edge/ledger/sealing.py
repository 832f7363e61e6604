"""Says in the journal where the chain of hashes stands: once a day, and every so many entries."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime
from typing import Final, Protocol

from edge.domain.proof_events import ChainGrown
from edge.ledger.chain import ChainHead, LastSeal
from edge.ports import Clock, Inbox, Overloaded
from protocols.sync.proof import ChainSealed

LOOK_EVERY_S: Final = 10.0
SEAL_EVERY: Final = 1000
"""Entries. The hub looks at so many again when it is told of a seal."""


class Chained(Protocol):
    """The ledger, as it is sealed."""

    @property
    def chain(self) -> ChainHead: ...

    async def last_seal(self) -> LastSeal:
        """The newest seal of this epoch, or the genesis of its chain."""
        ...


class Sealer:
    def __init__(self, ledger: Chained, inbox: Inbox, clock: Clock) -> None:
        self._ledger = ledger
        self._inbox = inbox
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled."""
        last = await self._ledger.last_seal()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            last = self.look(last)

    def look(self, last: LastSeal) -> LastSeal:
        """Have it sealed where it is time; returns the newest seal."""
        head, now = self._ledger.chain, self._clock()
        if head.count == last.count or not (head.count - last.count >= SEAL_EVERY or _is_older_day(last, now)):
            return last
        seal = ChainSealed(
            through_seq=head.seq,
            count=head.count,
            hash=head.hash.hex(),
            since_seq=last.seq,
            since_count=last.count,
            since_hash=last.hash.hex(),
        )
        with contextlib.suppress(Overloaded):  # it is looked again
            self._inbox.put(ChainGrown(seal=seal))
            return LastSeal(seq=head.seq, count=head.count, hash=head.hash, at=now)
        return last


def _is_older_day(last: LastSeal, now: datetime) -> bool:
    return last.at is None or last.at.date() < now.date()
