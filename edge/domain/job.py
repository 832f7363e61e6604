"""A job that is open, and how far its stations are: what of it is in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from protocols.charger.jobs import Job, StepStatus

MAX_OPEN_JOBS: Final = 16
MAX_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRules:
    """`at_once`: stations of a job that are at it at the same time. A station that tells nothing for `step_timeout`
    has failed; one that has not begun when the job is `give_up_after` old has, too."""

    at_once: int = 5
    step_timeout: timedelta = timedelta(hours=1)
    give_up_after: timedelta = timedelta(hours=72)
    answer_timeout: timedelta = timedelta(minutes=2)
    boot_patience: timedelta = timedelta(minutes=15)
    """For a boot with the new version after a station said that it is installed."""


@dataclass(slots=True, kw_only=True)
class Step:
    """A station of a job. `is_plain`: it does not know the newer way to ask (signed firmware, GetLog). `readings` are
    what a template's settings came to, until they are read back."""

    status: StepStatus = StepStatus.WAITING
    changed_at: datetime
    attempt: int = 0
    request_id: int | None = None
    detail: str = ""
    is_plain: bool = False
    statuses: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class OpenJob:
    """`waiting` and `active` hold the stations whose steps have not ended; `done` and `failed` count the others."""

    job_id: str
    job: Job
    at_once: int
    ends_at: datetime
    steps: dict[str, Step]
    waiting: dict[str, None] = field(default_factory=dict)
    active: dict[str, None] = field(default_factory=dict)
    counts: dict[StepStatus, int] = field(default_factory=dict)

    def place(self, station_id: str, status: StepStatus) -> None:
        """Note where a station stands now."""
        self.waiting.pop(station_id, None)
        self.active.pop(station_id, None)
        if status is StepStatus.WAITING:
            self.waiting[station_id] = None
        elif status.is_ended:
            self.counts[status] = self.counts.get(status, 0) + 1
        else:
            self.active[station_id] = None

    def at(self, station_id: str) -> Step | None:
        """The station's step, where it is under way."""
        return self.steps[station_id] if station_id in self.active else None
