"""The WebSocket of a station: whole messages in, answers out, every sign of life noted.

picows delivers frames; what RFC 6455 wants beyond them (fragments, pings, the closing handshake) is done here.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final, Protocol, cast

import structlog
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from protocols.ocpp.frame import MAX_FRAME_BYTES

OK: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
POLICY_VIOLATION: Final = 1008
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011
"""Why a socket is closed, RFC 6455 §7.4.1."""

MAX_CLOSE_REASON_BYTES: Final = 123
"""RFC 6455 §5.5: a control frame carries up to 125 bytes, two of them are the code."""


class Listening(Protocol):
    """Whoever talks over the socket."""

    def begin(self, socket: StationSocket) -> None: ...

    def take(self, raw: bytes, now_s: float) -> None:
        """A whole text or binary message."""
        ...

    def choke(self) -> None:
        """The station does not read what it is sent, and the buffers are full."""
        ...

    def go_on(self) -> None:
        """It reads again."""
        ...

    def end(self) -> None: ...


class StationSocket(WSListener):
    """One for each admitted connection. Times are the event loop's."""

    __slots__ = (
        "_close_timeout_s",
        "_fragments",
        "_has_ended",
        "_listening",
        "_loop",
        "_transport",
        "choked_since_s",
        "has_ponged",
        "last_heard_s",
        "last_ping_s",
    )

    def __init__(self, listening: Listening, loop: asyncio.AbstractEventLoop, close_timeout_s: float) -> None:
        self._listening = listening
        self._loop = loop
        self._close_timeout_s = close_timeout_s
        self._transport: WSTransport | None = None
        self._fragments: bytearray | None = None
        self._has_ended = False
        self.last_heard_s = loop.time()
        """When anything arrived: any frame is a sign of life (field_quirks 7)."""
        self.last_ping_s = 0.0
        self.has_ponged = False
        self.choked_since_s: float | None = None
        """Since when the station has not read what it was sent, and the buffers towards it are full."""

    @property
    def is_open(self) -> bool:
        transport = self._transport
        return transport is not None and not transport.is_disconnected and not transport.is_close_frame_sent

    # --- towards the station ---

    def send(self, raw: bytes) -> bool:
        """Send a text frame; False where the connection is at its end. Never waits: see `choked_since_s`."""
        transport = self._transport
        if transport is None or transport.is_disconnected or transport.is_close_frame_sent:
            return False
        transport.send(WSMsgType.TEXT, raw)
        return True

    def ping(self) -> None:
        self.last_ping_s = self._loop.time()
        if self.is_open and self._transport is not None:
            self._transport.send_ping()

    def close(self, code: int, reason: str = "") -> None:
        """Say why and close; whoever does not answer in time is cut off."""
        transport = self._transport
        if transport is None or transport.is_disconnected:
            return
        if not transport.is_close_frame_sent:
            transport.send_close(cast(WSCloseCode, code), reason.encode()[:MAX_CLOSE_REASON_BYTES] or None)
            transport.underlying_transport.resume_reading()  # to hear the other side's goodbye
            self._loop.call_later(self._close_timeout_s, self.abort)

    def abort(self) -> None:
        if not self._has_ended and self._transport is not None:
            self._transport.underlying_transport.abort()

    def pause_reading(self) -> None:
        """Take nothing more in; the station's own socket fills up and it waits."""
        if self.is_open and self._transport is not None:
            self._transport.underlying_transport.pause_reading()

    def resume_reading(self) -> None:
        if not self._has_ended and self._transport is not None:
            self._transport.underlying_transport.resume_reading()

    def give_up_unacknowledged_after(self, timeout_s: float) -> None:
        """Have the kernel drop the connection when what we sent stays unacknowledged: half-open TCP is found by the
        next ping even where the station never answers pings."""
        raw = self._transport.underlying_transport.get_extra_info("socket") if self._transport else None
        if raw is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(timeout_s * 1000))

    # --- from picows ---

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        transport.request.headers.clear()  # they were read, and would stay as long as the connection
        self._guarded(lambda: self._listening.begin(self))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._has_ended = True
        self._guarded(self._listening.end)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.last_heard_s = now_s = self._loop.time()
        kind = frame.msg_type
        if kind == WSMsgType.TEXT and frame.fin and self._fragments is None and not frame.rsv1:
            raw = frame.get_payload_as_bytes()
            try:
                self._listening.take(raw, now_s)
            except Exception:
                self._fail()
        elif kind == WSMsgType.PING:
            if self.choked_since_s is None and not transport.is_close_frame_sent:
                transport.send_pong(frame.get_payload_as_bytes())
        elif kind == WSMsgType.PONG:
            self.has_ponged = True
        elif kind == WSMsgType.CLOSE:
            self._close_too(transport, frame)
        else:
            self._put_together(kind, frame, now_s)

    def pause_writing(self) -> None:
        self.choked_since_s = self._loop.time()
        self._guarded(self._listening.choke)

    def resume_writing(self) -> None:
        self.choked_since_s = None
        self._guarded(self._listening.go_on)

    # --- beneath ---

    def _put_together(self, kind: WSMsgType, frame: WSFrame, now_s: float) -> None:
        """A message in fragments (RFC 6455 §5.4), or as binary, which OCPP-J does not know and some stations send."""
        is_first = kind != WSMsgType.CONTINUATION
        if frame.rsv1 or frame.rsv2 or frame.rsv3 or is_first != (self._fragments is None):
            self.close(PROTOCOL_ERROR, "not a frame that was agreed upon")
            return
        fragments = self._fragments = bytearray() if self._fragments is None else self._fragments
        fragments += frame.get_payload_as_bytes()
        if len(fragments) > MAX_FRAME_BYTES:
            self.close(TOO_BIG, f"a message may have {MAX_FRAME_BYTES} bytes")
            self._fragments = bytearray()
        elif frame.fin:
            self._fragments = None
            self._guarded(lambda: self._listening.take(bytes(fragments), now_s))

    def _close_too(self, transport: WSTransport, frame: WSFrame) -> None:
        """RFC 6455 §5.5.1: a close is answered by a close, and then the TCP connection ends."""
        if not transport.is_close_frame_sent:
            code = frame.get_close_code()
            transport.send_close(WSCloseCode.OK if code == WSCloseCode.NO_INFO else code)
        transport.disconnect()

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:
            self._fail()

    def _fail(self) -> None:
        """A fault of ours: logged whole, and it stays in this one connection."""
        structlog.get_logger().exception("connection_failed")
        self.close(INTERNAL_ERROR)
