"""The present, beside the journal: what changed, at most once a second, QoS 0, nothing kept while offline."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import aiomqtt

from edge.ports import Journal, Window
from edge.uplink.metrics import UplinkMetrics
from edge.uplink.settings import UplinkSettings
from protocols.sync import codec
from protocols.sync.present import Live
from protocols.sync.topics import EdgeAddress
from protocols.terms import EvseRef


class LivePublisher:
    """Collects which EVSEs changed; their values are read only when they are sent."""

    def __init__(
        self,
        settings: UplinkSettings,
        address: EdgeAddress,
        journal: Journal,
        window: Window,
        metrics: UplinkMetrics,
    ) -> None:
        self._settings = settings
        self._address = address
        self._journal = journal
        self._site = window
        self._metrics = metrics
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
        while True:
            try:
                async with asyncio.timeout_at(next_active_s):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            async with self._site.still():
                refs, self._refs = self._refs, set()
                if clock() >= next_active_s:
                    next_active_s = clock() + self._settings.live_active_s
                    refs.update(self._site.active_evses())
                payload = self._encode(refs) if refs else None
            if payload is not None:
                await client.publish(self._address.live, payload)
                self._metrics.live.inc()
                await asyncio.sleep(self._settings.live_interval_s)

    def _encode(self, refs: Iterable[EvseRef]) -> bytes:
        evses = self._site.evse_lives(sorted(refs))
        return codec.encode(Live(epoch=self._journal.epoch, at=self._site.totals().at, evses=evses))
