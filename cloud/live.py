"""What the parts of one hub process tell each other at once, beside the database: bells and the broker's presence."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class Bell:
    """Wakes everyone who listens. It carries nothing: what there is to know is read from the database."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Event] = set()

    def ring(self) -> None:
        for event in self._listeners:
            event.set()

    @contextmanager
    def listen(self) -> Iterator[asyncio.Event]:
        """An event that is set by every ring; the listener clears it before it looks, never after."""
        event = asyncio.Event()
        self._listeners.add(event)
        try:
            yield event
        finally:
            self._listeners.discard(event)


@dataclass(slots=True)
class BrokerPresence:
    """The brokers that the hub is connected to, its subscriptions in place. Written by ingest, read by /readyz."""

    connected: set[str] = field(default_factory=set)

    @property
    def is_connected(self) -> bool:
        return bool(self.connected)
