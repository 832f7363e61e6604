"""What each edge is to know of customers and contracts, and of what the other edges have posted to them.

The document is another one for each edge, and changes with the postings of the others: so each edge has a version of
its own, which is made anew when something it says may have changed, and not more often than every `BALANCES_EVERY`
where only balances did. An edge that is alone in its domain hears of changed customers alone.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Select, Table, and_, exists, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.store.accounts import ACCOUNTS, CONTRACTS, CUSTOMER, CUSTOMERS
from cloud.store.engine import Store, insert_missing
from cloud.store.money_tables import account_totals, contracts, customers, desired_accounts
from cloud.store.tables import edge_documents, edges
from cloud.store.versions import next_version
from protocols.sync.codec import encode
from protocols.sync.down import DesiredAccounts
from protocols.sync.topics import EdgeAddress

BALANCES_EVERY: Final = timedelta(seconds=10)


async def renew(store: Store, now: datetime) -> None:
    """Give a new version to each edge for which the document says something else by now."""
    async with store.read() as connection:
        due = (await connection.execute(_due(now))).mappings().all()
    for row in due:
        await _renew(store, EdgeAddress(row["domain"], row["edge_id"]), row["applied"] or 0, now)


def wanting() -> Select[Any]:
    """The edges that have not applied the version that they are wanted to have."""
    return (
        select(desired_accounts.c.domain, desired_accounts.c.edge_id, desired_accounts.c.version)
        .select_from(desired_accounts.outerjoin(edge_documents, _applied(desired_accounts)))
        .where(or_(edge_documents.c.version.is_(None), edge_documents.c.version < desired_accounts.c.version))
        .where(desired_accounts.c.version > 0)
    )


async def document(store: Store, address: EdgeAddress, now: datetime) -> tuple[int, bytes]:
    """What the edge is wanted to have, and its version."""
    version = select(desired_accounts.c.version).where(_is_of(address))
    async with store.read() as connection:
        number = (await connection.execute(version)).scalar_one()
        return number, encode(await _made(connection, address, number, now))


async def _renew(store: Store, address: EdgeAddress, applied: int, now: datetime) -> None:
    """Settled first, and read then: whoever posts or changes a contract from here on marks it again. Nothing is locked
    while it is read. One that is broken off has no digest, and is due for that."""
    mine = update(desired_accounts).where(_is_of(address))
    locked = select(desired_accounts).where(_is_of(address)).with_for_update()
    async with store.write() as connection:
        first = {"domain": address.domain, "edge_id": address.edge_id, "version": 0, "digest": "", "is_due": True}
        await connection.execute(insert_missing(connection, desired_accounts), first)
        before = (await connection.execute(locked)).one()
        await connection.execute(mine.values(is_due=False, made_at=now, digest=""))
    async with store.read() as connection:
        digest = _digest(await _made(connection, address, 0, now))
    async with store.write() as connection:
        row: dict[str, Any] = {"digest": digest}
        if before.digest != digest or before.version < applied:
            row["version"] = await next_version(connection, address.domain, ACCOUNTS)
        await connection.execute(mine.values(**row))


def _due(now: datetime) -> Select[Any]:
    """Edges of domains with customers of the hub: those that have no version, those that wait for one or whose renewal
    was broken off, and those that have a newer one than this database remembers."""
    mine = and_(desired_accounts.c.domain == edges.c.domain, desired_accounts.c.edge_id == edges.c.edge_id)
    rested = or_(desired_accounts.c.made_at.is_(None), desired_accounts.c.made_at <= now - BALANCES_EVERY)
    has_any = exists().where(customers.c.domain == edges.c.domain, customers.c.source == "hub")
    return (
        select(edges.c.domain, edges.c.edge_id, edge_documents.c.version.label("applied"))
        .select_from(edges.outerjoin(desired_accounts, mine).outerjoin(edge_documents, _applied(edges)))
        .where(
            or_(
                and_(desired_accounts.c.version.is_(None), has_any),
                and_(or_(desired_accounts.c.is_due.is_(True), desired_accounts.c.digest == ""), rested),
                edge_documents.c.version > desired_accounts.c.version,
            )
        )
    )


def _applied(table: Table) -> Any:
    return and_(
        edge_documents.c.domain == table.c.domain,
        edge_documents.c.edge_id == table.c.edge_id,
        edge_documents.c.name == ACCOUNTS,
    )


def _is_of(address: EdgeAddress) -> Any:
    return and_(desired_accounts.c.domain == address.domain, desired_accounts.c.edge_id == address.edge_id)


async def _made(connection: AsyncConnection, address: EdgeAddress, version: int, now: datetime) -> DesiredAccounts:
    people, terms = (
        select(table.c.document).where(table.c.domain == address.domain, table.c.source == "hub").order_by(table.c.id)
        for table in (customers, contracts)
    )
    return DesiredAccounts(
        version=version,
        customers=tuple(CUSTOMERS.validate_json(each) for each in (await connection.execute(people)).scalars()),
        contracts=tuple(CONTRACTS.validate_json(each) for each in (await connection.execute(terms)).scalars()),
        balances=await _posted_elsewhere(connection, address),
        as_of=now,
    )


async def _posted_elsewhere(connection: AsyncConnection, address: EdgeAddress) -> dict[str, Decimal]:
    """By contract of the hub: what the other edges posted to it, in its currency. Only those that are not zero."""
    account = and_(
        account_totals.c.domain == contracts.c.domain,
        account_totals.c.account == literal(CUSTOMER) + contracts.c.id,
        account_totals.c.currency == contracts.c.currency,
    )
    query = (
        select(contracts.c.id, account_totals.c.amount)
        .select_from(contracts.join(account_totals, account))
        .where(contracts.c.domain == address.domain, contracts.c.source == "hub")
        .where(account_totals.c.edge_id != address.edge_id)
        .order_by(contracts.c.id)
    )
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for contract_id, amount in await connection.execute(query):
        sums[contract_id] += amount
    return {contract_id: amount for contract_id, amount in sums.items() if amount}


def _digest(made: DesiredAccounts) -> str:
    """Of all that it says but its version and its time."""
    balances: Mapping[str, str] = {contract_id: format(amount, "f") for contract_id, amount in made.balances.items()}
    said = repr((made.customers, made.contracts, sorted(balances.items())))
    return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()
