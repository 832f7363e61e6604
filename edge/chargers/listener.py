"""The listening sockets: many connections a turn of the loop, and none beyond the files that the process may open."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections.abc import Callable
from typing import Final

FILES_KEPT: Final = 256
"""Of the files that the process may open, so many are left to the ledger, the uplink, the screens and the staff."""
ACCEPTS_PER_TURN: Final = 64
"""A boot storm is let in by handfuls, so that the stations already here get their answers between them."""
WAITING_IN_KERNEL: Final = 4096
RECEIVE_BUFFER_BYTES: Final = 256 * 1024
"""Bounds what one station can have waiting here; the longest message fits."""

_FULL: Final = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n"


class Listener(socket.socket):
    """A listening socket that turns away what is beyond the limit, before it costs anything.

    The kernel gives each new connection the lowest free file number, so the number tells how many files are open.
    """

    highest_file = 0
    on_full: Callable[[], None]

    def accept(self) -> tuple[socket.socket, object]:
        """See socket.socket.accept; asyncio goes on with the next connection after ConnectionAbortedError."""
        connection, address = super().accept()
        if connection.fileno() < self.highest_file:
            return connection, address
        with contextlib.suppress(OSError):
            connection.setblocking(False)
            connection.send(_FULL)
        connection.close()
        self.on_full()
        raise ConnectionAbortedError("no file is left for this connection")

    def listen(self, _backlog: int = 0, /) -> None:
        """asyncio takes its backlog for both, how many the kernel keeps and how many are accepted in one turn."""
        super().listen(WAITING_IN_KERNEL)


def raise_file_limit() -> int:
    """As many files as the system lets this process open; how many that is."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


async def listen(host: str, port: int, highest_file: int, on_full: Callable[[], None]) -> list[Listener]:
    """Listen on every address of the host, all with one port. Raises OSError when one cannot be bound."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listeners: list[Listener] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            chosen = (address[0], listeners[0].getsockname()[1] if listeners else port, *address[2:])
            listener = Listener(family, kind, protocol)
            listeners.append(listener)
            listener.highest_file, listener.on_full = highest_file, on_full
            listener.setblocking(False)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                listener.bind(chosen)
            except OSError as error:
                why = (error.strerror or "").lower()
                raise OSError(error.errno, f"cannot listen on {host}:{chosen[1]}: {why}") from None
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return listeners
