"""Requests cut out of a stream of bytes, and answers put into frames: MBAP over TCP, RTU over serial lines. Pure.

MBAP: Modbus Messaging on TCP/IP V1.0b §3.1.3. RTU: Modbus over Serial Line V1.02 §2.5.1.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple, Protocol

_MBAP_BYTES: Final = 7
_MAX_PDU_BYTES: Final = 253
_CRC_SEED: Final = 0xFFFF
_CRC_POLYNOMIAL: Final = 0xA001
_FIXED_REQUEST_BYTES: Final = 8
_COUNTED_REQUEST_BYTES: Final = 9


class Frame(NamedTuple):
    """A request or an answer: `transaction` is MBAP's number and 0 where there is none."""

    unit_id: int
    pdu: bytes
    transaction: int = 0


class Framing(Protocol):
    """How requests stand in a stream. Takes bytes as they come and gives the requests that are complete."""

    @property
    def answers_for_others(self) -> bool:
        """Whether a unit that is not there is answered for (a gateway does) or nobody answers (on a serial line)."""
        ...

    def feed(self, data: bytes) -> list[Frame]: ...

    def wrap(self, frame: Frame) -> bytes: ...

    def fall_silent(self) -> None:
        """Nothing has come for a while: what is incomplete is thrown away."""
        ...


class MbapFraming:
    """Modbus TCP."""

    answers_for_others = True

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The complete requests. Raises ValueError for what is no Modbus TCP: the connection is to be closed."""
        self._buffer += data
        frames = []
        while len(self._buffer) >= _MBAP_BYTES:
            transaction, protocol, length, unit_id = struct.unpack_from(">HHHB", self._buffer)
            if protocol != 0 or not 2 <= length <= _MAX_PDU_BYTES + 1:
                raise ValueError("no Modbus TCP header")
            if len(self._buffer) < length + 6:
                break
            frames.append(Frame(unit_id, bytes(self._buffer[_MBAP_BYTES : length + 6]), transaction))
            del self._buffer[: length + 6]
        return frames

    def wrap(self, frame: Frame) -> bytes:
        return struct.pack(">HHHB", frame.transaction, 0, len(frame.pdu) + 1, frame.unit_id) + frame.pdu

    def fall_silent(self) -> None:
        """TCP loses nothing: the rest will come."""


class RtuFraming:
    """Modbus RTU, over a serial line or over TCP. A request ends where its function code says that it ends."""

    answers_for_others = False

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The complete requests with a right check sum; from the first wrong one on all is thrown away."""
        self._buffer += data
        frames = []
        while (size := self._request_bytes()) is not None and len(self._buffer) >= size:
            whole = bytes(self._buffer[:size])
            del self._buffer[:size]
            if crc16(whole) != 0:
                self._buffer.clear()
                break
            frames.append(Frame(whole[0], whole[1:-2]))
        return frames

    def wrap(self, frame: Frame) -> bytes:
        body = bytes([frame.unit_id]) + frame.pdu
        return body + struct.pack("<H", crc16(body))

    def fall_silent(self) -> None:
        self._buffer.clear()

    def _request_bytes(self) -> int | None:
        if len(self._buffer) < 2:
            return None
        if self._buffer[1] not in (15, 16):
            return _FIXED_REQUEST_BYTES
        return None if len(self._buffer) < 7 else _COUNTED_REQUEST_BYTES + self._buffer[6]


def crc16(data: bytes) -> int:
    """The check sum of RTU; 0 over a frame that ends with its own."""
    crc = _CRC_SEED
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_CRC_POLYNOMIAL if crc & 1 else 0)
    return crc
