"""The Smart Charging profile (OCPP 1.6 §5.5, §5.7 and §5.16)."""

from __future__ import annotations

from typing import Any

from firmware_sim.blocks.charging_profiles import ChargingProfile, Kind, Period, Purpose, Schedule
from firmware_sim.blocks.schedules import in_unit
from firmware_sim.functions import charging
from firmware_sim.messages import iso, moment
from firmware_sim.ocpp_client import Desk, Routes
from firmware_sim.station_model import StationModel

_PURPOSES = {
    "ChargePointMaxProfile": Purpose.STATION_MAX,
    "TxDefaultProfile": Purpose.TX_DEFAULT,
    "TxProfile": Purpose.TX,
}


class SmartCharging:
    """Each method is one request; it returns the payload of the answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Routes:
        """The handlers by action."""
        return {
            "SetChargingProfile": self.set_profile,
            "ClearChargingProfile": self.clear,
            "GetCompositeSchedule": self.composite_schedule,
        }

    def set_profile(self, connector_id: int, cs_charging_profiles: dict[str, Any], **_: Any) -> dict[str, Any]:
        profile = profile_of(connector_id, cs_charging_profiles)
        status, _reason = self._desk.act(lambda model: charging.set_profile(model, profile))
        return {"status": status}

    def clear(
        self,
        id: int | None = None,  # noqa: A002  the field's name in OCPP
        connector_id: int | None = None,
        charging_profile_purpose: str | None = None,
        stack_level: int | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        purpose = None if charging_profile_purpose is None else _PURPOSES[charging_profile_purpose].value
        status = self._desk.act(
            lambda model: charging.clear(
                model, profile_id=id, evse_id=connector_id, purpose=purpose, stack_level=stack_level
            )
        )
        return {"status": status}

    def composite_schedule(
        self, connector_id: int, duration: int, charging_rate_unit: str | None = None, **_: Any
    ) -> dict[str, Any]:
        unit = charging_rate_unit or "W"
        return self._desk.act(lambda model: _composite(model, connector_id, duration, unit))


def profile_of(connector_id: int, told: dict[str, Any]) -> ChargingProfile:
    """A 1.6 ChargingProfile (§7.8) in the words of the blocks. Raises ValueError for what is none."""
    schedule = told["charging_schedule"]
    transaction_id = told.get("transaction_id")
    return ChargingProfile(
        profile_id=told["charging_profile_id"],
        evse_id=connector_id,
        stack_level=told["stack_level"],
        purpose=_PURPOSES[told["charging_profile_purpose"]],
        kind=Kind(told["charging_profile_kind"]),
        recurrency=told.get("recurrency_kind"),
        valid_from=moment(told["valid_from"]) if "valid_from" in told else None,
        valid_to=moment(told["valid_to"]) if "valid_to" in told else None,
        transaction_id=None if transaction_id is None else str(transaction_id),
        schedule=schedule_of(schedule),
        told=told,
    )


def schedule_of(told: dict[str, Any]) -> Schedule:
    """A ChargingSchedule, which is the same in all versions but for its id."""
    return Schedule(
        unit=told["charging_rate_unit"],
        start=moment(told["start_schedule"]) if "start_schedule" in told else None,
        duration_s=told.get("duration"),
        periods=tuple(
            Period(start_s=each["start_period"], limit=float(each["limit"]), phases=each.get("number_phases"))
            for each in told["charging_schedule_period"]
        ),
    )


def _composite(model: StationModel, connector_id: int, duration_s: int, unit: str) -> dict[str, Any]:
    found = charging.composite_schedule(model, connector_id, duration_s)
    if found is None:
        return {"status": "Rejected"}
    outlet, limits = found
    periods = [{"start_period": each.start_s, "limit": in_unit(each.power_w, unit, outlet)} for each in limits]
    return {
        "status": "Accepted",
        "connector_id": connector_id,
        "schedule_start": iso(model.now),
        "charging_schedule": {
            "duration": duration_s,
            "start_schedule": iso(model.now),
            "charging_rate_unit": unit,
            "charging_schedule_period": periods,
        },
    }
