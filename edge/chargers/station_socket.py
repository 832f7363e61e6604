"""The WebSocket of a station: notes every sign of life, and lets answers to our calls pass the station's requests."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import Any, Final

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import Event, State

from edge.chargers.handshake import Admitted

_ANSWER: Final = re.compile(rb"\s*+\[\s*+[34]\s*+,")


class StationSocket(ServerConnection):
    """`websockets` makes one for each TCP connection; `admitted` is set when the handshake has been let through."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.admitted: Admitted | None = None
        self.on_answer: Callable[[bytes], None] | None = None
        self.last_heard_s = self.loop.time()
        """When anything arrived, in the event loop's time: any frame is a sign of life (field_quirks 7)."""
        self.last_ping_s = 0.0
        self.has_ponged = False

    def process_event(self, event: Event) -> None:
        """See websockets.asyncio.connection. An answer in one frame goes to its call at once: it must not wait behind
        requests that are still being decided, or calls that cross on the wire would hold each other up."""
        self.last_heard_s = self.loop.time()
        if isinstance(event, Frame):
            if event.opcode is Opcode.PONG:
                self.has_ponged = True
            elif event.opcode is Opcode.TEXT and event.fin and self.on_answer is not None and _ANSWER.match(event.data):
                self.on_answer(bytes(event.data))
                return
        super().process_event(event)

    async def send_text(self, raw: bytes) -> None:
        """Send a text frame; waits only for a peer that does not read. Raises ConnectionClosed.

        The library's `send` does the same through an asynchronous context manager, at three times the cost.
        """
        if self.protocol.state is not State.OPEN or self.transport.is_closing():
            await self.send(raw, text=True)  # which waits for the end and raises
            return
        self.protocol.send_text(raw)
        self.send_data()
        if self.paused:
            await self.drain()

    def ping_now(self) -> None:
        """Send a ping without waiting for its pong, nor for a peer that does not read."""
        self.last_ping_s = self.loop.time()
        if self.protocol.state is State.OPEN:
            self.protocol.send_ping(b"")
            self.send_data()

    def give_up_unacknowledged_after(self, timeout_s: float) -> None:
        """Have the kernel drop the connection when what we sent stays unacknowledged: half-open TCP is found by the
        next ping even where the station never answers pings."""
        raw = self.transport.get_extra_info("socket")
        if raw is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(timeout_s * 1000))
