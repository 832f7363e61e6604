"""What raw calls of OCPP 2.0.1 mean that a site has to know of: reservations, local lists, availability, variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from protocols.charger.commands import Operation
from protocols.charger.operation_reader import read_operation
from protocols.charger.operations.availability import SendLocalList
from protocols.ocpp.dialect import Payload
from protocols.ocpp.reading import read_stamp, read_text


def _reserve_now(payload: Payload) -> Operation:
    """H01 ReserveNowRequest. EVSE 0, which the standard does not name, is any."""
    token, group = payload["idToken"], payload.get("groupIdToken", {})
    fields = {
        "evse_id": payload.get("evseId") or None,
        "expires_at": read_stamp(payload["expiryDateTime"]),
        "token_uid": read_text(token["idToken"]),
        "group_id": read_text(group.get("idToken")),
        "connector_type": read_text(payload.get("connectorType")),
        "reservation_id": payload["id"],
    }
    return read_operation("reserve_now", fields)


def _cancel_reservation(payload: Payload) -> Operation:
    """H02 CancelReservationRequest."""
    return read_operation("cancel_reservation", {"reservation_id": payload["reservationId"]})


def _change_availability(payload: Payload) -> Operation:
    """G03, G04 ChangeAvailabilityRequest. EVSE 0 is the station."""
    evse = payload.get("evse", {})
    fields = {
        "operational_status": payload["operationalStatus"],
        "evse_id": evse.get("id") or None,
        "connector_id": evse.get("connectorId") or None,
    }
    return read_operation("change_availability", fields)


def _send_local_list(payload: Payload) -> Operation:
    """D01 SendLocalListRequest, without its tokens: a list that is not the site's is replaced, whatever is on it."""
    return SendLocalList(version=payload["versionNumber"], update_type=payload["updateType"])


def _get_variables(payload: Payload) -> Operation:
    """B06 GetVariablesRequest."""
    return read_operation("get_variables", {"names": [_name(item) for item in payload["getVariableData"]]})


def _set_variables(payload: Payload) -> Operation:
    """B05 SetVariablesRequest."""
    settings = [{"name": _name(item), "value": item["attributeValue"]} for item in payload["setVariableData"]]
    return read_operation("set_variables", {"settings": settings})


def _name(item: Payload) -> dict[str, Any]:
    """The fields of a VariableName."""
    component, variable = item["component"], item["variable"]
    evse = component.get("evse", {})
    return {
        "component": component["name"],
        "variable": variable["name"],
        "variable_instance": variable.get("instance"),
        "component_instance": component.get("instance"),
        "evse_id": evse.get("id"),
        "connector_id": evse.get("connectorId"),
        "attribute": item.get("attributeType", "Actual"),
    }


RAW: Final[Mapping[str, Callable[[Payload], Operation]]] = MappingProxyType(
    {
        "CancelReservation": _cancel_reservation,
        "ChangeAvailability": _change_availability,
        "GetVariables": _get_variables,
        "ReserveNow": _reserve_now,
        "SendLocalList": _send_local_list,
        "SetVariables": _set_variables,
    }
)
