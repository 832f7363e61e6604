"""The machine's clocks, looked at side by side: by how much they part, and what the kernel says of the wall clock."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from edge.domain.clock_events import ClockLooked

APART: Final = timedelta(seconds=1)
"""Of the machine's time: of site time that is played fast, as much more."""
ASK_EVERY_S: Final = 10.0
"""The kernel; of the clocks themselves each group of decisions is sure."""
STA_UNSYNC: Final = 0x40
"""adjtimex(2): nobody keeps the wall clock right. Set at the boot, and whenever somebody sets the clock."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_RTC: Final = Path("/sys/class/rtc")
_TIMEX_BYTES: Final = 512
"""More than any struct timex takes."""


def boottime_s() -> float:
    """Goes on while the machine sleeps, and is never set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class SystemClock:
    """Implements the port ClockWatch. `speed` is how fast site time goes (protocols/timeline.py)."""

    def __init__(
        self,
        *,
        speed: float = 1.0,
        monotonic_s: Callable[[], float] = boottime_s,
        is_synchronised: Callable[[], bool],
        has_rtc: bool,
        boot_id: str,
    ) -> None:
        self._speed = speed
        self._apart = APART * max(1.0, speed)
        self._monotonic_s = monotonic_s
        self._ask_system = is_synchronised
        self._has_rtc = has_rtc
        self._boot_id = boot_id
        self._asked_s = float("-inf")
        self._is_synchronised = False
        self._base: tuple[datetime, float] | None = None

    def look(self, now: datetime) -> ClockLooked | None:
        """What there is to be decided, at the time `now` that was just read; None where all is as it was."""
        passed_s = self._monotonic_s()
        was_synchronised = self._is_synchronised
        if passed_s - self._asked_s >= ASK_EVERY_S:
            self._asked_s, self._is_synchronised = passed_s, self._ask_system()
        base = self._base
        if base is not None and was_synchronised is self._is_synchronised:
            parted = now - base[0] - timedelta(seconds=(passed_s - base[1]) * self._speed)
            if -self._apart < parted < self._apart:
                return None
        self._base = (now, passed_s)
        return ClockLooked(
            boot_id=self._boot_id,
            monotonic_ms=round(passed_s * self._speed * 1000),
            is_synchronised=self._is_synchronised,
            has_rtc=self._has_rtc,
        )


def machine_clock(*, speed: float, is_played: bool) -> SystemClock:
    """`is_played`: the site's time is a made one, which all who take part share; so nothing is amiss with it."""
    return SystemClock(
        speed=speed,
        is_synchronised=(lambda: True) if is_played else kernel_is_synchronised,
        has_rtc=is_played or any(_RTC.glob("rtc*")),
        boot_id=_boot_id(),
    )


def kernel_is_synchronised() -> bool:
    """adjtimex(2), which anybody may ask; False where the kernel does not say."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes 0: only asked
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        state = libc.adjtimex(timex)
    except (OSError, AttributeError):
        return False
    if state < 0:
        return False
    # struct timex: unsigned modes; long offset, freq, maxerror, esterror; int status.
    status = ctypes.c_int.from_buffer(timex, 5 * ctypes.sizeof(ctypes.c_long)).value
    return not status & STA_UNSYNC


def _boot_id() -> str:
    """A name for this run of the machine; one of this process where the kernel gives none."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return f"process-{round(boottime_s() * 1000):x}"
