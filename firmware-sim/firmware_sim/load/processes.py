"""The processes of a fleet: started, watched, ended, and their reports made into one."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from firmware_sim.load.machine import Watched
from firmware_sim.load.plan import Plan
from firmware_sim.load.summary import summary

_MAX_LINE_BYTES: Final = 1 << 26


class FleetFailed(Exception):
    """A process of the fleet has ended without its report; its own words are on stderr."""


class FleetRun:
    """One run; `show` is given the sum of what the processes tell, about once a second."""

    def __init__(self, plan: Plan, server_pids: list[int], show: Callable[[dict[str, Any]], None]) -> None:
        self._plan = plan
        self._show = show
        self._server = Watched(server_pids)
        self._server_pids = server_pids
        self._processes: list[Process] = []
        self._progress: dict[int, dict[str, Any]] = {}
        self._reports: list[dict[str, Any]] = []
        self._interrupts = 0

    async def run(self) -> dict[str, Any]:
        """The summary. Raises FleetFailed."""
        loop = asyncio.get_running_loop()
        caught = (signal.SIGINT, signal.SIGTERM)
        for each in caught:
            loop.add_signal_handler(each, self._interrupt)
        load = Watched([])
        problems: list[str] = []
        try:
            async with asyncio.TaskGroup() as tasks:
                for index in range(self._plan.processes):
                    self._processes.append(await self._start(index))
                load = Watched([process.pid for process in self._processes])
                readers = [tasks.create_task(self._read(index)) for index in range(self._plan.processes)]
                marks = tasks.create_task(self._mark(load))
                for reader in readers:
                    await reader
                marks.cancel()
                await asyncio.wait([marks])
                for process in self._processes:
                    if process.stdin is not None:
                        process.stdin.close()
                    await process.wait()
        except* FleetFailed as failed:
            problems += [str(each) for each in failed.exceptions]
        finally:
            for each in caught:
                loop.remove_signal_handler(each)
            for process in self._processes:
                if process.returncode is None:
                    with suppress(ProcessLookupError):
                        process.kill()
                    await process.wait()
        if problems:  # not raised above: what leaves an `except*` is wrapped in a group again
            raise FleetFailed(problems[0])
        return summary(self._plan, self._reports, load, self._server if self._server_pids else None)

    @property
    def was_interrupted(self) -> bool:
        return self._interrupts > 0

    async def _start(self, index: int) -> Process:
        # A session of its own: a Ctrl-C in the terminal is ours to pass on, so that sessions end before connections.
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "firmware_sim.load.worker"),
            stdin=PIPE,
            stdout=PIPE,
            start_new_session=True,
            limit=_MAX_LINE_BYTES,
        )
        if process.stdin is not None:
            process.stdin.write(json.dumps({"process": index, "plan": self._plan.dump()}).encode() + b"\n")
        return process

    async def _read(self, index: int) -> None:
        process = self._processes[index]
        if process.stdout is None:
            raise FleetFailed("a process of the fleet has no output")
        while line := await process.stdout.readline():
            told = json.loads(line)
            if "report" in told:
                self._reports.append(told["report"])
                return
            self._progress[index] = told["progress"]
            if index == 0:
                self._show(_sum(self._progress))
        raise FleetFailed(f"process {index} of the fleet ended without a report (exit {await process.wait()})")

    async def _mark(self, load: Watched) -> None:
        """Look at the processes at the borders of the phases."""
        waiting = {"begin": self._plan.begins_ns, **self._plan.phases()}
        del waiting["ramp"]
        try:
            for name, at_ns in waiting.items():
                await asyncio.sleep(max(0.0, (at_ns - time.monotonic_ns()) / 1e9))
                self._mark_all(name, load)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self._mark_all("last", load)
            raise

    def _mark_all(self, name: str, load: Watched) -> None:
        at_s = (time.monotonic_ns() - self._plan.begins_ns) / 1e9
        self._server.mark(name, at_s)
        load.mark(name, at_s)

    def _interrupt(self) -> None:
        """The first time, have all end their sessions and report; the second time, end them."""
        self._interrupts += 1
        for process in self._processes:
            if self._interrupts > 1:
                with suppress(ProcessLookupError):
                    process.kill()
            elif process.stdin is not None and not process.stdin.is_closing():
                process.stdin.write(b"stop\n")


def _sum(progress: dict[int, dict[str, Any]]) -> dict[str, Any]:
    first, *others = progress.values()
    return {
        key: value if isinstance(value, str) else value + sum(other[key] for other in others)
        for key, value in first.items()
    }
