"""The telemetry filter in force: the site's own settings, and over them what the hub says, by device class.

Made when the hub's document changes, never while a reading is judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from edge.domain.telemetry import FILTER, MeasurandRule, TelemetryRules
from protocols.sync.filters import Classes, DeviceClass, MeasurandFilter
from protocols.terms import Measurand

_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Filters:
    """The rules for readings of EVSEs, and for those of meters. `name` goes with what they kept, and `longest` is the
    longest that a curve may be silent."""

    evse: TelemetryRules
    meter: TelemetryRules
    name: str
    longest: timedelta


def filters(own: TelemetryRules, classes: Classes, version: int) -> Filters:
    """The site's `own` rules with those of the hub's document over them; version 0: the hub says nothing."""
    evse, meter = (
        TelemetryRules(_over(own.by_measurand, classes.get(each, {})), is_enabled=own.is_enabled)
        for each in (DeviceClass.EVSE, DeviceClass.METER)
    )
    longest = max(rule.max_interval for rules in (evse, meter) for rule in rules.by_measurand.values())
    return Filters(evse, meter, f"{FILTER}+{version}" if version else FILTER, longest)


def problems(own: TelemetryRules, classes: Classes) -> Iterator[str]:
    """Why a document cannot be in force here."""
    for each, wishes in classes.items():
        for measurand, rule in _over(own.by_measurand, wishes).items():
            if rule.max_interval < _SECOND or rule.max_interval < rule.min_interval:
                shortest_s, longest_s = (int(x.total_seconds()) for x in (rule.min_interval, rule.max_interval))
                yield f"{each} {measurand}: min_s {shortest_s} and max_s {longest_s} leave no interval"


def _over(
    own: Mapping[Measurand, MeasurandRule], wishes: Mapping[Measurand, MeasurandFilter]
) -> dict[Measurand, MeasurandRule]:
    return {measurand: _rule(usual, wishes.get(measurand)) for measurand, usual in own.items()}


def _rule(usual: MeasurandRule, wish: MeasurandFilter | None) -> MeasurandRule:
    if wish is None:
        return usual
    return MeasurandRule(
        deadband=usual.deadband if wish.deadband is None else wish.deadband,
        percent=usual.percent if wish.percent is None else wish.percent,
        min_interval=usual.min_interval if wish.min_s is None else timedelta(seconds=wish.min_s),
        max_interval=usual.max_interval if wish.max_s is None else timedelta(seconds=wish.max_s),
    )
