"""The hub's customers and contracts and what was told of balances, each with the version in which it was said last.

    PUT a contract ──▶ its row, the book's version and total ──▶ every edge wants that version
    a posting ──▶ its sum is due ──every BALANCES_EVERY──▶ what was told of it ──▶ the others want a newer version

Who changes the book holds the row of the domain's document from the first statement on, so changes are one after the
other. Who posts holds nothing of the book, and is never waited for: see desired_accounts.renew. What a digest is made
of is kept with the rows (protocols/sync/account_lists.py): a sum for all, and one of each edge's own balances.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.store.accounts import ACCOUNTS, CONTRACTS, CUSTOMER, CUSTOMERS, contract_row, customer_row
from cloud.store.engine import insert_missing, upsert
from cloud.store.money_tables import (
    account_books,
    account_totals,
    contracts,
    customers,
    desired_accounts,
    removed_accounts,
    shared_balances,
)
from cloud.store.tables import documents
from cloud.store.versions import next_version
from protocols.money import ZERO
from protocols.ocpi.customer import Contract, Customer
from protocols.sync.account_lists import balance_hash, contract_hash, customer_hash
from protocols.sync.lists import written

NOTHING = written(0)


async def put_customer(connection: AsyncConnection, domain: int, customer: Customer, now: datetime) -> None:
    version = await _next(connection, domain)
    mine = and_(customers.c.domain == domain, customers.c.source == "hub", customers.c.id == customer.id)
    before = (await connection.execute(select(customers.c.document).where(mine))).scalar_one_or_none()
    row = {"domain": domain, "source": "hub", "edge_id": "", "document_version": version, "updated_at": now}
    await connection.execute(upsert(connection, customers), {**row, **customer_row(customer)})
    await _forget_removed(connection, domain, "customer", customer.id)
    added = customer_hash(customer) - (customer_hash(CUSTOMERS.validate_json(before)) if before is not None else 0)
    await _add(connection, domain, added)


async def put_contract(connection: AsyncConnection, domain: int, contract: Contract, now: datetime) -> None:
    """With what was posted to it already."""
    version = await _next(connection, domain)
    mine = and_(contracts.c.domain == domain, contracts.c.source == "hub", contracts.c.id == contract.id)
    before = (await connection.execute(select(contracts.c.document).where(mine))).scalar_one_or_none()
    row = {"domain": domain, "source": "hub", "edge_id": "", "document_version": version, "updated_at": now}
    await connection.execute(upsert(connection, contracts), {**row, **contract_row(contract)})
    await _forget_removed(connection, domain, "contract", contract.id)
    added = contract_hash(contract) - (contract_hash(CONTRACTS.validate_json(before)) if before is not None else 0)
    await _add(connection, domain, added)
    posted = select(account_totals).where(
        account_totals.c.domain == domain, account_totals.c.account == CUSTOMER + contract.id
    )
    await tell(connection, domain, (await connection.execute(posted)).all(), version)


async def remove_customer(connection: AsyncConnection, domain: int, customer_id: str) -> None:
    version = await _next(connection, domain)
    mine = and_(customers.c.domain == domain, customers.c.source == "hub", customers.c.id == customer_id)
    before = (await connection.execute(select(customers.c.document).where(mine))).scalar_one_or_none()
    if before is None:
        return  # somebody else was faster
    await connection.execute(delete(customers).where(mine))
    gone = {"domain": domain, "kind": "customer", "id": customer_id, "document_version": version}
    await connection.execute(upsert(connection, removed_accounts), gone)
    await _add(connection, domain, -customer_hash(CUSTOMERS.validate_json(before)))


async def remove_contract(connection: AsyncConnection, domain: int, contract_id: str) -> None:
    """Its balances go with it."""
    version = await _next(connection, domain)
    mine = and_(contracts.c.domain == domain, contracts.c.source == "hub", contracts.c.id == contract_id)
    before = (await connection.execute(select(contracts.c.document).where(mine))).scalar_one_or_none()
    if before is None:
        return  # somebody else was faster
    await connection.execute(delete(contracts).where(mine))
    gone = {"domain": domain, "kind": "contract", "id": contract_id, "document_version": version}
    await connection.execute(upsert(connection, removed_accounts), gone)
    await _add(connection, domain, -contract_hash(CONTRACTS.validate_json(before)))
    told = and_(shared_balances.c.domain == domain, shared_balances.c.contract_id == contract_id)
    rows = (await connection.execute(select(shared_balances).where(told))).all()
    await connection.execute(delete(shared_balances).where(told))
    await _move(connection, domain, {row.edge_id: balance_hash(contract_id, -row.amount) for row in rows})


async def tell(connection: AsyncConnection, domain: int, totals: Sequence[Row[Any]], version: int | None) -> None:
    """What edges have posted to contracts of the hub, in their currency, where it is another than was told: to be known
    to the other edges, under a version of its own where none is given. `totals` are rows of account_totals."""
    ids = {row.account[len(CUSTOMER) :] for row in totals}
    ours = select(contracts.c.id, contracts.c.currency).where(
        contracts.c.domain == domain, contracts.c.source == "hub", contracts.c.id.in_(ids)
    )
    currencies = {row.id: row.currency for row in await connection.execute(ours)}
    told = select(shared_balances).where(
        shared_balances.c.domain == domain, shared_balances.c.contract_id.in_(currencies)
    )
    before = {(row.contract_id, row.edge_id): row.amount for row in await connection.execute(told)}
    now = {
        (row.account[len(CUSTOMER) :], row.edge_id): row.amount
        for row in totals
        if currencies.get(row.account[len(CUSTOMER) :]) == row.currency
    }
    news = {key: amount for key, amount in now.items() if amount != before.get(key, ZERO)}
    if not news:
        return
    moved: defaultdict[str, int] = defaultdict(int)
    for (contract_id, edge_id), amount in news.items():
        moved[edge_id] += balance_hash(contract_id, amount - before.get((contract_id, edge_id), ZERO))
    await _move(connection, domain, moved)
    if version is None:
        version = await _next(connection, domain, but_for=next(iter(moved)) if len(moved) == 1 else None)
    rows = [
        dict(
            zip(
                ("domain", "contract_id", "edge_id", "amount", "document_version"),
                (domain, *key, amount, version),
                strict=True,
            )
        )
        for key, amount in news.items()
    ]
    await connection.execute(upsert(connection, shared_balances), rows)


async def hold(connection: AsyncConnection, domain: int) -> None:
    """From here on to the commit nobody else changes the book."""
    book = select(documents.c.version).where(documents.c.domain == domain, documents.c.name == ACCOUNTS)
    await connection.execute(book.with_for_update())


async def reckon_posted(connection: AsyncConnection, domain: int) -> None:
    """Find anew what each edge's balances add to the digests of the others, by the one who holds the book."""
    found: defaultdict[str, int] = defaultdict(int)
    query = select(shared_balances).where(shared_balances.c.domain == domain)
    for row in await connection.execute(query):
        found[row.edge_id] += balance_hash(row.contract_id, row.amount)
    mine = desired_accounts.c.domain == domain
    await connection.execute(update(desired_accounts).where(mine).values(posted=NOTHING))
    await _move(connection, domain, found)


async def want_anew(connection: AsyncConnection, domain: int, edge_id: str) -> None:
    """The edge has a newer version than this database ever made."""
    version = await next_version(connection, domain, ACCOUNTS)
    await connection.execute(update(account_books).where(account_books.c.domain == domain).values(version=version))
    row = {"domain": domain, "edge_id": edge_id, "version": version, "posted": NOTHING}
    await connection.execute(upsert(connection, desired_accounts, "version"), row)


async def _next(connection: AsyncConnection, domain: int, but_for: str | None = None) -> int:
    """The book's next version, which all edges want but for one."""
    version = await next_version(connection, domain, ACCOUNTS)
    first = {"domain": domain, "version": version, "total": NOTHING, "told_at": None}
    await connection.execute(insert_missing(connection, account_books), first)
    await connection.execute(update(account_books).where(account_books.c.domain == domain).values(version=version))
    wanting = desired_accounts.c.domain == domain
    if but_for is not None:
        wanting &= desired_accounts.c.edge_id != but_for
    await connection.execute(update(desired_accounts).where(wanting).values(version=version))
    return version


async def _add(connection: AsyncConnection, domain: int, added: int) -> None:
    """To the sum of customers and contracts; one that nobody knows stays unknown."""
    book = account_books.c.domain == domain
    total = (await connection.execute(select(account_books.c.total).where(book))).scalar_one()
    if total is not None:
        await connection.execute(update(account_books).where(book).values(total=written(int(total, 16) + added)))


async def _move(connection: AsyncConnection, domain: int, moved: dict[str, int]) -> None:
    """By edge: what its balances add to the digests of the others now. An edge that has no row gets one, with the
    version that it is wanted to have."""
    book = select(account_books.c.version).where(account_books.c.domain == domain)
    version = (await connection.execute(book)).scalar_one()
    for edge_id, by in sorted(moved.items()):
        first = {"domain": domain, "edge_id": edge_id, "version": version, "posted": NOTHING}
        await connection.execute(insert_missing(connection, desired_accounts), first)
        mine = and_(desired_accounts.c.domain == domain, desired_accounts.c.edge_id == edge_id)
        posted = (await connection.execute(select(desired_accounts.c.posted).where(mine))).scalar_one()
        change = update(desired_accounts).where(mine).values(posted=written(int(posted, 16) + by))
        await connection.execute(change)


async def _forget_removed(connection: AsyncConnection, domain: int, kind: str, its_id: str) -> None:
    mine = and_(removed_accounts.c.domain == domain, removed_accounts.c.kind == kind, removed_accounts.c.id == its_id)
    await connection.execute(delete(removed_accounts).where(mine))
