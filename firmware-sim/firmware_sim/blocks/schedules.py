"""Reckons what charging profiles allow at an instant, and from one instant to another (OCPP 1.6 §3.13, 2.0.1 K). Pure.

The lowest of all purposes holds; within a purpose the highest stack level that says something now; a TxProfile stands
in the place of the TxDefaultProfile. Limits are reckoned in watts: amperes count per phase at 230 V.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from firmware_sim.blocks.charging_profiles import ChargingProfile, Kind, Purpose, Schedule
from firmware_sim.vehicle import NOMINAL_V

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """What reckoning needs of an EVSE. `phases` 0 is DC; `sharing` EVSEs share the station's own limit now."""

    evse_id: int
    phases: int
    max_power_w: int
    charging_since: datetime | None = None
    sharing: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """From `start_s` on, `power_w`."""

    start_s: int
    power_w: int


def limit_w(profiles: Iterable[ChargingProfile], outlet: Outlet, at: datetime) -> int | None:
    """What the profiles allow the EVSE at `at`, in W; None when they say nothing."""
    known = list(profiles)
    strongest = (
        _strongest(known, outlet, at, Purpose.EXTERNAL),
        _strongest(known, outlet, at, Purpose.STATION_MAX),
        _strongest(known, outlet, at, Purpose.TX) or _strongest(known, outlet, at, Purpose.TX_DEFAULT),
    )
    return min((_share_w(*each, outlet) for each in strongest if each is not None), default=None)


def composite(profiles: Iterable[ChargingProfile], outlet: Outlet, start: datetime, duration_s: int) -> list[Limit]:
    """The limits from `start` on, one for each change; where no profile says anything, the EVSE's rating."""
    known = list(profiles)
    end = start + timedelta(seconds=duration_s)
    instants = [start]
    while (change := next_change(known, outlet, instants[-1])) is not None and change < end and len(instants) < 1000:
        instants.append(change)
    limits: list[Limit] = []
    for at in instants:
        told = limit_w(known, outlet, at)
        power_w = outlet.max_power_w if told is None else min(told, outlet.max_power_w)
        if not limits or limits[-1].power_w != power_w:
            limits.append(Limit(start_s=int((at - start).total_seconds()), power_w=power_w))
    return limits


def next_change(profiles: Iterable[ChargingProfile], outlet: Outlet, after: datetime) -> datetime | None:
    """The next instant after `after` at which a profile may say something else."""
    found: list[datetime] = []
    for profile in profiles:
        found += [each for each in (profile.valid_from, profile.valid_to) if each is not None]
        for begun in _beginnings(profile, outlet, after):
            found += [begun + timedelta(seconds=each.start_s) for each in profile.schedule.periods]
            if profile.schedule.duration_s is not None:
                found.append(begun + timedelta(seconds=profile.schedule.duration_s))
    return min((each for each in found if each > after), default=None)


def _strongest(
    profiles: Iterable[ChargingProfile], outlet: Outlet, at: datetime, purpose: Purpose
) -> tuple[ChargingProfile, tuple[float, str]] | None:
    """The profile with the highest stack level that says something now, and what it says; for one EVSE before all."""
    found = [
        (profile.stack_level, profile.evse_id, profile, told)
        for profile in profiles
        if profile.purpose is purpose
        and profile.evse_id in (0, outlet.evse_id)
        and (told := _told(profile, outlet, at)) is not None
    ]
    if not found:
        return None
    _, _, profile, told = max(found, key=lambda each: each[:2])
    return profile, told


def _told(profile: ChargingProfile, outlet: Outlet, at: datetime) -> tuple[float, str] | None:
    """The limit and its unit that a profile gives at `at`."""
    if (profile.valid_from and at < profile.valid_from) or (profile.valid_to and at >= profile.valid_to):
        return None
    schedule = profile.schedule
    for begun in _beginnings(profile, outlet, at):
        passed_s = (at - begun).total_seconds()
        if passed_s < 0 or (schedule.duration_s is not None and passed_s >= schedule.duration_s):
            continue
        running = [each for each in schedule.periods if each.start_s <= passed_s]
        if running:
            return running[-1].limit, schedule.unit
    return None


def _beginnings(profile: ChargingProfile, outlet: Outlet, at: datetime) -> list[datetime]:
    """The instants from which the schedule's seconds may count at `at`, and the next one of a recurring profile."""
    match profile.kind:
        case Kind.RELATIVE:
            return [] if outlet.charging_since is None else [outlet.charging_since]
        case Kind.ABSOLUTE:
            since = profile.schedule.start or outlet.charging_since
            return [] if since is None else [since]
        case Kind.RECURRING:
            start = profile.schedule.start
            if start is None:
                return []
            period = _DAY * (7 if profile.recurrency == "Weekly" else 1)
            latest = start + period * max(0, (at - start) // period)
            return [latest, latest + period]


def _share_w(profile: ChargingProfile, told: tuple[float, str], outlet: Outlet) -> int:
    """The limit in W; one for the whole station is shared by those who charge."""
    limit, unit = told
    power_w = int(limit if unit == "W" else limit * NOMINAL_V * (outlet.phases or 3))
    is_for_all = profile.evse_id == 0 and profile.purpose not in (Purpose.TX, Purpose.TX_DEFAULT)
    return power_w // outlet.sharing if is_for_all else power_w


def in_unit(power_w: int, unit: str, outlet: Outlet) -> float:
    """A limit in the unit that was asked for, to one decimal as OCPP wants it."""
    if unit == "W":
        return float(power_w)
    return round(power_w / (NOMINAL_V * (outlet.phases or 3)), 1)


def first_error(schedule: Schedule) -> str | None:
    """What is wrong with a schedule's own shape; None when nothing is."""
    starts = [each.start_s for each in schedule.periods]
    if not starts or starts[0] != 0:
        return "the first period must start at 0"
    if starts != sorted(set(starts)):
        return "periods must be in order"
    return None
