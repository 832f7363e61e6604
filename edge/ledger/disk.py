"""Looks at the ledger's disk, and sheds what may be shed while it is too full (sync 10); edge/domain/disk.py has the
table.

Rows that are dropped leave free pages in the ledger's file, which new rows fill: they count as room, but not for a disk
that others have filled, for the write-ahead log cannot grow into them.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import structlog

from edge.domain.disk_events import DiskLevel, DiskLooked, SheddingPlanned
from edge.ledger.ballast import Ballast
from edge.ledger.ledger_metrics import LedgerMetrics
from edge.ledger.trim import EVER, PAUSE_S, Step
from edge.ports import Inbox, Overloaded
from protocols.sync.keeping import EntriesShed
from protocols.sync.topics import Stream

log = structlog.get_logger("ledger")

LOOK_EVERY_S: Final = 5.0
STEP_ROWS: Final = 500
UNSENT_ROWS: Final = 2_000
"""So many entries that the hub does not have are given up at a time, and told in one entry."""
EASED_BY_PERCENT: Final = 5
"""A level is left when the disk is so much emptier than where it begins."""


@dataclass(frozen=True, slots=True)
class Room:
    """What the disk has: `free_bytes` for whoever writes, `reusable_bytes` of free pages in the ledger's file."""

    used_bytes: int
    free_bytes: int
    reusable_bytes: int = 0


@dataclass(slots=True, kw_only=True)
class Watermarks:
    """Where the levels begin, in percent of what is used and free together (as df(1) has it), and the reserve in bytes
    below which the disk counts as full."""

    thin_percent: int = 70
    shed_percent: int = 85
    spare_percent: int = 95
    full_below_bytes: int = 32_000_000
    level: DiskLevel = field(default=DiskLevel.ROOMY, init=False)

    def note(self, room: Room, ballast_missing_bytes: int) -> DiskLevel:
        """The level, now that there is so much room. Room that the ballast left is not counted."""
        free = room.free_bytes - ballast_missing_bytes
        if free < self.full_below_bytes * (2 if self.level is DiskLevel.FULL else 1):
            self.level = DiskLevel.FULL
            return self.level
        used, level = self.used_percent(room), DiskLevel.ROOMY
        for each, begins in (
            (DiskLevel.THIN, self.thin_percent),
            (DiskLevel.SHED, self.shed_percent),
            (DiskLevel.SPARE, self.spare_percent),
        ):
            if used >= begins - (EASED_BY_PERCENT if self.level >= each else 0):
                level = each
        self.level = level
        return level

    def used_percent(self, room: Room) -> int:
        used = max(0, room.used_bytes - room.reusable_bytes)
        return 100 * used // max(1, room.used_bytes + room.free_bytes)


class Shed(Protocol):
    """The ledger, as its disk is looked after."""

    @property
    def path(self) -> Path: ...

    def last_seq(self, stream: Stream) -> int: ...

    def acked_seq(self, stream: Stream) -> int: ...

    def first_seq(self, stream: Stream) -> int: ...

    async def reusable_bytes(self) -> int: ...

    async def trim_journal(self, stream: Stream, before: str, *, waits_for_ack: bool, most: int) -> Step: ...


class Shedder:
    """Looks every few seconds; `has_hub` False: nobody waits for what is shed."""

    def __init__(
        self,
        ledger: Shed,
        inbox: Inbox,
        watermarks: Watermarks,
        ballast: Ballast,
        metrics: LedgerMetrics,
        on_level: Callable[[DiskLevel], None],
        *,
        has_hub: bool,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._ledger = ledger
        self._inbox = inbox
        self._watermarks = watermarks
        self._ballast = ballast
        self._metrics = metrics
        self._on_level = on_level
        self._has_hub = has_hub
        self._pause_s = pause_s
        self._told: DiskLevel | None = None

    async def run(self) -> None:
        """Until cancelled. What cannot be done now is tried again at the next look."""
        while True:
            try:
                await self.look()
            except (Overloaded, sqlite3.OperationalError, OSError) as error:
                log.warning("disk_not_looked_after", reason=str(error) or type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> DiskLevel:
        level = await self._level()
        if level is DiskLevel.FULL:
            if self._ballast.release():
                log.error("ballast_given_up", freed_bytes=self._ballast.size_bytes)
        elif self._ballast.missing_bytes:
            self._ballast.reserve()
        if level is not self._told:
            room = await self._room()
            used = self._watermarks.used_percent(room)
            tell = log.info if level is DiskLevel.ROOMY else log.warning
            tell("disk_level", level=level.name.lower(), used_percent=used, free_bytes=room.free_bytes)
            await self._inbox.ask(DiskLooked(level=level, used_percent=used, free_bytes=room.free_bytes))
            self._told = level
            self._on_level(level)
        if level >= DiskLevel.SHED:
            await self._shed_acked(Stream.TELEMETRY)
            if await self._level() >= DiskLevel.SPARE:
                await self._shed_acked(Stream.EVENT)
            while await self._level() >= DiskLevel.SHED and await self._shed_unsent():
                pass
        return level

    async def _shed_acked(self, stream: Stream) -> None:
        while await self._level() >= DiskLevel.SHED:
            if not await self._step(stream, waits_for_ack=self._has_hub, most=STEP_ROWS):
                return

    async def _shed_unsent(self) -> bool:
        """Give up the oldest telemetry that the hub does not have; whether there was any. Told first, then dropped: a
        kill in between tells of entries that are still there, which harms nobody."""
        first, last = self._ledger.first_seq(Stream.TELEMETRY), self._ledger.last_seq(Stream.TELEMETRY)
        count = min(last - first, UNSENT_ROWS)  # the newest stays: it numbers the next
        if not self._has_hub or count <= 0 or first <= self._ledger.acked_seq(Stream.TELEMETRY):
            return False
        shed = EntriesShed(stream=Stream.TELEMETRY, count=count, first_seq=first, last_seq=first + count - 1)
        await self._inbox.ask(SheddingPlanned(shed=shed))
        while count > 0 and (dropped := await self._step(Stream.TELEMETRY, waits_for_ack=False, most=count)):
            count -= dropped
        return True

    async def _step(self, stream: Stream, *, waits_for_ack: bool, most: int) -> int:
        step = await self._ledger.trim_journal(stream, EVER, waits_for_ack=waits_for_ack, most=min(most, STEP_ROWS))
        self._metrics.shed_entries.labels(stream).inc(step.rows)
        await asyncio.sleep(self._pause_s)
        return step.rows

    async def _level(self) -> DiskLevel:
        room = await self._room()
        self._metrics.disk_free_bytes.set(room.free_bytes)
        level = self._watermarks.note(room, self._ballast.missing_bytes)
        self._metrics.disk_level.set(level)
        return level

    async def _room(self) -> Room:
        disk = os.statvfs(self._ledger.path.parent)
        used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize
        return Room(used, disk.f_bavail * disk.f_frsize, await self._ledger.reusable_bytes())
