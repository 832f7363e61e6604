"""The brokers of a hub, and a session with one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, TypeVar

import aiomqtt

MQTT_TIMEOUT_S: Final = 5.0
KEEPALIVE_S: Final = 20
MAX_WAITING_MESSAGES: Final = 2_000
"""Messages that came in and are not taken yet; beyond that the newest are dropped, and the gap is asked for again."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where the broker is, and who the hub is there: the session lives on under `client_id`."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    client_id: str = "ohmstead-hub"

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"


class _Client(aiomqtt.Client):
    """Can be cancelled at any moment: `asyncio.wait_for` of Python 3.11, which aiomqtt uses, loses a cancellation that
    comes as a call is confirmed, and the hub would not end."""

    async def _wait_for(self, fut: Awaitable[T], timeout: float | None) -> T:
        try:
            async with asyncio.timeout(self.timeout if timeout is None else timeout):
                return await fut
        except TimeoutError:
            raise aiomqtt.MqttError("the broker did not answer in time") from None


def client_of(broker: BrokerAddress) -> aiomqtt.Client:
    """Not connected yet: use it within `async with`."""
    return _Client(
        hostname=broker.host,
        port=broker.port,
        username=broker.username,
        password=broker.password,
        identifier=broker.client_id,
        protocol=aiomqtt.ProtocolVersion.V311,
        clean_session=False,
        timeout=MQTT_TIMEOUT_S,
        keepalive=KEEPALIVE_S,
        max_queued_incoming_messages=MAX_WAITING_MESSAGES,
    )
