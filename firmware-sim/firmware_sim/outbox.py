"""What a charger still has to say: pressing things first, then everything in the order it happened. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from firmware_sim.messages import AuthorizeMessage, BootMessage, Message, Phase, Said, StatusMessage, TransactionMessage


class Outbox:
    """Two lanes: `pressing` (boot, authorise, the states told after connecting) and the rest in order.

    Transaction messages and what the functional blocks have to say outlive the connection. When more than `limit`
    wait, the oldest intermediate readings go, never a start or an end (OCPP 2.0.1 E04.FR.07).
    """

    def __init__(self, queued: Iterable[TransactionMessage] = (), *, limit: int = 10_000) -> None:
        self._pressing: deque[Message] = deque()
        self._ordered: deque[Message] = deque(queued)
        self._limit = limit
        self._overtaken: Message | None = None

    def add(self, message: Message) -> None:
        """Queue a message behind what waits in its lane."""
        match message:
            case BootMessage() | AuthorizeMessage() | StatusMessage(previous=None):
                self._pressing.append(message)
            case _:
                self._ordered.append(message)
                if len(self._ordered) > self._limit:
                    self._make_room()

    def next(self, *, registered: bool, pending: bool = False, overtakes: bool = False) -> Message | None:
        """The message to send now. Before the boot was accepted that is a BootNotification or nothing; while it is
        pending also what the CSMS has asked for (OCPP 2.0.1 B02.FR.05)."""
        if not registered:
            boot = next((message for message in self._pressing if isinstance(message, BootMessage)), None)
            asked = (message for message in self._ordered if isinstance(message, Said) and message.is_asked)
            return boot or (next(asked, None) if pending else None)
        if self._pressing:
            return self._pressing[0]
        if overtakes:
            self._swap()
        return self._ordered[0] if self._ordered else None

    def _swap(self) -> None:
        """Let the second transaction message overtake the first, once."""
        if len(self._ordered) < 2 or self._ordered[0] is self._overtaken:
            return
        first, second = self._ordered[0], self._ordered[1]
        if isinstance(first, TransactionMessage) and isinstance(second, TransactionMessage):
            self._ordered[0], self._ordered[1] = second, first
            self._overtaken = first

    def done(self, message: Message) -> None:
        """`message` needs no sending any more; one that has gone already is no fault."""
        for lane in (self._pressing, self._ordered):
            for position, waiting in enumerate(lane):
                if waiting is message:
                    del lane[position]
                    return

    def drop_transient(self) -> None:
        """The connection is gone: forget what is of no use later."""
        self._pressing.clear()
        self._ordered = deque(each for each in self._ordered if isinstance(each, TransactionMessage | Said))

    @property
    def durable(self) -> tuple[TransactionMessage, ...]:
        """The transaction messages that have not been answered, in order."""
        return tuple(message for message in self._ordered if isinstance(message, TransactionMessage))

    @property
    def about_evses(self) -> dict[int, StatusMessage | TransactionMessage]:
        """By EVSE: the oldest message that waits and says something of it."""
        oldest: dict[int, StatusMessage | TransactionMessage] = {}
        for message in (*self._pressing, *self._ordered):
            if isinstance(message, StatusMessage | TransactionMessage):
                known = oldest.setdefault(message.evse_id, message)
                if message.at < known.at:
                    oldest[message.evse_id] = message
        return oldest

    def __len__(self) -> int:
        return len(self._pressing) + len(self._ordered)

    def _make_room(self) -> None:
        for message in self._ordered:
            if not isinstance(message, TransactionMessage) or message.phase is Phase.UPDATED:
                self.done(message)
                return
