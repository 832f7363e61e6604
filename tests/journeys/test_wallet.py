"""A driver with a prepaid card tops up at the till and charges until the wallet is spent: the site ends it before, at
chargers of each version, also where the agent is killed in the middle."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.site import Site
from edge.local.client import local_client
from firmware_sim import scenario as scenarios
from firmware_sim.vehicle import Vehicle
from protocols.ocpi.customer import Billing, Contract, Customer
from protocols.site.customer_requests import AddCustomers, GetBalance
from protocols.site.payment_requests import OpenTill, TakePayment
from protocols.site.requests import Request
from protocols.sync.payments import PaymentMethod
from tests.journeys.harness import SCENARIOS, a_site, fleet_at
from tests.kit import wait_until

CARD, CONTRACT = "04A1B2C3D4E505", "CONTRACT-005"
MARGIN_S = "360"
"""The agent looks every 10 s of the machine's time, which are 300 s of the site's."""
CAR = Vehicle.at_percent(20, battery_wh=60_000)


async def ask(site: Site, request: Request) -> Any:
    async with local_client("127.0.0.1", site.edge.local_port, site.edge.token_file) as client:
        answer = await client.ask(request, 20)
    assert answer.problem is None, answer.problem
    return answer.result


async def balance(site: Site) -> dict[str, Any]:
    told: dict[str, Any] = await ask(site, GetBalance(id="1", contract_id=CONTRACT, postings=50))
    return told


@pytest.mark.parametrize(("station_id", "kills"), [("CP03", 0), ("CP01", 1)])
async def test_a_wallet_is_spent_and_not_overdrawn(tmp_path: Path, station_id: str, kills: int) -> None:
    day = scenarios.load(str(SCENARIOS / "busy.toml"))
    async with (
        a_site(tmp_path, speed=30.0, OHMSTEAD_EDGE_ACCOUNTS__MARGIN_S=MARGIN_S) as site,
        fleet_at(site, day, tmp_path / "chargers") as fleet,
    ):
        anna = Customer(id="K5", name="Anna")
        contract = Contract(id=CONTRACT, customer_id="K5", billing=Billing.PREPAID, currency="EUR")
        await ask(site, AddCustomers(id="1", customers=(anna,), contracts=(contract,)))
        await ask(site, OpenTill(id="2", request_key="o", till_id="till-1", opening=Decimal("50.00")))
        cash = PaymentMethod.CASH
        top_up = TakePayment(
            id="3", request_key="p", method=cash, amount=Decimal("2.00"), given=Decimal("5.00"), contract_id=CONTRACT
        )
        for _ in range(2):  # the answer may be lost: asked again it is the same payment
            await ask(site, top_up)
        assert (await balance(site))["available"] == "2.00"
        station = fleet[station_id]
        await station.connect()
        station.plug(1, CAR)
        station.present(1, CARD)
        await station.wait_for(lambda it: it.charger.evses[1].transaction_id is not None, 60)

        async def is_held() -> bool:
            return (await balance(site))["held"] == "2.00"

        await wait_until(is_held, 30)
        for _ in range(kills):
            await site.edge.kill()
            await site.edge.start()

        async def is_billed() -> bool:
            return any(posting["reason"] == "cdr" for posting in (await balance(site))["postings"])

        await wait_until(is_billed, 120)
        told = await balance(site)
        assert told["held"] == "0.00"
        assert Decimal("-0.60") < Decimal(told["balance"]) <= 0

        async def is_known() -> bool:
            bills = await site.hub.client.all("cdrs", contract_id=CONTRACT)
            return [bill["stop_reason"] for bill in bills] == ["LocalOutOfCredit"]

        await wait_until(is_known, 30)
