"""What is found out about the agent's own clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockLooked:
    """At the time of the decision the machine's monotonic clock shows `monotonic_ms`, in site time. Comes at the start,
    when wall and monotonic time have parted by a second, and when the system says otherwise of its clock."""

    boot_id: str
    monotonic_ms: int
    is_synchronised: bool
    has_rtc: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HubTimeHeard:
    """The hub has just answered the birth that went out at `birth_at`, and its clock showed `hub_at`."""

    birth_at: datetime
    hub_at: datetime


ClockEvent = ClockLooked | HubTimeHeard
