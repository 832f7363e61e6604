"""The claim of one station: whom to ask for it, what they said, and what waits for their answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from edge.domain.events import SiteEvent
from edge.ports import OnReply, StationRecord
from protocols.site.requests import Referral

MAX_HELD: Final = 4
"""A station says one thing at a time, so there is one; or it has just come over a new socket."""


@dataclass(slots=True, kw_only=True, eq=False)
class Claim:
    """`waiting` are the agents that have not answered yet, `down` those of them that cannot be asked just now."""

    station_id: str
    number: int
    waiting: set[str]
    heard: Callable[[Claim, str, StationRecord, int, bool], None]
    gave_up: Callable[[Claim, str], None]
    down: set[str] = field(default_factory=set)
    is_tried: bool = False
    last_charger_number: int = 0
    times_asked_again: int = 0
    held: list[tuple[SiteEvent, OnReply | None]] = field(default_factory=list)
    _settled: dict[tuple[str, str], int] = field(default_factory=dict)
    """How many moves of a transaction an agent has told of."""
    _referrals: dict[tuple[str, str], Referral] = field(default_factory=dict)
    """By the agent that is said to have it, and the transaction."""

    def answered(self, edge_id: str, record: StationRecord, last_charger_number: int, *, is_settled: bool) -> None:
        self.heard(self, edge_id, record, last_charger_number, is_settled)

    def failed(self, edge_id: str) -> None:
        self.gave_up(self, edge_id)

    def learn(self, own_edge_id: str, edge_id: str, record: StationRecord, number: int, *, is_settled: bool) -> None:
        """An agent has answered; where it named another one, that one is bound to know."""
        self.last_charger_number = max(self.last_charger_number, number)
        self.down.discard(edge_id)
        for moved in record.moved:
            self._settled[edge_id, moved.transaction_id] = moved.moves
            if moved.to_edge_id not in (None, own_edge_id):
                referral = Referral(transaction_id=moved.transaction_id, moves=moved.moves, from_edge_id=edge_id)
                self._referrals[str(moved.to_edge_id), moved.transaction_id] = referral
        if is_settled:
            self.waiting.discard(edge_id)

    def unexplained(self) -> dict[str, tuple[Referral, ...]]:
        """What agents are said to have been given and have not told of, by agent."""
        open_: dict[str, list[Referral]] = defaultdict(list)
        for (edge_id, transaction_id), referral in self._referrals.items():
            if self._settled.get((edge_id, transaction_id), 0) < referral.moves:
                open_[edge_id].append(referral)
        return {edge_id: tuple(referrals) for edge_id, referrals in open_.items()}
