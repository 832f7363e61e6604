"""What happened in a run, in order: a running hash of all of it, and the last lines for whoever looks."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from typing import Final

KEPT_LINES: Final = 4_000


class Trace:
    """`now_s` is the simulation's time."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._hash = hashlib.sha256()
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self.count = 0

    def note(self, who: str, what: str, *details: object) -> None:
        line = f"{self._now_s():.6f} {who} {what} {' '.join(map(str, details))}"
        self._hash.update(line.encode())
        self.count += 1
        self.lines.append(line)

    def digest(self) -> str:
        return self._hash.hexdigest()
