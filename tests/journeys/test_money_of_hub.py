"""Customer, wallet and tariff are made at the hub, a driver charges by them at the site, and the hub shows the bill,
its postings and the wallet exactly as the edge has them; what is spent elsewhere bounds the wallet here."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.site import Site
from firmware_sim import scenario as scenarios
from firmware_sim.vehicle import Vehicle
from protocols.site.customer_requests import GetBalance
from protocols.site.payment_requests import OpenTill, TakePayment
from protocols.sync.payments import PaymentMethod
from protocols.sync.topics import EdgeAddress, Stream
from protocols.sync.up import Entry, PostingLeg, PostingMade
from tests.cloud.edge_double import connected
from tests.cloud.samples import birth
from tests.journeys.harness import SCENARIOS, a_site, fleet_at, settle
from tests.journeys.test_wallet import ask
from tests.kit import wait_until

CARD, CONTRACT, TARIFF = "04BBBBBBBB0001", "HUB-WALLET", "hub-night"
CAR = Vehicle.at_percent(20, battery_wh=60_000)
ELSEWHERE = EdgeAddress(0, "edge-elsewhere")


async def at_edge(site: Site) -> dict[str, Any]:
    told: dict[str, Any] = await ask(site, GetBalance(id="1", contract_id=CONTRACT, postings=50))
    return told


async def made_at_hub(site: Site) -> None:
    """Tariff, customer, contract and card, until the edge has applied them all."""
    hub = site.hub.client
    energy = {"type": "ENERGY", "price": "1.00", "vat": "19", "step_size": 1}
    await hub.post("tariffs", id=TARIFF, currency="EUR", elements=[{"price_components": [energy]}])
    await hub.post("customers", id="CU-1", name="Anna", vehicles=[{"plate": "B-AA 1"}])
    terms = {"billing": "prepaid", "currency": "EUR", "tariff_id": TARIFF}
    await hub.post("contracts", id=CONTRACT, customer_id="CU-1", **terms)
    await hub.post("tokens", uid=CARD, contract_id=CONTRACT)

    async def are_applied() -> bool:
        (edge,) = await hub.all("edges")
        current = {each["name"] for each in edge["documents"] if each["version"] == each["desired_version"]}
        return current >= {"tokens", "accounts", "tariffs"}

    await wait_until(are_applied, 30)


@pytest.mark.timeout(300)
async def test_a_driver_charges_by_what_the_hub_made(tmp_path: Path) -> None:
    day = scenarios.load(str(SCENARIOS / "busy.toml"))
    async with a_site(tmp_path, speed=60.0) as site, fleet_at(site, day, tmp_path / "chargers") as fleet:
        hub = site.hub.client
        await made_at_hub(site)
        await ask(site, OpenTill(id="2", request_key="o", till_id="till-1", opening=Decimal("50.00")))
        cash: dict[str, Any] = {"method": PaymentMethod.CASH, "amount": Decimal("30.00"), "given": Decimal("50.00")}
        await ask(site, TakePayment(id="3", request_key="p", contract_id=CONTRACT, **cash))

        await site.edge.kill()  # it stands where it stood: terms, tariff and wallet are in its ledger
        await site.edge.start()
        for each in fleet.stations.values():
            await each.connect()
        station = fleet["CP01"]
        station.plug(1, CAR)
        station.present(1, CARD)
        await station.wait_for(lambda it: it.charger.evses[1].power_w > 0, 60)
        await asyncio.sleep(site.timeline.real_s(600))
        station.unplug(1)
        await settle(site, fleet)

        (bill,) = site.edge.cdrs()
        assert (bill.contract_id, bill.tariff.id, bill.tariff.elements[0].price_components[0].price) == (
            CONTRACT,
            TARIFF,
            Decimal("1.00"),
        )
        (shown,) = await hub.all("cdrs", contract_id=CONTRACT)
        assert (shown["id"], shown["total_cost"]["incl_vat"]) == (bill.id, str(bill.total_cost.incl_vat))

        local = await at_edge(site)
        assert Decimal(local["balance"]) == bill.total_cost.incl_vat - 30
        contract = await hub.get(f"contracts/{CONTRACT}")
        assert (contract["balance"], contract["held"]) == (local["balance"], local["held"])
        postings = await hub.all("postings", contract=CONTRACT)
        assert {each["id"] for each in postings} == {each["posting_id"] for each in local["postings"]}
        assert {each["reason"] for each in postings} >= {"payment", "hold", "release", "cdr"}
        (paid,) = await hub.all("payments", contract_id=CONTRACT)
        assert (paid["state"], paid["amount"], paid["change"]) == ("taken", "30.00", "20.00")
        (till,) = await hub.all("till-sessions", is_open="true")
        assert (till["till_id"], till["opening"], till["difference"]) == ("till-1", "50.00", None)
        await spent_elsewhere(site, Decimal("7.00"))


async def spent_elsewhere(site: Site, amount: Decimal) -> None:
    """Another site charges the same wallet: here there is so much less of it."""
    before = await at_edge(site)
    async with connected(site.broker, ELSEWHERE) as edge:
        await edge.is_born(birth(ELSEWHERE, site="LOC-ELSEWHERE"))
        legs = (
            PostingLeg(account=f"customer:{CONTRACT}", amount=amount),
            PostingLeg(account="revenue:charging", amount=-amount),
        )
        body = PostingMade(posting_id="elsewhere-1", key="elsewhere-1", currency="EUR", legs=legs)
        await edge.send([Entry(stream=Stream.MONEY, seq=1, at=site.now(), body=body)])
        await edge.acked(Stream.MONEY, 1)

    async def is_bounded() -> bool:
        told = await at_edge(site)
        return bool(Decimal(told["available"]) == Decimal(before["available"]) - amount)

    await wait_until(is_bounded, 30)
    contract = await site.hub.client.get(f"contracts/{CONTRACT}")
    assert Decimal(contract["balance"]) == Decimal(before["balance"]) + amount
