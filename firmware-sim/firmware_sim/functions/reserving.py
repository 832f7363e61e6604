"""Reservations made, honoured, cancelled and expired (OCPP 1.6 §5.1 and §5.13, 2.0.1 block H). Pure."""

from __future__ import annotations

from datetime import datetime

from firmware_sim.blocks.reservations import ANY_EVSE, Reservation
from firmware_sim.evse import Evse
from firmware_sim.messages import ConnectorState
from firmware_sim.station_model import StationModel

_REFUSED = {
    ConnectorState.FAULTED: "Faulted",
    ConnectorState.UNAVAILABLE: "Unavailable",
    ConnectorState.AVAILABLE: "Accepted",
}


def reserve(model: StationModel, reservation: Reservation) -> str:
    """ReserveNow; one with the id of another replaces it."""
    others = {key: each for key, each in model.reservations.by_id.items() if key != reservation.reservation_id}
    if reservation.evse_id != ANY_EVSE and reservation.evse_id not in model.evses:
        return "Rejected"
    if reservation.expires_at <= model.now:
        return "Rejected"
    free = [evse for evse in model.evses.values() if _is_free(model, evse, others)]
    if reservation.evse_id == ANY_EVSE:
        if len(free) <= sum(each.evse_id == ANY_EVSE for each in others.values()):
            return "Occupied"
    else:
        evse = model.evses[reservation.evse_id]
        if evse not in free:
            return (
                _REFUSED.get(evse.state, "Occupied") if evse.state in _REFUSED and not evse.is_reserved else "Occupied"
            )
    model.reservations.by_id = others | {reservation.reservation_id: reservation}
    model.note("reserved", model.evses.get(reservation.evse_id), reservation_id=reservation.reservation_id)
    return "Accepted"


def cancel(model: StationModel, reservation_id: int) -> str:
    """CancelReservation."""
    if model.reservations.by_id.pop(reservation_id, None) is None:
        return "Rejected"
    model.note("reservation_cancelled", reservation_id=reservation_id)
    return "Accepted"


def may_use(model: StationModel, evse: Evse, id_token: str, group: str | None) -> bool:
    """Whether a driver may charge here as far as reservations go."""
    if not evse.is_reserved:
        return True
    return model.reservations.usable(evse.evse_id, id_token, group) is not None


def show(model: StationModel) -> None:
    """Let the EVSEs show what is reserved; what cannot be kept any more is given up (2.0.1 H02)."""
    standing = model.reservations
    for reservation in list(standing.by_id.values()):
        evse = model.evses.get(reservation.evse_id)
        if evse is not None and (evse.faulted or not evse.operative):
            _drop(model, reservation, "Removed")
    free = [evse.evse_id for evse in model.evses.values() if _is_idle(evse)]
    held = standing.held(free)
    for evse in model.evses.values():
        evse.is_reserved = evse.evse_id in held


def expire(model: StationModel) -> None:
    """Drop what is over."""
    for reservation in list(model.reservations.by_id.values()):
        if reservation.expires_at <= model.now:
            _drop(model, reservation, "Expired")


def next_due(model: StationModel) -> list[datetime]:
    """When reservations end."""
    return [each.expires_at for each in model.reservations.by_id.values()]


def _drop(model: StationModel, reservation: Reservation, why: str) -> None:
    del model.reservations.by_id[reservation.reservation_id]
    model.note("reservation_gone", reservation_id=reservation.reservation_id, why=why)
    if not model.is_v16:
        model.tell(
            "ReservationStatusUpdate",
            reservation_id=reservation.reservation_id,
            reservation_update_status=why,
        )


def _is_idle(evse: Evse) -> bool:
    is_taken = evse.transaction_id is not None or evse.vehicle is not None or evse.permit is not None
    return evse.operative and not evse.faulted and not is_taken


def _is_free(model: StationModel, evse: Evse, others: dict[int, Reservation]) -> bool:
    return _is_idle(evse) and not any(each.evse_id == evse.evse_id for each in others.values())
