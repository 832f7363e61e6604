"""How long a device that does not answer is left alone.

On a line that devices share, one that is dead costs the others a time-out at each request. So it has an allowance of
lost time, a small share of the line's: once that is used up, it waits until it has grown again. Feeds of a watchdog may
use all of the allowance, polls only half of it: a device that answers now and then is kept alive first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
_MAX_DOUBLINGS: Final = 10


class Patience:
    """Times are those of one monotonic clock, in seconds. `share` gives the part of the line's time that the device may
    lose for the others; 1: it is alone and harms nobody."""

    def __init__(
        self, random: Callable[[], float], share: Callable[[], float] = lambda: 1.0, *, allowance_s: float = 4.0
    ) -> None:
        self._random = random
        self._share = share
        self._allowance_s = allowance_s
        self._left_s = allowance_s
        self._as_of_s = 0.0
        self._poll_not_before_s = 0.0
        self.failures = 0
        """In a row."""
        self.heard_s = -math.inf
        """When the device last answered anything."""

    def answered(self, now_s: float) -> None:
        self.heard_s = now_s
        self.failures = 0
        self._poll_not_before_s = 0.0

    def failed(self, now_s: float, lost_s: float) -> float:
        """A request brought nothing and held the line for `lost_s`; returns how long polls pause now (full jitter)."""
        self._grow(now_s)
        self._left_s -= lost_s
        longest_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self.failures, _MAX_DOUBLINGS))
        pause_s = self._random() * longest_s
        self.failures += 1
        self._poll_not_before_s = now_s + pause_s
        return pause_s

    def poll_wait_s(self, now_s: float) -> float:
        """So long from now, polls wait."""
        return max(self._poll_not_before_s - now_s, self._until(now_s, self._allowance_s / 2), 0.0)

    def feed_wait_s(self, now_s: float) -> float:
        """So long from now, feeds of the watchdog and setpoints wait."""
        return max(self._until(now_s, 0.0), 0.0)

    def _until(self, now_s: float, needed_s: float) -> float:
        share = self._share()
        if share >= 1:
            return 0.0
        self._grow(now_s)
        return (needed_s - self._left_s) / share

    def _grow(self, now_s: float) -> None:
        grown_s = max(0.0, now_s - self._as_of_s) * self._share()
        self._left_s = min(self._allowance_s, self._left_s + grown_s)
        self._as_of_s = max(now_s, self._as_of_s)
