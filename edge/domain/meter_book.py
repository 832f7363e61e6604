"""The site's own meters and inverters: what each is for, what it showed last, and how long that is the present.

All count from the site's busbar: what a device takes is imported, what it gives is exported; the feeder imports from
the grid. What is older than its time is not known, whatever it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from edge.domain.cross_check import EvseWatch, FeederWatch
from edge.domain.telemetry import MeasurandRule
from protocols.charger.events import Sample
from protocols.terms import EvseRef, Measurand, MeterRole

FRESH_FOR: Final = timedelta(seconds=45)
"""Where nothing else is said."""
DOZES_AT_W: Final = 200
"""So little flows through what is about to go to sleep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterRules:
    """A meter as configured. `behind`: the EVSE whose energy alone flows through it. `fresh_for`: how old a reading may
    be to be the present. `counts_energy`: it has a register of what is taken. `is_compared`: with what chargers tell.
    `may_sleep`: it is off when there is nothing to measure, as an inverter is at night.
    """

    meter_id: str
    role: MeterRole
    profile_id: str = ""
    behind: EvseRef | None = None
    fresh_for: Mapping[Measurand, timedelta] = field(default_factory=dict)
    counts_energy: bool = True
    is_compared: bool = True
    may_sleep: bool = False

    @property
    def ref(self) -> EvseRef:
        """Its place among those that are shown and read: where a station has its main meter."""
        return EvseRef(self.meter_id, 0)


@dataclass(frozen=True, slots=True)
class Shown:
    """A value, and when it was read."""

    value: int
    at: datetime


@dataclass(slots=True)
class Meter:
    """What a meter is and showed last. Nothing of it is kept: after a restart it is read again."""

    rules: MeterRules
    is_online: bool = False
    vendor: str | None = None
    model: str | None = None
    serial_number: str | None = None
    shown: dict[tuple[Measurand, str | None], Shown] = field(default_factory=dict)
    watch: EvseWatch = field(default_factory=EvseWatch)
    compared_at: datetime | None = None
    """When the charger read what was compared last."""
    told_power_w: int | None = None
    """The power that was news last."""
    asleep_since: datetime | None = None
    """It is silent since, and may be."""

    def take(self, sample: Sample, now: datetime) -> None:
        self.shown[sample.measurand, sample.phase] = Shown(sample.value, sample.at or now)

    def read(self, measurand: Measurand, now: datetime, phase: str | None = None) -> Shown | None:
        """None: not known now."""
        shown = self.shown.get((measurand, phase))
        if shown is None or now - shown.at > self.rules.fresh_for.get(measurand, FRESH_FOR):
            return None
        return shown

    def has_news(self, now: datetime, power: MeasurandRule) -> bool:
        """Whether its power has changed so much since this was true last, or is known again or no more, that whoever
        looks at it from afar should hear of it at once."""
        before, shown = self.told_power_w, self.power(now)
        after = shown.value if shown is not None else None
        if before is None or after is None:
            is_news = before != after
        else:
            change = abs(after - before)
            is_news = change >= power.deadband and change * 100 >= power.percent * abs(before)
        if is_news:
            self.told_power_w = after
        return is_news

    def power(self, now: datetime, phase: str | None = None) -> Shown | None:
        """What it takes, less what it gives, in W; as old as the older of both."""
        return self._net(Measurand.POWER, Measurand.POWER_EXPORT, now, phase)

    def energy(self, now: datetime) -> Shown | None:
        """What it has taken, less what it has given, in Wh."""
        return self._net(Measurand.ENERGY_REGISTER, Measurand.ENERGY_EXPORT_REGISTER, now, None)

    def is_dozing(self) -> bool:
        """Whether it may sleep, and had next to nothing to measure when it was last read, or was never read here."""
        known = (self.shown.get((kind, None)) for kind in (Measurand.POWER, Measurand.POWER_EXPORT))
        return self.rules.may_sleep and all(abs(shown.value) <= DOZES_AT_W for shown in known if shown is not None)

    def _net(self, taken: Measurand, given: Measurand, now: datetime, phase: str | None) -> Shown | None:
        kinds = [kind for kind in (taken, given) if (kind, phase) in self.shown]
        found = [(kind, self.read(kind, now, phase)) for kind in kinds]
        known = [(kind, shown) for kind, shown in found if shown is not None]
        if not known or len(known) < len(found):
            return None
        net = sum(shown.value if kind is taken else -shown.value for kind, shown in known)
        return Shown(net, min(shown.at for _, shown in known))


@dataclass(slots=True)
class MeterBook:
    """By id."""

    meters: dict[str, Meter] = field(default_factory=dict)
    feeder: FeederWatch = field(default_factory=FeederWatch)

    def of(self, rules: MeterRules) -> Meter:
        meter = self.meters.get(rules.meter_id)
        if meter is None:
            meter = self.meters[rules.meter_id] = Meter(rules)
        return meter

    def look(self, rules: MeterRules) -> Meter:
        """For those who only look: one that was never heard has shown nothing."""
        return self.meters.get(rules.meter_id) or Meter(rules)


def behind(meters: Mapping[str, MeterRules], ref: EvseRef) -> MeterRules | None:
    """The meter through which an EVSE's energy flows."""
    return next((each for each in meters.values() if each.behind == ref), None)
