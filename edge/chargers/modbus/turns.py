"""Whose turn it is on a bus: one at a time, what is urgent first, and otherwise in the order of asking."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum
from heapq import heappop, heappush
from itertools import count


class Urgency(IntEnum):
    """What is written keeps a charger safe or alive; what a person asks for is between."""

    WRITE = 0
    PERSON = 1
    POLL = 2


class Turns:
    """A lock with a queue in order of urgency. Not more wait than the devices of the bus have tasks."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._number = count()
        self._is_taken = False

    @asynccontextmanager
    async def take(self, urgency: Urgency) -> AsyncIterator[None]:
        """Wait for the turn and hold it within the block."""
        if self._is_taken:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heappush(self._waiting, (urgency, next(self._number), turn))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._pass_on()  # it was given to us just as we went
                else:
                    turn.cancel()
                raise
        self._is_taken = True
        try:
            yield
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            _, _, turn = heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)  # stays taken: nobody comes between
                return
        self._is_taken = False
