"""Where the things of a site lie, and its clock."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from edge.config import EdgeConfig
from protocols.timeline import REAL_TIME, Timeline

if TYPE_CHECKING:  # the ports know all that is decided upon, which who looks for a file does not need
    from edge.ports import Clock


def ledger_path(config: EdgeConfig) -> Path:
    return config.data_dir / "ledger.sqlite"


def token_path(config: EdgeConfig) -> Path:
    return config.data_dir / "local.token"


def staff_path(config: EdgeConfig) -> Path:
    return config.data_dir / "staff.toml"


def standby_status_path(config: EdgeConfig) -> Path:
    """What one of two boxes does just now; written each second while its program runs."""
    return config.data_dir / "standby.json"


def pair_path(config: EdgeConfig) -> Path:
    """What one of two boxes remembers of its role; there since its program ran first."""
    return config.data_dir / "pair.json"


def listening_path(config: EdgeConfig) -> Path:
    """Where a running agent notes its ports, for those who left the choice to it (port 0)."""
    return config.data_dir / "listening.json"


def clock_of(config: EdgeConfig) -> Clock:
    """The agent's one clock; nobody else in the edge reads the machine's."""
    timeline = timeline_of(config)
    return lambda: timeline.at(time.time())  # noqa: TID251 - this is the adapter that owns the clock


def timeline_of(config: EdgeConfig) -> Timeline:
    return Timeline.parse(config.timeline) if config.timeline else REAL_TIME
