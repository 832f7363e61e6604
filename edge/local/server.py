"""The local WebSocket: screens watch, staff and the command line ask. Loopback only, and only with the token.

GET /         the WebSocket, with `Authorization: Bearer TOKEN`
GET /metrics  Prometheus exposition, with the same header
GET /healthz  200 "ok", for anyone on the machine
"""

from __future__ import annotations

import asyncio
import hmac
import http
from collections.abc import Callable, Iterable
from typing import Any, Final

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request as HttpRequest
from websockets.http11 import Response as HttpResponse

from edge.local.doorkeeper import Doorkeeper, Seat
from edge.local.requests import Desk, read_request
from edge.local.screens import WatchedScreens
from edge.local.settings import LocalSettings
from edge.ports import Window
from protocols.site.bill_requests import DecideBill
from protocols.site.payment_requests import WriteOffDebt
from protocols.site.requests import Watch
from protocols.site.staff import OPERATOR
from protocols.site.staff_requests import SignIn, SignOut, WhoAmI
from protocols.site.view import SHOWN, Answer
from protocols.terms import EvseRef

CLOSE_TIMEOUT_S: Final = 2.0
HEADER_LIMIT_S: Final = 5.0


class LocalServer:
    """The Screens port, and the door for requests."""

    def __init__(
        self,
        settings: LocalSettings,
        token: str,
        window: Window,
        desk: Desk,
        registry: CollectorRegistry,
        doorkeeper: Doorkeeper,
    ) -> None:
        self._settings = settings
        self._bearer = f"Bearer {token}".encode()
        self._registry = registry
        self._desk = desk
        self._doorkeeper = doorkeeper
        self._screens = WatchedScreens(settings, window)
        self._server: Server | None = None
        self._log: Any = structlog.get_logger("edge.local")

    @property
    def port(self) -> int:
        """The port listened on; 0 while it does not listen."""
        return self._server.sockets[0].getsockname()[1] if self._server is not None and self._server.sockets else 0

    def changed(self, refs: Iterable[EvseRef]) -> None:
        self._screens.changed(refs)

    async def run(self, on_listening: Callable[[], None] = lambda: None) -> None:
        """Serve until cancelled. Raises OSError when the port is taken."""
        async with (
            serve(
                self._serve,
                self._settings.host,
                self._settings.port,
                process_request=self._admit,
                compression=None,
                max_size=self._settings.max_message_bytes,
                max_queue=2,
                open_timeout=HEADER_LIMIT_S,
                close_timeout=CLOSE_TIMEOUT_S,
                server_header=None,
            ) as self._server,
            asyncio.TaskGroup() as tasks,
        ):
            self._log.info("local_listening", host=self._settings.host, port=self.port)
            on_listening()
            tasks.create_task(self._screens.send_patches(), name="local-patches")

    # --- before the upgrade ---

    def _admit(self, connection: ServerConnection, request: HttpRequest) -> HttpResponse | None:
        path = request.path.partition("?")[0]
        if path == "/healthz":
            return connection.respond(http.HTTPStatus.OK, "ok")
        given = request.headers.get_all("Authorization")
        if len(given) != 1 or not hmac.compare_digest(given[0].encode("utf-8", "replace"), self._bearer):
            response = connection.respond(http.HTTPStatus.UNAUTHORIZED, "The token of the agent's file is needed.\n")
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        if path == "/metrics":
            response = connection.respond(http.HTTPStatus.OK, generate_latest(self._registry).decode())
            del response.headers["Content-Type"]
            response.headers["Content-Type"] = CONTENT_TYPE_LATEST
            return response
        if path != "/":
            return connection.respond(http.HTTPStatus.NOT_FOUND, "There is / and /metrics and /healthz.\n")
        if self._server is not None and len(self._server.connections) >= self._settings.max_clients:
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "Too many clients.\n")
        return None

    # --- after it ---

    async def _serve(self, connection: ServerConnection) -> None:
        """Take the requests of one client; what it still waits for when it leaves is given up."""
        slots = asyncio.Semaphore(self._settings.max_requests_per_client)
        running: set[asyncio.Task[None]] = set()
        seat = Seat()
        try:
            async with asyncio.TaskGroup() as tasks:
                async for message in connection:
                    await slots.acquire()
                    task = tasks.create_task(self._answer(connection, seat, message))
                    running.add(task)
                    task.add_done_callback(running.discard)
                    task.add_done_callback(lambda _task: slots.release())
                for task in running:
                    task.cancel()
        except* ConnectionClosed:
            pass
        finally:
            self._screens.forget(connection)

    async def _answer(self, connection: ServerConnection, seat: Seat, message: str | bytes) -> None:
        request = read_request(message)
        match request:
            case Watch():
                await self._screens.watch(connection)
            case Answer():
                await self._say(connection, request)
            case SignIn() | SignOut() | WhoAmI():
                await self._say(connection, await self._doorkeeper.answer(request, seat))
            case _ if problem := self._doorkeeper.refusal(request, seat):
                await self._say(connection, Answer(id=request.id, problem=problem))
            case DecideBill() | WriteOffDebt() if problem := await self._doorkeeper.second_refusal(request):
                await self._say(connection, Answer(id=request.id, problem=problem))
            case _:
                actor = self._doorkeeper.actor(seat) or OPERATOR  # nobody: it is a request that needs none
                await self._say(connection, await self._desk.answer(request, actor))

    async def _say(self, connection: ServerConnection, answer: Answer) -> None:
        await connection.send(SHOWN.dump_json(answer).decode())
