"""Functional block K: charging profiles, in OCPP 2.0.1's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field, JsonValue

from protocols.charger.operations.fields import EvseOrStation, Number, RequestId, Text

Purpose = Literal["ChargingStationExternalConstraints", "ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile"]
"""1.6 calls ChargingStationMaxProfile ChargePointMaxProfile and has no external constraints."""
RateUnit = Literal["W", "A"]

NOMINAL_V: Final = 230
USUAL_PHASES: Final = 3
"""Of a limit that does not say how many (OCPP 1.6 §7.14, 2.0.1 ChargingSchedulePeriodType)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePeriod:
    """From `start_s` after the schedule's start on at most `limit`, in W or A of the schedule; the rest of OCPP 1.6
    ChargingSchedulePeriod and 2.0.1 ChargingSchedulePeriodType."""

    start_s: Annotated[int, Field(ge=0)]
    limit: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    number_phases: Annotated[int, Field(ge=0, le=3)] | None = None
    phase_to_use: Annotated[int, Field(ge=0, le=3)] | None = None


def watts_per_ampere(period: SchedulePeriod) -> int:
    """What an ampere of the period comes to, in W over all its phases."""
    return NOMINAL_V * (period.number_phases or USUAL_PHASES)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingSchedule:
    """OCPP 2.0.1 ChargingScheduleType. The first period starts at 0 and they follow each other."""

    rate_unit: RateUnit
    periods: Annotated[tuple[SchedulePeriod, ...], Field(min_length=1, max_length=1024)]
    start_at: AwareDatetime | None = None
    duration_s: Annotated[int, Field(ge=0)] | None = None
    min_charging_rate: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    schedule_id: int = 1
    sales_tariff: dict[str, JsonValue] | None = None
    """As the standard writes it: it is for the vehicle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingProfile:
    """OCPP 2.0.1 ChargingProfileType; a 1.6 profile has one schedule. `profile_id` is given where it is None."""

    purpose: Purpose
    schedules: Annotated[tuple[ChargingSchedule, ...], Field(min_length=1, max_length=3)]
    kind: Literal["Absolute", "Recurring", "Relative"] = "Absolute"
    stack_level: Number = 0
    profile_id: Number | None = None
    recurrency: Literal["Daily", "Weekly"] | None = None
    valid_from: AwareDatetime | None = None
    valid_to: AwareDatetime | None = None
    charger_transaction_id: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetChargingProfile:
    """OCPP 1.6 SetChargingProfile, 2.0.1 K01. EVSE 0: the station itself."""

    evse_id: EvseOrStation
    profile: ChargingProfile
    operation: Literal["set_charging_profile"] = "set_charging_profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearChargingProfile:
    """OCPP 1.6 ClearChargingProfile, 2.0.1 K10: by id, or all that fit what is given."""

    profile_id: Number | None = None
    evse_id: EvseOrStation | None = None
    purpose: Purpose | None = None
    stack_level: Number | None = None
    operation: Literal["clear_charging_profile"] = "clear_charging_profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetChargingProfiles:
    """OCPP 2.0.1 K09: the station reports them in parts, under `request_id`. NoProfiles is accepted, with the status as
    detail: nothing follows."""

    evse_id: EvseOrStation | None = None
    profile_ids: tuple[Number, ...] = ()
    purpose: Purpose | None = None
    stack_level: Number | None = None
    sources: tuple[Literal["EMS", "Other", "SO", "CSO"], ...] = ()
    request_id: RequestId = None
    operation: Literal["get_charging_profiles"] = "get_charging_profiles"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCompositeSchedule:
    """OCPP 1.6 GetCompositeSchedule, 2.0.1 K08.

    Result: {"schedule": {"rate_unit", "periods": [{"start_s", "limit", "number_phases"?, "phase_to_use"?}],
    "start_at"?, "duration_s"?, "min_charging_rate"?}}: a ChargingSchedule by its names, or None where it told none.
    """

    evse_id: EvseOrStation
    duration_s: Annotated[int, Field(ge=1, le=7 * 24 * 3600)]
    rate_unit: RateUnit | None = None
    operation: Literal["get_composite_schedule"] = "get_composite_schedule"
