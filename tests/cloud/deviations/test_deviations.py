"""Deviations at the hub: summed up from the journals of edges, and asked over REST."""

from __future__ import annotations

from typing import Any

import httpx

from cloud.ingest.batches import store_batch
from cloud.store.engine import Store
from protocols.sync.topics import Stream
from protocols.sync.up import Entry
from protocols.sync.upkeep import DeviationSeen
from tests.cloud.rest_kit import shown
from tests.cloud.samples import EDGE, batch, minute


def seen(**more: Any) -> DeviationSeen:
    usual = {
        "station_id": "CP-1",
        "vendor": "V",
        "model": "M",
        "firmware_version": "1",
        "action": "MeterValues",
        "path": "/meterValue/sampledValue/unit",
        "problem": "no word of the standard",
        "remedy": "entry left out",
    }
    return DeviationSeen(**{**usual, **more})


def journal(*bodies: DeviationSeen, first: int = 1) -> list[Entry]:
    return [Entry(stream=Stream.EVENT, seq=seq, at=minute(seq), body=body) for seq, body in enumerate(bodies, first)]


async def test_they_are_summed_up_and_the_first_frame_is_kept(store: Store, api: httpx.AsyncClient) -> None:
    entries = journal(seen(frame="first"), seen(count=4, station_id="CP-2"), seen(model="N"), seen(frame="late"))
    await store_batch(store, EDGE, batch(entries), minute(9))
    await store_batch(store, EDGE, batch(entries), minute(10))  # the link was down for a moment
    await store_batch(store, EDGE, batch(journal(seen(count=10, frame="later"), first=5)), minute(11))
    found = (await api.get("/v1/deviations")).json()["items"]
    assert [(each["model"], each["count"]) for each in found] == [("N", 1), ("M", 16)]
    one = (await api.get(f"/v1/deviations/{found[1]['id']}")).json()
    assert one == found[1]
    assert (one["frame"], one["station_id"], one["edge_id"]) == ("first", "CP-1", EDGE.edge_id)
    assert (one["first_at"], one["last_at"]) == (
        shown(1),
        shown(5),
    )


async def test_they_are_found_by_what_they_are(store: Store, api: httpx.AsyncClient) -> None:
    await store_batch(store, EDGE, batch(journal(seen(), seen(model="N"), seen(action="Authorize"))), minute(9))
    for query, count in (("model=N", 1), ("vendor=V", 3), ("action=Authorize&model=M", 1), ("firmware_version=2", 0)):
        assert len((await api.get(f"/v1/deviations?{query}")).json()["items"]) == count
    assert (await api.get("/v1/deviations?nonsense=1")).status_code == 422
    assert (await api.get("/v1/deviations/none")).status_code == 404
