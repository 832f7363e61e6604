"""Runs the parts of a process together: all stop when one fails that the site cannot do without, and a signal stops all
cleanly. A fault in another part is logged and the part begun again: the site charges and bills meanwhile."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, Final

import structlog

from protocols.errors import OhmsteadError

log = structlog.get_logger("supervise")

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0

Part = Callable[[], Coroutine[Any, Any, None]]


class _Stop(Exception):
    """Someone asked us to end."""


async def run_together(parts: Mapping[str, Part], begun_again: Collection[str] = ()) -> None:
    """Run all parts until SIGTERM or SIGINT, or until one fails. Raises the failure.

    A part that ends by itself is a failure too: each is meant to run for ever. The parts in `begun_again` end nothing
    by a fault of ours in them; what they raise on purpose (OhmsteadError, OSError) does.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        async with asyncio.TaskGroup() as tasks:
            for name, part in parts.items():
                run = _run_again if name in begun_again else _run
                tasks.create_task(run(name, part), name=name)
            await stopping.wait()
            log.info("stopping")
            raise _Stop
    except* _Stop:
        pass
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _run_again(name: str, part: Part) -> None:
    pause_s = FIRST_PAUSE_S
    while True:
        began_s = asyncio.get_running_loop().time()
        try:
            await _run(name, part)
        except (OhmsteadError, OSError):
            raise
        except Exception:  # logged in _run
            if asyncio.get_running_loop().time() - began_s > LONGEST_PAUSE_S:
                pause_s = FIRST_PAUSE_S
            log.warning("part_begins_again", part=name, in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


async def _run(name: str, part: Part) -> None:
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
