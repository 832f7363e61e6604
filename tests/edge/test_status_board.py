"""What `status --watch` makes of two statuses: rates and percentiles of what happened between them."""

from __future__ import annotations

import copy
import io
from typing import Any

from rich.console import Console

from edge.status_board import at_most, board

STATUS: dict[str, Any] = {
    "edge_id": "site-1",
    "location": "Depot North",
    "software_version": "0.3",
    "site_time": "2026-03-02T06:00:00+00:00",
    "uptime_s": 3725,
    "stations": 200,
    "stations_online": 198,
    "transactions_open": 61,
    "power_w": 671_300,
    "alarms": [{"alarm": "x", "severity": "critical", "text": "station A-1 reports a fault"}],
    "inbox": {"waiting": 3, "oldest_s": 0.004, "full": 0},
    "pressure": {"level": 0, "name": "normal"},
    "telemetry": {"kept": 10, "dropped_by_filter": 90, "thinned_by_pressure": 0},
    "commits": {"entries": 100, "count": 50, "seconds": 0.1, "at_most_s": {"0.001": 40, "0.01": 50, "+Inf": 50}},
    "loop_lag_s": {"count": 4, "seconds": 0.0, "at_most_s": {"0.001": 4, "+Inf": 4}},
    "chargers": {
        "connections": 198,
        "messages": {"Heartbeat": 1000, "MeterValues": 400},
        "answer_at_most_s": {"0.001": 10, "0.1": 100, "+Inf": 100},
        "waited": {"too_many_frames": 0, "inbox_full": 0},
    },
    "uplink": {"configured": True, "online": False, "since": None},
    "streams": {"money": {"last_seq": 70, "acked_seq": 60}},
}


def drawn(now: dict[str, Any], before: dict[str, Any] | None, seconds: float) -> str:
    written = io.StringIO()
    Console(width=140, file=written).print(board(now, before, seconds))
    return written.getvalue()


def test_where_power_comes_from_and_what_is_not_known() -> None:
    balance = [{"part": "grid", "power_w": 7_250, "age_s": 1}, {"part": "rest", "power_w": None, "age_s": None}]
    assert "grid 7.2 kW, rest ?" in drawn(STATUS | {"balance": balance}, None, 1.0)


def test_rates_are_differences_over_the_time_between() -> None:
    later = copy.deepcopy(STATUS)
    later["chargers"]["messages"]["MeterValues"] += 500
    later["commits"] |= {"count": 70, "entries": 160}
    later["streams"]["money"]["last_seq"] += 20
    text = drawn(later, STATUS, 2.0)
    assert "MeterValues" in text
    assert "250.0" in text
    assert "10/s of 3.0 entries" in text
    assert "90, 10.0/s" in text
    assert "HUB NOT REACHED" in text
    assert "1 h 2 min" in text
    assert "critical: station A-1 reports a fault" in text


def test_the_first_picture_has_no_rates_and_divides_by_nothing() -> None:
    assert "198 of 200 stations online" in drawn(STATUS, None, 0.0)


def test_percentiles_are_of_what_happened_between_two_pictures() -> None:
    before = {"0.001": 100, "0.1": 100, "30.0": 100, "+Inf": 100}
    now = {"0.001": 150, "0.1": 199, "30.0": 199, "+Inf": 200}
    assert at_most(now, before, 50) == "≤ 1 ms"
    assert at_most(now, before, 99) == "≤ 100 ms"
    assert at_most(now, before, 100) == "> 30 s"
    assert at_most(before, before, 99) == "-"
    assert at_most({}, None, 99) == "-"


def test_the_other_agents_of_a_node_are_shown_where_there_are_any() -> None:
    assert "agent" not in drawn(STATUS, None, 1.0)
    peers = [
        {"edge_id": "node-b", "reachable": True, "stations_waiting": 0},
        {"edge_id": "node-c", "reachable": False, "stations_waiting": 17},
        {"edge_id": "node-d", "reachable": None, "stations_waiting": 0},
    ]
    lines = drawn({**STATUS, "peers": peers}, None, 1.0).splitlines()
    (down,) = [line for line in lines if "node-c" in line]
    assert "NOT REACHED" in down
    assert "17" in down
    assert any("node-d" in line and "not asked yet" in line for line in lines)
