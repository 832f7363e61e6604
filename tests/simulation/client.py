"""The MQTT client of the simulation: what edge and hub use of aiomqtt, with its errors.

As with paho, a message is confirmed to the broker when it comes in, whatever becomes of it then: a process that is
killed with messages in its queue has lost them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

import aiomqtt

from cloud.ingest.brokers import KEEPALIVE_S, MAX_WAITING_MESSAGES, MQTT_TIMEOUT_S, BrokerAddress
from edge.uplink.broker import INTAKE_LIMIT
from edge.uplink.settings import BrokerSettings, UplinkSettings
from tests.simulation.broker import Connection, Message, Network, SimulatedBroker
from tests.simulation.process import Process

CONNECT_TIMEOUT_S: Final = 5.0
ROUND_TRIP_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Received:
    """What the product reads of an aiomqtt.Message."""

    topic: str
    payload: bytes
    retain: bool


class Messages:
    """What came in and is not taken yet."""

    def __init__(self, client: SimulatedClient, limit: int) -> None:
        self._client = client
        self._limit = limit
        self._queue: deque[Received] = deque()
        self._came = asyncio.Event()

    def __len__(self) -> int:
        return len(self._queue)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Received:
        while not self._queue:
            self._client.raise_if_lost()
            self._came.clear()
            await self._came.wait()
        return self._queue.popleft()

    def put(self, message: Received) -> None:
        if len(self._queue) < self._limit:
            self._queue.append(message)
            self.wake()

    def wake(self) -> None:
        self._came.set()


class SimulatedClient:
    """One session; implements the broker's Peer."""

    def __init__(
        self,
        broker: SimulatedBroker,
        process: Process,
        client_id: str,
        *,
        keepalive_s: float,
        timeout_s: float,
        limit: int,
        will: aiomqtt.Will | None = None,
    ) -> None:
        self._broker = broker
        self._process = process
        self.client_id = client_id
        self.keepalive_s = keepalive_s
        self._timeout_s = timeout_s
        self._will = will
        self.messages = Messages(self, limit)
        self._connection: Connection | None = None
        self._problem: str | None = None
        self._unconfirmed: dict[int, asyncio.Future[None]] = {}
        self._number = 0

    # --- as aiomqtt.Client ---

    async def __aenter__(self) -> Self:
        await asyncio.sleep(ROUND_TRIP_S)
        if self._process.is_dead:
            raise aiomqtt.MqttError("killed")
        will = self._will
        last = Message(will.topic, bytes(will.payload or b""), will.qos, will.retain) if will is not None else None  # type: ignore[arg-type]
        self._connection = self._broker.connect(self, last)
        if self._connection is None:
            await asyncio.sleep(min(CONNECT_TIMEOUT_S, self._timeout_s))
            raise aiomqtt.MqttError("no way to the broker")
        self._process.connections.append((self._broker, self._connection))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._connection is not None and self._connection.is_open and not self._process.is_dead:
            self._broker.up(self._connection, lambda: None)
            self._broker.disconnect(self._connection)
        self.lost("left")

    async def publish(
        self, topic: str, payload: bytes, qos: int = 0, retain: bool = False, timeout: float | None = None
    ) -> None:
        self.raise_if_lost()
        connection = self._connection
        assert connection is not None
        await self._process.may_die(f"publish:{topic.rsplit('/', 2)[1]}")
        self._process.sends(topic, payload)
        number = self._number = self._number + 1
        message = Message(topic, payload, qos, retain)
        self._broker.up(connection, lambda: self._broker.published(connection, message, number))
        if qos:
            await self._answer(number, self._timeout_s if timeout is None else timeout)

    async def subscribe(self, topics: Sequence[tuple[str, int]]) -> list[int]:
        self.raise_if_lost()
        connection = self._connection
        assert connection is not None
        number = self._number = self._number + 1

        def arrives() -> None:
            self._broker.subscribe(connection, topics)
            self.confirmed(number)

        self._broker.up(connection, arrives)
        await self._answer(number, self._timeout_s)
        return [qos for _, qos in topics]

    # --- as the broker's peer ---

    def received(self, message: Message) -> None:
        if self._problem is None and not self._process.is_dead:
            self.messages.put(Received(message.topic, message.payload, message.retain))

    def confirmed(self, number: int) -> None:
        future = self._unconfirmed.pop(number, None)
        if future is not None and not future.done():
            future.set_result(None)

    def lost(self, reason: str) -> None:
        if self._problem is not None:
            return
        self._problem = reason
        for future in self._unconfirmed.values():
            if not future.done():
                future.set_exception(aiomqtt.MqttError(reason))
        self._unconfirmed.clear()
        self.messages.wake()

    # --- inside ---

    def raise_if_lost(self) -> None:
        if self._problem is not None or self._process.is_dead:
            raise aiomqtt.MqttError(self._problem or "killed")

    async def _answer(self, number: int, timeout_s: float) -> None:
        self._unconfirmed[number] = future = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                await future
        except TimeoutError:
            raise aiomqtt.MqttError("the broker did not answer in time") from None
        finally:
            self._unconfirmed.pop(number, None)
            if future.done() and not future.cancelled():
                future.exception()  # read, so that asyncio does not report it as forgotten


def edge_session(network: Network) -> Callable[..., Any]:
    """In place of edge.uplink.broker.broker_session."""

    @asynccontextmanager
    async def broker_session(
        broker: BrokerSettings, settings: UplinkSettings, client_id: str, will: aiomqtt.Will | None
    ) -> AsyncIterator[SimulatedClient]:
        client = SimulatedClient(
            network.named(broker.host),
            Process.current(),
            client_id,
            keepalive_s=settings.keepalive_s,
            timeout_s=settings.reply_timeout_s,
            limit=INTAKE_LIMIT,
            will=will,
        )
        async with client:
            yield client

    return broker_session


def hub_client(network: Network) -> Callable[[BrokerAddress], SimulatedClient]:
    """In place of cloud.ingest.brokers.client_of."""

    def client_of(broker: BrokerAddress) -> SimulatedClient:
        return SimulatedClient(
            network.named(broker.host),
            Process.current(),
            broker.client_id,
            keepalive_s=KEEPALIVE_S,
            timeout_s=MQTT_TIMEOUT_S,
            limit=MAX_WAITING_MESSAGES,
        )

    return client_of
