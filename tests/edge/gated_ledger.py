"""What stands between an agent and its disk where a test says when a commit is written, and when that is known."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from edge.domain.past import PastKey, PastTransaction
from edge.ledger.ledger import Ledger
from edge.ports import Commit
from protocols.terms import EvseRef


class Gate:
    """A ledger whose commits wait before they are written, and after it, until they are let through."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.is_open = True
        self.at_work = 0
        self.held: Commit | None = None
        """Decided, and not yet answered."""
        self._may_write = asyncio.Event()
        self._may_return = asyncio.Event()

    async def commit(self, commit: Commit) -> None:
        self.held = commit
        if not self.is_open:
            await self._may_write.wait()
        self.at_work += 1
        try:
            await self.ledger.commit(commit)
        finally:
            self.at_work -= 1
        if not self.is_open:
            await self._may_return.wait()
        self._may_write.clear()
        self._may_return.clear()
        self.held = None

    async def recall(self, keys: Sequence[PastKey]) -> list[PastTransaction]:
        self.at_work += 1
        try:
            return await self.ledger.recall(keys)
        finally:
            self.at_work -= 1

    def write(self) -> None:
        """What is held goes to the disk; nobody hears of it yet."""
        if self.held is not None:
            self._may_write.set()

    def let_through(self) -> None:
        """One commit."""
        if self.held is not None:
            self._may_write.set()
            self._may_return.set()

    def open(self) -> None:
        self.is_open = True
        self._may_write.set()
        self._may_return.set()


class Screens:
    """The display: what it is told of must be durable."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def changed(self, refs: Iterable[EvseRef]) -> None:
        assert self._gate.held is None, "the display hears of what is not kept yet"
