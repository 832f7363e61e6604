"""Blocks N and O: monitors, customers, display messages."""

from __future__ import annotations

from typing import Any

from firmware_sim.functions import customers, displaying, monitoring
from firmware_sim.ocpp_client import Desk, Routes
from firmware_sim.station_model import StationModel


class Monitoring:
    """Each method is one request; it returns the payload of the answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Routes:
        """The handlers by action."""
        return {
            "SetVariableMonitoring": self.set_monitoring,
            "ClearVariableMonitoring": self.clear_monitoring,
            "SetMonitoringBase": self.base,
            "SetMonitoringLevel": self.level,
            "GetMonitoringReport": self.report,
            "CustomerInformation": self.customer,
            "SetDisplayMessage": self.display,
            "GetDisplayMessages": self.displays,
            "ClearDisplayMessage": self.clear_display,
        }

    def set_monitoring(self, set_monitoring_data: list[dict[str, Any]], **_: Any) -> dict[str, Any]:
        results = self._desk.act(lambda model: [_set(model, each) for each in set_monitoring_data])
        return {"set_monitoring_result": results}

    def clear_monitoring(self, id: list[int], **_: Any) -> dict[str, Any]:  # noqa: A002  the field's name in OCPP
        results = self._desk.act(lambda model: [{"id": each, "status": monitoring.clear(model, each)} for each in id])
        return {"clear_monitoring_result": results}

    def base(self, monitoring_base: str, **_: Any) -> dict[str, Any]:
        return {"status": self._desk.act(lambda model: monitoring.set_base(model, monitoring_base))}

    def level(self, severity: int, **_: Any) -> dict[str, Any]:
        return {"status": self._desk.act(lambda model: monitoring.set_level(model, severity))}

    def report(
        self,
        request_id: int,
        component_variable: list[dict[str, Any]] | None = None,
        monitoring_criteria: list[str] | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        status = self._desk.act(
            lambda model: monitoring.report(model, request_id, component_variable, monitoring_criteria)
        )
        return {"status": status}

    def customer(
        self,
        request_id: int,
        report: bool,
        clear: bool,
        id_token: dict[str, Any] | None = None,
        customer_identifier: str | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        who = id_token["id_token"] if id_token is not None else customer_identifier
        status = self._desk.act(
            lambda model: customers.inform(model, request_id, tells=report, clears=clear, id_token=who)
        )
        return {"status": status}

    def display(self, message: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"status": self._desk.act(lambda model: displaying.put(model, message))}

    def displays(
        self,
        request_id: int,
        id: list[int] | None = None,  # noqa: A002  the field's name in OCPP
        priority: str | None = None,
        state: str | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        return {"status": self._desk.act(lambda model: displaying.report(model, request_id, id, priority, state))}

    def clear_display(self, id: int, **_: Any) -> dict[str, Any]:  # noqa: A002
        return {"status": self._desk.act(lambda model: displaying.clear(model, id))}


def _set(model: StationModel, told: dict[str, Any]) -> dict[str, Any]:
    status, monitor_id = monitoring.set_monitor(model, told)
    result = {
        "status": status,
        "type": told["type"],
        "severity": told["severity"],
        "component": told["component"],
        "variable": told["variable"],
    }
    return result if monitor_id is None else {"id": monitor_id} | result
