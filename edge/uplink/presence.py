"""Is the hub there? Says so to the site, once per change.

    unknown ──connected, nothing waits──▶ online ──nothing acknowledged for too long──▶ away
       │                                    ▲ │                                          │
       │ connection failed        an Ack ───┘ └── connection lost ──▶ away ──an Ack──▶ online
       ▼
     away

A connection with a backlog proves nothing yet: the broker is there, the hub perhaps not.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import structlog

from edge.domain.events import UplinkChanged
from edge.ports import Inbox, Overloaded
from edge.uplink.metrics import UplinkMetrics

RETRY_S: Final = 0.5


class Presence:
    """What is known of the hub, and the one who tells the site."""

    def __init__(self, inbox: Inbox, metrics: UplinkMetrics) -> None:
        self._inbox = inbox
        self._metrics = metrics
        self._is_online: bool | None = None
        self._changed = asyncio.Event()
        self._log: Any = structlog.get_logger("edge.uplink")

    @property
    def is_online(self) -> bool:
        return self._is_online is True

    def set(self, *, is_online: bool) -> None:
        if is_online != self._is_online:
            self._is_online = is_online
            self._metrics.online.set(is_online)
            self._changed.set()

    async def report(self) -> None:
        """Tell the site of every lasting change, until cancelled; one that is gone before it was told is not told."""
        told: bool | None = None
        while True:
            await self._changed.wait()
            self._changed.clear()
            wanted = self._is_online
            if wanted is None or wanted == told:
                continue
            try:
                await self._inbox.ask(UplinkChanged(is_online=wanted))
            except Overloaded:
                await asyncio.sleep(RETRY_S)
                self._changed.set()
                continue
            told = wanted
            self._log.info("uplink_changed", is_online=wanted)
