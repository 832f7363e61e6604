"""What the edge knows of its own clock, told in the journal where it changes.

An entry has wall time alone. Its monotonic time, the boot and the quality of its clock are told exactly by the last
`ClockNoted` before it: wall and monotonic time went alike since, to a second, or another one would stand between.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class ClockQuality(StrEnum):
    """`synchronised`: the system follows a time server. `free_running`: it does not, and nothing speaks against it.
    `stepped`: it was put on or back, and nobody has confirmed it since. `wrong`: the hub's time is another one by more
    than a minute, or it is before 2024."""

    SYNCHRONISED = "synchronised"
    FREE_RUNNING = "free_running"
    STEPPED = "stepped"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockNoted:
    """At the entry's `at` the monotonic clock of this boot of the machine showed `monotonic_ms`. `step_ms` is by how
    much the wall clock was put on since the note before (below 0: back). `offset_ms` is the hub's time less this one;
    None where it was not heard since the machine's start.

    It holds for what follows in the event stream, and for what stands behind `money_seq` and `telemetry_seq`.
    """

    boot_id: str
    monotonic_ms: int
    quality: ClockQuality
    money_seq: int
    telemetry_seq: int
    step_ms: int = 0
    offset_ms: int | None = None
    has_rtc: bool = True
    kind: Literal["clock_noted"] = "clock_noted"
