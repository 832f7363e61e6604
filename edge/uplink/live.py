"""The present, beside the journal: what changed, at most once a second, QoS 0, nothing kept while offline; more seldom
where the line is metered.

Every `live_active_s` comes all that grows older by itself: whatever was lost on the way is mended then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace

import aiomqtt

from edge.ports import Window
from edge.uplink.budget import Budget, packet_bytes
from edge.uplink.metrics import UplinkMetrics
from edge.uplink.progress import Progress
from edge.uplink.settings import UplinkSettings
from protocols.sync import codec
from protocols.sync.topics import EdgeAddress
from protocols.terms import EvseRef


class LivePublisher:
    """Collects which EVSEs and meters changed; their values are read only when they are sent."""

    def __init__(
        self,
        settings: UplinkSettings,
        address: EdgeAddress,
        window: Window,
        metrics: UplinkMetrics,
        budget: Budget,
        progress: Progress,
        broker: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._address = address
        self._site = window
        self._metrics = metrics
        self._budget = budget
        self._progress = progress
        self._broker = broker
        self._refs: set[EvseRef] = set()
        self._wake = asyncio.Event()
        self._is_connected = False

    def changed(self, refs: Iterable[EvseRef]) -> None:
        if self._is_connected:
            self._refs.update(refs)
            self._wake.set()

    def begin(self) -> None:
        """From now on collect; what stood before is in the birth."""
        self._refs.clear()
        self._is_connected = True

    def end(self) -> None:
        """The connection is gone: forget what is not sent, and collect no more."""
        self._is_connected = False
        self._refs.clear()

    async def send(self, client: aiomqtt.Client) -> None:
        """Publish what changes until cancelled. Raises aiomqtt.MqttError."""
        clock = asyncio.get_running_loop().time
        next_active_s = clock() + self._settings.live_active_s
        next_report_s = clock()
        while True:
            try:
                async with asyncio.timeout_at(next_active_s):
                    await self._wake.wait()
            except TimeoutError:
                pass
            if (wait_s := self._budget.live_at_s(clock()) - clock()) > 0:
                self._metrics.deferred.labels("live").inc()
                self._progress.deferred()
                await asyncio.sleep(wait_s)  # what changes meanwhile goes together
            self._wake.clear()
            is_full = clock() >= next_active_s
            if is_full:
                next_active_s = clock() + self._settings.live_active_s
            async with self._site.still():
                refs, self._refs = self._refs, set()
                live = self._site.live(refs, is_full=is_full)
            if is_full and clock() >= next_report_s:
                next_report_s = clock() + self._settings.report_every_s
                live = replace(live, sync=await self._progress.report(self._broker()))
            if live.evses or live.meters or live.sync:
                payload = codec.encode(live)
                size = packet_bytes(self._address.live, payload)
                self._budget.spent_live(size, clock())
                self._progress.sent(size)
                await client.publish(self._address.live, payload)
                self._metrics.live.inc()
                await asyncio.sleep(self._settings.live_interval_s)
