"""Somebody whom both boxes see as long as they are not cut off: a gateway, a switch, a server on the same network."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import time
from dataclasses import dataclass
from typing import Final

PATIENCE_S: Final = 0.3
TRIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Asked for an echo (ICMP), or, with a port, by TCP: a refusal is an answer, too."""

    host: str
    port: int | None = None

    async def is_there(self) -> bool:
        for _ in range(TRIES):
            if await (self._echoes() if self.port is None else self._connects(self.port)):
                return True
        return False

    async def _connects(self, port: int) -> bool:
        try:
            async with asyncio.timeout(PATIENCE_S):
                _, writer = await asyncio.open_connection(self.host, port)
        except ConnectionRefusedError:
            return True
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    async def _echoes(self) -> bool:
        try:
            return await asyncio.to_thread(echoes, self.host)
        except OSError:
            return False


def echoes(host: str) -> bool:
    """Raises OSError where this may not be asked (net.ipv4.ping_group_range, or CAP_NET_RAW)."""
    kind = socket.SOCK_DGRAM
    try:
        asking = socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP)
    except PermissionError:
        kind = socket.SOCK_RAW
        asking = socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP)
    content = os.urandom(16)
    with asking:
        head = struct.pack(">BBHHH", 8, 0, 0, os.getpid() & 0xFFFF, 1)
        head = struct.pack(">BBHHH", 8, 0, _checksum(head + content), os.getpid() & 0xFFFF, 1)
        asking.connect((host, 0))
        asking.send(head + content)
        ends_s = time.monotonic() + PATIENCE_S
        while (left_s := ends_s - time.monotonic()) > 0:
            asking.settimeout(left_s)
            try:
                answer = asking.recv(256)
            except TimeoutError:
                return False
            if kind is socket.SOCK_RAW:
                answer = answer[(answer[0] & 0xF) * 4 :]
            if answer[:1] == b"\0" and answer[8:] == content:
                return True
    return False


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
