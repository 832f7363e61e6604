"""Customers and contracts that are made here reach every edge, with what the others have posted to them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from cloud.ingest import desired_accounts
from cloud.store.engine import Store
from cloud.store.keys import Scope
from protocols.ocpi.customer import Billing, Contract, Customer, Vehicle
from protocols.sync.customers import CustomersChanged
from protocols.sync.topics import EdgeAddress, Stream
from protocols.sync.up import DocumentApplied, Entry, PostingLeg, PostingMade, PostingReason
from tests.cloud.conftest import StartHub, eventually
from tests.cloud.edge_double import EdgeDouble, connected
from tests.cloud.rest_kit import OWN, as_key, items
from tests.cloud.samples import EDGE, birth, minute
from tests.kit import Broker, wait_until

OTHER = EdgeAddress(0, "edge-2")
ANNA = {"id": "CU-1", "name": "Anna", "vehicles": [{"plate": "B-AA 1"}]}
WALLET = {
    "id": "C-1",
    "customer_id": "CU-1",
    "billing": "prepaid",
    "currency": "EUR",
    "offline_limit": "50.00",
    "tariff_id": "night",
}


def posted(seq: int, amount: str, *, held: bool = False, contract_id: str = "C-1", edge: EdgeAddress = EDGE) -> Entry:
    account = f"held:{contract_id}" if held else "bank"
    legs = (
        PostingLeg(account=f"customer:{contract_id}", amount=Decimal(amount)),
        PostingLeg(account=account, amount=-Decimal(amount)),
    )
    name = f"{edge.edge_id}-{seq}"
    reason = PostingReason.HOLD if held else PostingReason.PAYMENT
    body = PostingMade(posting_id=name, key=name, currency="EUR", legs=legs, reason=reason, by="anna")
    return Entry(stream=Stream.MONEY, seq=seq, at=minute(seq), body=body)


async def made(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/customers", json=ANNA)).status_code == 201
    answer = await client.post("/v1/contracts", json=WALLET)
    assert answer.status_code == 201, answer.text


async def born(*edges: EdgeDouble) -> None:
    for number, edge in enumerate(edges):
        await edge.is_born(birth(edge.address, site=f"site-{number}"))
        await edge.acked(Stream.EVENT, 0)


async def test_they_reach_edges_with_what_the_others_posted(
    start_hub: StartHub, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desired_accounts, "BALANCES_EVERY", timedelta(seconds=1))
    async with start_hub(broker) as hub, await hub.client() as client:
        async with connected(broker) as edge, connected(broker, OTHER) as other:
            await born(edge, other)
            await made(client)
            await wait_until(lambda: bool(edge.accounts and edge.accounts[-1].contracts))
            told = edge.accounts[-1]
            assert told.customers == (Customer(id="CU-1", name="Anna", vehicles=(Vehicle(plate="B-AA 1"),)),)
            assert told.contracts == (
                Contract(
                    id="C-1",
                    customer_id="CU-1",
                    billing=Billing.PREPAID,
                    currency="EUR",
                    offline_limit=Decimal("50.00"),
                    tariff_id="night",
                ),
            )
            assert told.balances == {}
            await edge.send([posted(1, "-20.00"), posted(2, "5.00", held=True), posted(3, "1.00", contract_id="C-9")])
            await wait_until(lambda: bool(other.accounts) and bool(other.accounts[-1].balances), 20)
            assert other.accounts[-1].balances == {"C-1": Decimal("-15.00")}
            assert not any(each.balances for each in edge.accounts), "an edge is not told of itself"
        shown = (await client.get("/v1/contracts/C-1")).json()
        assert (shown["balance"], shown["held"], shown["currency"]) == ("-15.00", "5.00", "EUR")
        assert shown["balances"] == [{"edge_id": "edge-1", "balance": "-15.00", "held": "5.00"}]
        async with connected(broker, OTHER) as other:  # it comes back, and finds what the broker kept
            await wait_until(lambda: bool(other.accounts))
            assert other.accounts[-1].balances == {"C-1": Decimal("-15.00")}


async def test_an_edge_that_has_the_newest_version_is_left_alone(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub, await hub.client() as client, connected(broker) as edge:
        await made(client)
        await edge.is_born(birth(documents={"accounts": 7}))  # of a hub that lost its database since
        await wait_until(lambda: bool(edge.accounts))
        version = edge.accounts[-1].version
        assert version == 8
        applied = DocumentApplied(document="accounts", version=version)
        await edge.send([Entry(stream=Stream.EVENT, seq=1, at=minute(1), body=applied)])
        await edge.acked(Stream.EVENT, 1)

        async def documents() -> object:
            shown = (await client.get("/v1/edges/edge-1")).json()["documents"]
            return [(each["name"], each["version"], each["desired_version"]) for each in shown]

        await eventually(documents, [("accounts", version, version)])
        changed = await client.put("/v1/contracts/C-1", json={**without_id(WALLET), "valid": False})
        assert changed.json()["valid"] is False
        await wait_until(lambda: edge.accounts[-1].version == version + 1)
        assert edge.accounts[-1].contracts[0].valid is False


async def test_sites_have_customers_of_their_own(start_hub: StartHub, broker: Broker) -> None:
    own = CustomersChanged(
        source="site",
        customers=(Customer(id="S", name="Site's own"),),
        contracts=(Contract(id="C-S", customer_id="S", billing=Billing.POSTPAID, currency="EUR"),),
    )
    async with start_hub(broker) as hub, await hub.client() as client:
        async with connected(broker) as edge, connected(broker, OTHER) as other:
            for each in (edge, other):
                await each.send([Entry(stream=Stream.EVENT, seq=1, at=minute(1), body=own)])
                await each.acked(Stream.EVENT, 1)
                await each.send([posted(1, "3.00", contract_id="C-S", edge=each.address)])
                await each.acked(Stream.MONEY, 1)
        several = await client.get("/v1/contracts/C-S")
        assert (several.status_code, several.json()["code"]) == (409, "several_sites")
        shown = (await client.get("/v1/contracts/C-S?edge_id=edge-2")).json()
        assert (shown["balance"], shown["source"], shown["edge_id"]) == ("3.00", "site", "edge-2")
        assert (await client.get("/v1/customers/S?edge_id=edge-1")).json()["contract_ids"] == ["C-S"]
        refused = await client.put("/v1/customers/S", json={"name": "X"})
        assert (refused.status_code, refused.json()["code"]) == (409, "customer_of_site")
        assert [each["edge_id"] for each in await items(client, "/v1/customers?name=SITE")] == ["edge-1", "edge-2"]


async def test_refusals_tell_all_that_is_wrong(store: Store, api: httpx.AsyncClient) -> None:
    api.headers.update(await as_key(store, OWN, Scope.OPERATE))
    await made(api)
    again = [await api.post("/v1/customers", json=ANNA), await api.post("/v1/contracts", json=WALLET)]
    assert [each.json()["code"] for each in again] == ["customer_exists", "contract_exists"]
    wrong: dict[str, Any] = {
        "id": "a b",
        "customer_id": "",
        "billing": "never",
        "currency": "eur",
        "credit_limit": "1.005",
    }
    errors = (await api.post("/v1/contracts", json=wrong)).json()["errors"]
    assert {each["field"] for each in errors} == {f"body.{name}" for name in wrong}
    nobody = await api.post("/v1/contracts", json={**WALLET, "id": "suspense", "customer_id": "CU-9"})
    assert {each["field"] for each in nobody.json()["errors"]} == {"body.id", "body.customer_id"}
    assert (await api.post("/v1/customers", json={"id": "x", "name": "a\x00b"})).status_code == 422
    assert (await api.put("/v1/contracts/C-9", json=without_id(WALLET))).status_code == 404


def without_id(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name != "id"}
