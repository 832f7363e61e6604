"""The local lists of stations at the hub: the newest word of the edge that has the station."""

from __future__ import annotations

from typing import Any

import httpx

from cloud.ingest.batches import store_batch
from cloud.store.engine import Store
from cloud.store.keys import Scope
from protocols.sync.topics import EdgeAddress, Stream
from protocols.sync.up import AlarmCleared, AlarmRaised, Entry, EventBody, Severity
from protocols.sync.upkeep import LOCAL_LIST_FAILED, LocalListSettled
from tests.cloud.rest_kit import FOREIGN, as_key, shown
from tests.cloud.samples import CHECKSUM, EDGE, batch, minute

LIST = "/v1/charging-stations/CP-1/local-list"
OTHER = EdgeAddress(EDGE.domain, "edge-2")


def settled(version: int = 9, **more: Any) -> LocalListSettled:
    usual = {"firmware_version": "1.2", "tokens_version": version - 1, "checksum": CHECKSUM, "tokens": 41}
    return LocalListSettled(**{"station_id": "CP-1", "version": version, **usual, **more})


def failed() -> AlarmRaised:
    return AlarmRaised(
        alarm_id=f"{LOCAL_LIST_FAILED}:CP-1",
        alarm=LOCAL_LIST_FAILED,
        severity=Severity.WARNING,
        text="CP-1 does not take its local list",
        station_id="CP-1",
    )


async def tell(store: Store, seq: int, *bodies: EventBody, edge: EdgeAddress = EDGE) -> None:
    """Each with the minute of its number."""
    entries = [
        Entry(stream=Stream.EVENT, seq=each, at=minute(each), body=body) for each, body in enumerate(bodies, seq)
    ]
    await store_batch(store, edge, batch(entries), minute(90))


async def shown_list(api: httpx.AsyncClient, query: str = "") -> dict[str, Any]:
    answer = await api.get(LIST + query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_the_last_list_that_the_station_took(store: Store, api: httpx.AsyncClient) -> None:
    assert (await api.get(LIST)).status_code == 404
    await tell(store, 1, settled(3), settled(9, left_out=2), settled(5, station_id="CP-2"))
    assert await shown_list(api) == {
        "edge_id": "edge-1",
        "station_id": "CP-1",
        "state": "settled",
        "version": 9,
        "tokens": 41,
        "left_out": 2,
        "tokens_version": 8,
        "checksum": CHECKSUM,
        "firmware_version": "1.2",
        "settled_at": shown(2),
        "problem": None,
    }
    await tell(store, 4, settled(12, tokens=0))
    found = await shown_list(api)
    assert (found["version"], found["tokens"], found["settled_at"]) == (12, 0, shown(4))


async def test_a_station_without_a_list_says_so(store: Store, api: httpx.AsyncClient) -> None:
    none = LocalListSettled(station_id="CP-1", firmware_version="1.0", is_supported=False)
    await tell(store, 1, settled(), none)
    found = await shown_list(api)
    assert (found["state"], found["version"], found["checksum"]) == ("unsupported", None, None)
    assert (found["firmware_version"], found["settled_at"]) == ("1.0", shown(2))


async def test_a_station_that_does_not_take_it_has_failed_until_it_does(store: Store, api: httpx.AsyncClient) -> None:
    await tell(store, 1, failed())
    found = await shown_list(api)
    assert (found["state"], found["problem"], found["version"]) == ("failed", failed().text, None)
    await tell(store, 2, AlarmCleared(alarm_id=failed().alarm_id), settled(), failed())
    found = await shown_list(api)
    assert (found["state"], found["version"], found["settled_at"]) == ("failed", 9, shown(3))
    await tell(store, 5, settled(10), AlarmCleared(alarm_id=failed().alarm_id))
    found = await shown_list(api)
    assert (found["state"], found["version"], found["problem"]) == ("settled", 10, None)


async def test_a_station_that_moved_is_the_one_edges_that_spoke_last(store: Store, api: httpx.AsyncClient) -> None:
    await tell(store, 1, settled(3))
    await tell(store, 1, settled(1), failed(), edge=OTHER)
    found = await shown_list(api)
    assert (found["edge_id"], found["state"], found["version"]) == ("edge-2", "failed", 1)
    await tell(store, 2, settled(3), settled(4))
    found = await shown_list(api)
    assert (found["edge_id"], found["state"], found["version"]) == ("edge-1", "settled", 4)
    assert (await shown_list(api, "?edge_id=edge-2"))["state"] == "failed"
    assert (await api.get(f"{LIST}?edge_id=edge-3")).status_code == 404


async def test_another_domain_sees_nothing(store: Store, api: httpx.AsyncClient) -> None:
    await tell(store, 1, settled(), failed())
    api.headers.update(await as_key(store, FOREIGN, Scope.ADMIN))
    assert (await api.get(LIST)).status_code == 404
