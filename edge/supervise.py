"""Runs the parts of a process together: all stop when one fails, and a signal stops all cleanly."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog

from protocols.errors import OhmsteadError

log = structlog.get_logger("supervise")


class _Stop(Exception):
    """Someone asked us to end."""


async def run_together(parts: Mapping[str, Callable[[], Coroutine[Any, Any, None]]]) -> None:
    """Run all parts until SIGTERM or SIGINT, or until one fails. Raises the failure.

    A part that ends by itself is a failure too: each is meant to run for ever.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        async with asyncio.TaskGroup() as tasks:
            for name, part in parts.items():
                tasks.create_task(_run(name, part), name=name)
            await stopping.wait()
            log.info("stopping")
            raise _Stop
    except* _Stop:
        pass
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _run(name: str, part: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        await part()
    except asyncio.CancelledError:
        raise
    except (OhmsteadError, OSError):
        raise  # main says it in a sentence
    except BaseException:
        log.exception("part_failed", part=name)
        raise
    raise RuntimeError(f"{name} ended by itself")
