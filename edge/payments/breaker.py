"""A circuit breaker: a provider that does not answer is not asked again and again by people who wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

OPENS_AFTER: Final = 3
"""Failures in a row."""
FIRST_PAUSE_S: Final = 10.0
LONGEST_PAUSE_S: Final = 120.0


@dataclass(slots=True)
class Breaker:
    """Closed: all goes through. Open after three failures in a row, for a pause that doubles; then whoever asks first
    is let through to try, and what comes of it closes it or opens it again. `now_s` are monotonic seconds."""

    now_s: Callable[[], float] = time.monotonic
    _failures: int = 0
    _pause_s: float = FIRST_PAUSE_S
    _open_until_s: float = 0.0

    @property
    def is_open(self) -> bool:
        return self._failures >= OPENS_AFTER and self.now_s() < self._open_until_s

    @property
    def opens_in_s(self) -> int:
        """How long nobody is let through; 0 where it is not open."""
        return int(self._open_until_s - self.now_s()) + 1 if self.is_open else 0

    def note_good(self) -> None:
        self._failures, self._pause_s = 0, FIRST_PAUSE_S

    def note_bad(self) -> None:
        self._failures += 1
        if self._failures >= OPENS_AFTER and not self.is_open:
            self._open_until_s = self.now_s() + self._pause_s
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
