"""Where masters connect: a TCP port that speaks Modbus TCP or RTU, and a pseudo-terminal that speaks RTU."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from firmware_sim.modbus.conversation import Answering, Conversation
from firmware_sim.modbus.frames import Framing, MbapFraming, RtuFraming
from protocols.modbus.profile import Transport

_CHUNK_BYTES: Final = 4096


class TcpLine:
    """A port. `most` masters are let in, others are closed at once; one that is silent for `idle_close_s` is closed."""

    def __init__(
        self,
        devices: Sequence[Answering],
        transport: Transport,
        most: int | None = None,
        idle_close_s: float | None = None,
        baud: int | None = None,
    ) -> None:
        self.devices = tuple(devices)
        self.make_framing: Callable[[], Framing] = MbapFraming if transport is Transport.TCP else RtuFraming
        self.most = most
        self.idle_close_s = idle_close_s
        self.baud = baud
        self.connections: set[_Connection] = set()
        self.turned_away = 0

    @property
    def is_full(self) -> bool:
        return self.most is not None and len(self.connections) >= self.most

    def cut(self) -> None:
        """Close all connections, without a good-bye."""
        for connection in tuple(self.connections):
            connection.abort()


class _Connection(asyncio.Protocol):
    """One master's."""

    def __init__(self, line: TcpLine) -> None:
        self._line = line
        self._transport: asyncio.Transport | None = None
        self._conversation: Conversation | None = None
        self._idle: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a stream is expected")
        self._transport = transport
        if self._line.is_full:
            self._line.turned_away += 1
            transport.abort()
            return
        self._line.connections.add(self)
        self._conversation = Conversation(
            self._line.devices, self._line.make_framing(), transport.write, self.abort, self._line.baud
        )
        self._watch_idleness()

    def data_received(self, data: bytes) -> None:
        if self._conversation is not None:
            self._conversation.received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._line.connections.discard(self)
        if self._idle is not None:
            self._idle.cancel()
        if self._conversation is not None:
            self._conversation.end()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _watch_idleness(self) -> None:
        limit_s, conversation = self._line.idle_close_s, self._conversation
        if limit_s is None or conversation is None:
            return
        loop = asyncio.get_running_loop()
        left_s = conversation.heard_at + limit_s - loop.time()
        if left_s <= 0:
            self.abort()
        else:
            self._idle = loop.call_later(left_s, self._watch_idleness)


@asynccontextmanager
async def listening(line: TcpLine, host: str, port: int) -> AsyncIterator[int]:
    """The port, while it is open; 0 takes a free one. Raises OSError where it is taken."""
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(line), host, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        line.cut()
        await server.wait_closed()


@asynccontextmanager
async def pseudo_terminal(devices: Sequence[Answering], baud: int | None = None) -> AsyncIterator[str]:
    """The path of a serial line with these devices on it, while it is there."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    loop = asyncio.get_running_loop()

    def send(data: bytes) -> None:
        with suppress(BlockingIOError):  # nobody reads: on a line it would be lost as well
            os.write(ours, data)

    conversation = Conversation(devices, RtuFraming(), send, lambda: None, baud)
    loop.add_reader(ours, lambda: conversation.received(os.read(ours, _CHUNK_BYTES)))
    try:
        yield os.ttyname(theirs)
    finally:
        loop.remove_reader(ours)
        conversation.end()
        os.close(ours)
        os.close(theirs)
