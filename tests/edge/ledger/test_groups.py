"""Events that are decided in one commit, after one look into the ledger: each knows what the others before it did."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from edge.domain.correction_events import BillDecisionAsked, BillSettled
from edge.domain.events import Refused
from edge.domain.payment_events import PaymentKept, PaymentRequested, RefundRequested, TillOpened
from protocols.ocpi.cdr import Cdr
from protocols.ocpi.token import Token
from protocols.sync.up import CdrIssued
from protocols.terms import BillDecision, PaymentMethod
from tests.edge.domain.money_kit import RULES
from tests.edge.domain.site_kit import new_site
from tests.journeys.money_outlets import Outlet
from tests.journeys.money_world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Anna has a till."""
    made = World(tmp_path, replace(new_site().rules, payments=RULES))
    await made.begin()
    made.site.tokens.site["GOOD"] = Token(uid="GOOD", contract_id="C-GOOD")
    await made.tell(TillOpened(request_key="t", till_id="kiosk", opening=Decimal(100), by="anna"))
    yield made
    made.ledger.close()


async def billed(world: World) -> Cdr:
    outlet = Outlet(world, "A", 1, 22_000)
    await outlet.begin("GOOD")
    world.now += timedelta(minutes=30)
    await outlet.flow(30, 11_000)
    await outlet.end()
    (bill,) = (entry.body.cdr for entry in world.entries if isinstance(entry.body, CdrIssued))
    assert bill.total_cost.incl_vat > 0
    return bill


def paying(bill: Cdr, key: str, amount: Decimal | None = None) -> PaymentRequested:
    amount = bill.total_cost.incl_vat if amount is None else amount
    return PaymentRequested(request_key=key, method=PaymentMethod.CASH, amount=amount, by="anna", cdr_id=bill.id)


async def test_a_bill_that_is_credited_a_moment_before_is_not_paid(world: World) -> None:
    bill = await billed(world)
    credit = BillDecisionAsked(cdr_id=bill.id, decision=BillDecision.CREDITED, reason="gift", by="ben")
    credited, paid = await world.tell(credit, paying(bill, "p"))
    assert isinstance(credited, BillSettled)
    assert isinstance(paid, Refused)
    assert "was credited" in paid.reason
    assert world.sums["customer:C-GOOD"] == 0


async def test_a_bill_is_paid_once_by_two_who_pay_at_once(world: World) -> None:
    bill = await billed(world)
    first, second, again = await world.tell(paying(bill, "p"), paying(bill, "q"), paying(bill, "p"))
    assert isinstance(first, PaymentKept)
    assert isinstance(second, Refused)
    assert again == first
    assert world.sums["customer:C-GOOD"] == 0


async def test_a_payment_goes_back_once_to_two_who_ask_at_once(world: World) -> None:
    bill = await billed(world)
    (paid,) = await world.tell(paying(bill, "p"))
    assert isinstance(paid, PaymentKept)
    await world.restart()  # nothing of it is in memory
    back = [
        RefundRequested(request_key=key, payment_id=paid.payment.payment_id, by="anna", reason="r")
        for key in ("r", "s")
    ]
    first, second = await world.tell(*back)
    assert isinstance(first, PaymentKept)
    assert isinstance(second, Refused)
    assert world.sums["cash:kiosk"] == 100


async def test_a_bill_is_decided_upon_once_by_two_at_once(world: World) -> None:
    bill = await billed(world)
    both = [
        BillDecisionAsked(cdr_id=bill.id, decision=BillDecision.CREDITED, reason="gift", by=by, request_key=by)
        for by in ("ben", "cora")
    ]
    first, second = await world.tell(*both)
    assert isinstance(first, BillSettled)
    assert isinstance(second, Refused)
    assert world.sums["customer:C-GOOD"] == 0
