"""The clock on the wall of a Location: what is open when, across midnights and the days on which clocks change."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_SECOND: Final = timedelta(seconds=1)
_NEVER: Final = datetime(1, 1, 3, tzinfo=UTC)
_ALWAYS: Final = datetime(9999, 12, 29, tzinfo=UTC)
_MAX_STRETCHES: Final = 4096


class LocalTime:
    """What is open by the clock on the wall. Remembers the stretches of time between cuts that it was asked about."""

    def __init__(self, time_zone: str, day_cuts: Sequence[int], openings: Callable[[int, int], int]) -> None:
        """`day_cuts` are the seconds of the day at which `openings`, of an ordinal of a day and a second of it, may
        change; it does not depend on time without any."""
        self._day_cuts, self._openings = day_cuts, openings
        self._zone = ZoneInfo(time_zone) if day_cuts else None
        self._starts: list[datetime] = []
        self._stretches: list[tuple[int, datetime]] = []
        if self._zone is None:
            self._keep(0, _NEVER, (openings(1, 0), _ALWAYS))

    def at(self, instant: datetime) -> tuple[int, datetime]:
        """Which elements may be active at this instant (UTC), and until when that cannot change."""
        index = bisect_right(self._starts, instant) - 1
        if index >= 0 and instant < self._stretches[index][1]:
            return self._stretches[index]
        if self._zone is None:
            raise ValueError(f"{instant} is in no year that a bill could be for")
        if len(self._starts) >= _MAX_STRETCHES:
            self._starts.clear()
            self._stretches.clear()
            index = -1
        local = instant.astimezone(self._zone)
        second = local.hour * 3600 + local.minute * 60 + local.second
        since, until = self._around(instant, local, self._zone)
        return self._keep(index + 1, since, (self._openings(local.toordinal(), second), until))

    def _keep(self, index: int, since: datetime, stretch: tuple[int, datetime]) -> tuple[int, datetime]:
        self._starts.insert(index, since)
        self._stretches.insert(index, stretch)
        return stretch

    def _around(self, instant: datetime, local: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """The last cut up to this instant and the first one after it."""
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        since, until = _NEVER, _ALWAYS
        for days in (-1, 0, 1):
            for second in self._day_cuts:
                wall = (midnight + timedelta(days=days, seconds=second)).replace(tzinfo=zone)
                for fold in (0, 1):  # a time may come twice, and one that is left out comes before or after
                    cut = wall.replace(fold=fold).astimezone(UTC)
                    if cut <= instant:
                        since = max(since, cut)
                    else:
                        until = min(until, cut)
        change = _clock_change(since, until, zone)
        if change is None:
            return since, until
        return (since, change) if instant < change else (change, until)


def _clock_change(after: datetime, before: datetime, zone: ZoneInfo) -> datetime | None:
    """The whole second between at which the zone's clocks are put forward or back, if they are."""
    offset = after.astimezone(zone).utcoffset()
    if before.astimezone(zone).utcoffset() == offset:
        return None
    low, high = after, before
    while high - low > _SECOND:
        middle = low + (high - low) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high
