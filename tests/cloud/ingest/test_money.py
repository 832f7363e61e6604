"""Customers, wallets, payments, tills, receipts and statements from the journal: the newest word stands, once."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlalchemy import Table, select

from cloud.ingest.batches import Stored, store_batch
from cloud.store.engine import Store
from cloud.store.money_tables import (
    account_totals,
    bill_decisions,
    contracts,
    customers,
    payments,
    receipts,
    statements,
    till_sessions,
)
from protocols.ocpi.customer import Billing, Contract, Customer, Vehicle
from protocols.sync.corrections import BillDecided, BillDecision
from protocols.sync.customers import CustomersChanged
from protocols.sync.payments import Payment, PaymentChanged, PaymentMethod, PaymentState, TillChanged, TillSession
from protocols.sync.receipts import ReceiptIssued, ReceiptKind, StatementMade
from protocols.sync.topics import EdgeAddress
from protocols.sync.up import Entry, PostingLeg, PostingMade, PostingReason, stream_of
from tests.cloud.samples import EDGE, EPOCH, NEXT_EPOCH, batch, minute

OTHER = EdgeAddress(0, "edge-2")
ANNA = Customer(id="A", name="Anna", vehicles=(Vehicle(plate="B-AA 1"),))
WALLET = Contract(id="C-1", customer_id="A", billing=Billing.PREPAID, currency="EUR")
PAID = Payment(
    payment_id="p-1",
    request_key="k-1",
    method=PaymentMethod.CARD,
    amount=Decimal("20.00"),
    currency="EUR",
    contract_id="C-1",
    state=PaymentState.PENDING,
    at=minute(1),
    by="anna",
    provider="sim",
)
TILL = TillSession(
    session_id="t-1",
    till_id="1",
    staff_id="anna",
    currency="EUR",
    request_key="k",
    opened_at=minute(1),
    opening=Decimal("100.00"),
    expected=Decimal("100.00"),
)
_SUMS: dict[str, Any] = dict.fromkeys(("opening", "billed", "paid", "credited", "other", "closing"), Decimal("1.00"))
STATEMENT = StatementMade(
    number="S-1",
    count=1,
    contract_id="C-1",
    period="2026-02",
    since=minute(-1000),
    until=minute(0),
    currency="EUR",
    **_SUMS,
    through_seq=9,
    issued_at=minute(1),
)


def posting(number: int, contract_id: str, amount: str, edge: EdgeAddress = EDGE) -> PostingMade:
    return PostingMade(
        posting_id=f"{edge.edge_id}-p{number}",
        key=f"{edge.edge_id}-{number}",
        currency="EUR",
        reason=PostingReason.PAYMENT,
        by="anna",
        legs=(
            PostingLeg(account=f"customer:{contract_id}", amount=Decimal(amount)),
            PostingLeg(account="bank", amount=-Decimal(amount)),
        ),
    )


async def told(store: Store, *bodies: Any, first: int = 1, epoch: str = EPOCH, edge: EdgeAddress = EDGE) -> Stored:
    """As the entries of one batch, which may all be of one stream."""
    entries = [
        Entry(stream=stream_of(body), seq=seq, at=minute(seq), body=body) for seq, body in enumerate(bodies, first)
    ]
    return await store_batch(store, edge, batch(entries, epoch), minute(120))


async def rows(store: Store, table: Table) -> list[dict[str, Any]]:
    async with store.read() as connection:
        return [dict(row) for row in (await connection.execute(select(table))).mappings()]


async def test_balances_are_the_sums_of_postings_whatever_comes_twice(store: Store) -> None:
    mine = [posting(1, "C-1", "-20.00"), posting(2, "C-1", "4.10"), posting(3, "C-2", "0.30")]
    for epoch in (EPOCH, NEXT_EPOCH):
        for _ in range(2):
            assert (await told(store, *mine, epoch=epoch)).dead == 0
    await told(store, posting(4, "C-1", "0.20"), first=4)
    await told(store, posting(1, "C-1", "5.00", OTHER), edge=OTHER)
    totals = {(row["account"], row["edge_id"]): row["amount"] for row in await rows(store, account_totals)}
    assert totals == {
        ("customer:C-1", "edge-1"): Decimal("-15.70"),
        ("customer:C-2", "edge-1"): Decimal("0.30"),
        ("bank", "edge-1"): Decimal("15.40"),
        ("customer:C-1", "edge-2"): Decimal("5.00"),
        ("bank", "edge-2"): Decimal("-5.00"),
    }


async def test_a_refused_posting_leaves_no_trace_in_the_balances(store: Store) -> None:
    twice = replace_amount(posting(1, "C-1", "1.00"), "2.00")
    stored = await told(store, posting(1, "C-1", "1.00"), twice, posting(2, "C-1", "1.00"))
    assert stored.dead == 1
    totals = {row["account"]: row["amount"] for row in await rows(store, account_totals)}
    assert totals == {"customer:C-1": Decimal("2.00"), "bank": Decimal("-2.00")}


def replace_amount(made: PostingMade, amount: str) -> PostingMade:
    other = posting(1, "C-1", amount)
    return PostingMade(posting_id=made.posting_id, key=f"{made.key}-x", currency="EUR", legs=other.legs)


async def test_the_newest_state_of_a_payment_and_of_a_till_stands(store: Store) -> None:
    taken = replace(PAID, state=PaymentState.TAKEN, provider_ref="r", refunded=Decimal("5.00"))
    for epoch in (EPOCH, NEXT_EPOCH):
        assert (await told(store, PaymentChanged(payment=PAID), PaymentChanged(payment=taken), epoch=epoch)).dead == 0
        await told(store, TillChanged(session=TILL), first=3, epoch=epoch)
        (till,) = await rows(store, till_sessions)
        assert (till["opening"], till["expected"], till["closed_at"]) == (Decimal("100.00"), None, None)
        closed = replace(
            TILL,
            closed_at=minute(9),
            counted=Decimal("119.00"),
            difference=Decimal("-1.00"),
            expected=Decimal("120.00"),
        )
        await told(store, TillChanged(session=closed), first=4, epoch=epoch)
    (payment,) = await rows(store, payments)
    assert (payment["state"], payment["refunded"], payment["updated_at"]) == ("taken", Decimal("5.00"), minute(2))
    assert (payment["at"], payment["amount"], payment["staff"]) == (minute(1), Decimal("20.00"), "anna")
    (till,) = await rows(store, till_sessions)
    assert (till["expected"], till["difference"]) == (Decimal("120.00"), Decimal("-1.00"))


async def test_another_edge_overwrites_nothing(store: Store) -> None:
    await told(store, PaymentChanged(payment=PAID), TillChanged(session=TILL))
    theirs = (PaymentChanged(payment=replace(PAID, amount=Decimal("1.00"))), TillChanged(session=TILL))
    assert (await told(store, *theirs, edge=OTHER)).dead == 2
    assert [row["amount"] for row in await rows(store, payments)] == [Decimal("20.00")]


async def test_customers_of_a_site_are_those_of_its_last_word(store: Store) -> None:
    first = CustomersChanged(source="site", customers=(ANNA,), contracts=(WALLET,), is_complete=True)
    hubs = CustomersChanged(source="hub", customers=(replace(ANNA, id="H"),), is_complete=True)
    more = CustomersChanged(source="site", contracts=(replace(WALLET, valid=False), replace(WALLET, id="C-2")))
    await told(store, first, hubs, more)
    await told(store, first, edge=OTHER)
    assert [(row["id"], row["edge_id"]) for row in await rows(store, customers)] == [("A", "edge-1"), ("A", "edge-2")]
    found = {(row["id"], row["edge_id"]): row["valid"] for row in await rows(store, contracts)}
    assert found == {("C-1", "edge-1"): False, ("C-2", "edge-1"): True, ("C-1", "edge-2"): True}
    await told(store, CustomersChanged(source="site", is_complete=True), first=4)
    assert [row["edge_id"] for row in await rows(store, contracts)] == ["edge-2"]


async def test_decisions_receipts_and_statements_are_there_once(store: Store) -> None:
    decided = BillDecided(
        cdr_id="b", session_id="s", decision=BillDecision.CREDITED, reason="r", by="anna", second_by="bert"
    )
    receipt = ReceiptIssued(number="R-1", count=1, of=ReceiptKind.PAYMENT, ref="p-1", issued_at=minute(1))
    for epoch in (EPOCH, NEXT_EPOCH):
        assert (await told(store, decided, receipt, STATEMENT, epoch=epoch)).dead == 0
    (found,) = await rows(store, bill_decisions)
    assert (found["decision"], found["staff"], found["second_staff"]) == ("credited", "anna", "bert")
    assert [(row["number"], row["of"], row["ref"]) for row in await rows(store, receipts)] == [
        ("R-1", "payment", "p-1")
    ]
    assert [(row["number"], row["closing"]) for row in await rows(store, statements)] == [("S-1", Decimal("1.00"))]
