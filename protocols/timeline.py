"""Site time as a pure mapping from the machine's clock, so that a whole day can be played in a minute.

Every process of one run (edge, hub, simulator) is given the same timeline and so agrees on the time.
Reading the clock is left to the adapters: `timeline.at(time.time())`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from protocols.errors import BadText

_SYNTAX = re.compile(r"(?P<origin>[^@]+)@(?P<anchor>\d+(?:\.\d+)?)x(?P<speed>\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """`speed` seconds of site time pass in one second; at Unix time `anchor_s` the site's clock showed `origin`."""

    origin: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    anchor_s: float = 0.0
    speed: float = 1.0

    def at(self, unix_s: float) -> datetime:
        """Site time (aware, UTC) at the machine's Unix time."""
        return self.origin + timedelta(seconds=(unix_s - self.anchor_s) * self.speed)

    def real_s(self, site_s: float) -> float:
        """How long a wait of `site_s` seconds of site time lasts on the machine."""
        return site_s / self.speed

    def __str__(self) -> str:
        return f"{self.origin.isoformat().replace('+00:00', 'Z')}@{self.anchor_s!r}x{self.speed:g}"

    @classmethod
    def parse(cls, text: str) -> Timeline:
        """Read `ORIGIN@ANCHORxSPEED`, for instance `2026-03-02T06:00:00Z@1772000000.0x60`.

        Raises BadText with what is expected.
        """
        match = _SYNTAX.fullmatch(text.strip())
        try:
            if match is None:
                raise ValueError(text)
            origin = datetime.fromisoformat(match["origin"])
            if origin.tzinfo is None:
                raise ValueError(text)
            speed = float(match["speed"])
            if speed <= 0:
                raise ValueError(text)
        except ValueError as error:
            raise BadText(
                f"not a timeline: {text!r}; expected ORIGIN@ANCHORxSPEED, an ISO time with zone, a Unix time and"
                " a factor above 0, for instance 2026-03-02T06:00:00Z@1772000000.0x60"
            ) from error
        return cls(origin=origin.astimezone(UTC), anchor_s=float(match["anchor"]), speed=speed)


REAL_TIME = Timeline()
