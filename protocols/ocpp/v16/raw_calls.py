"""What raw calls of OCPP 1.6 mean that a site has to know of: reservations, lists, availability, configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from protocols.charger.commands import Operation
from protocols.charger.operation_reader import read_operation
from protocols.charger.operations.availability import SendLocalList
from protocols.charger.operations.variables import VariableName
from protocols.ocpp.dialect import Payload
from protocols.ocpp.reading import read_stamp, read_text
from protocols.ocpp.v16.configuration_keys import as_variable


def _reserve_now(payload: Payload) -> Operation:
    """§6.37. Connector 0 is any."""
    fields = {
        "evse_id": payload["connectorId"] or None,
        "expires_at": read_stamp(payload["expiryDate"]),
        "token_uid": read_text(payload["idTag"]),
        "group_id": read_text(payload.get("parentIdTag")),
        "reservation_id": payload["reservationId"],
    }
    return read_operation("reserve_now", fields)


def _cancel_reservation(payload: Payload) -> Operation:
    """§6.5."""
    return read_operation("cancel_reservation", {"reservation_id": payload["reservationId"]})


def _change_availability(payload: Payload) -> Operation:
    """§6.9. Connector 0 is the station."""
    fields = {"operational_status": payload["type"], "evse_id": payload["connectorId"] or None}
    return read_operation("change_availability", fields)


def _send_local_list(payload: Payload) -> Operation:
    """§6.41, without its tokens: a list that is not the site's is replaced, whatever is on it."""
    return SendLocalList(version=payload["listVersion"], update_type=payload["updateType"])


def _get_configuration(payload: Payload) -> Operation:
    """§6.23. Without keys it is all of them."""
    keys = payload.get("key")
    if not keys:
        return read_operation("get_base_report", {"request_id": 0})
    return read_operation("get_variables", {"names": [_name(key) for key in keys]})


def _change_configuration(payload: Payload) -> Operation:
    """§6.7."""
    setting = {"name": _name(payload["key"]), "value": payload["value"]}
    return read_operation("set_variables", {"settings": [setting]})


def _name(key: str) -> VariableName:
    return as_variable(VariableName(variable=key))


RAW: Final[Mapping[str, Callable[[Payload], Operation]]] = MappingProxyType(
    {
        "CancelReservation": _cancel_reservation,
        "ChangeAvailability": _change_availability,
        "ChangeConfiguration": _change_configuration,
        "GetConfiguration": _get_configuration,
        "ReserveNow": _reserve_now,
        "SendLocalList": _send_local_list,
    }
)
