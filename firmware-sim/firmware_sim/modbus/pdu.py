"""Modbus requests and answers as bytes, from the device's side (Modbus Application Protocol V1.1b3 §6). Pure."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from protocols.modbus.register import Table

MAX_READ_WORDS: Final = 125
MAX_READ_BITS: Final = 2000
_MAX_WRITE_WORDS: Final = 123
_MAX_WRITE_BITS: Final = 1968
_COIL_ON: Final = 0xFF00

_READS: Final = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}
_SINGLE_WRITES: Final = {5: Table.COIL, 6: Table.HOLDING}
_WRITES: Final = {15: Table.COIL, 16: Table.HOLDING}


class Refusal(IntEnum):
    """Exception codes (§7)."""

    ILLEGAL_FUNCTION = 1
    ILLEGAL_ADDRESS = 2
    ILLEGAL_VALUE = 3
    DEVICE_FAILURE = 4
    BUSY = 6
    GATEWAY_PATH = 10
    GATEWAY_TARGET = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Read `count` registers or bits from `address`, or write `words` there (bits as 0 and 1)."""

    function: int
    table: Table
    address: int
    count: int
    words: tuple[int, ...] = ()

    @property
    def is_write(self) -> bool:
        return self.function > 4

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + self.count


def parse(pdu: bytes) -> Request | Refusal:
    """A request, or the exception that it is answered with whatever the device is."""
    function = pdu[0] if pdu else 0
    if function not in (*_READS, *_SINGLE_WRITES, *_WRITES):
        return Refusal.ILLEGAL_FUNCTION
    if len(pdu) < 5:
        return Refusal.ILLEGAL_VALUE
    address, second = struct.unpack_from(">HH", pdu, 1)
    if function in _READS:
        return _read(function, address, second)
    if function in _SINGLE_WRITES:
        table = _SINGLE_WRITES[function]
        if table is Table.COIL and second not in (0, _COIL_ON):
            return Refusal.ILLEGAL_VALUE
        word = int(second == _COIL_ON) if table is Table.COIL else second
        return Request(function=function, table=table, address=address, count=1, words=(word,))
    return _write(function, address, second, pdu[5:])


def answer(request: Request, words: Sequence[int] = ()) -> bytes:
    """The answer to a request that was carried out; `words` are what was read."""
    head = bytes([request.function])
    if request.function in _READS:
        data = _packed_bits(words) if request.table.is_bits else struct.pack(f">{len(words)}H", *words)
        return head + bytes([len(data)]) + data
    if request.function in _SINGLE_WRITES:
        word = request.words[0] * _COIL_ON if request.table is Table.COIL else request.words[0]
        return head + struct.pack(">HH", request.address, word)
    return head + struct.pack(">HH", request.address, request.count)


def refused(pdu: bytes, refusal: Refusal) -> bytes:
    """The exception that answers the request `pdu`."""
    return bytes([(pdu[0] if pdu else 0) | 0x80, refusal])


def _read(function: int, address: int, count: int) -> Request | Refusal:
    table = _READS[function]
    if not 1 <= count <= (MAX_READ_BITS if table.is_bits else MAX_READ_WORDS):
        return Refusal.ILLEGAL_VALUE
    return Request(function=function, table=table, address=address, count=count)


def _write(function: int, address: int, count: int, rest: bytes) -> Request | Refusal:
    table = _WRITES[function]
    size = (count + 7) // 8 if table.is_bits else count * 2
    most = _MAX_WRITE_BITS if table.is_bits else _MAX_WRITE_WORDS
    if not 1 <= count <= most or len(rest) != size + 1 or rest[0] != size:
        return Refusal.ILLEGAL_VALUE
    if table.is_bits:
        words = tuple(rest[1 + bit // 8] >> bit % 8 & 1 for bit in range(count))
    else:
        words = struct.unpack(f">{count}H", rest[1:])
    return Request(function=function, table=table, address=address, count=count, words=words)


def _packed_bits(bits: Sequence[int]) -> bytes:
    packed = bytearray((len(bits) + 7) // 8)
    for index, bit in enumerate(bits):
        packed[index // 8] |= bit << index % 8
    return bytes(packed)
