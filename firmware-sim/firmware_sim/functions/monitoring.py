"""Monitors set, watched, reported and cleared; events told (OCPP 2.0.1 N02 to N08). Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from firmware_sim.blocks.monitors import Monitor
from firmware_sim.blocks.variable_table import Variable
from firmware_sim.evse import Evse
from firmware_sim.functions.configuration import value_of
from firmware_sim.functions.reports import shown
from firmware_sim.messages import iso
from firmware_sim.settings import OcppVersion
from firmware_sim.station_model import StationModel

_HARD_WIRED_SEVERITY = 2
_PART = 16


def set_monitor(model: StationModel, wanted: dict[str, Any]) -> tuple[str, int | None]:
    """One entry of SetVariableMonitoring: its status and, when accepted, the monitor's id."""
    component, name = wanted["component"], wanted["variable"]
    evse_id = component.get("evse", {}).get("id", 0)
    variable = model.device.find((component["name"], name["name"], name.get("instance", ""), evse_id))
    if not isinstance(variable, Variable):
        return variable.value, None
    if variable.kind not in ("integer", "decimal", "boolean") or (
        variable.kind == "boolean" and "Threshold" in wanted["type"]
    ):
        return "UnsupportedMonitorType", None
    value = float(wanted["value"])
    if wanted["type"] == "Delta" and value < 0:
        return "Rejected", None
    replaced = model.monitors.by_id.get(wanted["id"]) if "id" in wanted else None
    if "id" in wanted and (replaced is None or replaced.is_hard_wired):
        return "Rejected", None
    twin = next(
        (each for each in model.monitors.by_id.values() if each is not replaced and _same(each, wanted, variable)), None
    )
    if twin is not None:
        return "Duplicate", None
    monitor = Monitor(
        monitor_id=replaced.monitor_id if replaced else model.monitors.new_id(),
        variable=variable.id,
        kind=wanted["type"],
        value=value,
        severity=wanted["severity"],
        shown={"component": component, "variable": name},
    )
    monitor.plan(model.now)
    model.monitors.by_id[monitor.monitor_id] = monitor
    return "Accepted", monitor.monitor_id


def clear(model: StationModel, monitor_id: int) -> str:
    """One id of ClearVariableMonitoring."""
    monitor = model.monitors.by_id.get(monitor_id)
    if monitor is None:
        return "NotFound"
    if monitor.is_hard_wired:
        return "Rejected"
    del model.monitors.by_id[monitor_id]
    return "Accepted"


def set_base(model: StationModel, base: str) -> str:
    """SetMonitoringBase: All keeps what was set, the other two remove it (N05)."""
    model.monitors.base = base
    if base != "All":
        model.monitors.by_id = {key: each for key, each in model.monitors.by_id.items() if each.is_hard_wired}
    return "Accepted"


def set_level(model: StationModel, severity: int) -> str:
    """SetMonitoringLevel: events of this severity and worse are told, 0 being the worst (N06)."""
    if not 0 <= severity <= 9:
        return "Rejected"
    model.monitors.level = severity
    return "Accepted"


def report(
    model: StationModel, request_id: int, wanted: list[dict[str, Any]] | None, criteria: list[str] | None
) -> str:
    """GetMonitoringReport: the status, and the NotifyMonitoringReport messages behind it."""
    found = [
        each
        for each in model.monitors.by_id.values()
        if (wanted is None or any(_is_of(each, one) for one in wanted))
        and (criteria is None or any(_is_of_kind(each, one) for one in criteria))
    ]
    if not found:
        return "EmptyResultSet"
    by_variable: dict[str, dict[str, Any]] = {}
    for monitor in found:
        row = by_variable.setdefault(str(monitor.shown), {**monitor.shown, "variable_monitoring": []})
        row["variable_monitoring"].append(_told(model, monitor))
    rows = list(by_variable.values())
    parts = [rows[start : start + _PART] for start in range(0, len(rows), _PART)]
    for seq_no, part in enumerate(parts):
        model.tell(
            "NotifyMonitoringReport",
            is_asked=True,
            request_id=request_id,
            seq_no=seq_no,
            generated_at=iso(model.now),
            monitor=part,
            tbc=seq_no < len(parts) - 1,
        )
    return "Accepted"


def _told(model: StationModel, monitor: Monitor) -> dict[str, Any]:
    told = {
        "id": monitor.monitor_id,
        "transaction": False,
        "value": monitor.value,
        "type": monitor.kind,
        "severity": monitor.severity,
    }
    if model.spec.ocpp is not OcppVersion.V21:
        return told
    return told | {"event_notification_type": "HardWiredMonitor" if monitor.is_hard_wired else "CustomMonitor"}


def watch(model: StationModel) -> None:
    """Look at every monitored value; what is worth an event is told."""
    for monitor in model.monitors.by_id.values():
        if monitor.is_hard_wired:
            continue
        value = _value(model, monitor)
        trigger = monitor.fires(value)
        if monitor.next_at is not None and monitor.next_at <= model.now:
            monitor.plan(model.now)
            trigger = "Periodic"
        if trigger is not None:
            is_over = trigger == "Alerting" and not monitor.is_exceeded
            _tell(model, monitor, str(value), trigger, is_cleared=is_over, kind="CustomMonitor")


def problem(model: StationModel, evse: Evse, *, is_cleared: bool) -> None:
    """An EVSE is broken, or well again: the hard-wired notification of 2.0.1 (N07.FR.04)."""
    if model.is_v16:
        return
    found = model.device.find(("EVSE", "Problem", "", evse.evse_id))
    if not isinstance(found, Variable):
        return
    wired = next(
        (each for each in model.monitors.by_id.values() if each.variable == found.id and each.is_hard_wired), None
    )
    if wired is None:
        wired = Monitor(
            monitor_id=model.monitors.new_id(),
            variable=found.id,
            kind="Delta",
            value=1,
            severity=_HARD_WIRED_SEVERITY,
            shown=shown(found),
            is_hard_wired=True,
        )
        model.monitors.by_id[wired.monitor_id] = wired
    value = "false" if is_cleared else "true"
    _tell(model, wired, value, "Alerting", is_cleared=is_cleared, kind="HardWiredMonitor")


def next_due(model: StationModel) -> list[datetime]:
    """When periodic monitors tell."""
    return [each.next_at for each in model.monitors.by_id.values() if each.next_at is not None]


def _tell(model: StationModel, monitor: Monitor, value: str, trigger: str, *, is_cleared: bool, kind: str) -> None:
    if monitor.severity > model.monitors.level:
        return
    model.monitors.next_event_id += 1
    event = {
        "event_id": model.monitors.next_event_id,
        "timestamp": iso(model.now),
        "trigger": trigger,
        "actual_value": value,
        "cleared": is_cleared,
        "variable_monitoring_id": monitor.monitor_id,
        "event_notification_type": kind,
        **monitor.shown,
    }
    model.tell("NotifyEvent", generated_at=iso(model.now), seq_no=0, event_data=[event], tbc=False)


def _value(model: StationModel, monitor: Monitor) -> float:
    told = value_of(model, model.device.table[monitor.variable])
    return float({"true": 1, "false": 0}.get(told, told))


def _same(monitor: Monitor, wanted: dict[str, Any], variable: Variable) -> bool:
    """Two monitors of one kind and severity on one variable make no sense (N04.FR.16)."""
    return (monitor.variable, monitor.kind, monitor.severity) == (variable.id, wanted["type"], wanted["severity"])


def _is_of(monitor: Monitor, wanted: dict[str, Any]) -> bool:
    component, name = wanted["component"], wanted.get("variable", {}).get("name", monitor.variable[1])
    evse_id = component.get("evse", {}).get("id", monitor.variable[3])
    return (component["name"], name, evse_id) == (monitor.variable[0], monitor.variable[1], monitor.variable[3])


def _is_of_kind(monitor: Monitor, criterion: str) -> bool:
    match criterion:
        case "ThresholdMonitoring":
            return "Threshold" in monitor.kind
        case "DeltaMonitoring":
            return monitor.kind == "Delta"
        case _:
            return "Periodic" in monitor.kind
