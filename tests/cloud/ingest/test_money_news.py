"""The feed tells of payments and balances, each as it stands after a batch."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace as replace_fact

from cloud.store import feed
from cloud.store.engine import Store
from cloud.store.feed import FeedKind
from cloud.stream.api import OF_CHARGERS
from protocols.sync.payments import PaymentChanged, PaymentState
from protocols.sync.up import PostingLeg
from tests.cloud.ingest.test_money import OTHER, PAID, posting, told
from tests.cloud.samples import NEXT_EPOCH


async def heard(store: Store, *kinds: FeedKind, domain: int = 0) -> list[dict[str, Any]]:
    async with store.read() as connection:
        return [json.loads(row.event.data) for row in await feed.after(connection, domain, 0, 100, kinds)]


async def test_a_payment_is_told_once_a_batch_as_it_stands(store: Store) -> None:
    taken = replace(PAID, state=PaymentState.TAKEN, provider_ref="r")
    await told(store, PaymentChanged(payment=PAID), PaymentChanged(payment=taken))
    (payment,) = await heard(store, FeedKind.PAYMENT)
    assert (payment["id"], payment["state"], payment["amount"], payment["by"]) == ("p-1", "taken", "20.00", "anna")
    await told(store, PaymentChanged(payment=replace(taken, refunded=Decimal("5.00"))), first=3)
    assert [each["refunded"] for each in await heard(store, FeedKind.PAYMENT)] == ["0.00", "5.00"]
    assert await heard(store, FeedKind.PAYMENT, domain=0x81) == []


async def test_a_balance_is_told_of_each_contract_that_something_was_posted_to(store: Store) -> None:
    hold = replace_fact(
        posting(3, "C-1", "5.00"),
        legs=(
            PostingLeg(account="customer:C-1", amount=Decimal("5.00")),
            PostingLeg(account="held:C-1", amount=Decimal("-5.00")),
        ),
    )
    await told(store, posting(1, "C-1", "-20.00"), posting(2, "C-2", "1.00"))
    await told(store, hold, first=3)
    await told(store, posting(1, "C-1", "2.00", OTHER), edge=OTHER)
    await told(store, posting(1, "C-1", "-20.00"), epoch=NEXT_EPOCH)  # told again after a restore: it adds nothing
    balances = await heard(store, FeedKind.BALANCE)
    assert [(each["edge_id"], each["contract_id"], each["balance"], each["held"]) for each in balances] == [
        ("edge-1", "C-1", "-20.00", "0.00"),
        ("edge-1", "C-2", "1.00", "0.00"),
        ("edge-1", "C-1", "-15.00", "5.00"),
        ("edge-2", "C-1", "2.00", "0.00"),
        ("edge-1", "C-1", "-15.00", "5.00"),
    ]


@pytest.mark.parametrize("kind", [FeedKind.PAYMENT, FeedKind.BALANCE])
def test_who_does_not_ask_for_money_is_not_told(kind: FeedKind) -> None:
    assert kind not in OF_CHARGERS
