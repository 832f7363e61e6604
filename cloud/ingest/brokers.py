"""The brokers of a hub, and a session with one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import aiomqtt

from cloud.ingest.broker_tls import BrokerTls, read_file
from protocols.errors import BadText

MQTT_TIMEOUT_S: Final = 5.0
KEEPALIVE_S: Final = 20
MAX_WAITING_MESSAGES: Final = 2_000
"""Messages that came in and are not taken yet; beyond that the newest are dropped, and the gap is asked for again."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where the broker is, and who the hub is there: the session lives on under `client_id`. A `password_file` is read
    at every connect."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: Path | None = None
    tls: BrokerTls | None = None
    client_id: str = "ohmstead-hub"

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"

    def read_password(self) -> str | None:
        """Raises BadText where its file cannot be read."""
        if self.password_file is None:
            return self.password
        try:
            return read_file(self.password_file, "password_file").decode().strip()
        except UnicodeDecodeError as error:
            raise BadText(f"password_file {self.password_file} is no text: {error}") from error

    def problems(self) -> list[str]:
        """What is wrong with the files that its settings name."""
        found: list[str] = []
        for look in (self.read_password, self.tls.context if self.tls is not None else None):
            try:
                if look is not None:
                    look()
            except BadText as error:
                found.append(f"broker {self.name}: {error}")
        return found


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
    """Not connected yet: use it within `async with`. Raises BadText naming a file that cannot be used."""
    return _Client(
        hostname=broker.host,
        port=broker.port,
        username=broker.username,
        password=broker.read_password(),
        tls_context=broker.tls.context() if broker.tls is not None else None,
        identifier=broker.client_id,
        protocol=aiomqtt.ProtocolVersion.V311,
        clean_session=False,
        timeout=MQTT_TIMEOUT_S,
        keepalive=KEEPALIVE_S,
        max_queued_incoming_messages=MAX_WAITING_MESSAGES,
    )
