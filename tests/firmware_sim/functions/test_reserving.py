"""Reservations: made, refused, honoured, cancelled, expired."""

from __future__ import annotations

from typing import Any

import pytest

from firmware_sim.messages import (
    Answered,
    AuthorizeMessage,
    AvailabilityChanged,
    ConnectorFaulted,
    ConnectorState,
    Phase,
    Plugged,
    Presented,
    StatusMessage,
    TokenAnswer,
)
from firmware_sim.settings import OcppVersion
from tests.firmware_sim.desk import LiveDesk, timestamp
from tests.firmware_sim.playbook import CARD, OTHER_CARD, car

versions = pytest.mark.parametrize("version", list(OcppVersion))
newer = pytest.mark.parametrize("version", [OcppVersion.V201, OcppVersion.V21])


def reserve(desk: LiveDesk, evse_id: int, *, number: int = 1, group: str | None = None, until_s: int = 600) -> str:
    if desk.version is OcppVersion.V16:
        told: dict[str, Any] = {"connectorId": evse_id, "expiryDate": timestamp(until_s), "idTag": CARD}
        told |= {"reservationId": number} | ({} if group is None else {"parentIdTag": group})
    else:
        told = {"id": number, "expiryDateTime": timestamp(until_s)}
        told |= {"idToken": {"idToken": CARD, "type": "ISO14443"}} | ({"evseId": evse_id} if evse_id else {})
        told |= {} if group is None else {"groupIdToken": {"idToken": group, "type": "Central"}}
    return str(desk.request("ReserveNow", **told)["status"])


def come(desk: LiveDesk, evse_id: int, card: str, group: str | None = None) -> bool:
    """Plug in and hold a good card to the reader; whether a transaction begins."""
    desk.happens(Plugged(evse_id=evse_id, vehicle=car()))
    desk.happens(Presented(evse_id=evse_id, id_token=card))
    asked = desk.of(AuthorizeMessage)[-1]
    desk.happens(Answered(message=asked, answer=TokenAnswer(status="Accepted", group=group)))
    return desk.charger.evses[evse_id].transaction_id is not None


@versions
def test_a_reserved_evse_says_so_and_takes_its_driver_only(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    assert reserve(desk, 1) == "Accepted"
    assert desk.of(StatusMessage)[-1].state is ConnectorState.RESERVED
    assert not come(desk, 1, OTHER_CARD)
    assert desk.notes("refused")[-1].detail["status"] == "Reserved"


@versions
def test_its_driver_uses_it_up(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    reserve(desk, 1, number=42)
    assert come(desk, 1, CARD)
    started = desk.steps()[0]
    assert (started.phase, started.reservation_id) == (Phase.STARTED, 42)
    assert desk.charger.reservations.by_id == {}


@versions
def test_a_driver_of_the_same_group_uses_it_up(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    reserve(desk, 1, group="FLEET")
    assert come(desk, 1, OTHER_CARD, group="FLEET")


@versions
def test_what_cannot_be_reserved(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    desk.happens(ConnectorFaulted(evse_id=1))
    assert reserve(desk, 1) == "Faulted"
    desk.happens(AvailabilityChanged(evse_id=2, operative=False))
    assert reserve(desk, 2) == "Unavailable"
    assert reserve(desk, 9) == "Rejected"
    desk.happens(AvailabilityChanged(evse_id=2, operative=True))
    assert reserve(desk, 2, number=1) == "Accepted"
    assert reserve(desk, 2, number=2) == "Occupied"
    assert reserve(desk, 2, number=1, until_s=900) == "Accepted"  # the same one, changed
    assert reserve(desk, 2, number=3, until_s=-1) == "Rejected"


@versions
def test_any_evse_is_reserved_as_long_as_one_is_free(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    assert reserve(desk, 0, number=1) == "Accepted"
    assert [evse.state for evse in desk.charger.evses.values()] == [ConnectorState.AVAILABLE] * 2
    assert reserve(desk, 0, number=2) == "Accepted"
    assert [evse.state for evse in desk.charger.evses.values()] == [ConnectorState.RESERVED] * 2
    assert reserve(desk, 0, number=3) == "Occupied"


@versions
def test_it_is_cancelled(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    reserve(desk, 1)
    assert desk.request("CancelReservation", reservationId=1) == {"status": "Accepted"}
    assert desk.charger.evses[1].state is ConnectorState.AVAILABLE
    assert desk.request("CancelReservation", reservationId=1) == {"status": "Rejected"}


@versions
def test_it_expires_at_its_own_instant(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    reserve(desk, 1, until_s=100)
    desk.at(500)
    told = desk.of(StatusMessage)[-1]
    assert (told.state, told.at.minute, told.at.second) == (ConnectorState.AVAILABLE, 1, 40)
    expected = [] if version is OcppVersion.V16 else [{"reservationId": 1, "reservationUpdateStatus": "Expired"}]
    assert desk.said("ReservationStatusUpdate") == expected


@newer
def test_a_broken_evse_gives_its_reservation_up(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    reserve(desk, 1)
    desk.happens(ConnectorFaulted(evse_id=1))
    assert desk.said("ReservationStatusUpdate") == [{"reservationId": 1, "reservationUpdateStatus": "Removed"}]
