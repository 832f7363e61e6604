"""Plays seeds in several processes, and tells of each process that ends without an answer.

multiprocessing.Pool puts another worker in the place of one that was killed (by a machine that ran out of memory, say),
forgets what that one had in hand, and waits for it for ever. Here a dead worker is an outcome like any other.
"""

from __future__ import annotations

import faulthandler
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Final, TypeVar

T = TypeVar("T")

LIMIT_S: Final = 600.0
"""Of the machine's time, for one seed: after that its worker shows where it is and ends."""
_START = get_context("spawn")


@dataclass(frozen=True, slots=True)
class Died:
    """A worker that ended over a seed; `exit_code` is negative for a signal."""

    seed: int
    exit_code: int

    def __str__(self) -> str:
        if self.exit_code < 0:
            return f"its worker was killed by {signal.Signals(-self.exit_code).name} and has not answered"
        return f"its worker ended with status {self.exit_code} and has not answered"


@dataclass(slots=True)
class _Worker:
    """A process, the line to it, and what it plays: None before its first seed."""

    process: BaseProcess
    line: Connection
    seed: int | None = None


def play_all(seeds: Iterable[int], jobs: int, play: Callable[[int], T], limit_s: float = LIMIT_S) -> Iterator[T | Died]:
    """What came of each seed, in the order in which they end. The workers find `play` by its name."""
    waiting = iter(seeds)
    workers: list[_Worker] = []
    try:
        for seed in waiting:
            workers.append(_hired(play, limit_s, seed))
            if len(workers) == jobs:
                break
        while workers:
            ready = connection.wait([worker.line for worker in workers])
            for worker in [each for each in workers if each.line in ready]:
                outcome = _heard(worker)
                yield outcome
                follows = next(waiting, None)
                if follows is not None and not isinstance(outcome, Died):
                    _send(worker, follows)
                    continue
                workers.remove(worker)
                _dismiss(worker)
                if follows is not None:
                    workers.append(_hired(play, limit_s, follows))
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.join()


def _hired(play: Callable[[int], Any], limit_s: float, seed: int) -> _Worker:
    mine, its = _START.Pipe()
    process = _START.Process(target=_work, args=(its, play, limit_s), name="simulation")
    process.start()
    its.close()  # so that the line ends with the worker
    worker = _Worker(process, mine)
    _send(worker, seed)
    return worker


def _send(worker: _Worker, seed: int) -> None:
    worker.seed = seed
    with suppress(OSError):  # it is dead, which is heard on the line
        worker.line.send(seed)


def _heard(worker: _Worker) -> Any:
    """The outcome, or how the worker ended."""
    assert worker.seed is not None
    try:
        return worker.line.recv()
    except (EOFError, OSError):
        worker.process.join()
        return Died(worker.seed, worker.process.exitcode or 0)


def _dismiss(worker: _Worker) -> None:
    worker.line.close()  # it ends with that
    worker.process.join()


def _work(line: Connection, play: Callable[[int], Any], limit_s: float) -> None:
    """A worker's life: a seed, its outcome, the next seed, until the line ends."""
    while True:
        try:
            seed = line.recv()
        except EOFError:
            return
        faulthandler.dump_traceback_later(limit_s, exit=True)
        outcome = play(seed)
        faulthandler.cancel_dump_traceback_later()
        line.send(outcome)
