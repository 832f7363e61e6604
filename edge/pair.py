"""One of two boxes that run a site: finds at the start whether to serve or to follow, and serves when it takes over.

A box that serves never becomes one that follows while it runs: it ends, and its supervisor starts it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry

from edge.compose import run_agent
from edge.config import EdgeConfig
from edge.ledger.database import lock
from edge.ledger.recovery import set_aside
from edge.ledger.take_over import begin_epoch, look_at_copy, only_here
from edge.places import ledger_path, pair_path, standby_status_path
from edge.ports import Clock
from edge.standby.address import Holder
from edge.standby.box import Box, Follow, Memory, Serve, Wait, decide_role
from edge.standby.follower import Followed
from edge.standby.line import Line
from edge.standby.standby_metrics import StandbyMetrics
from edge.standby.stream import StandDown, Streamer
from edge.standby.wire import Link, Word
from edge.standby_config import StandbySettings
from edge.standby_parts import holder_of, pair_settings, witness_of

log = structlog.get_logger("standby")

ASK_EVERY_S: Final = 1.0
STATUS_EVERY_S: Final = 1.0


class _Stop(Exception):
    """Somebody asked us to end."""


async def run_pair(config: EdgeConfig, clock: Clock, chosen: StandbySettings) -> None:
    """Run until SIGTERM or SIGINT. Raises OhmsteadError or OSError when it cannot go on: StandDown when the other box
    is to serve, or may."""
    with lock(config.data_dir / "pair"):
        box = Box(pair_path(config), config.edge_id)
        line = Line(box, pair_settings(config, chosen))
        pair = _Pair(config, clock, chosen, box, line)
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(line.listen())
            noting = tasks.create_task(pair.note_status())
            with contextlib.suppress(_Stop):
                await pair.run()
            for task in (listening, noting):
                task.cancel()


class _Pair:
    def __init__(self, config: EdgeConfig, clock: Clock, chosen: StandbySettings, box: Box, line: Line) -> None:
        self._config = config
        self._clock = clock
        self._box = box
        self._line = line
        self._settings = pair_settings(config, chosen)
        self._is_first = chosen.is_first
        self._holder: Holder = holder_of(config, chosen)
        self._witness = witness_of(chosen)
        self._status: Callable[[], dict[str, Any]] = lambda: {"role": "starting", "why_not": self._waits_for}
        self._waits_for = "it has just started"

    async def run(self) -> None:
        is_forced = False
        if not (self._box.memory is not None and self._box.memory.is_active and self._copy_waits()):
            is_forced = await _until_stopped(self._become())
        await self._finish_take_over()
        await self._serve(is_forced=is_forced)

    def _copy_waits(self) -> bool:
        """A take-over was begun, and its ledger is not in its place yet: only a box that follows has a copy."""
        return (self._settings.folder / "copy.sqlite").exists()

    # --- before it serves ---

    async def _become(self) -> bool:
        """Return when this box is to serve; whether somebody made it."""
        while True:
            other = await self._line.ask()
            role = decide_role(
                self._box.memory, is_first=self._is_first, other=other, is_held=await self._holder.is_held()
            )
            match role:
                case Serve():
                    if self._box.memory is None:
                        self._box.remember(Memory(is_active=True, term=0, is_alone=True))
                    return False
                case Follow():
                    return await self._follow(other)
                case Wait(reason=reason):
                    if reason != self._waits_for:
                        log.warning("box_waits", reason=reason)
                    self._waits_for = reason
                    if self._is_made_to_serve(other):
                        return True
                    await asyncio.sleep(ASK_EVERY_S)

    def _is_made_to_serve(self, other: Word | None) -> bool:
        """By `ohmstead-edge standby take-over --force`, where the other box cannot be asked."""
        asked = self._settings.folder / "take-over"
        if other is not None or not asked.exists():
            return False
        asked.unlink()
        memory = self._box.memory
        if memory is not None:
            self._box.remember(replace(memory, term=memory.term + 1))
        return True

    async def _follow(self, other: Word | None) -> bool:
        found = await asyncio.to_thread(self._step_back, other)
        followed = Followed(self._box, self._settings, self._line, self._witness.is_there, self._holder.is_held)
        self._status = followed.status
        log.info("box_follows", term=self._box.term, only_here=found)
        await followed.run(found)
        path = await asyncio.to_thread(followed.copy.settle)
        began = await asyncio.to_thread(look_at_copy, path)  # before anybody hears that this box is the one
        memory = Memory(
            is_active=True, term=self._box.term + 1, is_alone=True, began=began, is_doubtful=followed.is_forced
        )
        self._box.remember(memory)
        return followed.is_forced

    def _step_back(self, other: Word | None) -> dict[str, Any] | None:
        """Give up a ledger that the other box has taken over from; what only it has is counted and reported."""
        ledger, found = ledger_path(self._config), None
        began = other.began if other is not None else None
        term = max(self._box.term, other.term if other is not None else 0)
        if ledger.exists():
            found = only_here(ledger, began) if began is not None else None
            aside = set_aside(ledger, self._clock(), "deposed")
            if found is not None:
                found["file"] = aside.name
                log.critical("ledger_had_more", **found)
            log.warning("ledger_set_aside", file=aside.name)
        self._box.remember(Memory(is_active=False, term=term))
        return found

    async def _finish_take_over(self) -> None:
        """From here on the other box follows, whatever happens to this one."""
        memory = self._box.memory
        if memory is None or not self._copy_waits():
            return
        copy, edge_id = self._settings.folder / "copy.sqlite", self._config.edge_id
        await asyncio.to_thread(begin_epoch, copy, edge_id, self._clock(), is_doubtful=memory.is_doubtful)
        if (place := ledger_path(self._config)).exists():  # nobody's: this box followed
            set_aside(place, self._clock(), "unused")
        copy.rename(place)
        handle = os.open(self._config.data_dir, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)

    # --- while it serves ---

    async def _serve(self, *, is_forced: bool) -> None:
        self._box.is_serving = True
        other = await self._line.ask()
        if other is not None and other.is_active and other.term >= self._box.term and other.term > 0:
            self._box.is_serving = False
            raise StandDown(f"the other box has taken over (term {other.term})")
        log.info("box_serves", term=self._box.term, is_forced=is_forced)
        registry = CollectorRegistry()
        streamer = Streamer(
            self._box,
            self._settings,
            StandbyMetrics(registry),
            self._line.ask,
            self._witness.is_there,
            self._holder.let_go,
        )
        self._status, self._line.on_follow = streamer.status, partial(self._take_follower, streamer)
        try:
            await self._holder.take()
            await run_agent(self._config, self._clock, registry, streamer)
        finally:
            self._box.is_serving = False
            await self._holder.let_go()

    async def _take_follower(self, streamer: Streamer, link: Link, asked: dict[str, Any]) -> None:
        if (more := asked.get("only_here")) is not None:
            streamer.hear_only_there(more)
        await streamer.follow(link, asked)

    async def note_status(self) -> None:
        """For `ohmstead-edge standby status`, whatever this box does."""
        path = standby_status_path(self._config)
        while True:
            found = {"at": self._clock().isoformat(timespec="seconds"), **self._status()}
            draft = path.with_suffix(".new")
            draft.write_text(json.dumps(found), encoding="utf-8")
            draft.replace(path)
            await asyncio.sleep(STATUS_EVERY_S)


async def _until_stopped(work: Coroutine[Any, Any, bool]) -> bool:
    """What the work returns; raises _Stop at SIGTERM and SIGINT."""
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        async with asyncio.TaskGroup() as tasks:
            working, stopped = tasks.create_task(work), tasks.create_task(stopping.wait())
            await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                working.cancel()
                raise _Stop
            stopped.cancel()
            return working.result()
    except* _Stop:
        pass
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
    raise _Stop
