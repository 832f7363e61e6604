"""When the watchdog of an EVSE is fed, and with what. Pure but for what it remembers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from protocols.modbus.codec import BadValue
from protocols.modbus.profile import Profile, WatchdogKind
from protocols.modbus.register import Scope
from protocols.modbus.setpoint import Write, feed

RETRY_S: Final = 0.1
_NEVER: Final = math.inf


@dataclass(slots=True, kw_only=True)
class Feeding:
    """One EVSE's watchdog; where the station has one for all of them, the first EVSE's feeds it.

    `known` tells what was last read of a register. Times are those of one monotonic clock, in seconds.
    """

    profile: Profile
    evse_id: int
    is_first: bool
    known: Callable[[str | None], int | None]
    setpoint: Write | None = None
    """The one that was last written: what rewrites it rewrites this."""
    fed_s: float = -_NEVER
    _due_s: float = -_NEVER

    @property
    def is_by_reading(self) -> bool:
        watchdog = self.profile.watchdog
        return watchdog is not None and watchdog.kind is WatchdogKind.ANY_READ

    @property
    def is_by_setpoint(self) -> bool:
        watchdog = self.profile.watchdog
        return watchdog is not None and watchdog.kind is WatchdogKind.REWRITE_SETPOINT

    def due_s(self, heard_s: float) -> float:
        """When to feed; never where nothing can, or the watchdog is switched off. `heard_s`: the last answer at all."""
        interval_s = self.interval_s
        if interval_s is None:
            return _NEVER
        if self.is_by_reading:
            return max(self._due_s, heard_s + interval_s) if self.is_first else _NEVER
        return self._due_s if self.write is not None else _NEVER

    @property
    def write(self) -> Write | None:
        """What feeds it; None where a read does, where another EVSE does, or there is nothing to write yet."""
        watchdog = self.profile.watchdog
        if watchdog is None or watchdog.kind is WatchdogKind.ANY_READ:
            return None
        if not (self.is_first or self.is_by_setpoint or self._has_own(watchdog.register)):
            return None
        timeout_s = self.timeout_s
        try:
            return feed(self.profile, self.setpoint, round(timeout_s) if timeout_s else None, self.evse_id)
        except BadValue:
            return None  # it tells a time-out that it would not take itself

    def _has_own(self, name: str | None) -> bool:
        """Whether this EVSE has such a register for itself."""
        profile, register = self.profile, self.profile.registers.get(name or "")
        if register is None or register.scope is Scope.STATION:
            return False
        return bool(profile.evses.unit_ids) or profile.evses.stride > 0

    @property
    def timeout_s(self) -> float | None:
        """The time-out in force; 0 where the device says that it is switched off, None where it is not known."""
        watchdog = self.profile.watchdog
        if watchdog is None:
            return None
        known_ms = self.known(watchdog.timeout_register)
        if known_ms is not None:
            return known_ms / 1000
        return float(watchdog.timeout_s) if watchdog.timeout_s is not None else None

    @property
    def interval_s(self) -> float | None:
        watchdog = self.profile.watchdog
        return watchdog.feed_interval_s(self.timeout_s) if watchdog is not None else None

    def failed(self, now_s: float) -> None:
        self._due_s = now_s + RETRY_S

    def fed(self, began_s: float, now_s: float, heard_s: float = -_NEVER) -> bool:
        """It was fed with a request begun at `began_s`: the device may have heard it as early as then. `heard_s`:
        when it last answered before, which counts where any request feeds it.

        Returns whether the watchdog may have run out meanwhile.
        """
        timeout_s = self.timeout_s
        before_s = max(self.fed_s, heard_s) if self.is_by_reading else self.fed_s
        self.fed_s, self._due_s = began_s, began_s + (self.interval_s or 0.0)
        return bool(timeout_s) and before_s > -_NEVER and now_s - before_s > (timeout_s or 0.0)
