"""The other end of the Modbus benchmarks: meters whose registers never change, as fast as a socket, or as slow as a
serial line is.

    python -m tests.bench.modbus_devices PLAN      prints where they are, as JSON: {"ports": [...], "line": PATH}
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
import tty
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

from firmware_sim.modbus.frames import Frame, RtuFraming

BITS_PER_CHARACTER: Final = 11
"""Start, eight data bits, and parity and a stop or two stops (Modbus over Serial Line V1.02 §2.5.1)."""
GAP_CHARACTERS: Final = 3.5
_MBAP_BYTES: Final = 6
_READ_BYTES: Final = 8
"""Of an RTU frame that asks for registers."""
_USUAL: Final = 230.0
_OTHERS: Final = MappingProxyType({19044: 0.98, 19046: 0.98, 19048: 0.98, 19050: 50.0})
"""Power factors and the frequency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicesPlan:
    """`ports` devices with a TCP port each; with `baud` a line, whose units all answer."""

    ports: int = 0
    baud: int | None = None


@cache
def answer_to(pdu: bytes) -> bytes:
    """The PDU of the answer to a read of whole values."""
    function, address, count = struct.unpack(">BHH", pdu)
    values = [_OTHERS.get(at, _USUAL) for at in range(address, address + count, 2)]
    return struct.pack(f">BB{len(values)}f", function, 2 * count, *values)


class Meter(asyncio.Protocol):
    """Modbus TCP."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a stream is expected")
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data
        while len(buffer) >= _MBAP_BYTES and len(buffer) >= (end := _MBAP_BYTES + int.from_bytes(buffer[4:6], "big")):
            pdu = answer_to(buffer[7:end])
            if self._transport is not None:
                self._transport.write(buffer[:4] + struct.pack(">HB", len(pdu) + 1, buffer[6]) + pdu)
            buffer = buffer[end:]
        self._buffer = buffer


class Line:
    """The end of a pseudo-terminal at which the devices are. What is asked and answered takes the time of a wire."""

    def __init__(self, end: int, baud: int) -> None:
        self._end = end
        self._character_s = BITS_PER_CHARACTER / baud
        self._buffer = b""

    def readable(self) -> None:
        self._buffer += os.read(self._end, 4096)
        loop = asyncio.get_running_loop()
        while len(self._buffer) >= _READ_BYTES:
            asked, self._buffer = self._buffer[:_READ_BYTES], self._buffer[_READ_BYTES:]
            answer = RtuFraming().wrap(Frame(unit_id=asked[0], pdu=answer_to(asked[1:6])))
            under_way_s = (_READ_BYTES + GAP_CHARACTERS + len(answer)) * self._character_s
            loop.call_at(loop.time() + under_way_s, os.write, self._end, answer)


async def main(plan: DevicesPlan) -> None:
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(Meter, "127.0.0.1", 0) for _ in range(plan.ports)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    path = ""
    if plan.baud is not None:
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        path = os.ttyname(theirs)
        loop.add_reader(ours, Line(ours, plan.baud).readable)
    print(json.dumps({"ports": ports, "line": path}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(DevicesPlan(**json.loads(sys.argv[1]))))
