"""The WebSocket server for charging stations: one listener, one conversation per socket, one fleet over all."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import structlog
from picows import WSAutoPingStrategy, WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # a Cython class without a stub

from edge.chargers.attempts import Attempts
from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.client_certificate import HEADERS, NOTHING, Proof, proof_of
from edge.chargers.conversation import Conversation
from edge.chargers.credentials import Credentials
from edge.chargers.fleet import Fleet
from edge.chargers.frame_log import FrameLog
from edge.chargers.habits import Habits
from edge.chargers.handshake import Admitted, Gate, Turned
from edge.chargers.listener import ACCEPTS_PER_TURN, FILES_KEPT, listen, raise_file_limit
from edge.chargers.silence_wheel import SilenceWheel
from edge.chargers.source_address import Network, source_of
from edge.chargers.station_socket import GOING_AWAY, StationSocket
from edge.domain.events import ConnectionLimitReached
from edge.ports import Clock, Inbox, Overloaded, Relay
from protocols.ocpp.dialects import DIALECTS
from protocols.ocpp.frame import MAX_FRAME_BYTES
from protocols.ocpp.quirks.catalogue import all_quirks
from protocols.ocpp.schema import load
from protocols.ocpp.version import Version

READ_BUFFER_BYTES: Final = 2048
"""What a connection begins with; it grows with the messages that come."""
TICKS_PER_PING: Final = 32


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
    trusted_proxies: tuple[Network, ...] = ()
    """Their X-Forwarded-For is believed."""
    is_proxy_tls_believed: bool = False
    """And what they say of TLS and of certificates: a proxy that passes a client's headers on would let anybody in."""
    default_versions: Mapping[str, Version] = field(default_factory=dict)
    """What stations speak that name no subprotocol, or one that nobody knows."""
    polled: frozenset[str] = frozenset()
    """Chargers without OCPP, whose names nobody may take."""


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
        habits: Habits,
        frame_log: FrameLog | None = None,
        relay: Relay | None = None,
        revoked: Collection[str] = frozenset(),
    ) -> None:
        self._settings = settings
        self._inbox = inbox
        self._clock = clock
        self._fleet = fleet
        self._metrics = metrics
        self._habits = habits
        self._frame_log = frame_log
        self._relay = relay
        self._talks: set[Conversation] = set()
        self._deserted = asyncio.Event()
        self._deserted.set()
        self._gate = Gate(
            credentials,
            Attempts(),
            metrics,
            time.monotonic,
            allow_unknown=settings.allow_unknown,
            default_versions=settings.default_versions,
            revoked=revoked,
            polled=settings.polled,
        )
        self._wheel: SilenceWheel[Conversation] = SilenceWheel(
            settings.ping_interval_s / TICKS_PER_PING, max(settings.ping_interval_s, settings.ping_timeout_s)
        )
        self._highest_file = 0
        self._is_full = False
        self._turned_away_s = 0.0
        self._log = structlog.get_logger()

    async def serve(self, started: Callable[[int], None] | None = None) -> None:
        """Serve until cancelled. `started` is told the port once it listens (of use with port 0).

        Raises OSError when the address cannot be bound.
        """
        settings = self._settings
        for dialect in DIALECTS.values():
            load(dialect.version, dialect.requests)
        all_quirks()  # read now: a station would wait for it
        self._highest_file = raise_file_limit() - FILES_KEPT
        listeners = await listen(settings.host, settings.port, self._highest_file, self._turned_away)
        port = int(listeners[0].getsockname()[1])
        loop = asyncio.get_running_loop()
        servers = [
            await loop.create_server(self._protocol, sock=listener, backlog=ACCEPTS_PER_TURN) for listener in listeners
        ]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._fleet.run())
            tasks.create_task(self._watch_silence())
            try:
                self._log.info("ocpp_listening", host=settings.host, port=port, max_connections=self._highest_file)
                if settings.allow_unknown:
                    self._log.warning("unknown_stations_allowed", port=port)
                if started is not None:
                    started(port)
                await asyncio.Event().wait()
            finally:
                await self._shut(servers)

    # --- a connection ---

    def join(self, conversation: Conversation) -> None:
        """See conversation.Belonging."""
        socket = conversation.socket
        if socket is not None:
            socket.give_up_unacknowledged_after(self._settings.ping_timeout_s)
        if not conversation.is_known:
            self._log.warning("stranger_admitted", station_id=conversation.station_id)
        self._talks.add(conversation)
        self._deserted.clear()
        self._wheel.put(conversation, conversation.loop.time() + self._settings.ping_interval_s)
        self._fleet.join(conversation)

    def leave(self, conversation: Conversation) -> None:
        self._wheel.remove(conversation)
        self._talks.discard(conversation)
        if not self._talks:
            self._deserted.set()
        self._fleet.leave(conversation)

    def open(self, request: WSUpgradeRequest, peer: str) -> WSUpgradeResponseWithListener:
        """Decide upon a handshake; what is refused gets its HTTP answer and no WebSocket."""
        if request.headers.get("Upgrade", "").lower() != "websocket":
            upgrade = WSUpgradeResponse.create_error_response(
                426, b"Charging stations only.\n", {"Upgrade": "websocket"}
            )
            return WSUpgradeResponseWithListener(upgrade, None)
        outcome = self._gate.admit(
            source_of(peer, request.headers.getall("X-Forwarded-For", []), self._settings.trusted_proxies),
            request.path.decode("latin-1"),
            _only(request.headers.getall("Authorization", [])),
            request.headers.getall("Sec-WebSocket-Protocol", []),
            self._proof_of(request, peer),
        )
        if isinstance(outcome, Turned):
            refusal = WSUpgradeResponse.create_error_response(outcome.status, outcome.text.encode(), outcome.headers)
            return WSUpgradeResponseWithListener(refusal, None)
        named = {"Sec-WebSocket-Protocol": outcome.subprotocol} if outcome.subprotocol is not None else {}
        return WSUpgradeResponseWithListener(
            WSUpgradeResponse.create_101_response(named), self._station_socket(outcome)
        )

    def _proof_of(self, request: WSUpgradeRequest, peer: str) -> Proof:
        if not self._settings.is_proxy_tls_believed:
            return NOTHING
        headers = {name: request.headers.getall(name, []) for name in HEADERS}
        return proof_of(peer, headers, self._settings.trusted_proxies)

    def _station_socket(self, admitted: Admitted) -> StationSocket:
        loop = asyncio.get_running_loop()
        conversation = Conversation(
            admitted, self, self._inbox, self._clock, self._metrics, loop, self._habits, self._frame_log, self._relay
        )
        return StationSocket(conversation, loop, self._settings.close_timeout_s)

    def _protocol(self) -> WSProtocol:
        """picows' own protocol, made by hand for the one thing that its `ws_create_server` does not tell when it asks
        whether to let a station in: from where it comes."""
        handshake = _Handshake(self)
        handshake.protocol = WSProtocol(
            None,  # host, of a client
            None,  # path, of a client
            False,  # is_client_side
            handshake,
            _silent_logger(),
            True,  # disconnect_on_exception
            self._settings.open_timeout_s,
            False,  # enable_auto_ping: _watch_silence does it, any frame is a sign of life
            1.0,
            1.0,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            False,  # enable_auto_pong: StationSocket answers pings, for they are signs of life too
            MAX_FRAME_BYTES,
            None,  # extra headers, of a client
            READ_BUFFER_BYTES,
        )
        return handshake.protocol

    # --- silence ---

    async def _watch_silence(self) -> None:
        """Ping whom nothing was heard of, give up whom nothing will be heard of."""
        loop = asyncio.get_running_loop()
        self._wheel.start(loop.time())
        while True:
            await asyncio.sleep(self._settings.ping_interval_s / TICKS_PER_PING)
            now_s = loop.time()
            for conversation in self._wheel.due(now_s):
                self._look_at(conversation, now_s)
            self._habits.tell_late(now_s)
            if self._is_full and now_s - self._turned_away_s > self._settings.ping_interval_s:
                self._is_full = False
                self._tell_of_limit()

    def _look_at(self, conversation: Conversation, now_s: float) -> None:
        settings, socket = self._settings, conversation.socket
        if socket is None:
            return
        silent_s = now_s - socket.last_heard_s
        if silent_s < settings.ping_interval_s:
            self._wheel.put(conversation, socket.last_heard_s + settings.ping_interval_s)
            return
        pinged_limit_s = settings.ping_interval_s + settings.ping_timeout_s
        is_pinged = self._habits.is_pinged(conversation.station_id, conversation.quirks)
        must_pong = is_pinged and socket.has_ponged
        if silent_s > (pinged_limit_s if must_pong else settings.silence_limit_s):
            self._metrics.silent_closed += 1
            self._log.info("station_silent", station_id=conversation.station_id, silent_s=round(silent_s))
            socket.abort()
            return
        if is_pinged and now_s - socket.last_ping_s >= settings.ping_interval_s:
            socket.ping()
        wait_s = settings.ping_timeout_s if must_pong else settings.ping_interval_s
        self._wheel.put(conversation, now_s + wait_s)

    # --- limits and the end ---

    def _turned_away(self) -> None:
        """A connection found no file left."""
        self._metrics.refusals["files"] += 1
        self._turned_away_s = asyncio.get_running_loop().time()
        if not self._is_full:
            self._is_full = True
            self._log.error("connections_at_limit", connections=self._metrics.connections, files=self._highest_file)
            self._tell_of_limit()

    def _tell_of_limit(self) -> None:
        with contextlib.suppress(Overloaded):  # it is in the log and in the metrics too
            self._inbox.put(ConnectionLimitReached(is_reached=self._is_full, limit=self._highest_file))

    async def _shut(self, servers: list[asyncio.Server]) -> None:
        """Say goodbye to all; whoever does not answer is cut off."""
        self._fleet.close()
        for server in servers:
            server.close()
        for conversation in list(self._talks):
            if conversation.socket is not None:
                conversation.socket.close(GOING_AWAY, "the site's controller is restarting")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.close_timeout_s):
                await self._deserted.wait()
        for conversation in list(self._talks):
            if conversation.socket is not None:
                conversation.socket.abort()
        await self._deserted.wait()


class _Handshake:
    """picows asks it for the listener of a connection, once the HTTP request is there."""

    __slots__ = ("_server", "protocol")

    def __init__(self, server: OcppServer) -> None:
        self._server = server
        self.protocol: WSProtocol | None = None

    def __call__(self, request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        protocol, self.protocol = self.protocol, None  # they hold each other until here
        peer = protocol.transport.underlying_transport.get_extra_info("peername") if protocol is not None else None
        return self._server.open(request, str(peer[0]) if peer else "")


def _only(values: Sequence[str]) -> str | None:
    """The one value of a header; two of them could be understood differently by whoever stands before us."""
    return values[0] if len(values) == 1 else None


@cache
def _silent_logger() -> logging.LoggerAdapter[logging.Logger]:
    """picows tells of every opening and closing, and makes a logger for each connection unless it is given an adapter;
    what is of interest here is counted in the metrics."""
    logger = logging.getLogger("ohmstead.picows")
    logger.setLevel(logging.CRITICAL)
    return logging.LoggerAdapter(logger, {})
