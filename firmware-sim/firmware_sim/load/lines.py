"""The sockets of a fleet on one epoll: opening, sending, reading, and what every OCPP-J client does by itself.

As light as a server: an edge-triggered event, one read, one write; what nearly always comes, one whole short answer, is
recognised by four bytes.
"""

from __future__ import annotations

import json
import os
import select
import socket
import time
from collections.abc import Callable
from functools import cache
from typing import Final, Protocol

from firmware_sim.load import websocket
from firmware_sim.load.plan import STATIONS_PER_ADDRESS, Plan
from firmware_sim.load.station import FAR, Message, Station

_IP_BIND_ADDRESS_NO_PORT: Final = 24
"""Of Linux: the port is chosen at connect, so that every destination has all ports to itself."""
_LISTENING: Final = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
_READ_BYTES: Final = 4_096
_HEADER_BYTES: Final = 2
_RESULT: Final = ord("3")
"""The first byte of a CALLRESULT after `[`."""
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
        "asked",
        "buffer",
        "id_tail",
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
        self.asked = b""
        """The message id under way."""
        self.id_tail = b"-0000-4000-8000-%012x" % station.traits.number
        """Of its message ids, which are as long as the UUIDs that chargers use."""


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
        self._handshakes = [websocket.Handshake(target.host, target.port, target.path) for target in plan.targets]
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
        number = line.station.traits.number
        target = self._plan.targets[self._plan.target_of(number)]
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sock, line.buffer, line.opening_ns = sock, b"", time.monotonic_ns()
        self._lines[sock.fileno()] = line
        self._epoll.register(sock.fileno(), select.EPOLLOUT)
        try:
            if target.is_loopback:
                sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
                sock.bind((f"127.0.0.{2 + (number - 1) // STATIONS_PER_ADDRESS}", 0))
            sock.connect((target.host, target.port))
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
        line.asked = b"%08x%b" % (line.said, line.id_tail)
        self._send(
            line, websocket.frame(b'[2,"%b","%b",%b]' % (line.asked, _wire_name(message.action), message.payload))
        )

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

    def wait(self, timeout_s: float) -> None:
        """Until something wants to happen."""
        # epoll waits in whole ms, select in µs; of the thousands of sockets select sees the one epoll alone.
        select.select((self._epoll,), (), (), timeout_s)

    def turn(self) -> None:
        """Let it happen."""
        lines, heard = self._lines, self._listener.heard
        for fd, event in self._epoll.poll(0):
            line = lines.get(fd)
            if line is None:
                if fd in self._watched:
                    self._watched[fd]()
                continue
            if event != select.EPOLLIN or not line.is_open or (sock := line.sock) is None:
                self._see(line, event)
                continue
            try:
                data = sock.recv(_READ_BYTES)
            except OSError as error:
                self._lose(line, f"receive: {error.strerror}")
                continue
            size = len(data)
            if (
                size > 4
                and data[3] == _RESULT
                and data[1] == size - _HEADER_BYTES
                and data[0] == websocket.TEXT
                and not line.buffer
            ):
                heard(line, b"3", data)
            else:
                self._digest(line, sock, data)

    def _see(self, line: Line, event: int) -> None:
        """While it connects, and when the connection ends."""
        sock = line.sock
        if sock is None:
            return
        if event & select.EPOLLIN:
            try:
                data = sock.recv(_READ_BYTES)
            except OSError as error:
                self._lose(line, f"receive: {error.strerror}")
            else:
                self._digest(line, sock, data)
        elif event & (select.EPOLLERR | select.EPOLLHUP):
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self._lose(line, os.strerror(code) if code else "connection failed")
        else:
            self._epoll.modify(sock.fileno(), _LISTENING)
            traits = line.station.traits
            handshake = self._handshakes[self._plan.target_of(traits.number)]
            password = self._plan.identities.password_of(traits.station_id)
            self._send(line, handshake.request(traits.station_id, password, traits.version))

    def _send(self, line: Line, data: bytes) -> None:
        if (sock := line.sock) is None:
            return
        try:
            # One message is under way at a time, so that a kernel's buffer can always take it whole.
            if sock.send(data) == len(data):
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

    def _digest(self, line: Line, sock: socket.socket, data: bytes) -> None:
        """Any number of frames, and parts of them, from the end of the handshake on; reads until nothing is left."""
        while data:
            self._unpack(line, sock, line.buffer + data)
            if line.sock is not sock:
                return
            try:
                data = sock.recv(_READ_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                self._lose(line, f"receive: {error.strerror}")
                return
        self._lose(line, "closed by the server")

    def _unpack(self, line: Line, sock: socket.socket, data: bytes) -> None:
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


@cache
def _wire_name(action: str) -> bytes:
    """Of `TransactionEvent Started` the first word."""
    return action.partition(" ")[0].encode()
