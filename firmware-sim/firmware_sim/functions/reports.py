"""Reports of the device model, in parts (OCPP 2.0.1 B07, B08). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from firmware_sim.blocks.variable_table import READ_ONLY, WRITE_ONLY, Variable
from firmware_sim.functions.configuration import value_of
from firmware_sim.messages import iso
from firmware_sim.station_model import StationModel

_PART = 16
"""As the variable DeviceDataCtrlr.ItemsPerMessage[GetReport] says."""

_SUMMARY = frozenset({"AvailabilityState", "Problem", "Enabled"})


def base_report(model: StationModel, request_id: int, base: str) -> str:
    """GetBaseReport: the status, and the NotifyReport messages behind it."""
    rows = _rows(model)
    match base:
        case "ConfigurationInventory":
            rows = [each for each in rows if each.mutability != READ_ONLY]
        case "SummaryInventory":
            rows = [each for each in rows if each.name in _SUMMARY]
        case "FullInventory":
            pass
        case _:
            return "NotSupported"
    _report(model, request_id, rows)
    return "Accepted"


def report(
    model: StationModel,
    request_id: int,
    wanted: list[dict[str, Any]] | None,
    criteria: list[str] | None,
) -> str:
    """GetReport: the variables that were asked for, of components for which one of the criteria holds."""
    rows = _rows(model)
    if wanted is not None:
        rows = [row for row in rows if any(_fits(row, each) for each in wanted)]
    if criteria is not None:
        rows = [row for row in rows if any(_holds(model, row, each) for each in criteria)]
    if not rows:
        return "EmptyResultSet"
    _report(model, request_id, rows)
    return "Accepted"


def shown(variable: Variable) -> dict[str, Any]:
    """The component and variable of a row, as OCPP 2.0.1 writes them."""
    component: dict[str, Any] = {"name": variable.component}
    if variable.evse_id:
        component["evse"] = {"id": variable.evse_id}
    name = {"name": variable.name} | ({"instance": variable.instance} if variable.instance else {})
    return {"component": component, "variable": name}


def _rows(model: StationModel) -> list[Variable]:
    return [each for each in model.device.table.values() if each.component]


def _fits(row: Variable, wanted: dict[str, Any]) -> bool:
    component, variable = wanted["component"], wanted.get("variable")
    evse_id = component.get("evse", {}).get("id", row.evse_id)
    if component["name"].casefold() != row.component.casefold() or evse_id != row.evse_id:
        return False
    if variable is None:
        return True
    instance = variable.get("instance", row.instance)
    return bool(variable["name"].casefold() == row.name.casefold() and instance == row.instance)


def _holds(model: StationModel, row: Variable, criterion: str) -> bool:
    """A criterion without a variable of its own counts as fulfilled, but for Problem (B08.FR.07 ff.)."""
    name = "AvailabilityState" if criterion == "Available" else criterion
    found = model.device.table.get((row.component, name, "", row.evse_id))
    if criterion == "Problem":
        return found is not None and value_of(model, found) == "true"
    return found is None or value_of(model, found) not in ("false", "Unavailable", "Faulted")


def _report(model: StationModel, request_id: int, rows: Iterable[Variable]) -> None:
    data = [_told(model, each) for each in rows]
    parts = [data[start : start + _PART] for start in range(0, len(data), _PART)]
    for seq_no, part in enumerate(parts):
        model.tell(
            "NotifyReport",
            is_asked=True,
            request_id=request_id,
            generated_at=iso(model.now),
            seq_no=seq_no,
            report_data=part,
            tbc=seq_no < len(parts) - 1,
        )


def _told(model: StationModel, variable: Variable) -> dict[str, Any]:
    attribute: dict[str, Any] = {
        "type": "Actual",
        "mutability": variable.mutability,
        "persistent": True,
        "constant": variable.mutability == READ_ONLY and not variable.is_live,
    }
    if variable.mutability != WRITE_ONLY:
        attribute["value"] = value_of(model, variable)
    characteristics: dict[str, Any] = {"data_type": variable.kind, "supports_monitoring": variable.is_live}
    if variable.unit:
        characteristics["unit"] = variable.unit
    if variable.minimum is not None:
        characteristics["min_limit"] = variable.minimum
    if variable.maximum is not None:
        characteristics["max_limit"] = variable.maximum
    if variable.choices and variable.kind.endswith("List"):
        characteristics["values_list"] = ",".join(variable.choices)
    return shown(variable) | {"variable_attribute": [attribute], "variable_characteristics": characteristics}
