"""OCPP 2.0.1 functional block K: charging profiles set and read back, limits from others, and what vehicles need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import UNSET

from protocols.charger.events import (
    ChargingLimitCleared,
    ChargingLimitReported,
    ChargingNeedsReported,
    EvScheduleReported,
    ReportReceived,
)
from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    ClearChargingProfile,
    GetChargingProfiles,
    GetCompositeSchedule,
    SchedulePeriod,
    SetChargingProfile,
)
from protocols.ocpp.dialect import Payload, Result
from protocols.ocpp.outcome import read_status
from protocols.ocpp.reading import (
    given,
    read_document,
    read_evse_id,
    read_int,
    read_number,
    read_stamp,
    read_text,
    write_stamp,
)
from protocols.ocpp.v201.datatypes import part, parts, read_optional_evse_id
from protocols.ocpp.writing import filled, numbered, stamp

_RATE_DIGITS: Final = 1
"""Limits are multiples of 0.1 A or W."""


def write_set_charging_profile(operation: SetChargingProfile) -> Payload:
    """K01–K04 SetChargingProfileRequest."""
    return {"evseId": operation.evse_id, "chargingProfile": write_profile(operation.profile)}


def write_profile(profile: ChargingProfile) -> Payload:
    """ChargingProfileType."""
    return filled(
        id=numbered(profile.profile_id),
        stackLevel=profile.stack_level,
        chargingProfilePurpose=profile.purpose,
        chargingProfileKind=profile.kind,
        recurrencyKind=profile.recurrency,
        validFrom=stamp(profile.valid_from),
        validTo=stamp(profile.valid_to),
        transactionId=profile.charger_transaction_id,
        chargingSchedule=[_schedule(schedule) for schedule in profile.schedules],
    )


def write_clear_charging_profile(operation: ClearChargingProfile) -> Payload:
    """K10 ClearChargingProfileRequest."""
    criteria = filled(
        evseId=operation.evse_id, chargingProfilePurpose=operation.purpose, stackLevel=operation.stack_level
    )
    return filled(chargingProfileId=operation.profile_id, chargingProfileCriteria=criteria or None)


def write_get_charging_profiles(operation: GetChargingProfiles) -> Payload:
    """K09 GetChargingProfilesRequest."""
    criterion = filled(
        chargingProfilePurpose=operation.purpose,
        stackLevel=operation.stack_level,
        chargingProfileId=list(operation.profile_ids) or None,
        chargingLimitSource=list(operation.sources) or None,
    )
    return filled(requestId=numbered(operation.request_id), evseId=operation.evse_id, chargingProfile=criterion)


def write_get_composite_schedule(operation: GetCompositeSchedule) -> Payload:
    """K08 GetCompositeScheduleRequest."""
    return filled(duration=operation.duration_s, chargingRateUnit=operation.rate_unit, evseId=operation.evse_id)


def read_get_composite_schedule(operation: GetCompositeSchedule, answers: Sequence[Payload]) -> Result:
    """K08 GetCompositeScheduleResponse."""
    told = read_status(operation, answers)
    if not told.is_accepted:
        return told
    schedule = part(answers[0], "schedule")
    if not schedule:
        return Result(is_accepted=True, detail=told.detail, result={"schedule": None})
    start_at = read_stamp(schedule.get("scheduleStart"))
    read = filled(
        rate_unit=schedule.get("chargingRateUnit"),
        periods=[_told_period(period) for period in parts(schedule, "chargingSchedulePeriod")],
        start_at=None if start_at is None else write_stamp(start_at),
        duration_s=read_int(schedule.get("duration")),
    )
    return Result(is_accepted=True, detail=told.detail, result={"schedule": read_document(read)})


def read_report_charging_profiles(station_id: str, payload: Any) -> ReportReceived:
    """K09 ReportChargingProfilesRequest. Its parts have no number."""
    evse_id = read_evse_id(payload.evseId, name="evseId", lowest=0)
    source = _source(payload)
    items = (
        {"evseId": evse_id, "chargingLimitSource": source, "chargingProfile": profile}
        for profile in read_document(payload.chargingProfile)
    )
    return ReportReceived(
        station_id=station_id,
        kind="charging_profiles",
        request_id=read_number(payload.requestId, name="requestId"),
        seq_no=0,
        is_last=not given(payload.tbc, False),
        items=tuple(items),
    )


def read_notify_charging_limit(station_id: str, payload: Any) -> ChargingLimitReported:
    """K12 NotifyChargingLimitRequest."""
    limit = payload.chargingLimit
    return ChargingLimitReported(
        station_id=station_id,
        source=_source(limit),
        is_grid_critical=given(limit.isGridCritical, False),
        evse_id=read_optional_evse_id(payload.evseId),
        schedules=tuple(read_document(given(payload.chargingSchedule, ()))),
    )


def read_cleared_charging_limit(station_id: str, payload: Any) -> ChargingLimitCleared:
    """K13 ClearedChargingLimitRequest."""
    return ChargingLimitCleared(
        station_id=station_id,
        source=_source(payload),
        evse_id=read_optional_evse_id(payload.evseId),
    )


def read_notify_ev_charging_needs(station_id: str, payload: Any) -> ChargingNeedsReported:
    """K15 NotifyEVChargingNeedsRequest."""
    return ChargingNeedsReported(
        station_id=station_id,
        evse_id=read_evse_id(payload.evseId, name="evseId"),
        needs=read_document(payload.chargingNeeds),
        max_schedule_tuples=None if payload.maxScheduleTuples is UNSET else read_int(payload.maxScheduleTuples),
    )


def read_notify_ev_charging_schedule(station_id: str, payload: Any) -> EvScheduleReported:
    """K15 NotifyEVChargingScheduleRequest."""
    return EvScheduleReported(
        station_id=station_id,
        evse_id=read_evse_id(payload.evseId, name="evseId"),
        time_base=read_stamp(payload.timeBase),
        schedule=read_document(payload.chargingSchedule),
    )


def _source(limit: Any) -> str:
    """Who set a limit: a list in 2.0.1, the station's own word in 2.1."""
    return read_text(limit.chargingLimitSource) or "Other"


def _schedule(schedule: ChargingSchedule) -> Payload:
    """ChargingScheduleType."""
    least = schedule.min_charging_rate
    return filled(
        id=schedule.schedule_id,
        startSchedule=stamp(schedule.start_at),
        duration=schedule.duration_s,
        chargingRateUnit=schedule.rate_unit,
        minChargingRate=None if least is None else round(least, _RATE_DIGITS),
        chargingSchedulePeriod=[_period(period) for period in schedule.periods],
        salesTariff=schedule.sales_tariff,
    )


def _period(period: SchedulePeriod) -> Payload:
    """ChargingSchedulePeriodType."""
    return filled(
        startPeriod=period.start_s,
        limit=round(period.limit, _RATE_DIGITS),
        numberPhases=period.number_phases,
        phaseToUse=period.phase_to_use,
    )


def _told_period(period: Payload) -> Payload:
    return filled(
        start_s=read_int(period.get("startPeriod")),
        limit=period.get("limit"),
        number_phases=read_int(period.get("numberPhases")),
        phase_to_use=read_int(period.get("phaseToUse")),
    )
