"""Which stations are to be asked for their variables, which of their reports are on their way, and how much they take
in a message."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from edge.domain.message_limits import MessageLimits

MAX_OPEN_REPORTS: Final = 1024
"""Beyond them the oldest is taken for one that never came to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryRules:
    """Stations are asked one after the other, `every` so long, and not before `settle` has passed since they booted."""

    is_enabled: bool = False
    settle: timedelta = timedelta(minutes=10)
    every: timedelta = timedelta(seconds=5)


@dataclass(slots=True, kw_only=True)
class OpenReport:
    """A report of all variables that a station was asked for. `identity` as in protocols.sync.up.VariablesRead."""

    identity: int | None = None
    next_seq_no: int = 0
    is_broken: bool = False


@dataclass(slots=True, kw_only=True)
class Inventory:
    """`due`: stations to be asked, and not before when. `asked_at`: when the last one was asked."""

    due: dict[str, datetime] = field(default_factory=dict)
    asked_at: datetime | None = None
    reports: dict[tuple[str, int], OpenReport] = field(default_factory=dict)
    limits: MessageLimits = field(default_factory=MessageLimits)

    def expect(self, station_id: str, request_id: int, identity: int | None) -> None:
        self.reports[station_id, request_id] = OpenReport(identity=identity)
        while len(self.reports) > MAX_OPEN_REPORTS:
            del self.reports[next(iter(self.reports))]
