"""Back-pressure: what gives way, and in which order, when more comes than can be made durable.

| the oldest event has waited | what gives way |
|---|---|
| always | meter values wait behind transactions, drivers and commands |
| 1 s | the telemetry filter stretches its intervals fourfold |
| 5 s | telemetry keeps only begins, ends and changes of state |
| the disk is 70 % full | as after 1 s |
| the disk is 95 % full | as after 5 s |
| the inbox is full | a station's request waits with its connection, and the station within its own time-out |

Nothing that was acknowledged is ever given up, and no transaction message is refused for want of time.
"""

from __future__ import annotations

from typing import Final

from edge.domain.telemetry import MARKS_ONLY, NORMAL, STRETCHED

RAISED_AT_S: Final = (0.0, 1.0, 5.0)
"""How long the oldest event must have waited for each level: NORMAL, STRETCHED, MARKS_ONLY."""
EASED_AFTER_S: Final = 10.0
"""A level is left, one at a time, when nothing has waited so long as it asks for during this time."""
NAMES: Final = ("normal", "telemetry stretched", "telemetry begins and ends only")


class Pressure:
    """Follows the waiting time of the oldest event; times in seconds of any steady clock."""

    def __init__(self) -> None:
        self.level = NORMAL
        self.floor = NORMAL
        """The least that gives way whatever waits: raised while the disk is short of room."""
        self.raised = 0
        """How often a level was raised since the start."""
        self._held_s = 0.0

    def note(self, oldest_s: float, now_s: float) -> int:
        """The level, now that the oldest event that waits has waited for `oldest_s`."""
        asked = self.floor
        for level in (STRETCHED, MARKS_ONLY):
            if oldest_s >= RAISED_AT_S[level]:
                asked = max(asked, level)
        if asked > self.level:
            self.level, self._held_s = asked, now_s
            self.raised += 1
        elif asked == self.level:
            self._held_s = now_s
        elif now_s - self._held_s >= EASED_AFTER_S:
            self.level, self._held_s = self.level - 1, now_s
        return self.level
