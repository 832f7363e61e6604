"""A scripted site and a running OCPP server for tests, on real loopback sockets."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry
from websockets.asyncio.client import ClientConnection, connect

from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.credentials import Credentials, hash_password
from edge.chargers.fleet import Fleet
from edge.chargers.habits import UNKNOWN_MODEL, Habits, Model
from edge.chargers.ocpp_server import OcppServer, OcppServerSettings
from edge.domain.events import SiteEvent, SiteReply
from edge.ports import CallFailed, OnReply, Overloaded
from protocols.charger.commands import Acknowledged, BootAnswer, IdTokenAnswer, Judged, TransactionAnswer
from protocols.charger.events import (
    BootReported,
    DataTransferred,
    IdTokenPresented,
    TransactionBegan,
    TransactionContinued,
    TransactionFinished,
)
from protocols.terms import AuthorizationStatus

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
PASSWORD = "0123456789abcdef0123456789abcdef"
ACCEPTED = IdTokenAnswer(status=AuthorizationStatus.ACCEPTED)


class ScriptedInbox:
    """Accepts everything at once and remembers it. `answer` may reply otherwise, `hook` wait, `is_full` refuse."""

    def __init__(self) -> None:
        self.events: list[SiteEvent] = []
        self.hook: Callable[[SiteEvent], Awaitable[SiteReply | None]] | None = None
        self.answer: Callable[[SiteEvent], SiteReply] | None = None
        self.is_full: Callable[[SiteEvent], bool] = lambda _event: False
        self._deciding: set[asyncio.Task[None]] = set()

    def put(self, event: SiteEvent, on_reply: OnReply | None = None, is_moot: Callable[[], bool] | None = None) -> None:
        self.events.append(event)
        if self.is_full(event):
            raise Overloaded
        say = on_reply if on_reply is not None else lambda _reply: None
        if self.hook is None:
            say(self._reply(event))
            return
        task = asyncio.get_running_loop().create_task(self._decide(self.hook, event, say))
        self._deciding.add(task)
        task.add_done_callback(self._deciding.discard)

    async def ask(self, event: SiteEvent) -> SiteReply:
        replied: asyncio.Future[SiteReply] = asyncio.get_running_loop().create_future()
        self.put(event, replied.set_result)
        return await replied

    def _reply(self, event: SiteEvent) -> SiteReply:
        return _accept(event) if self.answer is None else self.answer(event)

    def forget(self) -> None:
        """Whoever still waits will not be answered."""
        for task in self._deciding:
            task.cancel()

    async def _decide(
        self, hook: Callable[[SiteEvent], Awaitable[SiteReply | None]], event: SiteEvent, say: OnReply
    ) -> None:
        reply = await hook(event)
        say(self._reply(event) if reply is None else reply)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


def _accept(event: SiteEvent) -> SiteReply:
    match event:
        case BootReported():
            return BootAnswer(at=NOW, heartbeat_interval_s=300)
        case IdTokenPresented():
            return ACCEPTED
        case TransactionBegan(charger_transaction_id=transaction_id):
            return TransactionAnswer(charger_transaction_id=transaction_id or "1017", id_token=ACCEPTED)
        case TransactionContinued() | TransactionFinished():
            return TransactionAnswer(charger_transaction_id=event.charger_transaction_id)
        case DataTransferred():
            return Judged(is_accepted=False)
        case _:
            return Acknowledged()


@dataclass
class Running:
    """A server that listens on `port`, and what belongs to it."""

    port: int
    inbox: ScriptedInbox
    fleet: Fleet
    metrics: ChargerMetrics
    registry: CollectorRegistry
    tasks: asyncio.TaskGroup

    def url(self, path: str) -> str:
        return f"ws://127.0.0.1:{self.port}{path}"

    def connect(
        self, station_id: str = "CS-1", *, subprotocol: str = "ocpp1.6", password: str = PASSWORD, **options: Any
    ) -> connect:
        """A station's client socket, as `async with`."""
        return connect(
            self.url(f"/{station_id}"),
            subprotocols=[subprotocol],  # type: ignore[list-item]
            additional_headers=basic(station_id, password),
            **options,
        )


def basic(username: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


@asynccontextmanager
async def running_server(
    *,
    command_timeout_s: float = 30,
    retry_s: float = 1,
    model_of: Callable[[str], Model] = lambda _station_id: UNKNOWN_MODEL,
    **settings: Any,
) -> AsyncIterator[Running]:
    """A server with the stations CS-1 and CS-2 and a scripted site, until the end of the block."""
    registry = CollectorRegistry()
    metrics, inbox = ChargerMetrics(registry), ScriptedInbox()
    fleet = Fleet(inbox, metrics, command_timeout_s=command_timeout_s, retry_s=retry_s)
    credentials = Credentials({name: hash_password(PASSWORD) for name in ("CS-1", "CS-2")})
    chosen = OcppServerSettings(host="127.0.0.1", port=0, **settings)
    habits = Habits(inbox, metrics, lambda raw: raw, model_of)
    server = OcppServer(chosen, inbox, lambda: NOW, fleet, credentials, metrics, habits)
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(server.serve(started.set_result))
        port = await started
        yield Running(port, inbox, fleet, metrics, registry, tasks)
        serving.cancel()
    inbox.forget()


async def exchange(station: ClientConnection, *frame: Any) -> Any:
    """Send one frame and return the next that comes back."""
    await station.send(orjson.dumps(list(frame)).decode())
    return orjson.loads(await station.recv())


async def expect_failure(call: Awaitable[Any]) -> CallFailed:
    """The CallFailed that a call must end in."""
    with pytest.raises(CallFailed) as failed:
        await call
    return failed.value


async def http_get(port: int, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
    """A WebSocket request by hand: status, headers (lower case) and body of the refusal."""
    lines = {
        "Host": "localhost",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    } | headers
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        request = f"GET {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(request.encode() + b"\r\n")
        async with asyncio.timeout(5):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            status_line, *fields = head.rstrip().split("\r\n")
            answered = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
            body = await reader.readexactly(int(answered.get("content-length", "0")))
    finally:
        writer.close()
        await writer.wait_closed()
    return int(status_line.split()[1]), answered, body.decode()
