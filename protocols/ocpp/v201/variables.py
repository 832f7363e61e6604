"""OCPP 2.0.1 functional block B: variables, reports of the device model, the network profile, Reset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from protocols.charger.operations.variables import (
    GetBaseReport,
    GetVariables,
    Reset,
    SetNetworkProfile,
    SetVariables,
)
from protocols.ocpp.dialect import Payload, Result
from protocols.ocpp.reading import read_text
from protocols.ocpp.v201.datatypes import (
    part,
    parts,
    reason_of,
    tell_variable,
    told_key,
    variable_key,
    write_variable,
)
from protocols.ocpp.writing import filled, numbered

_TAKEN: Final = frozenset({"Accepted", "RebootRequired"})
_PROBLEMS_TOLD: Final = 3
_NETWORK_PROFILE: Final = (
    *("ocppVersion", "ocppTransport", "ocppCsmsUrl", "messageTimeout", "securityProfile", "ocppInterface"),
    *("identity", "basicAuthPassword", "vpn", "apn"),
)


def write_set_variables(operation: SetVariables) -> Payload:
    """B05 SetVariablesRequest."""
    data = [
        filled(attributeType=_attribute(setting.name.attribute), attributeValue=setting.value)
        | write_variable(setting.name)
        for setting in operation.settings
    ]
    return {"setVariableData": data}


def read_set_variables(operation: SetVariables, answers: Sequence[Payload]) -> Result:
    """B05 SetVariablesResponse, told in the order in which it was asked."""
    told = {(told_key(item), _told_attribute(item)): item for item in parts(answers[0], "setVariableResult")}
    variables = []
    for setting in operation.settings:
        item = told.get((variable_key(setting.name), setting.name.attribute), {})
        status = read_text(item.get("attributeStatus")) or "no status"
        reason = reason_of(part(item, "attributeStatusInfo"))
        variables.append(tell_variable(setting.name) | filled(status=status, reason=reason))
    problems = [variable for variable in variables if variable["status"] not in _TAKEN]
    needs_reboot = any(variable["status"] == "RebootRequired" for variable in variables)
    return Result(
        is_accepted=not problems,
        detail=told_problems(problems) or ("RebootRequired" if needs_reboot else ""),
        result={"variables": variables},
    )


def write_get_variables(operation: GetVariables) -> Payload:
    """B06 GetVariablesRequest."""
    data = [filled(attributeType=_attribute(name.attribute)) | write_variable(name) for name in operation.names]
    return {"getVariableData": data}


def read_get_variables(operation: GetVariables, answers: Sequence[Payload]) -> Result:
    """B06 GetVariablesResponse. What is read only stands in reports alone."""
    told = {(told_key(item), _told_attribute(item)): item for item in parts(answers[0], "getVariableResult")}
    variables, unknown = [], []
    for name in operation.names:
        item = told.get((variable_key(name), name.attribute), {})
        status = read_text(item.get("attributeStatus")) or "no status"
        if status == "Accepted":
            value = read_text(item.get("attributeValue"))
            variables.append(tell_variable(name) | {"value": value, "is_readonly": None})
        else:
            reason = reason_of(part(item, "attributeStatusInfo"))
            unknown.append(tell_variable(name) | filled(status=status, reason=reason))
    return Result(is_accepted=True, detail=told_problems(unknown), result={"variables": variables, "unknown": unknown})


def told_problems(items: list[Payload]) -> str:
    """The first few variables that were refused, each with the station's word for it."""
    texts = [f"{item['component']}.{item['variable']}: {item['status']}" for item in items[:_PROBLEMS_TOLD]]
    if len(items) > _PROBLEMS_TOLD:
        texts.append(f"and {len(items) - _PROBLEMS_TOLD} more")
    return "; ".join(texts)


def write_get_base_report(operation: GetBaseReport) -> Payload:
    """B07 GetBaseReportRequest."""
    return {"requestId": numbered(operation.request_id), "reportBase": operation.report_base}


def write_set_network_profile(operation: SetNetworkProfile) -> Payload:
    """B09 SetNetworkProfileRequest; its profile in the order of NetworkConnectionProfileType, whoever wrote it."""
    given = operation.connection_data
    ordered = {name: given[name] for name in _NETWORK_PROFILE if name in given}
    return {"configurationSlot": operation.configuration_slot, "connectionData": ordered | given}


def write_reset(operation: Reset) -> Payload:
    """B11, B12 ResetRequest. EVSE 0 is the station, which the standard does not name."""
    return filled(type=operation.type, evseId=operation.evse_id or None)


def _attribute(attribute: str) -> str | None:
    """AttributeEnumType; Actual is what is meant where it is left out."""
    return None if attribute == "Actual" else attribute


def _told_attribute(item: Payload) -> str:
    return read_text(item.get("attributeType")) or "Actual"
