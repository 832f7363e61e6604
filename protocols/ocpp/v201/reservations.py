"""OCPP 2.0.1 functional block H: reservations."""

from __future__ import annotations

from typing import Any

from protocols.charger.events import ReservationStatusReported
from protocols.charger.operations.availability import CancelReservation, ReserveNow
from protocols.ocpp.dialect import Payload
from protocols.ocpp.reading import read_number, write_stamp
from protocols.ocpp.v201.datatypes import write_id_token
from protocols.ocpp.writing import filled, numbered


def write_reserve_now(operation: ReserveNow) -> Payload:
    """H01 ReserveNowRequest."""
    group = None if operation.group_id is None else write_id_token(operation.group_id, "Central")
    return filled(
        id=numbered(operation.reservation_id),
        expiryDateTime=write_stamp(operation.expires_at),
        connectorType=operation.connector_type,
        evseId=operation.evse_id,
        idToken=write_id_token(operation.token_uid, operation.token_type),
        groupIdToken=group,
    )


def write_cancel_reservation(operation: CancelReservation) -> Payload:
    """H02 CancelReservationRequest."""
    return {"reservationId": operation.reservation_id}


def read_reservation_status_update(station_id: str, payload: Any) -> ReservationStatusReported:
    """H04 ReservationStatusUpdateRequest."""
    return ReservationStatusReported(
        station_id=station_id,
        reservation_id=read_number(payload.reservationId, name="reservationId"),
        status=payload.reservationUpdateStatus,
    )
