"""The Core profile and Remote Trigger (OCPP 1.6 §5)."""

from __future__ import annotations

from typing import Any

from firmware_sim.blocks.device_model import SetStatus
from firmware_sim.blocks.variable_table import WRITE_ONLY, Variable
from firmware_sim.functions import displaying
from firmware_sim.functions.configuration import set_value, value_of
from firmware_sim.messages import (
    AvailabilityChanged,
    RemoteStart,
    RemoteStop,
    ResetRequested,
    Triggered,
    UnlockRequested,
)
from firmware_sim.ocpp_client import Desk, Routes
from firmware_sim.station_model import StationModel
from firmware_sim.v16.smart_charging import profile_of

ECHO_VENDOR = "Ohmstead"
"""DataTransfer of this vendor is answered with what came; any other is unknown."""


class Core:
    """Each method is one request; it returns the payload of the answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Routes:
        """The handlers by action."""
        return {
            "RemoteStartTransaction": self.remote_start,
            "RemoteStopTransaction": self.remote_stop,
            "Reset": self.reset,
            "ChangeAvailability": self.change_availability,
            "GetConfiguration": self.get_configuration,
            "ChangeConfiguration": self.change_configuration,
            "ClearCache": self.clear_cache,
            "TriggerMessage": self.trigger,
            "UnlockConnector": self.unlock,
            "DataTransfer": self.data_transfer,
        }

    def remote_start(
        self,
        id_tag: str,
        connector_id: int | None = None,
        charging_profile: dict[str, Any] | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        profile = None if charging_profile is None else profile_of(connector_id or 0, charging_profile)
        status = self._desk.ask(RemoteStart(id_token=id_tag, evse_id=connector_id, profile=profile))
        return {"status": status}

    def remote_stop(self, transaction_id: int, **_: Any) -> dict[str, Any]:
        return {"status": self._desk.ask(RemoteStop(transaction=transaction_id))}

    def reset(self, type: str, **_: Any) -> dict[str, Any]:  # noqa: A002  the field's name in OCPP
        return {"status": self._desk.ask(ResetRequested(hard=type == "Hard"))}

    def change_availability(self, connector_id: int, type: str, **_: Any) -> dict[str, Any]:  # noqa: A002
        event = AvailabilityChanged(evse_id=connector_id, operative=type == "Operative")
        return {"status": self._desk.ask(event)}

    def trigger(self, requested_message: str, connector_id: int | None = None, **_: Any) -> dict[str, Any]:
        return {"status": self._desk.ask(Triggered(what=requested_message, evse_id=connector_id or 0))}

    def unlock(self, connector_id: int, **_: Any) -> dict[str, Any]:
        status = self._desk.ask(UnlockRequested(evse_id=connector_id))
        return {"status": "NotSupported" if status == "UnknownConnector" else status}

    def data_transfer(
        self, vendor_id: str, message_id: str | None = None, data: str | None = None, **_: Any
    ) -> dict[str, Any]:
        if vendor_id == displaying.COST_VENDOR:
            return {"status": self._desk.act(lambda model: displaying.show_cost(model, message_id, data))}
        if vendor_id != ECHO_VENDOR:
            return {"status": "UnknownVendorId"}
        return {"status": "Accepted", "data": data}

    def clear_cache(self) -> dict[str, Any]:
        return {"status": self._desk.act(_clear_cache)}

    def get_configuration(self, key: list[str] | None = None, **_: Any) -> dict[str, Any]:
        return self._desk.act(lambda model: _configuration(model, key))

    def change_configuration(self, key: str, value: str, **_: Any) -> dict[str, Any]:
        return {"status": self._desk.act(lambda model: _change(model, key, value))}


def _clear_cache(model: StationModel) -> str:
    if not model.settings.cache_enabled:
        return "Rejected"
    model.accepted.clear()
    model.groups.clear()
    return "Accepted"


def _configuration(model: StationModel, wanted: list[str] | None) -> dict[str, Any]:
    if not wanted:
        return {"configuration_key": [_told(model, each) for each in model.device.table.values() if each.key]}
    found = {key: model.device.by_key(key) for key in wanted}
    return {
        "configuration_key": [_told(model, each) for each in found.values() if each is not None],
        "unknown_key": [key for key, each in found.items() if each is None],
    }


def _told(model: StationModel, variable: Variable) -> dict[str, Any]:
    told: dict[str, Any] = {"key": variable.key, "readonly": variable.mutability == "ReadOnly"}
    if variable.mutability != WRITE_ONLY:
        told["value"] = value_of(model, variable)[:500]
    return told


def _change(model: StationModel, key: str, value: str) -> str:
    variable = model.device.by_key(key)
    if variable is None:
        return "NotSupported"
    status, _ = set_value(model, variable, value)
    return status.value if status in (SetStatus.ACCEPTED, SetStatus.REBOOT_REQUIRED) else "Rejected"
