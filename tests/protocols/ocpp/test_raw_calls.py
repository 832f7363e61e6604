"""What raw calls mean is what the operations say that are written like them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from protocols.charger.operations.availability import (
    CancelReservation,
    ChangeAvailability,
    ListedToken,
    ReserveNow,
    SendLocalList,
)
from protocols.charger.operations.variables import GetVariables, SetVariables, VariableName, VariableSetting
from protocols.errors import BadText
from protocols.ocpp.dialects import DIALECTS
from protocols.ocpp.version import Version

AT = datetime(2026, 3, 2, 7, tzinfo=UTC)
HEARTBEAT = VariableName(component="OCPPCommCtrlr", variable="HeartbeatInterval")
ALL = (
    ReserveNow(token_uid="04A2", expires_at=AT, evse_id=1, reservation_id=7),
    ReserveNow(token_uid="04A2", expires_at=AT, group_id="FLEET", reservation_id=0),
    CancelReservation(reservation_id=7),
    ChangeAvailability(operational_status="Inoperative"),
    ChangeAvailability(operational_status="Operative", evse_id=2),
    SendLocalList(version=3, update_type="Differential"),
    GetVariables(names=(HEARTBEAT,)),
    SetVariables(settings=(VariableSetting(name=HEARTBEAT, value="9"),)),
)
OF_201 = (
    ReserveNow(token_uid="04A2", expires_at=AT, connector_type="sType2", reservation_id=7),
    ChangeAvailability(operational_status="Inoperative", evse_id=1, connector_id=2),
    GetVariables(
        names=(
            VariableName(
                component="C",
                variable="V",
                variable_instance="i",
                component_instance="j",
                evse_id=1,
                connector_id=2,
                attribute="Target",
            ),
        )
    ),
)
CASES = [(version, each) for version in Version for each in ALL] + [
    (version, each) for version in (Version.V201, Version.V21) for each in OF_201
]


@pytest.mark.parametrize(("version", "operation"), CASES)
def test_an_operation_is_read_back_from_its_call(version: Version, operation: Any) -> None:
    dialect = DIALECTS[version]
    [(action, payload)] = dialect.operations[type(operation)].render(operation)
    assert dialect.raw[action](payload) == operation


def test_the_tokens_of_a_list_are_nobodys_business() -> None:
    dialect = DIALECTS[Version.V16]
    send = SendLocalList(version=3, tokens=(ListedToken(token_uid="04A2"),))
    [(action, payload)] = dialect.operations[SendLocalList].render(send)
    assert dialect.raw[action](payload) == SendLocalList(version=3)


@pytest.mark.parametrize("version", [Version.V201, Version.V21])
@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("ReserveNow", {"id": 2**70, "expiryDateTime": "2026-03-02T07:00:00Z", "idToken": {}}),
        ("ReserveNow", {"id": 1, "expiryDateTime": "2026-03-02T07:00:00Z", "evseId": 2**70, "idToken": {}}),
        ("ReserveNow", {"id": 1, "expiryDateTime": "2026-13-40T07:00:00Z", "idToken": {}}),
        ("CancelReservation", {"reservationId": -1}),
        ("ChangeAvailability", {"operationalStatus": "Operative", "evse": {"id": 1_000}}),
        (
            "GetVariables",
            {"getVariableData": [{"component": {"name": "C", "evse": {"id": -2}}, "variable": {"name": "V"}}]},
        ),
    ],
)
def test_what_is_beyond_all_bounds_is_refused_with_its_place(version: Version, action: str, payload: Any) -> None:
    """The schemas of OCPP 2.0.1 bound no numbers; ledgers do."""
    if action == "ReserveNow":
        payload = {**payload, "idToken": {"idToken": "04A2-secret", "type": "Central"}}
    with pytest.raises(BadText) as refused:
        DIALECTS[version].raw[action](payload)
    assert "04A2" not in str(refused.value)
