"""Which readings are worth keeping: the telemetry filter (sync 7). Exact, in O(1) a reading, with a small memory.

A reading is kept when it says something new: it left the deadband around the last one kept of its measurand and phase,
and is not too close behind it; or when nothing was kept for long. Always kept are the first reading and the last, those
before and after a change of the charging state, and all that the station itself marks as a begin or an end. What is
dropped lies within the deadband of the reading kept before it, or closer behind it than the shortest interval, and not
as far behind as the longest. Readings are kept as they are, never averaged: of an energy register, the last of
an interval.

A reading belongs to its own time stamp, not to the time it comes. A station that hands in an old queue beside its
present readings draws a second stretch of the curve, filtered in its own order; what was heard before adds nothing.
(What was dropped already is not judged again when a queue fills the gap before it: after a gap as long as the longest
interval nothing is dropped, after a shorter one the curve is right again when that has passed.)
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from edge.domain.clock import AHEAD, BEHIND
from protocols.charger.events import Sample
from protocols.terms import Measurand, ReadingContext

FILTER: Final = "deadband-1"
"""Travels with every entry; to be changed with the meaning of the rules."""
STRETCH: Final = 4
"""How many times longer the intervals are at the first level of thinning."""
MAX_CURVES: Final = 64
"""Of one EVSE: six measurands in ten phases are all that OCPP knows."""
REMEMBERED_STAMPS: Final = 64
"""Time stamps by which a message that is repeated is recognised; a queue of an offline day holds some fifty."""

NORMAL: Final = 0
STRETCHED: Final = 1
MARKS_ONLY: Final = 2
LEVELS: Final = (NORMAL, STRETCHED, MARKS_ONLY)
"""Of thinning: the rules as they are; their intervals four times as long; only begins, ends and changes of state."""

_NO_TIME: Final = timedelta(0)
_PERIODIC: Final = ReadingContext.SAMPLE_PERIODIC
_MARKS: Final = frozenset(
    {
        ReadingContext.TRANSACTION_BEGIN,
        ReadingContext.TRANSACTION_END,
        ReadingContext.INTERRUPTION_BEGIN,
        ReadingContext.INTERRUPTION_END,
    }
)

Kept = tuple[Sample, datetime]
"""A reading, and the time it belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurandRule:
    """When a reading of a measurand is news. A change smaller than `deadband` (in the measurand's base unit) is none,
    nor is one smaller than `percent` of the value kept last."""

    deadband: int
    percent: int = 0
    min_interval: timedelta
    max_interval: timedelta

    def is_news(self, value: int, kept_value: int, age: timedelta) -> bool:
        """Whether a value is to be kept that comes `age` behind the one kept last."""
        if age >= self.max_interval:
            return True
        change = abs(value - kept_value)
        return change >= self.deadband and age >= self.min_interval and change * 100 >= self.percent * abs(kept_value)


def rule(deadband: int, percent: int, min_s: int, max_s: int) -> MeasurandRule:
    return MeasurandRule(
        deadband=deadband,
        percent=percent,
        min_interval=timedelta(seconds=min_s),
        max_interval=timedelta(seconds=max_s),
    )


def default_rules() -> dict[Measurand, MeasurandRule]:
    """Power and current to the 2 % of a class A meter (EN 50470-3); 500 mA is less than the 0.6 A of one step of the
    control pilot (IEC 61851-1 annex A). Voltage well within the ±10 % of EN 50160. The register every five minutes at
    most: between two of them the power tells the course, and bills do not come from here. The last six are of the
    site's own meters; 100 mHz is half of what a grid in order moves (EN 50160).
    """
    return {
        Measurand.POWER: rule(100, 2, 10, 300),
        Measurand.POWER_OFFERED: rule(100, 2, 10, 300),
        Measurand.CURRENT: rule(500, 2, 10, 300),
        Measurand.VOLTAGE: rule(2_000, 1, 10, 300),
        Measurand.STATE_OF_CHARGE: rule(1, 0, 10, 300),
        Measurand.ENERGY_REGISTER: rule(100, 0, 300, 900),
        Measurand.POWER_EXPORT: rule(100, 2, 10, 300),
        Measurand.CURRENT_EXPORT: rule(500, 2, 10, 300),
        Measurand.ENERGY_EXPORT_REGISTER: rule(100, 0, 300, 900),
        Measurand.REACTIVE_POWER: rule(100, 5, 60, 900),
        Measurand.POWER_FACTOR: rule(50, 0, 60, 900),
        Measurand.FREQUENCY: rule(100, 0, 10, 900),
    }


@dataclass(frozen=True, slots=True)
class TelemetryRules:
    """The filter as configured: a rule for every measurand. `levels` holds them for each level of thinning."""

    by_measurand: Mapping[Measurand, MeasurandRule] = field(default_factory=default_rules)
    is_enabled: bool = True
    levels: tuple[Mapping[Measurand, MeasurandRule], ...] = field(init=False)

    def __post_init__(self) -> None:
        never = timedelta.max
        stretched, marks_only = {}, {}
        for measurand, usual in self.by_measurand.items():
            stretched[measurand] = MeasurandRule(
                deadband=usual.deadband,
                percent=usual.percent,
                min_interval=usual.min_interval * STRETCH,
                max_interval=usual.max_interval * STRETCH,
            )
            marks_only[measurand] = MeasurandRule(deadband=usual.deadband, min_interval=never, max_interval=never)
        object.__setattr__(self, "levels", (self.by_measurand, stretched, marks_only))


@dataclass(slots=True)
class Curve:
    """One measurand in one phase. `newest_at` is the latest time stamp heard; `kept_at` and `kept_value` are of the
    stretch that is drawn now, which lies behind `newest_at` when `is_late`. `withheld` was dropped last of it: should
    the stretch end there, it is kept after all."""

    kept_at: datetime
    kept_value: int
    newest_at: datetime
    withheld: Sample | None = None
    withheld_at: datetime | None = None
    is_next_kept: bool = False
    is_late: bool = False

    def end(self, kept: list[Kept]) -> None:
        """The stretch ends where it ended, not where the filter last looked up."""
        if self.withheld is not None and self.withheld_at is not None:
            kept.append((self.withheld, self.withheld_at))
            self.withheld = None


@dataclass(slots=True)
class Readings:
    """The filter's memory of an EVSE, while a transaction runs there or readings come. `dropped` counts what was let go
    for good since its last entry; `thinned` what was withheld although the usual rules would have kept it."""

    transaction_id: str | None
    heard_at: datetime
    dropped: int = 0
    thinned: int = 0
    curves: dict[tuple[Measurand, str | None], Curve] = field(default_factory=dict)
    stamps: array[float] = field(default_factory=lambda: array("d"))

    def take(self, samples: Sequence[Sample], now: datetime, rules: TelemetryRules, level: int) -> list[Kept]:
        """The readings of a message that are to be kept, in order; also some withheld before, where a stretch ends."""
        kept: list[Kept] = []
        stamps: list[datetime] = []
        in_force = rules.levels[level]
        curves, periodic, marks = self.curves, _PERIODIC, _MARKS
        earliest, latest = now - BEHIND, now + AHEAD
        said, at = None, now
        newest_at = kept_at = None  # curves go on together: what was found for one holds for the next
        is_late, age = False, _NO_TIME
        self.heard_at = now
        for sample in samples:
            if sample.at is not said:
                said = sample.at
                at = said if said is not None and earliest <= said <= latest else now
                stamps.append(at)
                newest_at = kept_at = None
            measurand, value = sample.measurand, sample.value
            curve = curves.get((measurand, sample.phase))
            if curve is None:
                self._begin(sample, at, kept)
                continue
            if curve.newest_at is not newest_at:
                newest_at = curve.newest_at
                is_late = at <= newest_at
            if is_late:
                self._take_late(curve, sample, at, in_force[measurand], kept)
                continue
            curve.newest_at = at
            if curve.is_next_kept:
                curve.end(kept)
                curve.is_next_kept = curve.is_late = False
            else:
                # MeasurandRule.is_news, spelled out: a call for each reading would double the filter's cost.
                in_use = in_force[measurand]
                if curve.kept_at is not kept_at:
                    kept_at = curve.kept_at
                    age = at - kept_at
                kept_value = curve.kept_value
                if age < in_use.max_interval:
                    change = value - kept_value if value >= kept_value else kept_value - value
                    if (
                        change < in_use.deadband
                        or age < in_use.min_interval
                        or change * 100 < in_use.percent * abs(kept_value)
                    ):
                        context = sample.context
                        if context is periodic or context not in marks:
                            if curve.withheld is not None:
                                self.dropped += 1
                            curve.withheld, curve.withheld_at = sample, at
                            if level and rules.by_measurand[measurand].is_news(value, kept_value, age):
                                self.thinned += 1
                            continue
            if curve.withheld is not None:
                curve.withheld = None
                self.dropped += 1
            curve.kept_at, curve.kept_value = at, value
            kept.append((sample, at))
        self._remember(stamps)
        return kept

    def expect_change(self) -> None:
        """The charging state has changed: the next reading of every curve is kept."""
        for curve in self.curves.values():
            curve.is_next_kept, curve.is_late = True, False

    def end(self) -> list[Kept]:
        """The last reading of each curve, where it was withheld."""
        kept: list[Kept] = []
        for curve in self.curves.values():
            curve.end(kept)
        return kept

    def give_up(self) -> int:
        """How many readings were let go when nobody asks for the end of the curves."""
        return self.dropped + sum(curve.withheld is not None for curve in self.curves.values())

    def _begin(self, sample: Sample, at: datetime, kept: list[Kept]) -> None:
        if len(self.curves) < MAX_CURVES:
            self.curves[sample.measurand, sample.phase] = Curve(at, sample.value, at)
            kept.append((sample, at))
        else:
            self.dropped += 1

    def _take_late(self, curve: Curve, sample: Sample, at: datetime, in_use: MeasurandRule, kept: list[Kept]) -> None:
        """A reading that is not newer than the newest: of this very moment, a repetition, or of an old queue."""
        is_mark = sample.context in _MARKS
        if at == curve.newest_at and not curve.is_late:
            if (is_mark or curve.is_next_kept) and at != curve.kept_at:
                curve.is_next_kept = False
                self._keep(curve, sample, at, kept)
        elif at.timestamp() in self.stamps:
            pass
        elif not curve.is_late or at < curve.kept_at:
            curve.end(kept)
            curve.is_late = curve.is_next_kept = True
            self._keep(curve, sample, at, kept)
        elif is_mark or in_use.is_news(sample.value, curve.kept_value, at - curve.kept_at):
            self._keep(curve, sample, at, kept)
        else:
            if curve.withheld is not None:
                self.dropped += 1
            curve.withheld, curve.withheld_at = sample, at

    def _keep(self, curve: Curve, sample: Sample, at: datetime, kept: list[Kept]) -> None:
        if curve.withheld is not None:
            curve.withheld = None
            self.dropped += 1
        curve.kept_at, curve.kept_value = at, sample.value
        kept.append((sample, at))

    def _remember(self, stamps: list[datetime]) -> None:
        remembered = self.stamps
        for at in stamps:
            remembered.append(at.timestamp())
        if len(remembered) > REMEMBERED_STAMPS:
            del remembered[: len(remembered) - REMEMBERED_STAMPS]
