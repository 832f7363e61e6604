"""Many charging stations on epoll: one socket and one script each, one message in flight.

Light enough to drive a server that is as fast as its socket: of the CPU time here four fifths are the kernel's. An
edge-triggered event, one read, one write; frames come ready from the scripts, and what nearly always comes back, one
whole short CALLRESULT, is recognised by four bytes.
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable
from typing import Final

from firmware_sim.load import websocket
from tests.bench.scripts import Script, station_id

STATIONS_PER_ADDRESS: Final = 5_000
"""How many share a source address: one address has 28,000 ports towards one server."""
_READ_BYTES: Final = 4_096
_HEADER_BYTES: Final = 2
_RESULT: Final = ord("3")
_LISTENING: Final = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
_IP_BIND_ADDRESS_NO_PORT: Final = 24
"""Of Linux: the port is chosen at connect, so that every destination has all ports to itself."""


class Station:
    """`message` is the frame it sends next, None while its script is not yet, or no longer, in its steady state."""

    __slots__ = ("behind", "buffer", "due_ns", "hear", "is_open", "is_waiting", "message", "number", "script", "sock")

    def __init__(self, number: int, script: Script) -> None:
        self.number = number
        self.script = script
        self.sock = socket.socket()
        self.hear = self.sock.recv
        self.buffer = b""
        self.is_open = False
        self.is_waiting = False
        """A message is in flight."""
        self.message: bytes | None = None
        self.due_ns = 0
        """When the message in flight was sent or was meant to be; until then, when the connection was begun."""
        self.behind = 0
        """How many messages are overdue (paced load) because an answer was waited for."""

    def say(self, due_ns: int) -> None:
        if self.message is None:
            raise RuntimeError("the station has nothing to say")
        self.due_ns, self.is_waiting = due_ns, True
        self.sock.send(self.message)


class StationSockets:
    """`on_answer` is called with each station that has an answer, its next message ready; set it before `turn`."""

    def __init__(self, handshake: websocket.Handshake, password: str, subprotocol: str) -> None:
        self._handshake = handshake
        self._password = password
        self._subprotocol = subprotocol
        self._stations: dict[int, Station] = {}
        self._epoll = select.epoll()
        self.on_answer: Callable[[Station], None] = lambda _: None
        self.answered = 0
        self.retries = 0
        """Connections that the server gave up before they were open; their stations try again, as real ones do."""
        self.errors: dict[str, int] = {}

    def open(self, station: Station) -> None:
        """Begin to connect; the script's first request goes out with the end of the handshake."""
        station.due_ns = time.perf_counter_ns()
        self._dial(station)

    def turn(self, timeout_s: float) -> None:
        """Let happen what wants to happen. Raises ConnectionError or PermissionError when the server sends one away."""
        stations, on_answer = self._stations, self.on_answer
        for fd, event in self._epoll.poll(timeout_s):
            station = stations[fd]
            if event != select.EPOLLIN or not station.is_open:
                self._see(station, event)
                continue
            data = station.hear(_READ_BYTES)
            size = len(data)
            if (
                size > 4
                and data[3] == _RESULT
                and data[1] == size - _HEADER_BYTES
                and data[0] == websocket.TEXT
                and not station.buffer
            ):
                self.answered += 1
                station.is_waiting = False
                station.message = station.script.send(data)
                on_answer(station)
            else:
                self._digest(station, data)

    def close(self) -> None:
        for station in self._stations.values():
            station.sock.close()
        self._epoll.close()

    # --- seldom ---

    def _dial(self, station: Station) -> None:
        sock = station.sock
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((f"127.0.0.{2 + station.number // STATIONS_PER_ADDRESS}", 0))
        sock.connect_ex((self._handshake.host, self._handshake.port))
        self._stations[sock.fileno()] = station
        self._epoll.register(sock.fileno(), select.EPOLLOUT)

    def _see(self, station: Station, event: int) -> None:
        """While it connects, and when the connection ends."""
        try:
            if event & select.EPOLLOUT and not event & select.EPOLLERR:
                self._epoll.modify(station.sock.fileno(), _LISTENING)
                request = self._handshake.request(station_id(station.number), self._password, self._subprotocol)
                station.sock.send(request)
            else:
                self._digest(station, station.hear(_READ_BYTES))
        except ConnectionError:
            if station.is_open:
                raise
            self._redial(station)

    def _redial(self, station: Station) -> None:
        self.retries += 1
        del self._stations[station.sock.fileno()]
        station.sock.close()
        station.sock, station.buffer = socket.socket(), b""
        station.hear = station.sock.recv
        self._dial(station)

    def _digest(self, station: Station, data: bytes) -> None:
        """Any number of frames, and parts of them, from the end of the handshake on; reads until nothing is left."""
        while data:
            self._unpack(station, station.buffer + data)
            try:
                data = station.hear(_READ_BYTES)
            except BlockingIOError:
                return
        raise ConnectionResetError(f"station {station.number}: the server closed the connection")

    def _unpack(self, station: Station, data: bytes) -> None:
        if not station.is_open:
            head, end, rest = data.partition(b"\r\n\r\n")
            if not end:
                station.buffer = data
                return
            self._enter(station, head.partition(b"\r\n")[0])
            data = rest
        while (found := websocket.unframe(data)) is not None:
            opcode, payload, data = found
            self._take(station, opcode, payload)
        station.buffer = data

    def _enter(self, station: Station, status: bytes) -> None:
        if b" 101 " not in status:
            raise PermissionError(f"station {station.number} was refused: {status.decode(errors='replace')}")
        station.is_open = True
        station.message = next(station.script)
        station.say(station.due_ns)

    def _take(self, station: Station, opcode: int, payload: bytes) -> None:
        match opcode:
            case websocket.TEXT:
                pass
            case websocket.PING:
                station.sock.send(websocket.frame(payload, websocket.PONG))
                return
            case _:
                raise ConnectionError(f"station {station.number}: the server ended it: {payload[2:]!r}")
        kind = payload[1:2]
        if kind == b"2":  # the server asks: nothing is supported here
            refusal = json.dumps([4, json.loads(payload)[1], "NotSupported", "", {}])
            station.sock.send(websocket.frame(refusal.encode()))
            return
        if kind != b"3":
            text = payload[41:161].decode(errors="replace")
            self.errors[text] = self.errors.get(text, 0) + 1
        self.answered += 1
        station.is_waiting = False
        station.message = station.script.send(payload)
        self.on_answer(station)
