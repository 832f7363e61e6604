"""Smart charging: profiles set, obeyed, cleared and reported (OCPP 1.6 §5.5, §5.7 and §5.16, 2.0.1 block K). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from firmware_sim.blocks.charging_profiles import (
    MAX_PERIODS,
    MAX_PROFILES,
    MAX_STACK_LEVEL,
    ChargingProfile,
    Kind,
    Purpose,
)
from firmware_sim.blocks.schedules import Limit, Outlet, composite, first_error, limit_w, next_change
from firmware_sim.evse import Evse
from firmware_sim.habits import Habit
from firmware_sim.messages import iso
from firmware_sim.station_model import StationModel

_REFUSED_BY: dict[Habit, Callable[[ChargingProfile], bool]] = {
    Habit.REFUSES_A: lambda profile: profile.schedule.unit == "A",
    Habit.REFUSES_W: lambda profile: profile.schedule.unit == "W",
    Habit.REFUSES_ZERO: lambda profile: any(each.limit == 0 for each in profile.schedule.periods),
    Habit.REFUSES_RELATIVE: lambda profile: profile.kind is Kind.RELATIVE,
    Habit.REFUSES_ABSOLUTE: lambda profile: profile.kind is Kind.ABSOLUTE,
}


def set_profile(model: StationModel, profile: ChargingProfile) -> tuple[str, str | None]:
    """SetChargingProfile: the status, and OCPP 2.0.1's reasonCode of a refusal."""
    reason = _refusal(model, profile)
    if reason is not None:
        return "Rejected", reason
    model.profiles.put(profile)
    model.note("profile_set", model.evses.get(profile.evse_id), purpose=profile.purpose.value)
    evse = model.evses.get(profile.evse_id)
    if profile.purpose is Purpose.TX and evse is not None and model.spec.has_iso15118 and not model.is_v16:
        _tell_schedule(model, evse)
    return "Accepted", None


def clear(model: StationModel, **criteria: Any) -> str:
    """ClearChargingProfile."""
    return "Accepted" if model.profiles.clear(**criteria) else "Unknown"


def obey(model: StationModel) -> None:
    """Let the profiles take effect, and plan when they may say something else."""
    model.next_profile_at = None
    if not model.profiles.all:
        for evse in model.evses.values():
            evse.profile_w = None
        return
    changes = []
    for evse in model.evses.values():
        outlet = outlet_of(model, evse)
        is_deaf = Habit.IGNORES_PROFILES in model.habits
        evse.profile_w = None if is_deaf else limit_w(model.profiles.all, outlet, model.now)
        changes.append(next_change(model.profiles.all, outlet, model.now))
    model.next_profile_at = min((each for each in changes if each is not None), default=None)


def composite_schedule(model: StationModel, evse_id: int, duration_s: int) -> tuple[Outlet, list[Limit]] | None:
    """What holds from now on, for an EVSE or (0) for the station; None for an EVSE that is not there."""
    if evse_id and evse_id not in model.evses:
        return None
    outlet = outlet_of(model, model.evses[evse_id]) if evse_id else _whole(model)
    return outlet, composite(model.profiles.all, outlet, model.now, duration_s)


def outlet_of(model: StationModel, evse: Evse) -> Outlet:
    """An EVSE as the reckoning sees it."""
    running = model.transactions.get(evse.transaction_id or "")
    charging = sum(each.transaction_id is not None for each in model.evses.values())
    return Outlet(
        evse_id=evse.evse_id,
        phases=evse.spec.phases,
        max_power_w=evse.spec.max_power_w,
        charging_since=running.started_at if running else None,
        sharing=max(1, charging),
    )


def report(model: StationModel, request_id: int, evse_id: int | None, wanted: dict[str, Any]) -> str:
    """GetChargingProfiles: the status, and a ReportChargingProfiles for each EVSE and source."""
    ids = wanted.get("charging_profile_id")
    sources = wanted.get("charging_limit_source")
    found = [
        each
        for each in model.profiles.all
        if evse_id in (None, each.evse_id)
        and wanted.get("charging_profile_purpose") in (None, each.purpose.value)
        and wanted.get("stack_level") in (None, each.stack_level)
        and (not ids or each.profile_id in ids)
        and (not sources or each.source in sources)
    ]
    groups = sorted({(each.evse_id, each.source) for each in found})
    for number, (place, source) in enumerate(groups, start=1):
        model.tell(
            "ReportChargingProfiles",
            is_asked=True,
            request_id=request_id,
            charging_limit_source=source,
            evse_id=place,
            charging_profile=[dict(each.told) for each in found if (each.evse_id, each.source) == (place, source)],
            tbc=number < len(groups),
        )
    return "Accepted" if found else "NoProfiles"


def tell_needs(model: StationModel, evse: Evse) -> None:
    """NotifyEVChargingNeeds: what the vehicle wants (2.0.1 K15)."""
    vehicle = evse.vehicle
    if vehicle is None:
        return
    if evse.spec.phases == 0:
        needs: dict[str, Any] = {
            "requested_energy_transfer": "DC",
            "dc_charging_parameters": {
                "ev_max_current": vehicle.max_dc_power_w // 400,
                "ev_max_voltage": 400,
                "ev_max_power": vehicle.max_dc_power_w,
                "energy_amount": vehicle.missing_uj // 3_600_000_000,
                "state_of_charge": vehicle.soc_percent,
            },
        }
    else:
        needs = {
            "requested_energy_transfer": "AC_three_phase" if vehicle.ac_phases == 3 else "AC_single_phase",
            "ac_charging_parameters": {
                "energy_amount": vehicle.missing_uj // 3_600_000_000,
                "ev_min_current": 6,
                "ev_max_current": vehicle.max_ac_power_w // (230 * vehicle.ac_phases),
                "ev_max_voltage": 400,
            },
        }
    model.tell("NotifyEVChargingNeeds", evse_id=evse.evse_id, charging_needs=needs, max_schedule_tuples=24)


def external_limit(model: StationModel, evse_id: int, limit: ChargingProfile | None, *, is_grid_critical: bool) -> None:
    """Somebody else, an energy manager or the grid, limits the station, or stops doing so (2.0.1 K11 to K13)."""
    model.profiles.all = [each for each in model.profiles.all if each.purpose is not Purpose.EXTERNAL]
    if limit is None:
        if not model.is_v16:
            model.tell("ClearedChargingLimit", charging_limit_source="EMS", evse_id=evse_id)
        return
    model.profiles.put(limit)
    if not model.is_v16:
        model.tell(
            "NotifyChargingLimit",
            evse_id=evse_id,
            charging_limit={"charging_limit_source": "EMS", "is_grid_critical": is_grid_critical},
            charging_schedule=limit.told["charging_schedule"],
        )


def next_due(model: StationModel) -> list[datetime]:
    """When a profile may say something else."""
    return [] if model.next_profile_at is None else [model.next_profile_at]


def _whole(model: StationModel) -> Outlet:
    rating_w = sum(each.spec.max_power_w for each in model.evses.values())
    return Outlet(evse_id=0, phases=3, max_power_w=rating_w)


def _refusal(model: StationModel, profile: ChargingProfile) -> str | None:
    """Why a profile is not taken, as a reasonCode."""
    if profile.evse_id and profile.evse_id not in model.evses:
        return "UnknownEvse"
    if any(habit in model.habits and refuses(profile) for habit, refuses in _REFUSED_BY.items()):
        return "UnsupportedParam"
    if profile.stack_level > MAX_STACK_LEVEL:
        return "InvalidStackLevel"
    if len(profile.schedule.periods) > MAX_PERIODS or first_error(profile.schedule) is not None:
        return "InvalidSchedule"
    if profile.kind is Kind.RECURRING and (profile.recurrency is None or profile.schedule.start is None):
        return "InvalidProfile"
    if profile.purpose is Purpose.STATION_MAX and (profile.evse_id or profile.kind is Kind.RELATIVE):
        return "InvalidProfile"
    if profile.purpose is Purpose.EXTERNAL:
        return "InvalidProfile"  # only the station sets these itself (K01.FR.22)
    if profile.purpose is Purpose.TX:
        return _tx_refusal(model, profile)
    return "TooManyProfiles" if len(model.profiles.all) >= MAX_PROFILES else None


def _tx_refusal(model: StationModel, profile: ChargingProfile) -> str | None:
    evse = model.evses.get(profile.evse_id)
    running = model.transactions.get(evse.transaction_id or "") if evse is not None else None
    if running is None:
        return "TxNotFound"
    known_as = (None, running.transaction_id, str(running.csms_id))
    return None if profile.transaction_id in known_as else "TxNotFound"


def _tell_schedule(model: StationModel, evse: Evse) -> None:
    """NotifyEVChargingSchedule: how the vehicle will follow what it was given (2.0.1 K17)."""
    outlet = outlet_of(model, evse)
    limits: Iterable[Limit] = composite(model.profiles.all, outlet, model.now, 86_400)
    periods = [{"start_period": each.start_s, "limit": each.power_w} for each in limits]
    model.tell(
        "NotifyEVChargingSchedule",
        evse_id=evse.evse_id,
        time_base=iso(model.now),
        charging_schedule={
            "id": 1,
            "charging_rate_unit": "W",
            "duration": 86_400,
            "charging_schedule_period": periods,
        },
    )
