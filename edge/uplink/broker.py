"""One session with the broker, which always ends: aiomqtt's client, with the loose ends tied.

aiomqtt leaves five. A socket that closes before the CONNACK is waited for all the same. A connect that times out
leaves its socket open, and a late CONNACK would bring it to life beside our next session. Leaving a half-open session
raises, and so replaces the CancelledError of whoever is being shut down. A cancelled connect goes on in its thread.
And a call that is cancelled in the moment of its confirmation loses the cancellation (as `asyncio.wait_for` does in
Python 3.11), so that the agent would not end.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable
from typing import Any, Final, TypeVar

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode

from edge.uplink.settings import BrokerSettings, UplinkSettings

T = TypeVar("T")

INTAKE_LIMIT: Final = 1000
"""Messages from the broker that may wait to be decided; aiomqtt discards what comes beyond."""


class BrokerRefused(aiomqtt.MqttError):
    """The broker lets us in but not to our topics."""


class _Client(aiomqtt.Client):
    """Can be cancelled at any moment, and learns at once when the broker, or something on the way to it, closes before
    it says CONNACK."""

    async def _wait_for(self, fut: Awaitable[T], timeout: float | None) -> T:
        try:
            async with asyncio.timeout(self.timeout if timeout is None else timeout):
                return await fut
        except TimeoutError:
            raise aiomqtt.MqttError("the broker did not answer in time") from None

    def _on_socket_close(self, client: Any, userdata: Any, sock: Any) -> None:
        super()._on_socket_close(client, userdata, sock)
        with contextlib.suppress(RuntimeError):  # a thread that ends its connect after the loop is gone
            self._loop.call_soon_threadsafe(self._fail_connect)

    def _fail_connect(self) -> None:
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttError("the connection closed before the broker answered"))
            self._connected.exception()  # nobody may be waiting any more


@contextlib.asynccontextmanager
async def broker_session(
    broker: BrokerSettings, settings: UplinkSettings, client_id: str, will: aiomqtt.Will | None
) -> AsyncIterator[aiomqtt.Client]:
    """Connect, and leave cleanly whatever happens. Raises aiomqtt.MqttError, BadText for unusable settings.

    The session is persistent, so that a command finds its way also when it is sent while the link blinks. One without
    a will only looks whether it is let in, and leaves nothing behind.
    """
    client = _Client(
        broker.host,
        broker.port,
        identifier=client_id,
        username=broker.username,
        password=broker.read_password(),
        tls_context=broker.tls.context() if broker.tls else None,
        will=will,
        clean_session=will is None,
        timeout=settings.reply_timeout_s,
        keepalive=settings.keepalive_s,
        max_queued_incoming_messages=INTAKE_LIMIT,
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],  # a batch is one write: waiting gains nothing
    )
    try:
        await client.__aenter__()
    except BaseException:
        _abandon(client)
        raise
    try:
        yield client
    finally:
        with contextlib.suppress(aiomqtt.MqttError, OSError, TimeoutError):
            async with asyncio.timeout(min(2.0, settings.reply_timeout_s)):
                await client.__aexit__(None, None, None)
        _abandon(client)


async def subscribe(client: aiomqtt.Client, topics: tuple[str, ...]) -> None:
    """Subscribe with QoS 1. Raises aiomqtt.MqttError, BrokerRefused when the broker's rules forbid a topic."""
    codes = await client.subscribe([(topic, 1) for topic in topics])
    for topic, code in zip(topics, codes, strict=True):
        if isinstance(code, ReasonCode) and code.is_failure:
            raise BrokerRefused(f"the broker refuses a subscription to {topic}: {code}")


def _abandon(client: aiomqtt.Client) -> None:
    """Shut what is still open of a client, also what a thread is opening just now. aiomqtt has no public way."""
    paho = client._client
    paho.on_socket_open = _shut
    if (sock := paho.socket()) is not None:
        _shut(paho, None, sock)
    if client._disconnected.done() and not client._disconnected.cancelled():
        client._disconnected.exception()  # read, so that asyncio does not report it as forgotten


def _shut(_client: Any, _userdata: Any, sock: Any) -> None:
    with contextlib.suppress(OSError, ValueError):
        sock.shutdown(socket.SHUT_RDWR)
