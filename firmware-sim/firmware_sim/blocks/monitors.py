"""Variable monitors: when a value is worth an event (OCPP 2.0.1 N04, N07, N08). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from firmware_sim.blocks.variable_table import VariableId


@dataclass(slots=True, kw_only=True)
class Monitor:
    """One monitor. `kind` is OCPP 2.0.1's MonitorEnumType; `shown` the component and variable as they were told."""

    monitor_id: int
    variable: VariableId
    kind: str
    value: float
    severity: int
    shown: dict[str, Any]
    is_hard_wired: bool = False
    is_exceeded: bool = False
    last: float | None = None
    next_at: datetime | None = None

    def plan(self, now: datetime) -> None:
        """Set the next instant of a periodic monitor; PeriodicClockAligned counts from midnight."""
        interval = timedelta(seconds=max(1.0, self.value))
        if self.kind == "Periodic":
            self.next_at = now + interval
        elif self.kind == "PeriodicClockAligned":
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
            self.next_at = midnight + interval * ((now - midnight) // interval + 1)

    def fires(self, value: float) -> str | None:
        """The EventTrigger when the value makes an event; `cleared` events are told by `is_exceeded` falling."""
        match self.kind:
            case "UpperThreshold":
                return self._crossed(value > self.value)
            case "LowerThreshold":
                return self._crossed(value < self.value)
            case "Delta":
                if self.last is None:
                    self.last = value
                elif abs(value - self.last) >= self.value:
                    self.last = value
                    return "Delta"
        return None

    def _crossed(self, is_exceeded: bool) -> str | None:
        if is_exceeded is self.is_exceeded:
            return None
        self.is_exceeded = is_exceeded
        return "Alerting"


@dataclass(slots=True, kw_only=True)
class Monitors:
    """All monitors by id, and which events are told: those of severity `level` or worse (0 is the worst)."""

    by_id: dict[int, Monitor] = field(default_factory=dict)
    level: int = 8
    base: str = "All"
    next_event_id: int = 0

    def new_id(self) -> int:
        """An id that none of them has."""
        return max(self.by_id, default=0) + 1
