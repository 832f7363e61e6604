"""A process of the simulation: it can be killed at any place it passes, and nothing of it is heard afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

from tests.simulation.broker import Connection, SimulatedBroker
from tests.simulation.loop import PROCESS
from tests.simulation.trace import Trace


class Process:
    """Its tasks know it by a context variable. `fuse` says at which place it dies, and after how many passes."""

    def __init__(self, name: str, trace: Trace, on_send: Callable[[str, bytes], None]) -> None:
        self.name = name
        self.is_dead = False
        self.connections: list[tuple[SimulatedBroker, Connection]] = []
        self.fuse: tuple[str, int] | None = None
        self.fault: BaseException | None = None
        """What it ended of by itself."""
        self._trace = trace
        self._on_send = on_send
        self._task: asyncio.Task[None] | None = None

    @staticmethod
    def current() -> Process:
        return cast("Process", PROCESS.get())

    def start(self, main: Coroutine[Any, Any, None]) -> None:
        token = PROCESS.set(self)
        try:
            self._task = asyncio.get_running_loop().create_task(self._run(main), name=self.name)
        finally:
            PROCESS.reset(token)
        self._trace.note(self.name, "starts")

    async def _run(self, main: Coroutine[Any, Any, None]) -> None:
        try:
            await main
        except BaseException as error:
            if not self.is_dead:
                self.fault = error
                self._trace.note(self.name, "ended by itself", repr(error))
                raise
        if not self.is_dead:
            self._trace.note(self.name, "ends")

    def kill(self, place: str) -> None:
        """Now: nothing that it had in mind is done or sent."""
        if self.is_dead:
            return
        self.is_dead = True
        self._trace.note(self.name, "killed", place)
        for broker, connection in self.connections:
            broker.abort(connection)
        if self._task is not None:
            self._task.cancel()

    async def ended(self) -> None:
        """Wait until all its tasks are gone."""
        if self._task is not None:
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.exception()

    def passes(self, place: str) -> bool:
        """At a place where it may be killed; False if it is dead, also by this."""
        if not self.is_dead and self.fuse is not None and self.fuse[0] == place:
            left = self.fuse[1] - 1
            self.fuse = (place, left)
            if left <= 0:
                self.fuse = None
                self.kill(place)
        return not self.is_dead

    async def may_die(self, place: str) -> None:
        """The same for a coroutine: one that is dead goes no further, and waits for its cancellation."""
        if not self.passes(place):
            await asyncio.get_running_loop().create_future()

    def sends(self, topic: str, payload: bytes) -> None:
        self._on_send(topic, payload)
