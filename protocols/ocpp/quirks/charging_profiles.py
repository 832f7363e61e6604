"""Charging profiles as a model takes them (field quirk 11). The limits stay what they are, rounded down where units
change; what a model cannot be told is refused with the reason, never told half."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from protocols.charger.commands import Operation
from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    GetCompositeSchedule,
    SchedulePeriod,
    SetChargingProfile,
    watts_per_ampere,
)
from protocols.charger.operations.transactions import StartTransaction
from protocols.errors import BadText
from protocols.ocpp.quirks.model import ProfileDialect, ProfileKind, ProfilePurpose, Quirks

_PURPOSES: Final = {
    ProfilePurpose.STATION_MAX: "ChargingStationMaxProfile",
    ProfilePurpose.TX_DEFAULT: "TxDefaultProfile",
    ProfilePurpose.TX: "TxProfile",
}


def adapted(operation: Operation, quirks: Quirks) -> Operation:
    """The operation in the model's dialect. Raises BadText where it has no words for it."""
    dialect = quirks.charging_profile
    match operation:
        case SetChargingProfile(profile=profile):
            return replace(operation, profile=_profile(profile, dialect, quirks.model))
        case StartTransaction(profile=ChargingProfile() as profile):
            return replace(operation, profile=_profile(profile, dialect, quirks.model))
        case GetCompositeSchedule() if dialect.rate_unit is not None:
            return replace(operation, rate_unit=dialect.rate_unit.value)
        case _:
            return operation


def _profile(profile: ChargingProfile, dialect: ProfileDialect, model: str) -> ChargingProfile:
    known = {_PURPOSES[purpose] for purpose in dialect.purposes}
    if known and profile.purpose not in known:
        raise BadText(f"{model} takes no {profile.purpose}; it takes {', '.join(sorted(known))}")
    if dialect.highest_stack_level is not None and profile.stack_level > dialect.highest_stack_level:
        profile = replace(profile, stack_level=dialect.highest_stack_level)
    schedules = tuple(_in_unit(schedule, dialect, model) for schedule in profile.schedules)
    profile = replace(profile, schedules=schedules)
    if dialect.kind is not None and profile.kind not in (dialect.kind.value, "Recurring"):
        profile = _of_kind(profile, dialect.kind, model)
    if dialect.has_start_schedule is False and profile.kind != "Recurring":
        _must_be_constant(profile, f"{model} takes no schedule that says when it starts")
        profile = replace(profile, schedules=tuple(replace(each, start_at=None) for each in profile.schedules))
    return profile


def _of_kind(profile: ChargingProfile, kind: ProfileKind, model: str) -> ChargingProfile:
    """Absolute and Relative say the same where the limit does not change with time."""
    _must_be_constant(profile, f"{model} takes {kind} profiles alone")
    start_at = profile.schedules[0].start_at if kind is ProfileKind.ABSOLUTE else None
    schedules = tuple(replace(each, start_at=start_at) for each in profile.schedules)
    return replace(profile, kind=kind.value, schedules=schedules)


def _must_be_constant(profile: ChargingProfile, why: str) -> None:
    for schedule in profile.schedules:
        if len(schedule.periods) > 1 or schedule.duration_s is not None:
            raise BadText(f"{why}, and this one changes with time")


def _in_unit(schedule: ChargingSchedule, dialect: ProfileDialect, model: str) -> ChargingSchedule:
    wanted = dialect.rate_unit.value if dialect.rate_unit is not None else schedule.rate_unit
    periods = schedule.periods
    if wanted != schedule.rate_unit:
        periods = tuple(replace(period, limit=_converted(period, wanted)) for period in periods)
    lowest = dialect.lowest_limit
    if lowest is not None and any(period.limit < lowest for period in periods):
        raise BadText(f"{model} takes no limit under {lowest:g} {wanted}: stop the transaction, or make it unavailable")
    return replace(schedule, rate_unit=wanted, periods=periods)


def _converted(period: SchedulePeriod, wanted: str) -> float:
    """To one digit behind the point (OCPP 1.6 §7.14), never more than was meant."""
    factor = watts_per_ampere(period)
    value = period.limit / factor if wanted == "A" else period.limit * factor
    return int(value * 10) / 10
