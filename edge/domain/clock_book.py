"""What the site knows of its own clock; `timekeeping` decides with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from protocols.sync.clock import ClockNoted, ClockQuality

FOLLOWED_WITHIN: Final = timedelta(days=1)
"""So long after a step stations may still stamp by the time before."""
LIVE: Final = timedelta(seconds=30)
"""What is told at once is not older."""


@dataclass(slots=True)
class ClockBook:
    """`noted` is what was journaled last, at `noted_at`; `offset` is the hub's time less ours, and follows each step.

    `apart`: what is to be added to our time to have the time that is believed, where ours is not. `step` is the newest
    one, at `stepped_at` by the time after it.
    """

    noted: ClockNoted | None = None
    noted_at: datetime | None = None
    is_synchronised: bool = True
    offset: timedelta | None = None
    apart: timedelta = timedelta()
    is_bad: bool = False
    step: timedelta | None = None
    stepped_at: datetime | None = None

    def believed(self, now: datetime) -> datetime:
        """By which time somebody's rights are judged: a card does not expire because our clock was put on."""
        return now + self.apart if self.apart else now

    @property
    def is_doubted(self) -> bool:
        """Whether another time than ours is believed, or might be: then nothing is done whose day has come."""
        return self.noted is not None and self.noted.quality in (ClockQuality.STEPPED, ClockQuality.WRONG)

    def steps_seen(self, now: datetime) -> bool:
        """Whether stations may still stamp by the time before the last step."""
        return self.stepped_at is not None and abs(now - self.stepped_at) < FOLLOWED_WITHIN

    def lag_of(self, stamp: datetime | None, now: datetime) -> timedelta | None:
        """What is to be added to the stamps of a message whose own is this; None where it is by the time of now."""
        if stamp is None or self.step is None:
            return None
        apart = abs(now - stamp - self.step)
        return self.step if apart <= LIVE and apart < abs(now - stamp) else None

    @property
    def remark(self) -> str:
        """What is to be said of a bill that began or ended by a clock like this."""
        match self.noted.quality if self.noted is not None else ClockQuality.SYNCHRONISED:
            case ClockQuality.WRONG if self.offset is not None:
                return f"wrong by {seconds(-self.offset)} s against the hub's"
            case ClockQuality.WRONG:
                return "wrong: it showed a time before 2024"
            case ClockQuality.STEPPED:
                return "put to another time, and not confirmed since"
            case _:
                return "running by itself since the machine's start, which has no clock of its own"


def seconds(span: timedelta) -> int:
    """With its sign, whole."""
    return round(span.total_seconds())
