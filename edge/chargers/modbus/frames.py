"""Modbus frames (Application Protocol V1.1b3 §4 and §6, Messaging on TCP §3.1.3, Serial Line §2.5.1): pure bytes.

pymodbus finds the first frame of a buffer and takes it for the answer; here all that is known of the answer is checked
before a value is made of it: transaction, unit, function, length, and what a write echoes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from protocols.errors import WireError
from protocols.modbus.profile import Transport
from protocols.modbus.reads import Read
from protocols.modbus.register import Table
from protocols.modbus.setpoint import Write

MAX_PDU: Final = 253
_MBAP: Final = struct.Struct(">HHHB")
_MAX_BUFFER: Final = 1024
_ON: Final = 0xFF00


class Framing(StrEnum):
    """How a request is wrapped: with a header (TCP), or with a check sum (serial, and serial carried over TCP)."""

    TCP = "tcp"
    RTU = "rtu"


def framing_of(transport: Transport) -> Framing:
    return Framing.TCP if transport is Transport.TCP else Framing.RTU


class Garbled(WireError):
    """Bytes that are no Modbus; a TCP stream cannot be followed any further."""


class Frame(NamedTuple):
    """A frame that came. `transaction` None: RTU has none."""

    transaction: int | None
    unit_id: int
    pdu: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request, and what a good answer to it looks like: its body begins with `echo` and is `size` bytes long."""

    unit_id: int
    function: int
    body: bytes
    echo: bytes
    size: int

    @property
    def is_read(self) -> bool:
        return self.function <= 4

    def is_answered_by(self, frame: Frame) -> bool:
        """By a good answer or by an exception."""
        pdu = frame.pdu
        if frame.unit_id != self.unit_id:
            return False
        if pdu[0] == self.function | 0x80:
            return len(pdu) == 2
        return pdu[0] == self.function and len(pdu) == 1 + self.size and pdu.startswith(self.echo, 1)


def read_request(unit_id: int, table: Table, address: int, count: int) -> Request:
    """Ask for `count` words or bits."""
    size = (count + 7) // 8 if table.is_bits else 2 * count
    return Request(
        unit_id=unit_id,
        function=table.read_function,
        body=struct.pack(">HH", address, count),
        echo=bytes((size,)),
        size=1 + size,
    )


def write_request(write: Write) -> Request:
    """The request of a write, with the function code that the device takes (5, 6, 15 or 16)."""
    count = len(write.words)
    match write.function:
        case 5:
            body = echo = struct.pack(">HH", write.address, _ON if write.words[0] else 0)
        case 6:
            body = echo = struct.pack(">HH", write.address, write.words[0])
        case 15:
            bits = sum(bool(word) << index for index, word in enumerate(write.words))
            size = (count + 7) // 8
            echo = struct.pack(">HH", write.address, count)
            body = echo + bytes((size,)) + bits.to_bytes(size, "little")
        case 16:
            echo = struct.pack(">HH", write.address, count)
            body = echo + bytes((2 * count,)) + struct.pack(f">{count}H", *write.words)
        case other:
            raise ValueError(f"function {other} writes nothing")
    return Request(unit_id=write.unit_id, function=write.function, body=body, echo=echo, size=4)


def words_of(read: Read, pdu: bytes) -> list[int]:
    """The words or bits of a good answer to `read`."""
    data = pdu[2:]
    if read.table.is_bits:
        return [data[index // 8] >> index % 8 & 1 for index in range(read.count)]
    return list(struct.unpack(f">{read.count}H", data))


class Stream(Protocol):
    """One connection's framing: requests to bytes, and bytes, as they come, to frames."""

    def wrap(self, request: Request, transaction: int) -> bytes: ...

    def take(self, data: bytes) -> list[Frame]:
        """The frames that are whole now. Raises Garbled where the stream can no longer be followed."""
        ...

    @property
    def pending(self) -> int:
        """So many bytes have not become a frame yet."""
        ...

    def clear(self) -> int:
        """Forget those; returns how many they were."""
        ...


def stream_of(framing: Framing) -> Stream:
    return TcpStream() if framing is Framing.TCP else RtuStream()


class TcpStream:
    """Modbus TCP: a header with the transaction's number and the length."""

    def __init__(self) -> None:
        self._buffer = b""

    def wrap(self, request: Request, transaction: int) -> bytes:
        header = _MBAP.pack(transaction, 0, len(request.body) + 2, request.unit_id)
        return header + bytes((request.function,)) + request.body

    def take(self, data: bytes) -> list[Frame]:
        buffer, frames = self._buffer + data, []
        while len(buffer) >= _MBAP.size:
            transaction, protocol, length, unit_id = _MBAP.unpack_from(buffer)
            if protocol != 0 or not 3 <= length <= MAX_PDU + 1:
                raise Garbled(f"no Modbus TCP header: {buffer[:7].hex(' ')}")
            if len(buffer) < 6 + length:
                break
            frames.append(Frame(transaction, unit_id, buffer[7 : 6 + length]))
            buffer = buffer[6 + length :]
        self._buffer = buffer
        return frames

    @property
    def pending(self) -> int:
        return len(self._buffer)

    def clear(self) -> int:
        return 0  # half a frame is needed to find the next one


class RtuStream:
    """Modbus RTU: no beginning and no length, only a check sum. Noise around a frame is passed over."""

    def __init__(self) -> None:
        self._buffer = b""

    def wrap(self, request: Request, transaction: int) -> bytes:
        frame = bytes((request.unit_id, request.function)) + request.body
        return frame + check_sum(frame)

    def take(self, data: bytes) -> list[Frame]:
        buffer, frames, at = (self._buffer + data)[-_MAX_BUFFER:], [], 0
        while at + 5 <= len(buffer):
            end = at + _rtu_size(buffer, at)
            if at < end <= len(buffer) and check_sum(buffer[at : end - 2]) == buffer[end - 2 : end]:
                frames.append(Frame(None, buffer[at], buffer[at + 1 : end - 2]))
                buffer, at = buffer[end:], 0
            else:
                at += 1
        self._buffer = buffer
        return frames

    @property
    def pending(self) -> int:
        return len(self._buffer)

    def clear(self) -> int:
        left, self._buffer = len(self._buffer), b""
        return left


def _rtu_size(buffer: bytes, at: int) -> int:
    """How long the answer is that begins here, if one does; 0 where none can."""
    function = buffer[at + 1]
    if 0x80 < function <= 0x80 + 24:
        return 5
    if function in (1, 2, 3, 4):
        return 5 + buffer[at + 2]
    return 8 if function in (5, 6, 15, 16) else 0


def _crc_table() -> tuple[int, ...]:
    table = []
    for crc in range(256):
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_CRC: Final = _crc_table()


def check_sum(data: bytes) -> bytes:
    """CRC-16/MODBUS, low byte first (Serial Line §2.5.1.2)."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc.to_bytes(2, "little")
