"""The way to the hub over MQTT 3.1.1: keeps a session with one broker and runs publisher and receiver on it.

A dead link is found three ways: the broker does not answer a PUBLISH or PING in time, the socket breaks, or the hub
acknowledges nothing although entries wait (then the site is told, see presence.py, and another broker is tried where
there is one). Which broker, see broker_choice.py. Whatever the hub has not acknowledged is sent again to the next one.
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
from edge.uplink.broker_choice import BrokerChoice
from edge.uplink.budget import Budget
from edge.uplink.failback import Leave, until_another_is_better
from edge.uplink.lag import watch_lag
from edge.uplink.live import LivePublisher
from edge.uplink.metrics import UplinkMetrics
from edge.uplink.presence import Presence
from edge.uplink.progress import Progress
from edge.uplink.publisher import Publisher
from edge.uplink.receiver import IntakeOverflowed, Receiver
from edge.uplink.settings import BrokerSettings, UplinkSettings
from protocols.errors import BadText
from protocols.sync.topics import EdgeAddress
from protocols.terms import EvseRef


class MqttUplink:
    """The Uplink port over one MQTT broker at a time."""

    def __init__(
        self,
        settings: UplinkSettings,
        address: EdgeAddress,
        journal: Journal,
        window: Window,
        inbox: Inbox,
        metrics: UplinkMetrics,
        progress: Progress,
    ) -> None:
        self._settings = settings
        self._address = address
        self._metrics = metrics
        self._progress = progress
        self._journal = journal
        self._inbox = inbox
        self._presence = Presence(inbox, metrics)
        self._choice = BrokerChoice(
            brokers=len(settings.brokers),
            reconnect_min_s=settings.reconnect_min_s,
            reconnect_max_s=settings.reconnect_max_s,
            stable_after_s=settings.stable_after_s,
            failback_after_s=settings.failback_after_s,
            silent_after_s=settings.silent_after_s,
            jitter=random.SystemRandom().uniform,
        )
        budget = self._budget = Budget(settings.bytes_per_hour, settings.backlog_share)
        self._publisher = Publisher(
            settings, address, journal, window, self._presence, metrics, budget, progress, self._choice.heard
        )
        self._live = LivePublisher(settings, address, window, metrics, budget, progress, lambda: self.broker.name)
        self._receiver = Receiver(address, journal, inbox, self._publisher, metrics)
        self._client_id = f"ohmstead-{address.domain:02x}-{address.edge_id}"
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
            limits = (self._settings.lag_alarm_s, self._settings.report_every_s)
            tasks.create_task(watch_lag(self._journal, self._inbox, *limits), name="uplink-lag")
            await self._stay_connected()

    async def sync_status(self) -> dict[str, Any]:
        """How far the hub is behind and by which way, JSON-able."""
        brokers = [broker.name for broker in self._settings.brokers]
        allowance = self._budget.level
        return {
            "is_online": self.is_online,
            "brokers": brokers,
            **await self._progress.status(self.broker.name),
            "bytes_per_hour": self._settings.bytes_per_hour,
            "allowance_bytes": round(allowance) if allowance is not None else None,
        }

    @property
    def broker(self) -> BrokerSettings:
        """The broker that is used, or tried next."""
        return self._settings.brokers[self._choice.current]

    async def _stay_connected(self) -> None:
        while True:
            # A task of its own: in Python 3.11 a TaskGroup that failed leaves its task marked as being cancelled, and
            # so a true cancellation could not be told from a broken session in one and the same task.
            async with asyncio.TaskGroup() as tasks:
                session = tasks.create_task(self._one_session(), name="uplink-session")
            pause_s = self._look_on(session.result())
            await asyncio.sleep(pause_s)

    def _look_on(self, end: str | Leave) -> float:
        """Choose the next broker; how long to wait before it is tried."""
        left, choice = self.broker.name, self._choice
        pause_s = 0.0
        match end:
            case Leave.PRIMARY_IS_BACK:
                choice.returned()
            case Leave.HUB_IS_SILENT:
                pause_s = choice.silent()
                self._presence.set(is_online=False)
            case problem:
                pause_s = choice.lost(asyncio.get_running_loop().time())
                self._presence.set(is_online=False)
                self._log.warning(
                    "uplink_lost", problem=problem, failures=choice.failures, next_try_s=round(pause_s, 1)
                )
        if self.broker.name != left:
            reason = end if isinstance(end, Leave) else "lost"
            self._metrics.switches.labels(reason).inc()
            self._log.warning("uplink_broker_switched", broker=self.broker.name, left=left, reason=reason)
        return pause_s

    async def _one_session(self) -> str | Leave:
        """Connect and serve until the session breaks or is left; why it was."""
        problem = ""
        try:
            return await self._connect_and_serve()
        except* (aiomqtt.MqttError, IntakeOverflowed, BadText, OSError) as group:
            problem = "; ".join(_leaves(group))
        except* Exception as group:
            # The site must charge and bill whatever the way to the hub does: a fault of our own here is loud, and tried
            # again, but it does not end the agent.
            problem = "; ".join(_leaves(group))
            self._metrics.faults.inc()
            self._log.exception("uplink_fault", problem=problem)
        return problem

    async def _connect_and_serve(self) -> Leave:
        await self._publisher.new_session()
        will = aiomqtt.Will(self._address.state, self._publisher.state("offline"), qos=1, retain=True)
        async with broker_session(self.broker, self._settings, self._client_id, will) as client:
            self._choice.begun(asyncio.get_running_loop().time())
            self._metrics.connects.inc()
            self._metrics.connected.set(1)
            self._metrics.broker.set(self._choice.current)
            try:
                reason = await self._serve(client)
            except asyncio.CancelledError:
                await self._say_goodbye(client)
                raise
            finally:
                self._live.end()
                self._metrics.connected.set(0)
            await self._say_goodbye(client)
            return reason

    async def _serve(self, client: aiomqtt.Client) -> Leave:
        self._publisher.begin()
        await subscribe(client, self._address.edge_listens)
        async with asyncio.TaskGroup() as tasks:
            serving = [tasks.create_task(self._receiver.receive(client), name="uplink-receiver")]
            self._live.begin()
            await self._publisher.introduce(client)
            self._log.info("uplink_connected", host=self.broker.host, port=self.broker.port)
            if not self._publisher.has_backlog:
                self._presence.set(is_online=True)
            serving.append(tasks.create_task(self._publisher.send(client), name="uplink-publisher"))
            serving.append(tasks.create_task(self._live.send(client), name="uplink-live"))
            reason = await until_another_is_better(
                self._settings, self._choice, self._client_id, self._publisher.waiting_since_s
            )
            for task in serving:
                task.cancel()
        return reason

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
