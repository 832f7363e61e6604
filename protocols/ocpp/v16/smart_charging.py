"""OCPP 1.6 §5.16 SetChargingProfile, §5.5 ClearChargingProfile and §5.7 GetCompositeSchedule."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from types import MappingProxyType
from typing import Any, Final

from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    ClearChargingProfile,
    GetCompositeSchedule,
    SchedulePeriod,
    SetChargingProfile,
)
from protocols.errors import BadText
from protocols.ocpp.dialect import Calls, Payload, Result
from protocols.ocpp.reading import MAX_INT, read_int, read_stamp, read_text, write_stamp
from protocols.ocpp.v16.wording import given_number, read_status

_PURPOSES: Final = MappingProxyType(
    {
        "ChargingStationMaxProfile": "ChargePointMaxProfile",
        "TxDefaultProfile": "TxDefaultProfile",
        "TxProfile": "TxProfile",
    }
)
"""§7.12 ChargingProfilePurposeType by 2.0.1's words."""
_TENTH: Final = Decimal("0.1")


def render_set_charging_profile(setting: SetChargingProfile) -> Calls:
    """§6.43. Raises BadText for what OCPP 1.6 has no field for."""
    profile = render_charging_profile(setting.profile)
    return [("SetChargingProfile", {"connectorId": setting.evse_id, "csChargingProfiles": profile})]


def render_clear_charging_profile(clear: ClearChargingProfile) -> Calls:
    """§6.11."""
    payload: Payload = {}
    if clear.profile_id is not None:
        payload["id"] = clear.profile_id
    if clear.evse_id is not None:
        payload["connectorId"] = clear.evse_id
    if clear.purpose is not None:
        payload["chargingProfilePurpose"] = _purpose(clear.purpose)
    if clear.stack_level is not None:
        payload["stackLevel"] = clear.stack_level
    return [("ClearChargingProfile", payload)]


def render_get_composite_schedule(get: GetCompositeSchedule) -> Calls:
    """§6.21."""
    payload: Payload = {"connectorId": get.evse_id, "duration": get.duration_s}
    if get.rate_unit is not None:
        payload["chargingRateUnit"] = get.rate_unit
    return [("GetCompositeSchedule", payload)]


def read_composite_schedule(get: GetCompositeSchedule, answers: Sequence[Payload]) -> Result:
    """§6.22. The schedule begins at scheduleStart."""
    judged = read_status(get, answers)
    if not judged.is_accepted:
        return judged
    answer = answers[0]
    return Result(
        is_accepted=True,
        detail=judged.detail,
        result={"schedule": _read_schedule(answer.get("chargingSchedule"), answer.get("scheduleStart"))},
    )


def render_charging_profile(profile: ChargingProfile) -> Payload:
    """§7.8 ChargingProfile. Raises BadText for what it has no field for."""
    if len(profile.schedules) != 1:
        raise BadText(f"the profile has {len(profile.schedules)} schedules; in OCPP 1.6 it has one")
    payload: Payload = {"chargingProfileId": given_number(profile.profile_id, "profile_id")}
    if profile.charger_transaction_id is not None:
        if profile.purpose != "TxProfile":
            raise BadText(f"a {profile.purpose} is not for one transaction: leave charger_transaction_id out")
        payload["transactionId"] = render_transaction_id(profile.charger_transaction_id)
    payload["stackLevel"] = profile.stack_level
    payload["chargingProfilePurpose"] = _purpose(profile.purpose)
    payload["chargingProfileKind"] = profile.kind
    if profile.recurrency is not None:
        payload["recurrencyKind"] = profile.recurrency
    if profile.valid_from is not None:
        payload["validFrom"] = write_stamp(profile.valid_from)
    if profile.valid_to is not None:
        payload["validTo"] = write_stamp(profile.valid_to)
    payload["chargingSchedule"] = _schedule(profile.schedules[0])
    return payload


def render_transaction_id(charger_transaction_id: str) -> int:
    """Raises BadText where the id is no number: it is not one of OCPP 1.6."""
    if not (charger_transaction_id.isascii() and charger_transaction_id.isdecimal()):
        raise BadText(f"{charger_transaction_id!r} is no transactionId of OCPP 1.6: those are numbers")
    return int(charger_transaction_id)


def _purpose(purpose: str) -> str:
    if purpose not in _PURPOSES:
        raise BadText(f"OCPP 1.6 has no {purpose}; expected {', '.join(_PURPOSES)}")
    return _PURPOSES[purpose]


def _schedule(schedule: ChargingSchedule) -> Payload:
    """§7.13 ChargingSchedule."""
    if schedule.sales_tariff is not None:
        raise BadText("a schedule of OCPP 1.6 has no sales tariff")
    payload: Payload = {}
    if schedule.duration_s is not None:
        payload["duration"] = schedule.duration_s
    if schedule.start_at is not None:
        payload["startSchedule"] = write_stamp(schedule.start_at)
    payload["chargingRateUnit"] = schedule.rate_unit
    payload["chargingSchedulePeriod"] = [_period(period) for period in schedule.periods]
    if schedule.min_charging_rate is not None:
        payload["minChargingRate"] = _in_tenths(schedule.min_charging_rate)
    return payload


def _period(period: SchedulePeriod) -> Payload:
    """§7.14 ChargingSchedulePeriod."""
    if period.phase_to_use is not None:
        raise BadText("which phase is used cannot be said in OCPP 1.6, only how many: leave phase_to_use out")
    payload: Payload = {"startPeriod": period.start_s, "limit": _in_tenths(period.limit)}
    if period.number_phases is not None:
        payload["numberPhases"] = period.number_phases
    return payload


def _in_tenths(rate: float) -> float:
    """A rate may have one digit after the point; rounded down, for it is a limit."""
    tenths = Decimal(repr(rate)).quantize(_TENTH, ROUND_FLOOR)
    return int(tenths) if tenths == tenths.to_integral_value() else float(tenths)


def _read_schedule(schedule: Any, start: Any) -> Payload | None:
    """None where the station told none, or no period of it can be read."""
    if not isinstance(schedule, dict) or not isinstance(schedule.get("chargingSchedulePeriod"), list):
        return None
    periods = [period for told in schedule["chargingSchedulePeriod"] if (period := _read_period(told)) is not None]
    start_at = read_stamp(start) or read_stamp(schedule.get("startSchedule"))
    found: Payload = {
        "rate_unit": read_text(schedule.get("chargingRateUnit")),
        "periods": periods,
        "start_at": write_stamp(start_at) if start_at is not None else None,
        "duration_s": read_int(schedule.get("duration")),
        "min_charging_rate": _read_number(schedule.get("minChargingRate")),
    }
    return {name: value for name, value in found.items() if value is not None} if periods else None


def _read_period(told: Any) -> Payload | None:
    if not isinstance(told, dict):
        return None
    found: Payload = {
        "start_s": read_int(told.get("startPeriod")),
        "limit": _read_number(told.get("limit")),
        "number_phases": read_int(told.get("numberPhases")),
    }
    if found["start_s"] is None or found["limit"] is None:
        return None
    return {name: value for name, value in found.items() if value is not None}


def _read_number(number: Any) -> float | None:
    return number if type(number) in (int, float) and -MAX_INT <= number <= MAX_INT else None
