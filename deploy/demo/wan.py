"""The wide-area network between an edge and its broker, as a TCP link on loopback that can be cut.

`cut()` resets what runs and every new connection. `cut(silent=True)` is the nastier fault: connections stay open and
new ones are taken, but every byte is swallowed both ways (a dead radio behind a NAT). `heal()` lets new connections
through again and resets those that lost bytes, as a real stack would find out in the end.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

CHUNK_BYTES: Final = 64 * 1024
CHUNKS_ON_THE_WAY: Final = 64
"""What one direction holds while `delay_s` passes; a sender with more is slowed down."""


@dataclass(slots=True)
class Traffic:
    """Bytes since the beginning: `up` to the broker, `down` to the edge, `swallowed` in a silent cut."""

    up: int = 0
    down: int = 0
    swallowed: int = 0
    connections: int = 0


class Wan:
    """Build it with `wan_link`."""

    def __init__(self, host: str, port: int, delay_s: float) -> None:
        self.traffic = Traffic()
        self.port = 0
        self._target = (host, port)
        self._delay_s = delay_s
        self._is_cut = False
        self._is_silent = False
        self._links: set[_Link] = set()

    @property
    def is_up(self) -> bool:
        return not self._is_cut

    @property
    def is_carrying(self) -> bool:
        """Is any connection open on the edge's side?"""
        return bool(self._links)

    def cut(self, *, silent: bool = False) -> None:
        """Break the link until `heal`."""
        self._is_cut, self._is_silent = True, silent
        if not silent:
            self._reset(self._links)

    def heal(self) -> None:
        """Let traffic through again."""
        self._is_cut = self._is_silent = False
        self._reset({link for link in self._links if link.has_lost_bytes})

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection to its end."""
        self.traffic.connections += 1
        link = _Link(self, writer)
        self._links.add(link)
        try:
            if self._is_cut and not self._is_silent:
                return
            if self._is_cut:
                await link.swallow(reader)
                return
            with contextlib.suppress(OSError):
                broker_reader, broker_writer = await asyncio.open_connection(*self._target)
                link.writers.append(broker_writer)
                await link.join((reader, writer), (broker_reader, broker_writer))
        finally:
            link.reset()
            self._links.discard(link)

    @property
    def is_swallowing(self) -> bool:
        return self._is_cut and self._is_silent

    @property
    def delay_s(self) -> float:
        return self._delay_s

    def _reset(self, links: set[_Link]) -> None:
        for link in list(links):
            link.reset()


class _Link:
    """One connection: both ways, each with its bytes on the way."""

    def __init__(self, wan: Wan, writer: asyncio.StreamWriter) -> None:
        self.writers = [writer]
        self.has_lost_bytes = False
        self._wan = wan
        self._is_over = asyncio.Event()

    def reset(self) -> None:
        """End it now, on both sides."""
        self._is_over.set()
        for writer in self.writers:
            writer.transport.abort()

    async def join(
        self,
        edge: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        broker: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        """Carry both ways until one of them ends or is reset."""
        up: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_ON_THE_WAY)
        down: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_ON_THE_WAY)
        async with asyncio.TaskGroup() as tasks:
            running = (
                tasks.create_task(self._take(edge[0], up)),
                tasks.create_task(self._take(broker[0], down)),
                tasks.create_task(self._deliver(up, broker[1], is_up=True)),
                tasks.create_task(self._deliver(down, edge[1], is_up=False)),
            )
            await self._is_over.wait()
            for task in running:
                task.cancel()

    async def swallow(self, reader: asyncio.StreamReader) -> None:
        """Take what comes and answer nothing."""
        self.has_lost_bytes = True
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                self._wan.traffic.swallowed += len(data)

    async def _take(self, reader: asyncio.StreamReader, chunks: asyncio.Queue[tuple[float, bytes]]) -> None:
        clock = asyncio.get_running_loop().time
        data = b"-"
        while data:
            try:
                data = await reader.read(CHUNK_BYTES)
            except OSError:
                data = b""
            await chunks.put((clock() + self._wan.delay_s, data))

    async def _deliver(
        self, chunks: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter, *, is_up: bool
    ) -> None:
        """Write what is due; the end of the stream ends the link, but in a silent cut that is lost as well."""
        clock = asyncio.get_running_loop().time
        while True:
            due_s, data = await chunks.get()
            if (wait_s := due_s - clock()) > 0:
                await asyncio.sleep(wait_s)
            if self._wan.is_swallowing:
                self.has_lost_bytes = True
                self._wan.traffic.swallowed += len(data)
                continue
            try:
                writer.write(data)
                await writer.drain()
            except OSError:
                data = b""
            if not data:
                self.reset()
                return
            if is_up:
                self._wan.traffic.up += len(data)
            else:
                self._wan.traffic.down += len(data)


@contextlib.asynccontextmanager
async def wan_link(to_host: str, to_port: int, *, port: int = 0, delay_s: float = 0.0) -> AsyncIterator[Wan]:
    """A link on loopback to a broker; `wan.port` is where the edge connects. `delay_s` is one way."""
    wan = Wan(to_host, to_port, delay_s)
    async with asyncio.TaskGroup() as links:
        running: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = links.create_task(wan.carry(reader, writer))
            running.add(task)
            task.add_done_callback(running.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", port)
        wan.port = server.sockets[0].getsockname()[1]
        try:
            yield wan
        finally:
            server.close()
            for task in list(running):
                task.cancel()
