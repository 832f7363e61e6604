"""The demo's child processes: started with a log of their own, stopped in order, never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.demo.servers import die_with_parent

STOP_TIMEOUT_S: Final = 10.0


class ChildFailed(Exception):
    """A part of the demo ended when it should not have; the message has the end of its log."""


def program(name: str) -> str:
    """A console script of the environment that runs this."""
    return str(Path(sys.executable).with_name(name))


class Child:
    """A running process and the file its output goes to."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log

    @property
    def has_ended(self) -> bool:
        return self.process.returncode is not None

    def check(self) -> None:
        """Raises ChildFailed when it has ended."""
        if self.has_ended:
            raise ChildFailed(f"{self.name} ended with status {self.process.returncode}:\n{self.tail()}")

    def tail(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL when that takes too long."""
        if self.has_ended:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self.process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """SIGKILL: it has no time to put anything in order."""
        if not self.has_ended:
            self.process.kill()
            await self.process.wait()


async def spawn(name: str, *command: str, log: Path, environment: Mapping[str, str] | None = None) -> Child:
    """Start a process, which ends with this one whatever happens; what it says is added to its log."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environment or {})},
            start_new_session=True,  # Ctrl-C goes to the demo alone, which stops its children in order
            preexec_fn=die_with_parent,
        )
    return Child(name, process, log)
