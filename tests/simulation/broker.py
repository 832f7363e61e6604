"""MQTT 3.1.1 brokers in memory: QoS 1, retained messages, persistent sessions, last wills, take-over; and what troubles
them.

What travels on a connection arrives in order and late, or not at all from the moment in which the connection is cut.
What a true broker does only when it is emptied, overrun or restarted, it may do at any time here: lose a message that
it confirmed, deliver one twice, let one overtake another, come back with what it had kept some time ago.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random
from typing import Final, Protocol

from tests.simulation.loop import SimulatedLoop
from tests.simulation.trace import Trace

DELAY_S: Final = (0.005, 0.15)
QUEUE_LIMIT: Final = 1_000
"""Of a session that is away; what comes beyond is dropped, as mosquitto does."""


@dataclass(frozen=True, slots=True)
class Message:
    topic: str
    payload: bytes
    qos: int
    retain: bool


class Peer(Protocol):
    """The client at the other end of a connection."""

    client_id: str
    keepalive_s: float

    def received(self, message: Message) -> None: ...

    def confirmed(self, number: int) -> None: ...

    def lost(self, reason: str) -> None: ...


@dataclass(eq=False)
class Connection:
    """A client's TCP connection, seen from the middle. `is_cut`: nothing passes, and neither end knows."""

    peer: Peer
    will: Message | None
    is_open: bool = True
    is_cut: bool = False
    up_s: float = 0.0
    down_s: float = 0.0


@dataclass(eq=False)
class Session:
    """What the broker keeps of a client, by its id."""

    client_id: str
    topics: dict[str, int] = field(default_factory=dict)
    waiting: deque[Message] = field(default_factory=deque)
    in_flight: dict[int, Message] = field(default_factory=dict)
    connection: Connection | None = None

    def kept(self) -> Session:
        """A copy for the disk."""
        return Session(self.client_id, dict(self.topics), deque([*self.in_flight.values(), *self.waiting]))


@dataclass(slots=True)
class Noise:
    """How often, of messages, the broker does what it should not."""

    lose: float = 0.0
    repeat: float = 0.0
    overtake: float = 0.0


class SimulatedBroker:
    """`is_up` False: nobody can connect. `away`: ids of clients that have no way to it."""

    def __init__(self, name: str, loop: SimulatedLoop, random: Random, trace: Trace) -> None:
        self.name = name
        self._loop = loop
        self._random = random
        self._trace = trace
        self.noise = Noise()
        self.is_up = True
        self.away: set[str] = set()
        self._sessions: dict[str, Session] = {}
        self._retained: dict[str, Message] = {}
        self._saved: tuple[dict[str, Session], dict[str, Message]] = ({}, {})
        self._number = 0

    # --- its troubles ---

    def save(self) -> None:
        """What it keeps on the disk, now and then."""
        self._saved = ({name: each.kept() for name, each in self._sessions.items()}, dict(self._retained))

    def die(self, *, is_emptied: bool) -> None:
        """Killed; when it is back it has nothing, or what it kept last."""
        self.is_up = False
        for connection in self._connections():
            self._end(connection, tells_client="the broker is gone", tells_will=False)
        if is_emptied:
            self._saved = ({}, {})
        sessions, retained = self._saved
        self._sessions = {name: each.kept() for name, each in sessions.items()}
        self._retained = dict(retained)

    def cut(self, client_id: str) -> None:
        """The connection is half open: each end finds out by itself, sooner or later."""
        session = self._sessions.get(client_id)
        if session is None or (connection := session.connection) is None or connection.is_cut:
            return
        connection.is_cut = True
        keepalive_s = connection.peer.keepalive_s
        self._loop.call_later(keepalive_s * self._random.uniform(1, 2), connection.peer.lost, "no answer to a ping")
        self._loop.call_later(keepalive_s * 1.5, self._end, connection, None)

    def reset(self, client_id: str) -> None:
        """The connection breaks, and both ends know."""
        session = self._sessions.get(client_id)
        if session is not None and session.connection is not None:
            self._end(session.connection, "connection reset")

    # --- a client's side ---

    def connect(self, peer: Peer, will: Message | None) -> Connection | None:
        """None while there is no way. Another connection of the same id is ended."""
        if not self.is_up or peer.client_id in self.away:
            return None
        session = self._sessions.setdefault(peer.client_id, Session(peer.client_id))
        if session.connection is not None:
            self._end(session.connection, "taken over by another connection of this id")
        connection = session.connection = Connection(peer, will)
        again = [*session.in_flight.values(), *session.waiting]
        session.in_flight.clear()
        session.waiting.clear()
        for message in self._shuffled(again):
            self._give(session, message)
        return connection

    def disconnect(self, connection: Connection) -> None:
        """DISCONNECT: no will is told."""
        connection.will = None
        self._end(connection, None)

    def abort(self, connection: Connection) -> None:
        """The client is killed: its machine closes the connection."""
        self._end(connection, None)

    def subscribe(self, connection: Connection, topics: Sequence[tuple[str, int]]) -> None:
        session = self._sessions.get(connection.peer.client_id)
        if session is None or session.connection is not connection:
            return
        for pattern, qos in topics:
            session.topics[pattern] = qos
            for topic, message in self._retained.items():
                if _is_match(pattern, topic):
                    self._give(session, replace(message, qos=min(qos, message.qos), retain=True))

    def up(self, connection: Connection, arrives: Callable[[], None]) -> None:
        """Something travels from the client to the broker."""
        connection.up_s = at_s = max(connection.up_s, self._loop.time() + self._random.uniform(*DELAY_S))
        self._loop.call_at(at_s, lambda: arrives() if connection.is_open and not connection.is_cut else None)

    def published(self, connection: Connection, message: Message, number: int) -> None:
        """A PUBLISH has arrived."""
        self.route(message)
        if message.qos:
            self._down(connection, lambda: connection.peer.confirmed(number))

    # --- inside ---

    def route(self, message: Message) -> None:
        if message.retain:
            if message.payload:
                self._retained[message.topic] = message
            else:
                self._retained.pop(message.topic, None)
        if self._happens(self.noise.lose):
            self._trace.note(self.name, "loses", message.topic)
            return
        for session in list(self._sessions.values()):
            qos = max((qos for each, qos in session.topics.items() if _is_match(each, message.topic)), default=None)
            if qos is not None:
                copies = 2 if self._happens(self.noise.repeat) else 1
                for _ in range(copies):
                    self._give(session, replace(message, qos=min(qos, message.qos), retain=False))

    def _give(self, session: Session, message: Message) -> None:
        connection = session.connection
        if connection is None:
            if message.qos and len(session.waiting) < QUEUE_LIMIT:
                session.waiting.append(message)
            return
        number = self._number = self._number + 1
        if message.qos:
            session.in_flight[number] = message

        def arrives() -> None:
            connection.peer.received(message)
            if message.qos:
                self.up(connection, lambda: session.in_flight.pop(number, None) and None)

        self._down(connection, arrives, overtakes=self._happens(self.noise.overtake))

    def _down(self, connection: Connection, arrives: Callable[[], None], *, overtakes: bool = False) -> None:
        at_s = max(connection.down_s, self._loop.time() + self._random.uniform(*DELAY_S))
        connection.down_s = max(connection.down_s, at_s)
        if overtakes:  # what comes next is there before it
            at_s += self._random.uniform(0, 2.0)
        self._loop.call_at(at_s, lambda: arrives() if connection.is_open and not connection.is_cut else None)

    def _end(self, connection: Connection, tells_client: str | None, *, tells_will: bool = True) -> None:
        if not connection.is_open:
            return
        connection.is_open = False
        session = self._sessions.get(connection.peer.client_id)
        if session is not None and session.connection is connection:
            session.connection = None
        if tells_client is not None and not connection.is_cut:
            connection.peer.lost(tells_client)
        if tells_will and connection.will is not None:
            self.route(connection.will)

    def _connections(self) -> list[Connection]:
        return [each.connection for each in self._sessions.values() if each.connection is not None]

    def _shuffled(self, messages: list[Message]) -> list[Message]:
        """What is sent again after a reconnect comes in order, or where the broker is out of order, not."""
        if self.noise.overtake and len(messages) > 1:
            self._random.shuffle(messages)
        return messages

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self._random.random() < probability


class Network:
    """The brokers, the primary first, and the ways to them."""

    def __init__(self, brokers: tuple[SimulatedBroker, ...]) -> None:
        self.brokers = brokers

    def named(self, name: str) -> SimulatedBroker:
        return next(broker for broker in self.brokers if broker.name == name)

    def isolate(self, client_ids: set[str]) -> None:
        """These have no way to any broker, and what they had is half open."""
        for broker in self.brokers:
            broker.away |= client_ids
            for client_id in sorted(client_ids):
                broker.cut(client_id)

    def join(self, client_ids: set[str]) -> None:
        for broker in self.brokers:
            broker.away -= client_ids

    def disturb(self, noise: Noise) -> None:
        for broker in self.brokers:
            broker.noise = noise

    def heal(self) -> None:
        for broker in self.brokers:
            broker.noise, broker.is_up = Noise(), True
            broker.away.clear()


@cache
def _is_match(pattern: str, topic: str) -> bool:
    wanted, given = pattern.split("/"), topic.split("/")
    return len(wanted) == len(given) and all(w in ("+", g) for w, g in zip(wanted, given, strict=True))
