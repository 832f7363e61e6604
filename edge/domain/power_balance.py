"""Where the site's power comes from and goes to, as far as its meters tell now. What is not known is not reckoned."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final, Literal

from edge.domain.meter_book import Meter, Shown, behind
from edge.domain.site import Site
from protocols.sync.present import FlowLive, MeterLive, PhaseLive
from protocols.terms import BalancePart, EvseRef, Measurand, MeterRole

_GIVES: Final = {MeterRole.PV: BalancePart.PV, MeterRole.BATTERY: BalancePart.BATTERY}
_PHASES: Final[tuple[Literal["L1", "L2", "L3"], ...]] = ("L1", "L2", "L3")


def balance(site: Site, now: datetime) -> tuple[FlowLive, ...]:
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


def _sum(part: BalancePart, meters: list[Meter], now: datetime, sign: int = 1) -> FlowLive:
    powers = [meter.power(now) for meter in meters]
    known = [power for power in powers if power is not None]
    if len(known) < len(powers):
        return FlowLive(part=part, power_w=None)
    return FlowLive(part=part, power_w=sign * sum(each.value for each in known), read_at=_oldest(known))


def _evses(site: Site, now: datetime) -> FlowLive:
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
            return FlowLive(part=BalancePart.EVSES, power_w=None)
        power_w += shown.value
        read.append(shown)
    return FlowLive(part=BalancePart.EVSES, power_w=power_w, read_at=_oldest(read))


def _rest(given: list[FlowLive], taken: list[FlowLive]) -> FlowLive:
    gives = [flow.power_w for flow in given]
    takes = [flow.power_w for flow in taken]
    known = [power_w for power_w in gives if power_w is not None]
    spent = [power_w for power_w in takes if power_w is not None]
    if len(known) < len(gives) or len(spent) < len(takes):
        return FlowLive(part=BalancePart.REST, power_w=None)
    read = [flow.read_at for flow in (*given, *taken) if flow.read_at is not None]
    return FlowLive(part=BalancePart.REST, power_w=sum(known) - sum(spent), read_at=min(read, default=None))


def _oldest(shown: list[Shown]) -> datetime | None:
    return min((each.at for each in shown), default=None)


def age_s(read_at: datetime | None, now: datetime) -> int | None:
    """How old a reading is; None for none."""
    return max(0, int((now - read_at).total_seconds())) if read_at is not None else None


def meter_live(meter: Meter, now: datetime) -> MeterLive:
    """A value that is too old to be the present is None."""

    def value(measurand: Measurand, phase: str | None = None) -> int | None:
        shown = meter.read(measurand, now, phase)
        return shown.value if shown is not None else None

    rules, power = meter.rules, meter.power(now)
    return MeterLive(
        meter_id=rules.meter_id,
        role=rules.role,
        profile_id=rules.profile_id,
        station_id=rules.behind.station_id if rules.behind is not None else None,
        evse_id=rules.behind.evse_id if rules.behind is not None else None,
        vendor=meter.vendor,
        model=meter.model,
        serial_number=meter.serial_number,
        is_online=meter.is_online,
        power_w=power.value if power is not None else None,
        power_read_at=power.at if power is not None else None,
        phases=tuple(
            PhaseLive(
                phase=phase,
                power_w=net.value if (net := meter.power(now, phase)) is not None else None,
                current_ma=_either(value(Measurand.CURRENT, phase), value(Measurand.CURRENT_EXPORT, phase)),
                voltage_mv=value(Measurand.VOLTAGE, phase),
            )
            for phase in _PHASES
            if any(shown_phase == phase for _, shown_phase in meter.shown)
        ),
        energy_import_wh=value(Measurand.ENERGY_REGISTER),
        energy_export_wh=value(Measurand.ENERGY_EXPORT_REGISTER),
        frequency_mhz=value(Measurand.FREQUENCY),
        power_factor_per_mille=value(Measurand.POWER_FACTOR),
        read_at=max((shown.at for shown in meter.shown.values()), default=None),
    )


def meters(site: Site, now: datetime) -> list[dict[str, Any]]:
    """The site's own meters for the staff, JSON-able."""
    return [_told(site.meters.look(rules), now) for rules in site.rules.meters.values()]


def _told(meter: Meter, now: datetime) -> dict[str, Any]:
    live = meter_live(meter, now)
    return {
        "meter_id": live.meter_id,
        "role": live.role,
        "behind": str(EvseRef(live.station_id, live.evse_id)) if live.station_id and live.evse_id else None,
        "profile": live.profile_id,
        "vendor": live.vendor,
        "model": live.model,
        "serial_number": live.serial_number,
        "online": live.is_online,
        "asleep_since": meter.asleep_since.isoformat() if meter.asleep_since is not None else None,
        "power_w": live.power_w,
        "power_age_s": age_s(live.power_read_at, now),
        "phases": [asdict(phase) for phase in live.phases],
        "energy_import_wh": live.energy_import_wh,
        "energy_export_wh": live.energy_export_wh,
        "frequency_mhz": live.frequency_mhz,
        "power_factor_per_mille": live.power_factor_per_mille,
        "read_at": live.read_at.isoformat() if live.read_at is not None else None,
    }


def _either(one: int | None, other: int | None) -> int | None:
    return one if one is not None else other
