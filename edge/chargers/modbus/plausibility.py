"""Whether a value that came well-formed over the wire can be: counters do not jump, and do not stand still under load.

A value that jumps is not believed at once; when the next one goes on from there, it was true: the meter was replaced,
the register rolled over or began anew, and what is billed by it is for the site to decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

MAX_SITE_POWER_W: Final = 2_000_000
"""No counter grows faster than this."""
GRACE_WH: Final = 100
"""What a counter's step, and the time between reading and stamping, may make of it."""
FROZEN_WH: Final = 200
"""So much energy must have flowed by the power register before a counter that stands still is called frozen."""
MIN_FROZEN_S: Final = 60


@dataclass(slots=True, kw_only=True)
class EnergyWatch:
    """One energy register: believes, doubts, and tells when it is frozen. `step_wh` is its smallest change."""

    step_wh: int = 1
    highest_power_w: int = MAX_SITE_POWER_W
    _value: int | None = None
    _at: datetime | None = None
    _doubted: tuple[int, datetime] | None = None
    _moved_at: datetime | None = None
    _flowed_wh: float = 0.0
    _power_at: datetime | None = None

    def doubt(self, value: int, at: datetime) -> str | None:
        """None: believed. Otherwise why not."""
        reason = self._jump(self._value, self._at, value, at)
        if reason is not None and self._doubted is not None:
            doubted, doubted_at = self._doubted
            if self._jump(doubted, doubted_at, value, at) is None:
                reason = None  # it goes on from there
        if reason is not None:
            self._doubted = (value, at)
            return reason
        if value != self._value:
            self._moved_at, self._flowed_wh = at, 0.0
        self._value, self._at, self._doubted = value, at, None
        return None

    def is_frozen(self, power_w: int | None, at: datetime) -> bool:
        """Whether it stands still although `power_w` has flowed; to be asked at each reading of power."""
        if self._power_at is not None and power_w is not None:
            self._flowed_wh += abs(power_w) * min((at - self._power_at).total_seconds(), MIN_FROZEN_S) / 3600
        self._power_at = at
        if self._moved_at is None or (at - self._moved_at).total_seconds() < MIN_FROZEN_S:
            return False
        return self._flowed_wh > max(FROZEN_WH, 3 * self.step_wh)

    def _jump(self, before: int | None, before_at: datetime | None, value: int, at: datetime) -> str | None:
        if before is None or before_at is None:
            return None
        if value < before:
            return f"went back from {before} to {value} Wh"
        most = self.highest_power_w * max(0.0, (at - before_at).total_seconds()) / 3600 + GRACE_WH + self.step_wh
        return f"leapt from {before} to {value} Wh" if value - before > most else None
