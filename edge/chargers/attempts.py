"""Failed attempts to authenticate: slowed and locked per source address and station id (CWE-307).

A pair of source and id has some failures free; after that each further failure locks the pair, for one second at first
and twice as long every time. What comes while a pair is locked is refused unseen and neither verified nor counted, so
an attack costs next to nothing, and a station with the right password is let in at its first attempt after the lock,
or at once from another address.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

FREE_FAILURES: Final = 10
FIRST_LOCK_S: Final = 1.0
LONGEST_LOCK_S: Final = 60.0
FORGET_AFTER_S: Final = 600.0
MAX_PAIRS: Final = 10_000
"""When full, the pair whose last failure is oldest is forgotten."""


class Attempts:
    """What is remembered about failures, bounded. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def locked_s(self, source: str, station_id: str, now_s: float) -> float:
        """How long the pair stays locked; 0 where it may try."""
        count, last_s = self._failures.get((source, station_id), (0, 0.0))
        if count < FREE_FAILURES:
            return 0.0
        lock_s = min(FIRST_LOCK_S * 2.0 ** min(count - FREE_FAILURES, 16), LONGEST_LOCK_S)
        return max(0.0, last_s + lock_s - now_s)

    def failed(self, source: str, station_id: str, now_s: float) -> bool:
        """Count a failure; True when the pair is locked by it for the first time (worth a line in the log)."""
        key = (source, station_id)
        count, last_s = self._failures.pop(key, (0, now_s))
        count = 1 if now_s - last_s > FORGET_AFTER_S else count + 1
        self._failures[key] = (count, now_s)
        if len(self._failures) > MAX_PAIRS:
            self._failures.popitem(last=False)
        return count == FREE_FAILURES

    def succeeded(self, source: str, station_id: str) -> None:
        """Forget the pair's failures."""
        self._failures.pop((source, station_id), None)
