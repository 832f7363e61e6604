"""What an operator may set of a pair of boxes. All times are seconds of the machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

BEAT_S = 0.5
SILENT_AFTER_S = 2.0
"""Of somebody who says something every half second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSettings:
    """Where the other box is, how it is known, and how patient this one is."""

    edge_id: str
    folder: Path
    """Where the copy is kept."""
    host: str
    port: int
    other_host: str
    other_port: int
    certificate_file: Path
    key_file: Path
    other_certificate_file: Path
    wait_s: float
    dead_after_s: float
    copy_mb_per_s: float

    @property
    def fence_after_s(self) -> float:
        """A box that serves and is cut off gives up so early that it has done so when the other takes over."""
        return self.dead_after_s / 2
