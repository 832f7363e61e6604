"""Hours in a moment: an event loop whose clock jumps to the next thing to do, and buses that are memory."""

from __future__ import annotations

import asyncio
import random
import selectors
import struct
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry

from edge.chargers.modbus.bus import Bus, BusTimes
from edge.chargers.modbus.frames import Framing, check_sum, framing_of
from edge.chargers.modbus.line import Line
from edge.chargers.modbus.modbus_metrics import ModbusMetrics
from protocols.modbus.bus_address import parse_address
from protocols.modbus.register import Table
from tests.edge.chargers.modbus.foreign import Image

T = TypeVar("T")


class _Jumping(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise AssertionError("nothing would ever happen any more")
        self.now_s += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s


def virtually(work: Coroutine[Any, Any, T]) -> T:
    """Run it on a clock of its own; for tests that are no coroutines."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


Request = tuple[int, int, bytes]
"""Unit, function and body."""
Answer = Callable[[Request], bytes | None]
"""A request to the PDU of its answer; None: there is none."""
Mischief = Callable[[bytes], list[tuple[float, bytes]]]
"""A whole frame to what comes over the wire, and after how many seconds."""


def prompt(frame: bytes) -> list[tuple[float, bytes]]:
    return [(0.01, frame)]


class MemoryTransport(asyncio.Transport):
    """The wire and what is behind it. A serial line keeps its order: what is late makes all behind it late."""

    def __init__(self, line: Line, framing: Framing, answer: Answer, mischief: Mischief) -> None:
        super().__init__()
        self._line = line
        self._framing = framing
        self._answer = answer
        self._mischief = mischief
        self._buffer = b""
        self._busy_until_s = 0.0
        self._is_closed = False
        line.connection_made(self)

    def write(self, data: bytes) -> None:
        self._buffer += data
        while (found := self._request()) is not None:
            transaction, request = found
            pdu = self._answer(request)
            if pdu is not None:
                self._send(self._wrapped(transaction, request[0], pdu))

    def _request(self) -> tuple[bytes, Request] | None:
        buffer = self._buffer
        if self._framing is Framing.TCP:
            if len(buffer) < 8 or len(buffer) < 6 + (length := int.from_bytes(buffer[4:6], "big")):
                return None
            self._buffer = buffer[6 + length :]
            return buffer[:2], (buffer[6], buffer[7], buffer[8 : 6 + length])
        size = 9 + buffer[6] if len(buffer) > 6 and buffer[1] in (15, 16) else 8
        if len(buffer) < size:
            return None
        assert check_sum(buffer[: size - 2]) == buffer[size - 2 : size]
        self._buffer = buffer[size:]
        return b"", (buffer[0], buffer[1], buffer[2 : size - 2])

    def _wrapped(self, transaction: bytes, unit_id: int, pdu: bytes) -> bytes:
        if self._framing is Framing.TCP:
            return transaction + struct.pack(">HHB", 0, len(pdu) + 1, unit_id) + pdu
        frame = bytes((unit_id,)) + pdu
        return frame + check_sum(frame)

    def _send(self, frame: bytes) -> None:
        loop = asyncio.get_running_loop()
        for delay_s, data in self._mischief(frame):
            at_s = loop.time() + delay_s
            if self._framing is Framing.RTU:
                at_s = self._busy_until_s = max(at_s, self._busy_until_s + 0.005)
            loop.call_at(at_s, self._deliver, data)

    def _deliver(self, data: bytes) -> None:
        if not self._is_closed:
            self._line.data_received(data)

    def is_closing(self) -> bool:
        return self._is_closed

    def abort(self) -> None:
        self._is_closed = True

    close = abort


def image_answers(*images: Image) -> Answer:
    """What devices with these images answer; a unit that nobody has does not answer."""

    def answer(request: Request) -> bytes | None:
        unit_id, function, body = request
        image = next((each for each in images if any(unit == unit_id for unit, _ in each.tables)), None)
        if image is None:
            return None
        return _answer(image, unit_id, function, body)

    return answer


def _answer(image: Image, unit_id: int, function: int, body: bytes) -> bytes:
    address, second = struct.unpack(">HH", body[:4])
    by_function = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT, 5: Table.COIL, 15: Table.COIL}
    table = image.tables.get((unit_id, by_function.get(function, Table.HOLDING)), {})
    if function in (1, 2, 3, 4):
        if any(address + offset not in table for offset in range(second)):
            return bytes((function | 0x80, 2))
        values = [table[address + offset] for offset in range(second)]
        if function <= 2:
            bits = sum(bool(value) << index for index, value in enumerate(values))
            data = bits.to_bytes((second + 7) // 8, "little")
        else:
            data = struct.pack(f">{second}H", *values)
        return bytes((function, len(data))) + data
    words = (second,) if function in (5, 6) else struct.unpack(f">{second}H", body[5:])
    if any(address + offset not in table for offset in range(len(words))):
        return bytes((function | 0x80, 2))
    image.writes.append((function, unit_id, address, tuple(words)))
    table.update(enumerate(words, address))
    image.on_write(unit_id, address, tuple(words))
    return bytes((function,)) + body[:4]


class MemoryBus:
    """A bus in memory; `connections` counts how often it was connected, `is_up` False refuses it."""

    def __init__(
        self,
        answer: Answer,
        mischief: Mischief = prompt,
        *,
        address: str = "tcp://memory:502",
        answer_s: float = 1.0,
        seed: int = 1,
    ) -> None:
        self.metrics = ModbusMetrics(CollectorRegistry())
        self.mischief = mischief
        self.answer = answer
        self.connections = 0
        self.attempts = 0
        self.is_up = True
        self.random = random.Random(seed)
        self.bus = Bus(
            parse_address(address),
            self.metrics,
            times=BusTimes(answer_s=answer_s),
            connect=self._connect,
            random=self.random.random,
        )

    async def _connect(self, make: Callable[[], Line]) -> asyncio.Transport:
        self.attempts += 1
        if not self.is_up:
            raise ConnectionRefusedError("refused")
        self.connections += 1
        return MemoryTransport(
            make(),
            framing_of(self.bus.address.transport),
            lambda request: self.answer(request),
            lambda frame: self.mischief(frame),
        )
