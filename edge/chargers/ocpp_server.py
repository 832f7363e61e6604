"""The OCPP-J server: one port, `ws://host/{charging_station_id}`, the version by subprotocol.

How it is wired (edge.main does it):

    metrics = ChargerMetrics(registry)                  # a prometheus_client CollectorRegistry
    fleet = Fleet(inbox, metrics)                       # the Chargers port, for the agent and the local socket
    credentials = Credentials({"CS-1": "blake2b$..."})  # from the settings
    server = OcppServer(OcppServerSettings(port=9000), inbox, clock, fleet, credentials, metrics)
    tasks.create_task(server.serve(started))            # runs until cancelled; started(port) once it listens

The inbox must be taken from while `serve` runs: a station's connection is itself an event that is decided.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from edge.chargers.attempts import Attempts
from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.conversation import Conversation
from edge.chargers.credentials import Credentials
from edge.chargers.fleet import Fleet
from edge.chargers.handshake import Gate, Turned
from edge.chargers.station_socket import StationSocket
from edge.ports import Clock, Inbox
from protocols.ocpp.dialects import DIALECTS
from protocols.ocpp.frame import MAX_FRAME_BYTES
from protocols.ocpp.schema import load


@dataclass(frozen=True, slots=True, kw_only=True)
class OcppServerSettings:
    """Real seconds of the machine, whatever the site's time does: these are about sockets."""

    host: str = "0.0.0.0"
    port: int = 9000
    allow_unknown: bool = False
    """For commissioning: stations without a credential here are let in as strangers."""
    open_timeout_s: float = 10.0
    close_timeout_s: float = 5.0
    ping_interval_s: float = 60.0
    """A station that was silent for so long is sent a ping."""
    ping_timeout_s: float = 30.0
    """A station that has answered pings before, and TCP itself, must answer the next one within this time."""
    silence_limit_s: float = 900.0
    """A station that never answers pings is given up after this silence."""
    backlog: int = 4096
    """Connections that the kernel holds while a boot storm is worked off."""


class OcppServer:
    """Listens, admits, and keeps one Conversation per socket; a fault in one stays in it."""

    def __init__(
        self,
        settings: OcppServerSettings,
        inbox: Inbox,
        clock: Clock,
        fleet: Fleet,
        credentials: Credentials,
        metrics: ChargerMetrics,
    ) -> None:
        self._settings = settings
        self._inbox = inbox
        self._clock = clock
        self._fleet = fleet
        self._credentials = credentials
        self._metrics = metrics
        self._log = structlog.get_logger()

    async def serve(self, started: Callable[[int], None] | None = None) -> None:
        """Serve until cancelled. `started` is told the port once it listens (of use with port 0).

        Raises OSError when the address cannot be bound.
        """
        for dialect in DIALECTS.values():
            load(dialect.version, dialect.requests)
        server = await self._listen()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._fleet.run())
            tasks.create_task(self._watch_silence())
            try:
                port = int(next(iter(server.sockets)).getsockname()[1])
                self._log.info("ocpp_listening", host=self._settings.host, port=port)
                if self._settings.allow_unknown:
                    self._log.warning("unknown_stations_allowed", port=port)
                if started is not None:
                    started(port)
                await server.wait_closed()
            finally:
                await self._shut(server)

    async def _listen(self) -> Server:
        settings = self._settings
        loop = asyncio.get_running_loop()
        gate = Gate(self._credentials, Attempts(), self._metrics, loop.time, allow_unknown=settings.allow_unknown)

        def process_request(connection: ServerConnection, request: Request) -> Response | None:
            return _admit(gate, cast(StationSocket, connection), request)

        return await serve(
            self._handle,
            settings.host,
            settings.port,
            create_connection=StationSocket,
            process_request=process_request,
            select_subprotocol=_select_subprotocol,
            compression=None,
            server_header=None,
            open_timeout=settings.open_timeout_s,
            close_timeout=settings.close_timeout_s,
            ping_interval=None,  # _watch_silence does it: any frame is a sign of life
            max_size=MAX_FRAME_BYTES,
            logger=_quiet_logger(),
            backlog=settings.backlog,
        )

    async def _handle(self, connection: ServerConnection) -> None:
        socket = cast(StationSocket, connection)
        admitted = socket.admitted
        if admitted is None:
            raise RuntimeError("a socket was opened without having been admitted")
        if not admitted.is_known:
            self._log.warning("stranger_admitted", station_id=admitted.station_id)
        socket.give_up_unacknowledged_after(self._settings.ping_timeout_s)
        conversation = Conversation(socket, admitted, self._inbox, self._clock, self._metrics)
        try:
            async with self._fleet.owning(conversation):
                await conversation.run()
        except Exception:
            self._log.exception("connection_failed", station_id=admitted.station_id)
            await socket.close(1011)

    async def _watch_silence(self) -> None:
        """Ping whom nothing was heard of, give up whom nothing will be heard of."""
        settings = self._settings
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(settings.ping_interval_s / 4)
            now_s = loop.time()
            for conversation in self._fleet.conversations():
                socket = conversation.socket
                silent_s = now_s - socket.last_heard_s
                if silent_s < settings.ping_interval_s:
                    continue
                pinged_limit_s = settings.ping_interval_s + settings.ping_timeout_s
                if silent_s > (pinged_limit_s if socket.has_ponged else settings.silence_limit_s):
                    self._metrics.silent_closed += 1
                    self._log.info("station_silent", station_id=conversation.station_id, silent_s=round(silent_s))
                    socket.transport.abort()
                elif now_s - socket.last_ping_s >= settings.ping_interval_s:
                    socket.ping_now()

    async def _shut(self, server: Server) -> None:
        """Say goodbye to all; whoever does not answer, or still waits for the site, is cut off."""
        self._fleet.close()
        server.close(reason="the site's controller is restarting")
        try:
            async with asyncio.timeout(self._settings.close_timeout_s):
                await server.wait_closed()
        except TimeoutError:
            for connection in list(server.all_connections):
                connection.transport.abort()
            for task in list(server.handler_tasks):
                task.cancel()
            await server.wait_closed()


def _admit(gate: Gate, socket: StationSocket, request: Request) -> Response | None:
    address = socket.remote_address
    source = str(address[0]) if address else ""
    credentials = request.headers.get_all("Authorization")
    authorization = credentials[0] if len(credentials) == 1 else None
    outcome = gate.admit(source, request.path, authorization, request.headers.get_all("Sec-WebSocket-Protocol"))
    if isinstance(outcome, Turned):
        response = socket.respond(outcome.status, outcome.text)
        for name, value in outcome.headers:
            response.headers[name] = value
        return response
    socket.admitted = outcome
    return None


def _select_subprotocol(connection: ServerConnection, _offered: Sequence[Subprotocol]) -> Subprotocol | None:
    admitted = cast(StationSocket, connection).admitted
    return Subprotocol(admitted.subprotocol) if admitted is not None else None


def _quiet_logger() -> logging.Logger:
    """The library's own logger tells of every opening and closing; here only what it did not expect is of interest."""
    logger = logging.getLogger("ohmstead.websockets")
    logger.setLevel(logging.ERROR)
    return logger
