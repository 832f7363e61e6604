"""The station's id in the path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.chargers.handshake import MAX_STATION_ID_LENGTH, read_station_id


@pytest.mark.parametrize(
    ("path", "station_id"),
    [
        ("/CS-1", "CS-1"),
        ("/CS-1/", "CS-1"),
        ("/ocpp/CS-1", "CS-1"),
        ("/steve/websocket/CentralSystemService/CS-1/", "CS-1"),
        ("/CS%201", "CS 1"),
        ("/%E5%85%85%E7%94%B5", "充电"),
        ("/DE*ABC*E1@x:1?token=1", "DE*ABC*E1@x:1"),
        ("/", None),
        ("", None),
        ("//", None),
        ("/?CS-1", None),
        ("/a%2Fb", None),
        ("/%00", None),
        ("/%1b[2J", None),
        ("/%ff", None),
        ("/" + "x" * MAX_STATION_ID_LENGTH, "x" * MAX_STATION_ID_LENGTH),
        ("/" + "x" * (MAX_STATION_ID_LENGTH + 1), None),
    ],
)
def test_the_id_is_the_last_part_of_the_path(path: str, station_id: str | None) -> None:
    assert read_station_id(path) == station_id


@given(st.text())
def test_no_path_does_more_than_have_no_id(path: str) -> None:
    station_id = read_station_id(path)
    assert station_id is None or (station_id.isprintable() and "/" not in station_id)
