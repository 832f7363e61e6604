"""An event loop whose time jumps to the next timer, and in which nothing runs beside anything: same seed, same run.

Work for another thread is done in the loop's own turn, a drawn moment later, and its answer comes another moment later:
between the two, a process may be killed that has committed and told nobody.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
from asyncio import base_events
from collections.abc import Callable
from contextvars import ContextVar
from random import Random
from typing import Any, Final, Protocol

DISK_S: Final = (0.001, 0.02)
"""How long the disk takes to do something, and how long until it is heard."""
STUCK_AFTER_TURNS: Final = 2_000_000


class Stuck(Exception):
    """Nothing is left to do, or it goes round and round: no run ends so."""


class Killable(Protocol):
    """A process of the simulation. What it did before it was killed stays; after that it does nothing."""

    is_dead: bool

    def passes(self, place: str) -> bool:
        """It is at a place where it may be killed; False if it was."""
        ...


PROCESS: ContextVar[Killable | None] = ContextVar("PROCESS", default=None)
"""Whose code runs: a task inherits it from the one that made it."""


class _NoSelector:
    """There are no sockets: to wait is to have waited."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop

    def select(self, timeout_s: float | None) -> list[Any]:
        if timeout_s is None:
            raise Stuck("nothing is left to wait for")
        self._loop.pass_time(timeout_s)
        return []


class SimulatedTask(asyncio.Task[Any]):
    """Sets of tasks are walked in the order in which the tasks were made, not by where they lie in memory."""

    _numbers = itertools.count()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._number = next(self._numbers)
        super().__init__(*arguments, **options)

    def __hash__(self) -> int:
        return self._number


class SimulatedLoop(base_events.BaseEventLoop):
    """`turns` counts how often it went round."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._now_s = 0.0
        self._random = random
        self._selector = _NoSelector(self)
        self._clock_resolution = 1e-6
        self.turns = 0
        self.set_task_factory(lambda loop, coro, **options: SimulatedTask(coro, loop=loop, **options))

    def time(self) -> float:
        return self._now_s

    def pass_time(self, seconds: float) -> None:
        self._now_s += seconds
        self.turns += 1
        if self.turns > STUCK_AFTER_TURNS:
            raise Stuck("it goes round and round")

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Do it a moment later, and say what came of it another moment later, unless its process is killed."""
        process = PROCESS.get()
        future: asyncio.Future[Any] = self.create_future()

        def do() -> None:
            if future.cancelled() or (process is not None and not process.passes("disk:before")):
                return
            try:
                result, error = func(*args), None
            except Exception as problem:
                result, error = None, problem
            if process is not None and not process.passes("disk:after"):
                return
            self.call_later(self._random.uniform(*DISK_S), _tell, future, result, error)

        self.call_later(self._random.uniform(*DISK_S), do)
        return future

    # What BaseEventLoop leaves to loops with sockets.

    def _process_events(self, event_list: list[Any]) -> None:
        assert not event_list

    def _write_to_self(self) -> None:
        """Nobody needs to be woken: there is one thread."""


def _tell(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


class InlineExecutor(concurrent.futures.Executor):
    """In place of a thread pool where the product submits work without waiting for it."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Nothing runs."""


class InlineQueue:
    """In place of the queue to aiosqlite's thread: what is put is done."""

    def put_nowait(self, item: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        future, function = item
        try:
            result = function()
        except BaseException as error:
            if future is not None and not future.done():
                future.set_exception(error)
            return
        if future is not None and not future.done():
            future.set_result(result)


class NoThread:
    """In place of aiosqlite's thread."""

    daemon = True

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def start(self) -> None:
        pass
