"""The one place of the simulator that reads the machine's clock and waits by it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime

from protocols.timeline import Timeline


def unix_now_s() -> float:
    """The machine's Unix time."""
    return time.time()  # noqa: TID251  this adapter owns the clock


@dataclass(frozen=True, slots=True)
class SiteClock:
    """Site time as the timeline tells it, in whole milliseconds, so that it is on the wire what it is here."""

    timeline: Timeline

    def now(self) -> datetime:
        """Site time, aware, UTC."""
        at = self.timeline.at(unix_now_s())
        return at.replace(microsecond=at.microsecond // 1000 * 1000)

    def until_s(self, at: datetime) -> float:
        """Seconds on the machine until site time `at`; never negative."""
        return max(0.0, self.timeline.real_s((at - self.timeline.at(unix_now_s())).total_seconds()))

    async def sleep_until(self, at: datetime) -> None:
        """Wait for site time `at`."""
        await asyncio.sleep(self.until_s(at))

    async def sleep(self, site_s: float) -> None:
        """Wait for `site_s` seconds of site time."""
        await asyncio.sleep(self.timeline.real_s(site_s))
