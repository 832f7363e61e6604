"""The sockets of a fleet on one epoll: opening, sending, reading, and what every OCPP-J client does by itself."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable
from typing import Final, Protocol

from firmware_sim.load import websocket
from firmware_sim.load.plan import STATIONS_PER_ADDRESS, Plan
from firmware_sim.load.station import FAR, Message, Station

_BIND_ADDRESS_NO_PORT: Final = 24
"""Of Linux: the port is chosen at connect, so that every destination has all ports to itself."""
_ANSWERS: Final = {
    "GetConfiguration": {"configurationKey": [], "unknownKey": []},
    "ChangeConfiguration": {"status": "NotSupported"},
    "GetBaseReport": {"status": "NotSupported"},
    "TriggerMessage": {"status": "NotImplemented"},
    "DataTransfer": {"status": "UnknownVendorId"},
}
"""What a fleet's stations know of a server's requests; all others are answered NotSupported."""


class Line:
    """A station and its socket; `message` is under way, `timer_ns` when it will be woken."""

    __slots__ = (
        "buffer",
        "idle_ns",
        "is_open",
        "message",
        "opening_ns",
        "returns_ns",
        "said",
        "sent_ns",
        "sock",
        "station",
        "timer_ns",
    )

    def __init__(self, station: Station) -> None:
        self.station = station
        self.sock: socket.socket | None = None
        self.is_open = False
        self.buffer = b""
        self.message: Message | None = None
        self.timer_ns = FAR
        self.sent_ns = 0
        self.opening_ns = 0
        """Since when a connection is being opened; 0 when none is."""
        self.idle_ns = 0
        """Since when it has nothing under way: what fell due before was the server's delay, not ours."""
        self.returns_ns = 0
        """When it was to be back in the storm, until all has been told; 0 otherwise."""
        self.said = 0


class Listener(Protocol):
    """Who is told what the lines hear."""

    def opened(self, line: Line) -> None: ...
    def heard(self, line: Line, kind: bytes, answer: bytes) -> None: ...
    def lost(self, line: Line, why: str) -> None: ...


class Lines:
    """All sockets of a process."""

    def __init__(self, plan: Plan, listener: Listener) -> None:
        self._plan = plan
        self._listener = listener
        self._handshake = websocket.Handshake(plan.host, plan.port, plan.path)
        self._epoll = select.epoll()
        self._lines: dict[int, Line] = {}
        self._watched: dict[int, Callable[[], None]] = {}
        self.asked: dict[str, int] = {}

    def watch(self, fd: int, on_input: Callable[[], None]) -> None:
        """Call `on_input` whenever there is something to read."""
        self._watched[fd] = on_input
        self._epoll.register(fd, select.EPOLLIN)

    def open(self, line: Line) -> None:
        """Begin to connect."""
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sock, line.buffer, line.opening_ns = sock, b"", time.monotonic_ns()
        self._lines[sock.fileno()] = line
        self._epoll.register(sock.fileno(), select.EPOLLOUT)
        try:
            if self._plan.is_loopback:
                sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
                address = 2 + (line.station.traits.number - 1) // STATIONS_PER_ADDRESS
                sock.bind((f"127.0.0.{address}", 0))
            sock.connect((self._plan.host, self._plan.port))
        except BlockingIOError:
            pass  # under way
        except OSError as error:
            self._lose(line, f"connect: {error.strerror}")

    def say(self, line: Line) -> None:
        """Send the line's message."""
        message = line.message
        if message is None:
            return
        line.said += 1
        ids = (line.said, line.station.traits.number)
        action = message.action.partition(" ")[0].encode()
        self._send(line, websocket.frame(b'[2,"%08x-0000-4000-8000-%012x","%b",%b]' % (*ids, action, message.payload)))

    def drop(self, line: Line) -> None:
        """Close the socket without a word."""
        if line.sock is not None:
            del self._lines[line.sock.fileno()]
            line.sock.close()
        line.sock, line.is_open, line.buffer, line.opening_ns = None, False, b"", 0

    def close_all(self, lines: list[Line]) -> None:
        """Say goodbye (1000) and close."""
        for line in lines:
            if line.sock is not None and line.is_open:
                try:
                    line.sock.send(websocket.frame(b"\x03\xe8", websocket.CLOSE))
                except OSError:
                    continue
                finally:
                    self.drop(line)

    def turn(self, timeout_s: float) -> None:
        """Let happen what wants to happen."""
        # epoll waits in whole ms, select in µs; of the thousands of sockets select sees the one epoll alone.
        select.select((self._epoll,), (), (), timeout_s)
        for fd, event in self._epoll.poll(0):
            line = self._lines.get(fd)
            if line is None:
                if fd in self._watched:
                    self._watched[fd]()
                continue
            if event & select.EPOLLIN:
                self._hear(line)
            elif event & (select.EPOLLERR | select.EPOLLHUP):
                self._lose(line, "connection failed")
            else:
                self._epoll.modify(fd, select.EPOLLIN)
                traits = line.station.traits
                password = self._plan.identities.password_of(traits.station_id)
                self._send(line, self._handshake.request(traits.station_id, password, traits.version))

    def _send(self, line: Line, data: bytes) -> None:
        if line.sock is None:
            return
        try:
            # One message is under way at a time, so that a kernel's buffer can always take it whole.
            if line.sock.send(data) == len(data):
                return
            why = "the server does not read"
        except BlockingIOError:
            why = "the server does not read"
        except OSError as error:
            why = f"send: {error.strerror}"
        self._lose(line, why)

    def _lose(self, line: Line, why: str) -> None:
        self.drop(line)
        self._listener.lost(line, why)

    def _hear(self, line: Line) -> None:
        sock = line.sock
        if sock is None:
            return
        try:
            data = sock.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(line, f"receive: {error.strerror}")
            return
        if not data:
            self._lose(line, "closed by the server")
            return
        if line.buffer:
            data = line.buffer + data
        if not line.is_open:
            head, end, rest = data.partition(b"\r\n\r\n")
            if not end:
                line.buffer = data
                return
            status = head.partition(b"\r\n")[0]
            if b" 101 " not in status:
                self._lose(line, f"refused: {status.decode(errors='replace')[:60]}")
                return
            line.is_open, line.opening_ns, data = True, 0, rest
            self._listener.opened(line)
        while line.sock is sock and (found := websocket.unframe(data)) is not None:
            opcode, payload, data = found
            self._take(line, opcode, payload)
        if line.sock is sock:
            line.buffer = data

    def _take(self, line: Line, opcode: int, payload: bytes) -> None:
        match opcode:
            case websocket.TEXT:
                kind = payload[1:2]
                if kind == b"2":
                    self._answer(line, payload)
                else:
                    self._listener.heard(line, kind, payload)
            case websocket.PING:
                self._send(line, websocket.frame(payload, websocket.PONG))
            case websocket.PONG:
                pass
            case websocket.CLOSE:
                code = int.from_bytes(payload[:2])
                self._lose(line, f"closed by the server: {code} {payload[2:].decode(errors='replace')}")
            case _:
                self._lose(line, f"unexpected opcode {opcode:#x}")

    def _answer(self, line: Line, payload: bytes) -> None:
        """The server asks."""
        try:
            _, message_id, action, *_ = json.loads(payload)
        except ValueError:
            self._lose(line, "unreadable request")
            return
        self.asked[action] = self.asked.get(action, 0) + 1
        known = _ANSWERS.get(action)
        answer = [4, message_id, "NotSupported", "", {}] if known is None else [3, message_id, known]
        self._send(line, websocket.frame(json.dumps(answer).encode()))
