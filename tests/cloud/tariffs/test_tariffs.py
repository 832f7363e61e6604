"""A tariff that is made here reaches every edge; one that cannot price is refused with all that is wrong with it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import pytest

from cloud.store.engine import Store
from cloud.store.keys import Scope
from protocols.sync.topics import Stream
from tests.cloud.conftest import StartHub
from tests.cloud.edge_double import connected
from tests.cloud.rest_kit import OWN, as_key
from tests.cloud.samples import birth
from tests.kit import Broker, wait_until

NIGHT: dict[str, Any] = {
    "id": "night",
    "currency": "EUR",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 0.25, "vat": 19}]}],
}


async def test_it_reaches_edges_and_is_changed_there(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub, await hub.client() as client, connected(broker) as edge:
        await edge.is_born(birth())
        await edge.acked(Stream.EVENT, 0)
        made = await client.post("/v1/tariffs", json=NIGHT)
        assert (made.status_code, made.headers["Location"]) == (201, "/v1/tariffs/night")
        await wait_until(lambda: bool(edge.tariffs))
        (tariff,) = edge.tariffs[-1].tariffs
        assert tariff.elements[0].price_components[0].price == Decimal("0.25")
        dear = {**NIGHT, "elements": [{"price_components": [{"type": "ENERGY", "price": "0.30"}]}]}
        changed = (await client.put("/v1/tariffs/night", json=dear)).json()
        assert changed["tariff"]["elements"][0]["price_components"][0]["price"] == "0.30"
        await wait_until(lambda: edge.tariffs[-1].version == changed["document_version"] == 2)


async def test_refusals_tell_all_that_is_wrong(store: Store, api: httpx.AsyncClient) -> None:
    api.headers.update(await as_key(store, OWN, Scope.OPERATE))
    assert (await api.post("/v1/tariffs", json=NIGHT)).status_code == 201
    assert (await api.post("/v1/tariffs", json=NIGHT)).json()["code"] == "tariff_exists"
    wrong = {"id": "x", "currency": "EUR", "elements": [{"price_components": [{"type": "WIND"}]}], "more": 1}
    refused = await api.post("/v1/tariffs", json=wrong)
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_tariff")
    told = " ".join(each["message"] for each in refused.json()["errors"])
    for part in ("'more', which is not known", "component 1: type 'WIND'", "component 1: price is missing"):
        assert part in told
    other = await api.put("/v1/tariffs/night", json={**NIGHT, "id": "day"})
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "body.id")
    assert (await api.put("/v1/tariffs/day", json=NIGHT)).status_code == 404


@pytest.mark.parametrize("bad", [{"id": "a\x00"}, {"id": "a/b"}, {"tariff_alt_text": "a\x00b"}, {"id": ""}])
async def test_what_no_database_or_path_can_hold(store: Store, api: httpx.AsyncClient, bad: dict[str, str]) -> None:
    api.headers.update(await as_key(store, OWN, Scope.OPERATE))
    refused = await api.post("/v1/tariffs", json={**NIGHT, **bad})
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_tariff")
