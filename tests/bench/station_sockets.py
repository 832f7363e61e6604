"""Many charging stations on epoll: one socket and one script each, one message in flight."""

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


class Station:
    """`message` is what it says next, None while its script is not yet, or no longer, in its steady state."""

    __slots__ = ("buffer", "due_ns", "is_open", "is_waiting", "message", "number", "owes_ns", "script", "sock")

    def __init__(self, number: int, script: Script) -> None:
        self.number = number
        self.script = script
        self.sock = socket.socket()
        self.buffer = b""
        self.is_open = False
        self.is_waiting = False
        """A message is in flight."""
        self.message: bytes | None = None
        self.due_ns = 0
        """When the message in flight was sent or was meant to be; until then, when the connection was begun."""
        self.owes_ns = 0
        """Since when the next message is overdue (paced load); 0 for not at all."""

    def say(self, due_ns: int) -> None:
        if self.message is None:
            raise RuntimeError("the station has nothing to say")
        self.due_ns, self.is_waiting = due_ns, True
        self.sock.send(websocket.frame(self.message))


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

    def _dial(self, station: Station) -> None:
        sock = station.sock
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Without a port of its own at this point, ports are drawn per destination (IP_BIND_ADDRESS_NO_PORT).
        sock.setsockopt(socket.IPPROTO_IP, 24, 1)
        sock.bind((f"127.0.0.{2 + station.number // STATIONS_PER_ADDRESS}", 0))
        sock.connect_ex((self._handshake.host, self._handshake.port))
        self._stations[sock.fileno()] = station
        self._epoll.register(sock.fileno(), select.EPOLLOUT)

    def turn(self, timeout_s: float) -> None:
        """Let happen what wants to happen. Raises ConnectionError or PermissionError when the server sends one away."""
        for fd, event in self._epoll.poll(timeout_s):
            station = self._stations[fd]
            try:
                if event & select.EPOLLOUT and not event & select.EPOLLERR:
                    self._epoll.modify(fd, select.EPOLLIN)
                    request = self._handshake.request(station_id(station.number), self._password, self._subprotocol)
                    station.sock.send(request)
                else:
                    self._hear(station)
            except ConnectionError:
                if station.is_open:
                    raise
                self._redial(station)

    def _redial(self, station: Station) -> None:
        self.retries += 1
        del self._stations[station.sock.fileno()]
        station.sock.close()
        station.sock, station.buffer = socket.socket(), b""
        self._dial(station)

    def _hear(self, station: Station) -> None:
        data = station.sock.recv(65536)
        if not data:
            raise ConnectionResetError(f"station {station.number}: the server closed the connection")
        if station.buffer:
            data = station.buffer + data
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
