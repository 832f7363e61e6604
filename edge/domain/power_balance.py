"""Where the site's power comes from and goes to, as far as its meters tell now. What is not known is not reckoned."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from edge.domain.meter_book import Meter, MeterRole, Shown, behind
from edge.domain.site import Site
from protocols.site.view import BalancePart, PowerFlow
from protocols.terms import Measurand

_GIVES: Final = {MeterRole.PV: BalancePart.PV, MeterRole.BATTERY: BalancePart.BATTERY}
_PHASES: Final = ("L1", "L2", "L3")


def balance(site: Site, now: datetime) -> tuple[PowerFlow, ...]:
    """The parts that have a meter, the EVSEs, and the rest where there is a feeder. None without meters."""
    if not site.rules.meters:
        return ()
    by_role: dict[MeterRole, list[Meter]] = {}
    for rules in site.rules.meters.values():
        by_role.setdefault(rules.role, []).append(site.meters.look(rules))
    flows = []
    if feeders := by_role.get(MeterRole.FEEDER):
        flows.append(_sum(BalancePart.GRID, feeders, now))
    flows += [_sum(part, by_role[role], now, sign=-1) for role, part in _GIVES.items() if role in by_role]
    given = list(flows)
    taken = [_evses(site, now)]
    if loads := by_role.get(MeterRole.LOAD):
        taken.append(_sum(BalancePart.LOADS, loads, now))
    if feeders:
        taken.append(_rest(given, taken))
    return (*given, *taken)


def _sum(part: BalancePart, meters: list[Meter], now: datetime, sign: int = 1) -> PowerFlow:
    powers = [meter.power(now) for meter in meters]
    known = [power for power in powers if power is not None]
    if len(known) < len(powers):
        return PowerFlow(part=part, power_w=None)
    return PowerFlow(part=part, power_w=sign * sum(each.value for each in known), age_s=_age(known, now))


def _evses(site: Site, now: datetime) -> PowerFlow:
    """By the meter behind an EVSE, or by what its charger tells, where that is the present."""
    power_w, read = 0, []
    for transaction in site.transactions.values():
        ref = transaction.ref
        rules, status = behind(site.rules.meters, ref), site.evses.get(ref)
        shown = site.meters.look(rules).power(now) if rules is not None else None
        if shown is None and status is not None and not site.is_silent(status, now):
            told_at = status.read_at or transaction.started_at
            shown = Shown(status.power_w, told_at) if status.power_w is not None else None
        if shown is None:
            return PowerFlow(part=BalancePart.EVSES, power_w=None)
        power_w += shown.value
        read.append(shown)
    return PowerFlow(part=BalancePart.EVSES, power_w=power_w, age_s=_age(read, now))


def _rest(given: list[PowerFlow], taken: list[PowerFlow]) -> PowerFlow:
    gives = [flow.power_w for flow in given]
    takes = [flow.power_w for flow in taken]
    known = [power_w for power_w in gives if power_w is not None]
    spent = [power_w for power_w in takes if power_w is not None]
    if len(known) < len(gives) or len(spent) < len(takes):
        return PowerFlow(part=BalancePart.REST, power_w=None)
    ages = [flow.age_s for flow in (*given, *taken) if flow.age_s is not None]
    return PowerFlow(part=BalancePart.REST, power_w=sum(known) - sum(spent), age_s=max(ages, default=None))


def _age(shown: list[Shown], now: datetime) -> int | None:
    return max((max(0, int((now - each.at).total_seconds())) for each in shown), default=None)


def meters(site: Site, now: datetime) -> list[dict[str, Any]]:
    """The site's own meters, JSON-able; a value that is too old to be the present is None."""
    return [_meter(site.meters.look(rules), now) for rules in site.rules.meters.values()]


def _meter(meter: Meter, now: datetime) -> dict[str, Any]:
    def value(measurand: Measurand, phase: str | None = None) -> int | None:
        shown = meter.read(measurand, now, phase)
        return shown.value if shown is not None else None

    power, rules = meter.power(now), meter.rules
    last = max((shown.at for shown in meter.shown.values()), default=None)
    return {
        "meter_id": rules.meter_id,
        "role": rules.role,
        "behind": str(rules.behind) if rules.behind is not None else None,
        "profile": rules.profile_id,
        "vendor": meter.vendor,
        "model": meter.model,
        "serial_number": meter.serial_number,
        "online": meter.is_online,
        "power_w": power.value if power is not None else None,
        "power_age_s": _age([power], now) if power is not None else None,
        "phases": [
            {
                "phase": phase,
                "power_w": net.value if (net := meter.power(now, phase)) is not None else None,
                "current_ma": _either(value(Measurand.CURRENT, phase), value(Measurand.CURRENT_EXPORT, phase)),
                "voltage_mv": value(Measurand.VOLTAGE, phase),
            }
            for phase in _PHASES
            if any(shown_phase == phase for _, shown_phase in meter.shown)
        ],
        "energy_import_wh": value(Measurand.ENERGY_REGISTER),
        "energy_export_wh": value(Measurand.ENERGY_EXPORT_REGISTER),
        "frequency_mhz": value(Measurand.FREQUENCY),
        "power_factor_per_mille": value(Measurand.POWER_FACTOR),
        "read_at": last.isoformat() if last is not None else None,
    }


def _either(one: int | None, other: int | None) -> int | None:
    return one if one is not None else other
