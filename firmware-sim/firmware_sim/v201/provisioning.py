"""Block B, provisioning: the device model, network profiles, resets."""

from __future__ import annotations

from typing import Any

from firmware_sim.blocks.device_model import SetStatus
from firmware_sim.blocks.variable_table import WRITE_ONLY, Variable
from firmware_sim.functions import networking, reports
from firmware_sim.functions.configuration import set_value, value_of
from firmware_sim.messages import ResetRequested
from firmware_sim.ocpp_client import Desk, Routes
from firmware_sim.station_model import StationModel


class Provisioning:
    """Each method is one request; it returns the payload of the answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Routes:
        """The handlers by action."""
        return {
            "GetVariables": self.get_variables,
            "SetVariables": self.set_variables,
            "GetBaseReport": self.base_report,
            "GetReport": self.report,
            "SetNetworkProfile": self.network_profile,
            "Reset": self.reset,
        }

    def get_variables(self, get_variable_data: list[dict[str, Any]], **_: Any) -> dict[str, Any]:
        results = self._desk.act(lambda model: [_got(model, each) for each in get_variable_data])
        return {"get_variable_result": results}

    def set_variables(self, set_variable_data: list[dict[str, Any]], **_: Any) -> dict[str, Any]:
        results = self._desk.act(lambda model: [_set(model, each) for each in set_variable_data])
        return {"set_variable_result": results}

    def base_report(self, request_id: int, report_base: str, **_: Any) -> dict[str, Any]:
        return {"status": self._desk.act(lambda model: reports.base_report(model, request_id, report_base))}

    def report(
        self,
        request_id: int,
        component_variable: list[dict[str, Any]] | None = None,
        component_criteria: list[str] | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        status = self._desk.act(lambda model: reports.report(model, request_id, component_variable, component_criteria))
        return {"status": status}

    def network_profile(self, configuration_slot: int, connection_data: dict[str, Any], **_: Any) -> dict[str, Any]:
        status = self._desk.act(lambda model: networking.set_profile(model, configuration_slot, connection_data))
        return {"status": status}

    def reset(self, type: str, evse_id: int | None = None, **_: Any) -> dict[str, Any]:  # noqa: A002
        if evse_id is not None:
            return {"status": "Rejected"}  # this station cannot reset an EVSE alone (B11.FR.09)
        hard = type.startswith("Immediate")
        return {"status": self._desk.ask(ResetRequested(hard=hard, when_idle=not hard))}


def _find(model: StationModel, told: dict[str, Any]) -> Variable | SetStatus:
    component, variable = told["component"], told["variable"]
    evse_id = component.get("evse", {}).get("id", 0)
    return model.device.find((component["name"], variable["name"], variable.get("instance", ""), evse_id))


def _got(model: StationModel, told: dict[str, Any]) -> dict[str, Any]:
    found = _find(model, told)
    result = {"component": told["component"], "variable": told["variable"]}
    if not isinstance(found, Variable):
        return {"attribute_status": found.value} | result
    kind = told.get("attribute_type", "Actual")
    if kind != "Actual":
        return {"attribute_status": "NotSupportedAttributeType", "attribute_type": kind} | result
    if found.mutability == WRITE_ONLY:
        return {"attribute_status": "Rejected"} | result
    return {"attribute_status": "Accepted", "attribute_value": value_of(model, found)} | result


def _set(model: StationModel, told: dict[str, Any]) -> dict[str, Any]:
    found = _find(model, told)
    result = {"component": told["component"], "variable": told["variable"]}
    if not isinstance(found, Variable):
        return {"attribute_status": found.value} | result
    kind = told.get("attribute_type", "Actual")
    if kind != "Actual":
        return {"attribute_status": "NotSupportedAttributeType", "attribute_type": kind} | result
    status, reason = set_value(model, found, told["attribute_value"])
    info = {} if reason is None else {"attribute_status_info": {"reason_code": reason[:20]}}
    return {"attribute_status": status.value} | result | info
