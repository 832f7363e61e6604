"""The hub's clock: the one place in this room that reads the machine's time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from protocols.timeline import Timeline

Clock = Callable[[], datetime]
"""Site time: aware, UTC."""


def clock_of(timeline: Timeline) -> Clock:
    """Site time as the whole run agrees on it."""
    return lambda: timeline.at(time.time())  # noqa: TID251 - this is the adapter that owns the clock
