"""The way to the hub over MQTT 3.1.1: keeps a session with the broker and runs publisher and receiver on it.

A dead link is found three ways: the broker does not answer a PUBLISH or PING in time, the socket breaks, or the hub
acknowledges nothing although entries wait (then the link stays and the site is told, see presence.py).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from typing import Any

import aiomqtt
import structlog

from edge.ports import Inbox, Journal, Window
from edge.uplink.broker import broker_session, subscribe
from edge.uplink.live import LivePublisher
from edge.uplink.metrics import UplinkMetrics
from edge.uplink.presence import Presence
from edge.uplink.publisher import Publisher
from edge.uplink.receiver import IntakeOverflowed, Receiver
from edge.uplink.settings import UplinkSettings
from protocols.errors import BadText
from protocols.sync.topics import EdgeAddress
from protocols.terms import EvseRef


class MqttUplink:
    """The Uplink port over one MQTT broker."""

    def __init__(
        self,
        settings: UplinkSettings,
        address: EdgeAddress,
        journal: Journal,
        window: Window,
        inbox: Inbox,
        metrics: UplinkMetrics,
    ) -> None:
        self._settings = settings
        self._address = address
        self._metrics = metrics
        self._presence = Presence(inbox, metrics)
        self._publisher = Publisher(settings, address, journal, window, self._presence, metrics)
        self._live = LivePublisher(settings, address, window, metrics)
        self._receiver = Receiver(address, journal, inbox, self._publisher, metrics)
        self._jitter = random.SystemRandom()
        self._log: Any = structlog.get_logger("edge.uplink").bind(edge_id=address.edge_id)

    @property
    def is_online(self) -> bool:
        """True while the hub is known to be there."""
        return self._presence.is_online

    def changed(self, refs: Iterable[EvseRef]) -> None:
        self._live.changed(refs)

    def journal_grew(self) -> None:
        self._publisher.journal_grew()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._presence.report(), name="uplink-presence")
            await self._stay_connected()

    async def _stay_connected(self) -> None:
        clock = asyncio.get_running_loop().time
        failures = 0
        while True:
            began_s = clock()
            # A task of its own: in Python 3.11 a TaskGroup that failed leaves its task marked as being cancelled, and
            # so a true cancellation could not be told from a broken session in one and the same task.
            async with asyncio.TaskGroup() as tasks:
                session = tasks.create_task(self._one_session(), name="uplink-session")
            problem = session.result()
            self._presence.set(is_online=False)
            failures = 1 if clock() - began_s >= self._settings.stable_after_s else failures + 1
            pause_s = self._pause_s(failures)
            self._log.warning("uplink_lost", problem=problem, failures=failures, next_try_s=round(pause_s, 1))
            await asyncio.sleep(pause_s)

    def _pause_s(self, failures: int) -> float:
        """Full jitter: a random time below a bound that doubles, so that a thousand sites do not come as one."""
        lowest_s, highest_s = self._settings.reconnect_min_s, self._settings.reconnect_max_s
        return self._jitter.uniform(lowest_s, max(lowest_s, min(highest_s, lowest_s * 2 ** min(failures, 32))))

    async def _one_session(self) -> str:
        """Connect and serve until the session breaks; why it did."""
        problem = ""
        try:
            await self._connect_and_serve()
        except* (aiomqtt.MqttError, IntakeOverflowed, BadText, OSError) as group:
            problem = "; ".join(_leaves(group))
        except* Exception as group:
            # The site must charge and bill whatever the way to the hub does: a fault of our own here is loud, and tried
            # again, but it does not end the agent.
            problem = "; ".join(_leaves(group))
            self._metrics.faults.inc()
            self._log.exception("uplink_fault", problem=problem)
        return problem

    async def _connect_and_serve(self) -> None:
        will = aiomqtt.Will(self._address.state, self._publisher.state("offline"), qos=1, retain=True)
        client_id = f"ohmstead-{self._address.domain:02x}-{self._address.edge_id}"
        async with broker_session(self._settings, client_id, will) as client:
            self._metrics.connects.inc()
            self._metrics.connected.set(1)
            try:
                await self._serve(client)
            except asyncio.CancelledError:
                await self._say_goodbye(client)
                raise
            finally:
                self._live.end()
                self._metrics.connected.set(0)

    async def _serve(self, client: aiomqtt.Client) -> None:
        self._publisher.begin()
        await subscribe(client, self._address.edge_listens)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._receiver.receive(client), name="uplink-receiver")
            self._live.begin()
            await self._publisher.introduce(client)
            self._log.info("uplink_connected", host=self._settings.host, port=self._settings.port)
            if not self._publisher.has_backlog:
                self._presence.set(is_online=True)
            tasks.create_task(self._publisher.send(client), name="uplink-publisher")
            tasks.create_task(self._live.send(client), name="uplink-live")

    async def _say_goodbye(self, client: aiomqtt.Client) -> None:
        """A clean end discards the last will, so say `offline` in its place; on a dead link the will speaks."""
        try:
            timeout_s = min(2.0, self._settings.reply_timeout_s)
            await client.publish(
                self._address.state, self._publisher.state("offline"), qos=1, retain=True, timeout=timeout_s
            )
        except aiomqtt.MqttError as error:
            self._log.info("uplink_goodbye_unheard", problem=str(error))


def _leaves(group: BaseExceptionGroup[Any]) -> list[str]:
    """The texts of the errors in a group, groups inside it included."""
    texts: list[str] = []
    for error in group.exceptions:
        texts.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [str(error) or type(error).__name__])
    return texts
