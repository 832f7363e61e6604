"""EVSEs at which energy may flow without a transaction, and what their meters say of it; `unbilled` decides with it.

Nothing of it is kept: after a restart the meters tell it again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from edge.domain.transaction import ROUNDING_WH
from protocols.terms import EvseRef

STILL_W: Final = 100
"""Less is what a charger or a vehicle takes for itself."""
MUCH_WH: Final = 100
PROVEN_AFTER: Final = timedelta(minutes=2)
"""A transaction that was held up on its way has come by then."""
STILL_AFTER: Final = timedelta(minutes=5)
KEPT_FOR: Final = timedelta(minutes=20)
"""How long the register at the end of a transaction is remembered: many stations tell their meters each quarter of an
hour."""
_HOUR_S: Final = 3600
_STEP_WH: Final = 1000


@dataclass(frozen=True, slots=True)
class Ended:
    """A transaction that ended `at`, by its own clock, as we heard at `heard_at`; its register showed `register_wh`."""

    at: datetime
    heard_at: datetime
    register_wh: int | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a meter shows outside a transaction; None where it does not say."""

    at: datetime
    power_w: int | None
    register_wh: int | None


@dataclass(slots=True, kw_only=True)
class Suspicion:
    """Of one EVSE, from `since` by the station's clock, from `heard_at` by ours; `read_at` is when it was read last.

    `newest_at` is the newest stamp. `base_wh` is what its register showed at the beginning, `first_wh` at the first
    reading, `register_wh` at the last; `is_after_bill`: a bill ends at the base. `drawing_since`: from when on its
    power was above STILL_W, without a break. `flowed_at`: when something flowed last. From `mark_at`, `mark_wh` on, the
    register is looked at for that where the power says nothing. `others_wh`: what the other EVSEs of the station had
    counted at the beginning, less what transactions that ended since had.
    """

    since: datetime
    heard_at: datetime
    read_at: datetime
    flowed_at: datetime
    newest_at: datetime | None = None
    base_wh: int | None = None
    first_wh: int | None = None
    register_wh: int | None = None
    is_after_bill: bool = False
    drawing_since: datetime | None = None
    power_w: int = 0
    power_at: datetime | None = None
    measured_ws: int = 0
    mark_wh: int | None = None
    mark_at: datetime | None = None
    others_wh: int = 0

    @property
    def rose_wh(self) -> int | None:
        """None: it has no register that anything is known of."""
        return None if self.base_wh is None or self.register_wh is None else self.register_wh - self.base_wh

    @property
    def energy_wh(self) -> int:
        """What has flowed so far, by the register where there is one."""
        measured_wh = self.measured_ws // _HOUR_S
        return measured_wh if self.rose_wh is None else max(self.rose_wh, 0)

    def take(self, reading: Reading, now: datetime, rating_w: int) -> None:
        if self.newest_at is not None and reading.at < self.newest_at:
            return
        self.read_at, self.newest_at = now, reading.at
        if reading.register_wh is not None:
            self._count(reading.register_wh, reading.at, rating_w)
        if reading.power_w is not None:
            self._draw(reading.power_w, reading.at)

    def _count(self, register_wh: int, at: datetime, rating_w: int) -> None:
        """A register that falls, or rises by more than can have flowed, is another one now, or begins anew."""
        before_wh = self.register_wh
        if before_wh is not None and self.base_wh is not None:
            passed_s = (at - (self.mark_at or self.since)).total_seconds()
            if not could_have_flowed(before_wh, register_wh, rating_w, passed_s):
                self.base_wh, self.is_after_bill = register_wh - (before_wh - self.base_wh), False
                self.first_wh = register_wh
                self.mark_wh = None
        elif self.base_wh is None:
            self.base_wh = register_wh
        self.register_wh = register_wh
        self.first_wh = register_wh if self.first_wh is None else self.first_wh
        if self.mark_wh is None or self.mark_at is None:
            self.mark_wh, self.mark_at = register_wh, at
            self.flowed_at = at  # nothing is known of before
        elif at - self.mark_at >= STILL_AFTER:
            if (register_wh - self.mark_wh) * _HOUR_S > STILL_W * (at - self.mark_at).total_seconds():
                self.flowed_at = at
            self.mark_wh, self.mark_at = register_wh, at

    def _draw(self, power_w: int, at: datetime) -> None:
        if self.power_at is not None and at > self.power_at:
            passed_s = (at - self.power_at).total_seconds()
            self.measured_ws += int((self.power_w + power_w) / 2 * min(passed_s, _HOUR_S))
        self.power_w, self.power_at = power_w, at
        if power_w <= STILL_W:
            self.drawing_since = None
            return
        self.drawing_since = self.drawing_since or at
        self.flowed_at = max(self.flowed_at, at)
        if self.register_wh is not None:
            self.mark_wh, self.mark_at = self.register_wh, at

    def is_proven(self, now: datetime) -> bool:
        """A whole kWh is one step of a coarse register, which what the charger takes for itself may have made."""
        if now - self.heard_at < PROVEN_AFTER:
            return False
        if self.drawing_since is not None and self.flowed_at - self.drawing_since > PROVEN_AFTER:
            return True
        has_risen = self.first_wh is not None and self.register_wh is not None and self.register_wh > self.first_wh
        return has_risen and self.rose_wh is not None and self.rose_wh > MUCH_WH and self.rose_wh != _STEP_WH

    def is_over(self, at: datetime) -> bool:
        """Nothing has flowed for a while, as a reading shows that was made then."""
        return at - self.flowed_at >= STILL_AFTER


def could_have_flowed(from_wh: int, to_wh: int, rating_w: int, passed_s: float) -> bool:
    """Whether a register can have gone so far: at the EVSE's rating, and a step and a minute of another clock more."""
    return -ROUNDING_WH <= to_wh - from_wh <= rating_w * 1.2 * (max(0.0, passed_s) + 60) / _HOUR_S + _STEP_WH


@dataclass(slots=True)
class UnbilledBook:
    """`suspects`: an EVSE where nothing seems to flow is not in it. `ended`: the transactions that ended just now, the
    newest last."""

    suspects: dict[EvseRef, Suspicion] = field(default_factory=dict)
    ended: dict[EvseRef, Ended] = field(default_factory=dict)

    def note_end(self, ref: EvseRef, ended: Ended) -> None:
        self.ended.pop(ref, None)
        self.ended[ref] = ended

    def forget_ended(self, now: datetime) -> None:
        while self.ended:
            ref, ended = next(iter(self.ended.items()))
            if now - ended.heard_at < KEPT_FOR:
                return
            del self.ended[ref]
