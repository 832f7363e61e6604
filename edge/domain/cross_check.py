"""What chargers tell of energy, held against the site's own meters, window by window. Pure.

Two meters are never read in the same moment: so much as the EVSE is rated for may have flowed between. With that, with
noise, losses and coarse registers, what still differs proves something; a difference in one window alone does not. A
register that falls proves nothing and begins a window anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

WINDOW: Final = timedelta(minutes=15)
STANDS_AFTER: Final = 2
"""Windows that differ, one behind the other."""
NOISE_WH: Final = 150
"""Registers that count in tenths of a kWh, and what a charger takes for itself."""
SITE_NOISE_WH: Final = 500
APART_PERCENT: Final = 10
"""Losses between two meters, those of a DC charger's converter among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What the charger and the meter behind it have counted by one moment. `slack_wh` may have flowed between the two
    readings."""

    at: datetime
    told_wh: int
    shown_wh: int
    slack_wh: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """Of a window. `evidence` None: they agree. `stands`: it has been so for long enough to act on it."""

    evidence: str | None
    stands: bool = False


@dataclass(slots=True)
class EvseWatch:
    """Of an EVSE and the meter behind it. `key` is the transaction; None where none runs: then nothing may flow."""

    key: str | None = None
    first: Pair | None = None
    apart: int = 0

    def note(self, key: str | None, pair: Pair) -> Finding | None:
        """None: the window is not over."""
        first = self.first
        if first is None or key != self.key:
            self.key, self.first, self.apart = key, pair, 0
            return None
        if pair.told_wh < first.told_wh or pair.shown_wh < first.shown_wh:
            self.first = pair
            return None
        if pair.at - first.at < WINDOW:
            return None
        self.first = pair
        evidence = difference(first, pair)
        self.apart = self.apart + 1 if evidence is not None else 0
        return Finding(evidence, self.apart >= STANDS_AFTER)


def difference(first: Pair, last: Pair) -> str | None:
    """What two counters disagree about between two moments, None where they agree well enough."""
    told_wh, shown_wh = last.told_wh - first.told_wh, last.shown_wh - first.shown_wh
    allowed_wh = NOISE_WH + first.slack_wh + last.slack_wh + max(told_wh, shown_wh) * APART_PERCENT // 100
    if abs(told_wh - shown_wh) <= allowed_wh:
        return None
    when = f"from {first.at.isoformat()} to {last.at.isoformat()}"
    return f"{when} the charger told {told_wh} Wh and the meter behind it shows {shown_wh} Wh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a charger told of a transaction's energy by `at`, at an EVSE of this rating."""

    energy_wh: int
    began_at: datetime
    at: datetime
    rating_w: int


@dataclass(frozen=True, slots=True)
class SiteFinding:
    """As Finding; `transactions` are those that had a part in it."""

    evidence: str | None
    stands: bool = False
    transactions: tuple[str, ...] = ()


@dataclass(slots=True)
class FeederWatch:
    """Of all EVSEs together: they cannot draw more than the site is given by the grid, the sun and its battery."""

    since: datetime | None = None
    supplied_wh: int = 0
    told: Mapping[str, Told] = field(default_factory=dict)
    apart: int = 0

    def is_due(self, now: datetime) -> bool:
        return self.since is None or now - self.since >= WINDOW

    def note(self, supplied_wh: int, read_at: datetime, told: Mapping[str, Told], now: datetime) -> SiteFinding | None:
        """At the end of a window: what was supplied in all by `read_at`, and the transactions that run. None: it was
        the first one after the beginning, or after a register fell."""
        since, supplied_before_wh, told_before = self.since, self.supplied_wh, self.told
        self.since, self.supplied_wh, self.told = now, supplied_wh, dict(told)
        if since is None or supplied_wh < supplied_before_wh - SITE_NOISE_WH:
            return None
        drawn = {key: drawn_wh for key, each in told.items() if (drawn_wh := _drawn(told_before.get(key), each, since))}
        unread_s = max(0.0, (now - read_at).total_seconds())
        unread_wh = sum(int(told[key].rating_w * unread_s / 3600) for key in drawn)
        drawn_wh, shown_wh = sum(drawn.values()), max(0, supplied_wh - supplied_before_wh)
        allowed_wh = shown_wh + shown_wh * APART_PERCENT // 100 + SITE_NOISE_WH + unread_wh
        if drawn_wh <= allowed_wh:
            self.apart = 0
            return SiteFinding(None)
        self.apart += 1
        when = f"from {since.isoformat()} to {now.isoformat()}"
        evidence = f"{when} the chargers told {drawn_wh} Wh, and the site was given {shown_wh} Wh"
        return SiteFinding(evidence, self.apart >= STANDS_AFTER, tuple(drawn))


def _drawn(before: Told | None, after: Told, since: datetime) -> int:
    """What surely flowed since then, in Wh: at its beginning a charger's word may have been old."""
    if before is None:
        return after.energy_wh if after.began_at >= since else 0
    unread_s = max(0.0, (since - before.at).total_seconds())
    return max(0, after.energy_wh - before.energy_wh - int(before.rating_w * unread_s / 3600))
