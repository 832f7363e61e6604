"""One connection to a bus: bytes out, frames in. Whoever asks waits for the frame that answers, and for no other."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable
from typing import Final

from edge.chargers.modbus.frames import Frame, Framing, Garbled, Request, stream_of
from protocols.modbus.bus_address import BusAddress
from protocols.modbus.profile import Transport

MAX_STRAYS: Final = 50
"""So many frames that answer nothing, one after the other, and the connection is given up: someone floods us."""

Connect = Callable[[Callable[[], "Line"]], Awaitable[asyncio.Transport]]
"""Connects a line that is made for it. Raises OSError."""


class LineLost(Exception):
    """The connection is gone, or can no longer be followed; `is_garbled`: for what came over it."""

    def __init__(self, reason: str, *, is_garbled: bool = False) -> None:
        super().__init__(reason)
        self.is_garbled = is_garbled


class Line(asyncio.Protocol):
    """`on_stray` hears of each frame that answers nothing."""

    def __init__(self, framing: Framing, on_stray: Callable[[], None]) -> None:
        self._is_tcp = framing is Framing.TCP
        self._stream = stream_of(framing)
        self._on_stray = on_stray
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._request: Request | None = None
        self._transaction = 0
        self._strays = 0
        self._lost: LineLost | None = None
        self.heard_s = 0.0
        """When the last byte came, by the loop's clock."""

    @property
    def is_open(self) -> bool:
        return self._lost is None and self._transport is not None and not self._transport.is_closing()

    @property
    def is_mid_frame(self) -> bool:
        return self._stream.pending > 0

    async def ask(self, request: Request) -> bytes:
        """Send a request; returns the PDU of its answer, exceptions of the device included.

        Waits for ever: the asker bounds it. Raises LineLost.
        """
        if self._lost is not None or self._transport is None:
            raise self._lost or LineLost("not connected")
        self._transaction = self._transaction % 0xFFFF + 1
        self._request = request
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(self._stream.wrap(request, self._transaction))
        try:
            return await self._answer
        finally:
            self._answer = self._request = None

    def drain(self) -> None:
        """Forget the bytes of frames that have not become whole."""
        if self._stream.clear():
            self._on_stray()

    def close(self, reason: str, *, is_garbled: bool = False) -> None:
        self._lose(LineLost(reason, is_garbled=is_garbled))
        if self._transport is not None:
            self._transport.abort()

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream's protocol
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self._lose(LineLost(str(error) if error else "the other end closed the connection"))

    def data_received(self, data: bytes) -> None:
        self.heard_s = asyncio.get_running_loop().time()
        try:
            frames = self._stream.take(data)
        except Garbled as error:
            self.close(str(error), is_garbled=True)
            return
        for frame in frames:
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        request, answer = self._request, self._answer
        is_ours = request is not None and (not self._is_tcp or frame.transaction == self._transaction)
        if request is not None and answer is not None and not answer.done() and is_ours:
            if request.is_answered_by(frame):
                self._strays = 0
                answer.set_result(frame.pdu)
                return
            if self._is_tcp:  # its number is right and the rest is not: nothing better will come
                answer.set_exception(LineLost("an answer of another unit, function or length", is_garbled=True))
                return
        self._on_stray()
        self._strays += 1
        if self._strays > MAX_STRAYS:
            self.close("answers to nothing without end", is_garbled=True)

    def _lose(self, lost: LineLost) -> None:
        if self._lost is None:
            self._lost = lost
            if self._answer is not None and not self._answer.done():
                self._answer.set_exception(lost)


def why_unreachable(error: Exception) -> str:
    """What keeps a bus from being connected, in words for whoever stands before it."""
    match error:
        case socket.gaierror():
            return "there is no host of this name"
        case TimeoutError():
            return "no connection in time: wrong address, or a firewall"
        case OSError(errno=number) if number in _REASONS:
            return _REASONS[number]
        case _:
            return str(error)


_REASONS: Final = {
    errno.ECONNREFUSED: "connection refused: the host is there, and nothing listens on this port",
    errno.EHOSTUNREACH: "no way to this host",
    errno.ENETUNREACH: "no way to its network",
    errno.ENOENT: "there is no such serial line",
    errno.EINVAL: "the serial line does not take this speed, parity or number of stop bits",
    errno.ENOTTY: "this is no serial line",
    errno.EACCES: "this user may not use the serial line; those of its group may, usually dialout",
    errno.EAGAIN: "another program uses the serial line",
    errno.EBUSY: "another program uses the serial line",
}


def connect_to(address: BusAddress) -> Connect:
    """How a bus is connected. The line of a serial port is locked for others."""

    async def tcp(make: Callable[[], Line]) -> asyncio.Transport:
        transport, _ = await asyncio.get_running_loop().create_connection(make, address.host, address.port)
        return transport

    async def serial(make: Callable[[], Line]) -> asyncio.Transport:
        # Here and not above: an agent without a serial line need not carry pymodbus and pyserial.
        import termios

        from pymodbus.transport.serialtransport import create_serial_connection

        try:
            transport, _ = await create_serial_connection(
                asyncio.get_running_loop(),
                make,
                address.line,
                baudrate=address.baud,
                bytesize=address.bits,
                parity=address.parity,
                stopbits=address.stop,
                timeout=0,
            )
        except termios.error as error:  # of what the line cannot be set to; no OSError, and pyserial lets it pass
            raise OSError(*error.args) from error
        await asyncio.sleep(0)  # it tells the line of itself in a later turn of the loop
        await asyncio.sleep(0)
        return transport

    return serial if address.transport is Transport.RTU else tcp
