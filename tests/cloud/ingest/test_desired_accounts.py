"""What the edges of a domain are to know of each other's postings, while several of them post at once: on PostgreSQL,
where transactions run beside each other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest import balances
from cloud.ingest.changes import Row
from cloud.ingest.desired_accounts import BALANCES_EVERY, AccountSource, renew
from cloud.store.account_book import put_contract, put_customer, remove_contract
from cloud.store.engine import Store, upsert
from cloud.store.money_tables import account_totals, shared_balances
from cloud.store.tables import edges
from protocols.ocpi.customer import Billing, Contract, Customer
from protocols.sync.account_lists import balance_hash, contract_hash, customer_hash
from protocols.sync.lists import total, written
from protocols.sync.topics import EdgeAddress
from tests.cloud.samples import minute
from tests.kit import Postgres

ANNA = Customer(id="A", name="Anna")
WALLET = Contract(id="C-1", customer_id="A", billing=Billing.PREPAID, currency="EUR")
FIRST, POSTER = (EdgeAddress(0, f"edge-{name}") for name in "19")


@pytest.fixture
async def store(postgres: Postgres, migrated_postgres: str) -> AsyncIterator[Store]:
    """With a contract of the hub and edges that know it."""
    async with contextlib.aclosing(Store.open(postgres.new_database(migrated_postgres))) as opened:
        async with opened.write() as connection:
            for address in (FIRST, POSTER):
                row = {"domain": 0, "edge_id": address.edge_id, "status": "online", "heard_at": minute(0)}
                await connection.execute(upsert(connection, edges), row)
            await put_customer(connection, 0, ANNA, minute(0))
            await put_contract(connection, 0, WALLET, minute(0))
        yield opened


async def post(
    connection: AsyncConnection, name: str, edge: EdgeAddress = POSTER, amount: str = "1.00", contract_id: str = "C-1"
) -> None:
    posting: Row = {"domain": 0, "edge_id": edge.edge_id, "posting_id": name, "currency": "EUR"}
    leg: Row = {"posting_id": name, "account": f"customer:{contract_id}", "amount": Decimal(amount)}
    await balances.add(connection, [posting], [leg])


async def versions(store: Store) -> tuple[int, int]:
    """Of what the first edge, and the one that posts, are wanted to have."""
    source = AccountSource(store)
    return (await source.wanted(FIRST))[0], (await source.wanted(POSTER))[0]


async def told(store: Store) -> dict[tuple[str, str], Decimal]:
    async with store.read() as connection:
        rows = await connection.execute(select(shared_balances))
        return {(row.contract_id, row.edge_id): row.amount for row in rows}


async def test_nobody_waits_for_who_posts_and_nothing_is_forgotten(store: Store) -> None:
    before = await versions(store)
    async with store.write() as connection:
        await post(connection, "p-0")
    async with store.write() as connection, asyncio.timeout(10):
        await post(connection, "p-1")
        await renew(store, minute(1))
        async with store.write() as other:
            await put_contract(other, 0, replace(WALLET, valid=False), minute(1))
    assert (await told(store))["C-1", "edge-9"] == Decimal("1.00"), "what is committed is told with the contract"
    await renew(store, minute(2))
    assert (await told(store))["C-1", "edge-9"] == Decimal("2.00")
    first, poster = await versions(store)
    assert (first, poster) == (before[0] + 2, before[1] + 1), "who posted is not told of it"


async def test_what_is_posted_before_there_is_a_contract_comes_with_it(store: Store) -> None:
    later = replace(WALLET, id="C-2")
    async with store.write() as connection:
        await post(connection, "p-1", amount="3.00", contract_id="C-2")
    await renew(store, minute(1))
    assert await told(store) == {}
    async with store.write() as posting:
        await post(posting, "p-2", edge=FIRST, amount="4.00", contract_id="C-2")
        async with store.write() as connection, asyncio.timeout(10):
            await put_contract(connection, 0, later, minute(2))
        assert await told(store) == {("C-2", "edge-9"): Decimal("3.00")}
    await renew(store, minute(3))
    assert (await told(store))["C-2", "edge-1"] == Decimal("4.00")


async def test_a_renewal_that_was_broken_off_is_made_up_for_and_costs_no_version(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await versions(store)
    async with store.write() as connection:
        await post(connection, "p-1")

    async def breaks(*_: object) -> None:
        raise TimeoutError

    with monkeypatch.context() as patched:
        patched.setattr("cloud.store.account_book._move", breaks)
        with pytest.raises(TimeoutError):
            await renew(store, minute(1))
    assert await versions(store) == before
    await renew(store, minute(2))
    assert await versions(store) == (before[0] + 1, before[1])


async def test_what_came_and_went_is_nobodys_news_and_balances_are_told_now_and_then(store: Store) -> None:
    before = await versions(store)
    async with store.write() as connection:
        await post(connection, "p-1", amount="5.00")
        await post(connection, "p-2", amount="-5.00")
    await renew(store, minute(1))
    assert await versions(store) == before
    async with store.write() as connection:
        await post(connection, "p-3")
    await renew(store, minute(1) + BALANCES_EVERY - timedelta(seconds=1))
    assert await versions(store) == before
    await renew(store, minute(1) + BALANCES_EVERY)
    assert await versions(store) == (before[0] + 1, before[1])


async def test_all_at_once_end_in_the_same_sums(store: Store) -> None:
    """Edges post to some contracts in another order each time, while contracts are changed and taken away, and what is
    due is told: no two wait for each other for ever, and the sums of the digests are those of the rows."""
    random = Random(7)
    several = [replace(WALLET, id=f"C-{number}") for number in range(1, 7)]

    async def posts(edge: EdgeAddress) -> None:
        for round_ in range(12):
            async with store.write() as connection:
                for contract in random.sample(several, 3):
                    await post(connection, f"{edge}-{round_}", edge, f"{random.randrange(1, 900)}.00", contract.id)

    async def changes() -> None:
        for _ in range(12):
            async with store.write() as connection:
                await put_contract(connection, 0, random.choice(several), minute(1))
            async with store.write() as connection:
                await remove_contract(connection, 0, random.choice(several).id)

    async def renews() -> None:
        for number in range(12):
            await renew(store, minute(1 + number))

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for each in (posts(FIRST), posts(POSTER), posts(EdgeAddress(0, "edge-5")), changes(), renews()):
            group.create_task(each)
    async with store.write() as connection:
        for contract in several:
            await put_contract(connection, 0, contract, minute(30))
    await renew(store, minute(31))
    async with store.read() as connection:
        posted = (await connection.execute(select(account_totals))).all()
    sums = {(row.account.removeprefix("customer:"), row.edge_id): row.amount for row in posted}
    assert await told(store) == sums
    assert not any(row.is_due for row in posted)
    elsewhere = [
        balance_hash(contract_id, amount) for (contract_id, edge_id), amount in sums.items() if edge_id != "edge-1"
    ]
    people = [customer_hash(ANNA), *map(contract_hash, several)]
    assert (await AccountSource(store).wanted(FIRST))[1] == written(total([*people, *elsewhere]))
