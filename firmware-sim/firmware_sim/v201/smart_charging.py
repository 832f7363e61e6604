"""Block K, smart charging."""

from __future__ import annotations

from typing import Any

from firmware_sim.blocks.charging_profiles import ChargingProfile, Kind, Purpose
from firmware_sim.blocks.schedules import in_unit
from firmware_sim.functions import charging
from firmware_sim.messages import iso, moment
from firmware_sim.ocpp_client import Desk, Routes
from firmware_sim.station_model import StationModel
from firmware_sim.v16.smart_charging import schedule_of


class SmartCharging:
    """Each method is one request; it returns the payload of the answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Routes:
        """The handlers by action."""
        return {
            "SetChargingProfile": self.set_profile,
            "ClearChargingProfile": self.clear,
            "GetChargingProfiles": self.get_profiles,
            "GetCompositeSchedule": self.composite_schedule,
        }

    def set_profile(self, evse_id: int, charging_profile: dict[str, Any], **_: Any) -> dict[str, Any]:
        profile = profile_of(evse_id, charging_profile)
        if profile is None:
            return {"status": "Rejected", "status_info": {"reason_code": "UnsupportedParam"}}
        status, reason = self._desk.act(lambda model: charging.set_profile(model, profile))
        return {"status": status, "status_info": None if reason is None else {"reason_code": reason}}

    def clear(
        self,
        charging_profile_id: int | None = None,
        charging_profile_criteria: dict[str, Any] | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        criteria = charging_profile_criteria or {}
        status = self._desk.act(
            lambda model: charging.clear(
                model,
                profile_id=charging_profile_id,
                evse_id=criteria.get("evse_id"),
                purpose=criteria.get("charging_profile_purpose"),
                stack_level=criteria.get("stack_level"),
            )
        )
        return {"status": status}

    def get_profiles(
        self, request_id: int, charging_profile: dict[str, Any], evse_id: int | None = None, **_: Any
    ) -> dict[str, Any]:
        return {"status": self._desk.act(lambda model: charging.report(model, request_id, evse_id, charging_profile))}

    def composite_schedule(
        self, duration: int, evse_id: int, charging_rate_unit: str | None = None, **_: Any
    ) -> dict[str, Any]:
        unit = charging_rate_unit or "W"
        return self._desk.act(lambda model: _composite(model, evse_id, duration, unit))


def profile_of(evse_id: int, told: dict[str, Any]) -> ChargingProfile | None:
    """A 2.0.1 ChargingProfileType in the words of the blocks; of several schedules the first counts.

    None for what only 2.1 has: other purposes, dynamic profiles, setpoints in the place of limits.
    """
    schedule = told["charging_schedule"][0]
    is_known = told["charging_profile_kind"] in tuple(Kind) and told["charging_profile_purpose"] in tuple(Purpose)
    if not is_known or any("limit" not in each for each in schedule["charging_schedule_period"]):
        return None
    return ChargingProfile(
        profile_id=told["id"],
        evse_id=evse_id,
        stack_level=told["stack_level"],
        purpose=Purpose(told["charging_profile_purpose"]),
        kind=Kind(told["charging_profile_kind"]),
        recurrency=told.get("recurrency_kind"),
        valid_from=moment(told["valid_from"]) if "valid_from" in told else None,
        valid_to=moment(told["valid_to"]) if "valid_to" in told else None,
        transaction_id=told.get("transaction_id"),
        schedule=schedule_of(schedule),
        told=told,
    )


def external(evse_id: int, limit_w: int) -> ChargingProfile:
    """The profile that an energy manager's limit amounts to."""
    schedule = {
        "id": 1,
        "start_schedule": "1970-01-01T00:00:00Z",
        "charging_rate_unit": "W",
        "charging_schedule_period": [{"start_period": 0, "limit": limit_w}],
    }
    told = {
        "id": -1,
        "stack_level": 0,
        "charging_profile_purpose": Purpose.EXTERNAL.value,
        "charging_profile_kind": Kind.ABSOLUTE.value,
        "charging_schedule": [schedule],
    }
    return ChargingProfile(
        profile_id=-1,
        evse_id=evse_id,
        stack_level=0,
        purpose=Purpose.EXTERNAL,
        kind=Kind.ABSOLUTE,
        schedule=schedule_of(schedule),
        source="EMS",
        told=told,
    )


def _composite(model: StationModel, evse_id: int, duration_s: int, unit: str) -> dict[str, Any]:
    found = charging.composite_schedule(model, evse_id, duration_s)
    if found is None:
        return {"status": "Rejected", "status_info": {"reason_code": "UnknownEvse"}}
    outlet, limits = found
    schedule = {
        "evse_id": evse_id,
        "duration": duration_s,
        "schedule_start": iso(model.now),
        "charging_rate_unit": unit,
        "charging_schedule_period": [
            {"start_period": each.start_s, "limit": in_unit(each.power_w, unit, outlet)} for each in limits
        ],
    }
    return {"status": "Accepted", "schedule": schedule}
