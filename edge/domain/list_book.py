"""What the site remembers of its stations' local lists; `local_lists` decides with it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from protocols.charger.operations.availability import ListedToken
from protocols.sync.upkeep import LocalListSettled

MAX_TOKENS_HELD: Final = 100_000
"""On the lists that stations were sent in this run: they are brought up to date by what is different. A station whose
list is not held any more takes a full one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRules:
    """As configured. `max_tokens` and `tokens_per_message` hold where the station tells no others."""

    max_tokens: int = 1000
    tokens_per_message: int = 100
    stations_at_once: int = 50
    clears_caches: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListGoal:
    """What a station's list shall be: so many of the edge's tokens of a version as fit, in the order of their keys."""

    tokens_version: int
    tokens: dict[str, ListedToken]
    checksum: str
    left_out: int


@dataclass(slots=True, kw_only=True)
class Sending:
    """A list on its way to a station: `version` is being answered now, `rest` follows. Without `goal` the station was
    only asked for the version that it has."""

    since: datetime
    goal: ListGoal | None = None
    version: int = 0
    rest: list[tuple[ListedToken, ...]] = field(default_factory=list)


@dataclass(slots=True)
class ListBook:
    """`tokens_version` is the number of the journal's entry that changed the edge's tokens last, `changed_at` its time.

    `settled` is what stations have, as journaled. All else is of this run: `wanted` are the lists as they should be, by
    what stations are alike in (edge.domain.local_lists), `held` those that were wanted, by checksum; `due` are to be
    looked at, in order; `later` from that time on; `unchecked` must be asked for their version first, for they may have
    lost their list, or taken one whose answer was lost; `checked` were asked in this run; `failures` counts those since
    it was right, and then only a full list will do.
    """

    tokens_version: int = 0
    changed_at: datetime | None = None
    settled: dict[str, LocalListSettled] = field(default_factory=dict)
    wanted: dict[tuple[frozenset[str], int, int], ListGoal] = field(default_factory=dict)
    held: OrderedDict[str, ListGoal] = field(default_factory=OrderedDict)
    due: dict[str, None] = field(default_factory=dict)
    later: dict[str, datetime] = field(default_factory=dict)
    unchecked: set[str] = field(default_factory=set)
    checked: set[str] = field(default_factory=set)
    failures: dict[str, int] = field(default_factory=dict)
    sending: dict[str, Sending] = field(default_factory=dict)
    caches_due: dict[str, None] = field(default_factory=dict)
    cacheless: set[str] = field(default_factory=set)
    limits: dict[str, dict[str, int]] = field(default_factory=dict)
    """By station, where it told them: tokens on its list, tokens in a message."""

    def hold(self, goal: ListGoal) -> None:
        """Keep a list by its checksum, up to the bound; of two that are alike the newer."""
        self.held[goal.checksum] = goal
        self.held.move_to_end(goal.checksum)
        count = sum(len(each.tokens) for each in self.held.values())
        while count > MAX_TOKENS_HELD and len(self.held) > 1:
            count -= len(self.held.popitem(last=False)[1].tokens)

    def keep_present_of(self, before: ListBook) -> None:
        """What the ledger does not hold. Whatever was under way is asked for anew."""
        self.due = before.due | dict.fromkeys((*before.sending, *before.later))
        self.unchecked = before.unchecked | before.sending.keys()
        self.checked, self.failures, self.limits = before.checked, before.failures, before.limits
        self.caches_due, self.cacheless = before.caches_due, before.cacheless
