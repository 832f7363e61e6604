"""What the watching screens are sent: a snapshot each, then the same patches for all, encoded once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import structlog
from websockets.asyncio.server import ServerConnection, broadcast

from edge.local.settings import LocalSettings
from edge.ports import Window
from protocols.site.view import SHOWN, Patch
from protocols.terms import EvseRef


class WatchedScreens:
    """The screens that watch. A patch is written to all of them without waiting; one that cannot follow is dropped."""

    def __init__(self, settings: LocalSettings, window: Window) -> None:
        self._settings = settings
        self._window = window
        self._watchers: set[ServerConnection] = set()
        self._refs: set[EvseRef] = set()
        self._wake = asyncio.Event()
        self._log: Any = structlog.get_logger("edge.local")

    def changed(self, refs: Iterable[EvseRef]) -> None:
        if self._watchers:
            self._refs.update(refs)
            self._wake.set()

    async def watch(self, connection: ServerConnection) -> None:
        """Send the snapshot; every patch from here on follows it."""
        async with self._window.still():
            snapshot = self._window.snapshot()
            self._watchers.add(connection)
        broadcast([connection], SHOWN.dump_json(snapshot).decode())

    def forget(self, connection: ServerConnection) -> None:
        self._watchers.discard(connection)

    async def send_patches(self) -> None:
        """Send what changed until cancelled: at most one patch an interval, and one now and then in any case.

        That one holds the EVSEs with a running transaction too: their minutes and cost move with time alone.
        """
        clock = asyncio.get_running_loop().time
        next_full_s = clock() + self._settings.patch_at_least_s
        while True:
            try:
                async with asyncio.timeout_at(next_full_s):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            is_full = clock() >= next_full_s
            if is_full:
                next_full_s = clock() + self._settings.patch_at_least_s
            if self._watchers:
                self._send(await self._patch(is_full=is_full))
            await asyncio.sleep(self._settings.patch_interval_s)

    async def _patch(self, *, is_full: bool) -> Patch:
        async with self._window.still():
            refs, self._refs = self._refs, set()
            if is_full:
                refs.update(self._window.active_evses())
            return Patch(totals=self._window.totals(), evses=self._window.evse_views(sorted(refs)))

    def _send(self, patch: Patch) -> None:
        for connection in [each for each in self._watchers if self._is_behind(each)]:
            self._watchers.discard(connection)
            self._log.warning("local_screen_dropped", reason="it does not read what it is sent")
            connection.transport.abort()
        broadcast(self._watchers, SHOWN.dump_json(patch).decode())

    def _is_behind(self, connection: ServerConnection) -> bool:
        return connection.transport.get_write_buffer_size() > self._settings.max_unread_bytes
