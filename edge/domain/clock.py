"""Which of a station's time stamps can be believed (field quirk 2: no zone, 1970, "0", 2099, local time labelled Z)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

AHEAD: Final = timedelta(minutes=5)
BEHIND: Final = timedelta(days=400)


def believed(stamp: datetime | None, now: datetime, not_before: datetime | None = None) -> tuple[datetime, bool]:
    """The time to use for a stamp, and whether the stamp could be believed.

    A stamp a little ahead of us is taken as it is: the station's clock runs a little fast, and a duration is right
    only when both its ends are by the same clock. One before `not_before` by a little becomes that; all others are
    replaced by the time of receipt.
    """
    if stamp is None or stamp > now + AHEAD or stamp < now - BEHIND:
        return now, False
    if not_before is not None and stamp < not_before:
        return not_before, stamp >= not_before - AHEAD
    return stamp, True


def is_past(stamp: datetime | None, now: datetime) -> bool:
    """Whether it is a time that the station may well mean, and not now."""
    return stamp is not None and now - BEHIND <= stamp < now - AHEAD
