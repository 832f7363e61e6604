"""What the edges of a domain are to know of each other's postings, while several of them post at once: on PostgreSQL,
where transactions run beside each other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest import balances
from cloud.ingest.changes import Row
from cloud.ingest.desired_accounts import renew
from cloud.store.accounts import contract_row, customer_row, mark_changed
from cloud.store.engine import Store, upsert
from cloud.store.money_tables import contracts, customers, desired_accounts
from cloud.store.tables import edges
from protocols.ocpi.customer import Billing, Contract, Customer
from protocols.sync.down import DesiredAccounts
from protocols.sync.topics import EdgeAddress
from tests.cloud.samples import minute
from tests.kit import Postgres

ANNA = Customer(id="A", name="Anna")
WALLET = Contract(id="C-1", customer_id="A", billing=Billing.PREPAID, currency="EUR")
FIRST, MIDDLE, LAST, POSTER = (EdgeAddress(0, f"edge-{name}") for name in "1359")


@pytest.fixture
async def store(postgres: Postgres, migrated_postgres: str) -> AsyncIterator[Store]:
    """With a contract of the hub and edges that have their documents, in another order on the disk than by name."""
    async with contextlib.aclosing(Store.open(postgres.new_database(migrated_postgres))) as opened:
        hub = {"domain": 0, "source": "hub", "edge_id": "", "updated_at": minute(0)}
        async with opened.write() as connection:
            await connection.execute(upsert(connection, customers), [hub | customer_row(ANNA)])
            await connection.execute(upsert(connection, contracts), [hub | contract_row(WALLET)])
            for name in "54321":
                row = {"domain": 0, "edge_id": f"edge-{name}", "version": 0, "digest": "d", "is_due": False}
                await connection.execute(upsert(connection, desired_accounts), row | {"made_at": None})
            edge = {"domain": 0, "edge_id": FIRST.edge_id, "status": "online", "heard_at": minute(0)}
            await connection.execute(upsert(connection, edges), edge)
        yield opened


async def post(connection: AsyncConnection, name: str, edge: EdgeAddress = POSTER) -> None:
    posting: Row = {"domain": 0, "edge_id": edge.edge_id, "posting_id": name, "currency": "EUR"}
    leg: Row = {"posting_id": name, "account": "customer:C-1", "amount": Decimal("1.00")}
    await balances.add(connection, [posting], [leg])


async def waiting(store: Store) -> int:
    """How many transactions of this database wait for another's lock."""
    async with store.read() as connection:
        said = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return int((await connection.execute(text(said))).scalar_one())


async def until_waiting(store: Store, count: int, *tasks: asyncio.Task[None]) -> None:
    async with asyncio.timeout(20):
        while await waiting(store) < count and not any(task.done() for task in tasks):
            await asyncio.sleep(0.01)


async def row_of(store: Store, edge: EdgeAddress) -> tuple[int, bool]:
    async with store.read() as connection:
        mine = select(desired_accounts.c.version, desired_accounts.c.is_due)
        found = (await connection.execute(mine.where(desired_accounts.c.edge_id == edge.edge_id))).one()
        return found.version, found.is_due


async def test_those_who_mark_documents_lock_them_in_one_order(store: Store) -> None:
    """One reads the rows by name, the other as they lie on the disk, and both meet in the middle: each would hold what
    the other wants next, and PostgreSQL would end one of them (DeadlockDetected)."""

    async def posts() -> None:
        async with store.write() as connection:
            for plan in ("seqscan", "bitmapscan"):
                await connection.execute(text(f"SET LOCAL enable_{plan} = off"))
            await post(connection, "p-1")

    async def changes() -> None:
        async with store.write() as connection:
            for plan in ("indexscan", "indexonlyscan", "bitmapscan"):
                await connection.execute(text(f"SET LOCAL enable_{plan} = off"))
            await mark_changed(connection, 0)

    async with asyncio.TaskGroup() as group, store.write() as connection:
        middle = select(desired_accounts).where(desired_accounts.c.edge_id == MIDDLE.edge_id).with_for_update()
        await connection.execute(middle)
        first = group.create_task(posts())
        await until_waiting(store, 1, first)
        second = group.create_task(changes())
        await until_waiting(store, 2, first, second)
    for edge in (FIRST, MIDDLE, LAST):
        assert (await row_of(store, edge))[1] is True


async def mark_due(store: Store) -> None:
    async with store.write() as connection:
        await connection.execute(update(desired_accounts).values(is_due=True, made_at=None))


async def test_a_posting_that_is_stored_while_a_document_is_made_is_told(store: Store) -> None:
    """Its transaction finds the document due already, and commits when that was made without it."""
    await mark_due(store)
    async with asyncio.TaskGroup() as group, store.write() as connection:
        await post(connection, "p-1")
        renewal = group.create_task(renew(store, minute(1)))
        await until_waiting(store, 1, renewal)
    await renew(store, minute(2))
    version, is_due = await row_of(store, FIRST)
    assert (version > 0, is_due) == (True, False)
    await mark_due(store)
    await renew(store, minute(3))
    assert (await row_of(store, FIRST))[0] == version, "it had been told all there was"


async def test_a_renewal_that_was_broken_off_is_made_up_for(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await mark_due(store)

    async def breaks(*_: object) -> DesiredAccounts:
        raise TimeoutError

    with monkeypatch.context() as patched:
        patched.setattr("cloud.ingest.desired_accounts._made", breaks)
        with pytest.raises(TimeoutError):
            await renew(store, minute(1))
    await renew(store, minute(2))
    version, is_due = await row_of(store, FIRST)
    assert (version > 0, is_due) == (True, False)
