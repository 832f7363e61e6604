"""The client's side of RFC 6455, as little of it as a load driver needs: it shall cost nothing beside the server."""

from __future__ import annotations

import struct
from base64 import b64encode
from dataclasses import dataclass
from typing import Final

TEXT: Final = 0x81
CLOSE: Final = 0x88
PING: Final = 0x89
PONG: Final = 0x8A

_MASKED: Final = 0x80
_NO_MASK: Final = b"\0\0\0\0"
"""A masking key of zeros is as good as any (§5.3): the server does the same work, and we do none."""
_KEY: Final = b64encode(bytes(16)).decode()


@dataclass(frozen=True, slots=True)
class Handshake:
    """The opening of connections to one server; `path` ends where the charging station's id begins."""

    host: str
    port: int
    path: str = "/"

    def request(self, station_id: str, password: str, subprotocol: str) -> bytes:
        """The opening handshake (§4.1), HTTP Basic as in OCPP security profile 1; no extensions are offered."""
        authorization = b64encode(f"{station_id}:{password}".encode()).decode()
        return (
            f"GET {self.path}{station_id} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {_KEY}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {subprotocol}\r\nAuthorization: Basic {authorization}\r\n\r\n"
        ).encode()


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """One unfragmented frame from a client."""
    length = len(payload)
    if length < 126:
        return bytes((opcode, _MASKED | length)) + _NO_MASK + payload
    if length < 65536:
        return struct.pack("!BBH", opcode, _MASKED | 126, length) + _NO_MASK + payload
    return struct.pack("!BBQ", opcode, _MASKED | 127, length) + _NO_MASK + payload


def unframe(data: bytes) -> tuple[int, bytes, bytes] | None:
    """The first frame of what a server sent: opcode, payload, the rest. None while it is incomplete."""
    if len(data) < 2:
        return None
    begin, length = 2, data[1]
    if length == 126:
        begin, length = 4, int.from_bytes(data[2:4])
    elif length == 127:
        begin, length = 10, int.from_bytes(data[2:10])
    end = begin + length
    if len(data) < max(begin, end):
        return None
    return data[0], data[begin:end], data[end:]
