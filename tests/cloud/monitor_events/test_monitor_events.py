"""What the monitors of stations saw, at the hub: as they wrote it, the newest of each station."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pydantic import JsonValue

from cloud.ingest import monitor_events
from cloud.ingest.batches import store_batch
from cloud.ingest.presence import store_birth
from cloud.store.engine import Store
from cloud.store.keys import Scope
from protocols.sync.topics import Stream
from protocols.sync.up import Entry
from protocols.sync.upkeep import MonitorEventsReported
from tests.cloud.rest_kit import FOREIGN, as_key, items, shown
from tests.cloud.samples import EDGE, EPOCH, batch, birth, minute


def event(number: int, **more: JsonValue) -> dict[str, JsonValue]:
    return {
        "eventId": number,
        "timestamp": "2026-03-02T08:00:58Z",
        "trigger": "Alerting",
        "actualValue": "91",
        "component": {"name": "EVSE", "evse": {"id": 1}},
        "variable": {"name": "Temperature"},
        **more,
    }


async def tell(store: Store, seq: int, *events: dict[str, JsonValue], station: str = "CP-1", times: int = 1) -> None:
    body = MonitorEventsReported(station_id=station, events=events)
    for _ in range(times):
        entry = Entry(stream=Stream.EVENT, seq=seq, at=minute(seq), body=body)
        stored = await store_batch(store, EDGE, batch([entry]), minute(90))
        assert stored.dead == 0


async def numbers(api: httpx.AsyncClient, path: str) -> list[Any]:
    found: list[Any] = await items(api, path)
    return [each["event"]["eventId"] for each in found]


async def test_events_are_shown_as_they_were_written(store: Store, api: httpx.AsyncClient) -> None:
    await tell(store, 1, event(1), times=2)  # the link was down for a moment
    (found,) = await items(api, "/v1/monitor-events")
    assert found == {
        "id": f"edge-1-{EPOCH}-0000000001-000",
        "edge_id": "edge-1",
        "station_id": "CP-1",
        "at": shown(1),
        "trigger": "Alerting",
        "component": "EVSE",
        "evse_id": 1,
        "variable": "Temperature",
        "value": "91",
        "is_cleared": False,
        "event": event(1),
    }


async def test_they_are_found_by_what_was_seen_and_where(store: Store, api: httpx.AsyncClient) -> None:
    await store_birth(store, EDGE, birth(), minute(0), is_first=True)
    await tell(store, 1, event(1), event(2, cleared=True), event(3, component={"name": "Controller"}))
    await tell(store, 2, event(4, variable={"name": "Voltage"}, trigger="Delta"), station="CP-2")
    assert await numbers(api, "/v1/monitor-events") == [4, 3, 2, 1]
    assert await numbers(api, "/v1/monitor-events?component=EVSE&variable=Temperature") == [2, 1]
    assert await numbers(api, "/v1/monitor-events?trigger=Delta&station_id=CP-2&edge_id=edge-1") == [4]
    assert await numbers(api, "/v1/charging-stations/CP-1/monitor-events?component=Controller") == [3]
    assert await numbers(api, "/v1/charging-stations/CP-2/monitor-events") == [4]
    assert (await api.get("/v1/charging-stations/CP-9/monitor-events")).status_code == 404
    assert (await api.get("/v1/monitor-events?nonsense=1")).status_code == 422
    api.headers.update(await as_key(store, FOREIGN, Scope.ADMIN))
    assert await items(api, "/v1/monitor-events") == []


async def test_of_each_station_the_newest_are_kept(
    store: Store, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_events, "KEPT", 3)
    await tell(store, 1, event(1), station="CP-2")
    await tell(store, 2, event(2), event(3))
    await tell(store, 3, event(4), event(5))
    assert await numbers(api, "/v1/monitor-events?station_id=CP-1") == [5, 4, 3]
    await tell(store, 4, *(event(number) for number in range(6, 16)))
    assert await numbers(api, "/v1/monitor-events?station_id=CP-1") == [15, 14, 13]
    assert await numbers(api, "/v1/monitor-events?station_id=CP-2") == [1]


async def test_what_a_station_left_out_is_empty(store: Store, api: httpx.AsyncClient) -> None:
    odd: dict[str, JsonValue] = {"eventId": 2, "component": None, "variable": {}}
    await tell(store, 1)
    await tell(store, 2, odd)
    (found,) = await items(api, "/v1/monitor-events")
    assert (found["value"], found["trigger"], found["component"], found["evse_id"]) == ("", "", "", None)
    assert found["event"] == odd
