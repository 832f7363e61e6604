"""A charge point in the hands of a test: it says what the case says, and answers what it is asked as the case says."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from protocols.ocpp.schema import Direction, validate
from protocols.ocpp.version import Version
from tests.edge.conformance.running_agent import PASSWORD, PATIENCE_S, RunningAgent

SUBPROTOCOLS = {Version.V16: "ocpp1.6", Version.V201: "ocpp2.0.1", Version.V21: "ocpp2.1"}

Answer = dict[str, Any] | Callable[[dict[str, Any]], dict[str, Any]]


class Refused(Exception):
    """The site answered with a CALLERROR."""


class ChargePoint:
    """One socket of a station. Whatever the site sends must be valid by the schema of its message.

    `answers`: what it answers to a call of the site, by action, or a function of the payload; {"status": "Accepted"}
    without one. `errors`: the code, description and details of the CALLERROR that it answers with instead.
    """

    def __init__(self, socket: ClientConnection, version: Version, station_id: str) -> None:
        self.station_id = station_id
        self.answers: dict[str, Answer] = {}
        self.errors: dict[str, tuple[str, str, dict[str, Any]]] = {}
        self._socket = socket
        self._version = version
        self._number = 0
        self._waiting: dict[str, asyncio.Future[list[Any]]] = {}
        self._asked: dict[str, asyncio.Queue[dict[str, Any]]] = {}

    async def call(self, action: str, /, **payload: Any) -> dict[str, Any]:
        """Say something; the site's answer. Raises Refused."""
        self._number += 1
        message_id = f"{self.station_id}-{self._number}"
        answered = self._waiting[message_id] = asyncio.get_running_loop().create_future()
        validate(self._version, action, Direction.REQUEST, payload)
        await self._socket.send(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(PATIENCE_S):
            frame = await answered
        if frame[0] == 4:
            raise Refused(f"{frame[2]}: {frame[3]}")
        validate(self._version, action, Direction.RESPONSE, frame[2])
        answer: dict[str, Any] = frame[2]
        return answer

    async def asked(self, action: str) -> dict[str, Any]:
        """The payload of the next call of this action that the site makes, or has made."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._calls(action).get()

    async def listen(self) -> None:
        """Hear the site until the socket is closed."""
        with contextlib.suppress(ConnectionClosed):
            async for message in self._socket:
                frame = json.loads(message)
                if frame[0] == 2:
                    await self._take(*frame[1:])
                else:
                    self._waiting.pop(frame[1]).set_result(frame)

    async def _take(self, message_id: str, action: str, payload: dict[str, Any]) -> None:
        validate(self._version, action, Direction.REQUEST, payload)
        self._calls(action).put_nowait(payload)
        if action in self.errors:
            await self._socket.send(json.dumps([4, message_id, *self.errors[action]]))
            return
        found = self.answers.get(action, {"status": "Accepted"})
        answer = found(payload) if callable(found) else found
        validate(self._version, action, Direction.RESPONSE, answer)
        await self._socket.send(json.dumps([3, message_id, answer]))

    def _calls(self, action: str) -> asyncio.Queue[dict[str, Any]]:
        return self._asked.setdefault(action, asyncio.Queue(maxsize=100))


@contextlib.asynccontextmanager
async def charge_point(
    agent: RunningAgent,
    station_id: str,
    version: Version = Version.V16,
    *,
    password: str | None = PASSWORD,
    subprotocols: Sequence[str] = (),
    port: int | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[ChargePoint]:
    """A station that is connected; without a password it says nothing of who it is. With `tls` it comes to the door at
    `port`. Raises websockets' InvalidStatus where the site does not let it in."""
    basic = base64.b64encode(f"{station_id}:{password}".encode()).decode()
    headers = {} if password is None else {"Authorization": f"Basic {basic}"}
    async with (
        connect(
            f"{'ws' if tls is None else 'wss'}://localhost:{port or agent.ocpp_port}/{station_id}",
            ssl=tls,
            subprotocols=[Subprotocol(name) for name in subprotocols or (SUBPROTOCOLS[version],)],
            additional_headers=headers,
            compression=None,
            proxy=None,
            close_timeout=1,
        ) as socket,
        asyncio.TaskGroup() as tasks,
    ):
        assert socket.subprotocol == SUBPROTOCOLS[version]
        point = ChargePoint(socket, version, station_id)
        listening = tasks.create_task(point.listen())
        yield point
        await socket.close()
        await listening
