"""When a device believes that nobody leads it any more. Pure; times in microseconds of the device's clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from protocols.modbus.profile import Profile, WatchdogKind

_DEFAULT_TIMEOUT_S: Final = 30
"""Where neither the profile's time-out nor how often it is fed is known."""
_US: Final = 1_000_000


@dataclass(slots=True, kw_only=True)
class DeviceWatchdog:
    """It runs from the first word that was heard (of a setpoint's: from the first setpoint) and runs out `timeout_us`
    after the last that feeds it. A time-out of 0 switches it off."""

    kind: WatchdogKind
    timeout_us: int
    fed_at_us: int | None = None
    last_sign_us: int | None = None
    """When that was written which feeds it; a first request that only starts it is none."""
    trips: int = 0
    _was_out: bool = False

    @property
    def runs_out_at_us(self) -> int | None:
        """None while it does not run."""
        return self.fed_at_us + self.timeout_us if self.fed_at_us is not None and self.timeout_us else None

    def is_out(self, now_us: int) -> bool:
        """Whether the fail-safe holds."""
        at_us = self.runs_out_at_us
        return at_us is not None and now_us >= at_us

    def heard(self, now_us: int) -> None:
        """A request for this device came, whatever it asks."""
        if self.kind is WatchdogKind.ANY_READ or (
            self.fed_at_us is None and self.kind is not WatchdogKind.REWRITE_SETPOINT
        ):
            self.fed_at_us = now_us

    def feed(self, now_us: int) -> None:
        """What it waits for was written."""
        self.fed_at_us = self.last_sign_us = now_us

    def forget(self) -> None:
        """The power was away: nobody was ever heard."""
        self.fed_at_us = self.last_sign_us = None
        self._was_out = False

    def note(self, now_us: int) -> bool:
        """Count a trip; True the first time that it is seen to have run out."""
        is_out = self.is_out(now_us)
        has_tripped = is_out and not self._was_out
        self.trips += has_tripped
        self._was_out = is_out
        return has_tripped


def watchdog_of(profile: Profile, timeout_s: int | None = None) -> DeviceWatchdog | None:
    """The watchdog of a profile with the time-out that is given, or else its own; None where it has none."""
    rule = profile.watchdog
    if rule is None:
        return None
    if timeout_s is None:
        timeout_s = rule.timeout_s or (rule.feed_every_s * 2 if rule.feed_every_s else _DEFAULT_TIMEOUT_S)
    return DeviceWatchdog(kind=rule.kind, timeout_us=timeout_s * _US)
