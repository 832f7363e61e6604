"""A way between a client and its MQTT broker that mistreats what travels on it, packet by packet.

TCP keeps bytes in order; a broker that is restarted, bridged or overrun does not keep messages so. The way therefore
reads MQTT's packets (3.1.1, §2.2; of 5.0 the same parts) and delays, repeats, reorders and loses whole PUBLISHes of
QoS 1. It may keep to the rules (what is repeated has DUP set and the same packet identifier, what is lost is never
confirmed) or break them: a lost message is then confirmed in the broker's name.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Final

PUBLISH: Final = 3
PUBACK: Final = b"\x40\x02"
DUP: Final = 0x08
MAX_LENGTH_BYTES: Final = 4
PACKETS_ON_THE_WAY: Final = 1_000
"""Of one direction; who sends more is slowed down."""


class Direction(Enum):
    UP = "up"
    DOWN = "down"


@dataclass(slots=True)
class Weather:
    """How bad the way is. The shares are of PUBLISH packets with QoS 1, in both directions."""

    delay_s: tuple[float, float] = (0.0, 0.0)
    repeated: float = 0.0
    overtaken: float = 0.0
    """Held back until `late_s` later, while what follows goes on."""
    late_s: float = 0.5
    lost: float = 0.0
    """Against the rules: the sender gets its PUBACK."""
    stalled: float = 0.0
    """Everything behind it waits, as behind a lost TCP segment."""
    stall_s: float = 1.0
    swallows: frozenset[Direction] = frozenset()
    """Directions in which every byte is lost, and nobody hears of it."""
    rewrite: Callable[[bytes], bytes] | None = None
    """What becomes of the payload of a PUBLISH of QoS 1 that the client sends: how another version would say it."""


@dataclass(slots=True)
class Way:
    """Build it with `a_way`. `weather` may be changed at any time; `counts` says what was done."""

    target: tuple[str, int]
    random: Random
    weather: Weather = field(default_factory=Weather)
    port: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    _links: set[_Link] = field(default_factory=set)

    def heal(self) -> None:
        """Good weather; connections that have lost bytes end, as they would."""
        self.weather = Weather()
        for link in [each for each in self._links if each.has_lost_bytes]:
            link.reset()

    def reset(self) -> None:
        """Every connection breaks, and both ends know."""
        for link in list(self._links):
            link.reset()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        self.counts["connections"] += 1
        try:
            there = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(self, (reader, writer), there)
        self._links.add(link)
        try:
            await link.run()
        finally:
            link.reset()
            self._links.discard(link)


class _Link:
    """One connection through the way."""

    def __init__(
        self,
        way: Way,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        broker: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.has_lost_bytes = False
        self._way = way
        self._readers = {Direction.UP: client[0], Direction.DOWN: broker[0]}
        self._writers = {Direction.UP: broker[1], Direction.DOWN: client[1]}
        self._is_over = asyncio.Event()

    def reset(self) -> None:
        self._is_over.set()
        for writer in self._writers.values():
            writer.transport.abort()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(self._carry(tasks, direction)) for direction in Direction]
            await self._is_over.wait()
            for task in running:
                task.cancel()

    async def _carry(self, tasks: asyncio.TaskGroup, direction: Direction) -> None:
        """All packets of a direction, until its end ends the link."""
        packets: asyncio.Queue[bytes] = asyncio.Queue(PACKETS_ON_THE_WAY)  # full: its sender is not read from
        delivering = tasks.create_task(self._deliver(packets, direction))
        try:
            while True:
                await packets.put(await read_packet(self._readers[direction]))
        except (OSError, asyncio.IncompleteReadError):
            if direction not in self._way.weather.swallows:
                self.reset()
        finally:
            delivering.cancel()

    async def _deliver(self, packets: asyncio.Queue[bytes], direction: Direction) -> None:
        way = self._way
        while True:
            packet = await packets.get()
            weather = way.weather
            if (delay_s := way.random.uniform(*weather.delay_s)) > 0:
                await asyncio.sleep(delay_s)
            if (number := packet_identifier(packet)) is None:
                self._write(packet, direction)
                continue
            if weather.rewrite is not None and direction is Direction.UP:
                packet = rewritten(packet, weather.rewrite)
            if self._happens(weather.lost, "lost"):
                other = Direction.UP if direction is Direction.DOWN else Direction.DOWN
                self._write(PUBACK + number, other)
            elif self._happens(weather.overtaken, "overtaken"):
                asyncio.get_running_loop().call_later(weather.late_s, self._write, packet, direction)
            else:
                if self._happens(weather.stalled, "stalled"):
                    await asyncio.sleep(weather.stall_s)
                self._write(packet, direction)
                if self._happens(weather.repeated, "repeated"):
                    self._write(bytes([packet[0] | DUP]) + packet[1:], direction)

    def _write(self, packet: bytes, direction: Direction) -> None:
        writer = self._writers[direction]
        if direction in self._way.weather.swallows:
            self.has_lost_bytes = True
            self._way.counts["swallowed"] += len(packet)
        elif not writer.transport.is_closing():
            writer.write(packet)

    def _happens(self, share: float, what: str) -> bool:
        happens = share > 0 and self._way.random.random() < share
        self._way.counts[what] += happens
        return happens


async def read_packet(reader: asyncio.StreamReader) -> bytes:
    """One whole control packet: its fixed header and what that announces (MQTT 3.1.1 §2.2.3)."""
    packet = bytearray(await reader.readexactly(1))
    length = 0
    for place in range(MAX_LENGTH_BYTES):
        packet += await reader.readexactly(1)
        length |= (packet[-1] & 0x7F) << 7 * place
        if not packet[-1] & 0x80:
            break
    return bytes(packet + await reader.readexactly(length))


def packet_identifier(packet: bytes) -> bytes | None:
    """Of a PUBLISH with QoS 1 (MQTT 3.1.1 §3.3.2.2); None for any other packet."""
    if packet[0] >> 4 != PUBLISH or not packet[0] & 0x06:
        return None
    ends = _topic_ends(packet)
    return packet[ends : ends + 2]


def rewritten(packet: bytes, rewrite: Callable[[bytes], bytes]) -> bytes:
    """A PUBLISH of QoS 1 (MQTT 3.1.1) with another payload."""
    payload_begins = _topic_ends(packet) + 2
    body = packet[_header_ends(packet) : payload_begins] + rewrite(packet[payload_begins:])
    length, left = bytearray(), len(body)
    while not length or left:
        length.append(left & 0x7F | (0x80 if left > 0x7F else 0))
        left >>= 7
    return packet[:1] + bytes(length) + body


def _header_ends(packet: bytes) -> int:
    return next(place for place in range(1, 1 + MAX_LENGTH_BYTES) if not packet[place] & 0x80) + 1


def _topic_ends(packet: bytes) -> int:
    begins = _header_ends(packet)
    return begins + 2 + int.from_bytes(packet[begins : begins + 2], "big")


@contextlib.asynccontextmanager
async def a_way(host: str, port: int, seed: int) -> AsyncIterator[Way]:
    """A way on loopback to a broker; a client connects to `way.port`."""
    way = Way((host, port), Random(seed))
    async with asyncio.TaskGroup() as links:
        running: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = links.create_task(way.carry(reader, writer))
            running.add(task)
            task.add_done_callback(running.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        way.port = server.sockets[0].getsockname()[1]
        try:
            yield way
        finally:
            server.close()
            for task in list(running):
                task.cancel()
