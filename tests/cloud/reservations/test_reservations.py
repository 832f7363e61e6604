"""Reservations at the hub, from the journals of edges to REST."""

from __future__ import annotations

import httpx
import pytest

from cloud.ingest.batches import store_batch
from cloud.ingest.presence import store_birth
from cloud.store.engine import Store
from cloud.store.keys import Scope
from protocols.sync.topics import EdgeAddress, Stream
from protocols.sync.up import Entry
from protocols.sync.upkeep import ReservationEnd, ReservationEnded, ReservationMade
from tests.cloud.rest_kit import FOREIGN, as_key, items, shown
from tests.cloud.samples import EDGE, batch, birth, minute, reservation

Body = ReservationMade | ReservationEnded


def journal(*bodies: Body, first: int = 1) -> list[Entry]:
    return [Entry(stream=Stream.EVENT, seq=seq, at=minute(seq), body=body) for seq, body in enumerate(bodies, first)]


def ended(number: int, reason: ReservationEnd, transaction_id: str | None = None) -> ReservationEnded:
    return ReservationEnded(
        station_id="CP-1",
        reservation_id=700 + number,
        session_id=f"edge-1-r{number}",
        reason=reason,
        ended_at=minute(number + 30),
        transaction_id=transaction_id,
    )


async def test_a_reservation_stands_until_it_ends_and_says_who_used_it(store: Store, api: httpx.AsyncClient) -> None:
    await store_birth(store, EDGE, birth(), minute(0), is_first=True)
    await store_batch(store, EDGE, batch(journal(reservation())), minute(2))
    (made,) = await items(api, "/v1/reservations?status=standing")
    assert made == {
        "id": "edge-1-r1",
        "edge_id": "edge-1",
        "location_id": "site-1",
        "station_id": "CP-1",
        "evse_id": 1,
        "reservation_id": 701,
        "status": "standing",
        "token_uid": "04A2B3C4",
        "group_id": None,
        "contract_id": "C-1",
        "tariff_id": "standard",
        "currency": "EUR",
        "made_at": shown(1),
        "expires_at": shown(61),
        "ended_at": None,
        "transaction_id": None,
    }
    used = journal(ended(1, ReservationEnd.USED, "edge-1-tx-1"), first=2)
    for _ in range(2):  # the link was down for a moment
        await store_batch(store, EDGE, batch(used), minute(3))
    one = (await api.get("/v1/reservations/edge-1-r1")).json()
    assert one == {**made, "status": "used", "ended_at": shown(31), "transaction_id": "edge-1-tx-1"}
    assert await items(api, "/v1/reservations?status=standing") == []


@pytest.mark.parametrize("reason", ReservationEnd)
async def test_made_and_ended_in_one_batch(store: Store, api: httpx.AsyncClient, reason: ReservationEnd) -> None:
    await store_batch(store, EDGE, batch(journal(reservation(), ended(1, reason), reservation(2))), minute(9))
    assert [each["status"] for each in await items(api, "/v1/reservations")] == ["standing", reason]
    (found,) = await items(api, f"/v1/reservations?status={reason}")
    assert found["id"] == "edge-1-r1"


async def test_they_are_found_by_station_token_and_edge(store: Store, api: httpx.AsyncClient) -> None:
    await store_birth(store, EDGE, birth(), minute(0), is_first=True)
    anywhere = reservation(2, station_id="CP-2", evse_id=None, token_uid="GUEST")
    await store_batch(store, EDGE, batch(journal(reservation(), anywhere, reservation(3))), minute(9))

    async def ids(path: str) -> list[object]:
        return [each["id"] for each in await items(api, path)]

    assert await ids("/v1/reservations") == ["edge-1-r3", "edge-1-r2", "edge-1-r1"]
    assert await ids("/v1/reservations?station_id=CP-2&token_uid=GUEST") == ["edge-1-r2"]
    assert await ids("/v1/reservations?location_id=site-1&edge_id=edge-1&token_uid=04A2B3C4") == [
        "edge-1-r3",
        "edge-1-r1",
    ]
    assert await ids("/v1/reservations?edge_id=edge-2") == []
    assert await ids("/v1/charging-stations/CP-1/reservations") == ["edge-1-r3", "edge-1-r1"]
    assert await ids("/v1/charging-stations/CP-1/reservations?status=used") == []
    page = (await api.get("/v1/charging-stations/CP-1/reservations?limit=1")).json()
    (rest,) = await items(api, f"/v1/charging-stations/CP-1/reservations?limit=1&cursor={page['next_cursor']}")
    assert (page["items"][0]["id"], rest["id"]) == ("edge-1-r3", "edge-1-r1")
    for wrong, status in (
        ("/v1/reservations?status=open", 422),
        ("/v1/reservations?nonsense=1", 422),
        ("/v1/reservations/none", 404),
        ("/v1/charging-stations/CP-9/reservations", 404),
    ):
        assert (await api.get(wrong)).status_code == status


async def test_nobody_ends_the_reservation_of_another_edge_or_sees_that_of_another_domain(
    store: Store, api: httpx.AsyncClient
) -> None:
    await store_batch(store, EDGE, batch(journal(reservation())), minute(9))
    other = EdgeAddress(EDGE.domain, "edge-2")
    await store_batch(store, other, batch(journal(ended(1, ReservationEnd.CANCELLED))), minute(9))
    assert [each["status"] for each in await items(api, "/v1/reservations")] == ["standing"]
    api.headers.update(await as_key(store, FOREIGN, Scope.ADMIN))
    assert await items(api, "/v1/reservations") == []
    assert (await api.get("/v1/reservations/edge-1-r1")).status_code == 404
