"""One word for an EVSE."""

from __future__ import annotations

from typing import Any

import pytest

from cloud.ingest.evse_state import state_of

ONLINE = {"is_online": True, "status": None}


@pytest.mark.parametrize(
    ("station", "connector_status", "charging_state", "transaction_id", "state"),
    [
        ({"is_online": False}, "Available", None, None, "offline"),
        ({"status": "Faulted"}, "Available", None, None, "faulted"),
        ({"status": "Available"}, "Faulted", None, "tx", "faulted"),
        ({}, "Unavailable", None, "tx", "unavailable"),
        ({}, "Occupied", "Charging", "tx", "charging"),
        ({}, "Occupied", "SuspendedEV", "tx", "occupied"),
        ({}, "Occupied", "Charging", None, "occupied"),
        ({}, "Reserved", None, None, "reserved"),
        ({}, "Available", None, None, "free"),
        ({"is_online": None}, None, None, None, "unavailable"),
    ],
)
def test_state(
    station: dict[str, Any], connector_status: str, charging_state: str, transaction_id: str, state: str
) -> None:
    evse = {
        "connector_status": connector_status,
        "charging_state": charging_state,
        "transaction_id": transaction_id,
    }
    assert state_of(ONLINE | station, evse) == state
