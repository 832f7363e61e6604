"""OCPP 1.6 §5.13 ReserveNow and §5.1 CancelReservation."""

from __future__ import annotations

from protocols.charger.operations.availability import CancelReservation, ReserveNow
from protocols.errors import BadText
from protocols.ocpp.dialect import Calls, Payload
from protocols.ocpp.reading import write_stamp
from protocols.ocpp.v16.wording import MAX_ID_TAG_LENGTH, given_number, id_tag


def render_reserve_now(reserve: ReserveNow) -> Calls:
    """§6.37. Connector 0 is any. A group that does not fit into an idTag is left out, as in idTagInfo.

    Raises BadText where the token does not fit, or a kind of connector is asked for.
    """
    if reserve.connector_type is not None:
        raise BadText("a kind of connector cannot be reserved in OCPP 1.6: name an EVSE, or none for any of them")
    payload: Payload = {
        "connectorId": reserve.evse_id or 0,
        "expiryDate": write_stamp(reserve.expires_at),
        "idTag": id_tag(reserve.token_uid),
    }
    if reserve.group_id is not None and len(reserve.group_id) <= MAX_ID_TAG_LENGTH:
        payload["parentIdTag"] = reserve.group_id
    payload["reservationId"] = given_number(reserve.reservation_id, "reservation_id")
    return [("ReserveNow", payload)]


def render_cancel_reservation(cancel: CancelReservation) -> Calls:
    """§6.5."""
    return [("CancelReservation", {"reservationId": cancel.reservation_id})]
