"""The hub's time, learned once in each connection: its answer to the birth says what its clock shows.

The answer may come late, or be one that the broker retained from before: what counts names this birth and came soon.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

from edge.domain.clock_events import HubTimeHeard
from protocols.sync.down import Ack

ANSWERED_WITHIN_S: Final = 10.0
"""Half of it is how wrong what is learned may be."""


class HubTime:
    def __init__(self) -> None:
        self._birth_at: datetime | None = None
        self._asked_s = 0.0

    def asked(self, birth_at: datetime) -> None:
        """A birth goes out."""
        self._birth_at, self._asked_s = birth_at, asyncio.get_running_loop().time()

    def answered(self, ack: Ack) -> HubTimeHeard | None:
        """What the first answer to it tells."""
        if ack.hub_at is None or ack.birth_at is None or ack.birth_at != self._birth_at:
            return None
        self._birth_at = None
        if asyncio.get_running_loop().time() - self._asked_s > ANSWERED_WITHIN_S:
            return None
        return HubTimeHeard(birth_at=ack.birth_at, hub_at=ack.hub_at)
