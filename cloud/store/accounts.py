"""How customers and contracts stand in their rows, and the accounts of a contract."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.store.money_tables import contracts, desired_accounts
from protocols.ocpi.customer import Contract, Customer

ACCOUNTS: Final = "accounts"
"""The desired document of customers and contracts."""
CUSTOMER: Final = "customer:"
"""What a contract owes; negative where we hold its money."""
HELD: Final = "held:"
"""What is set aside for a contract's running transactions, negative."""
CUSTOMERS: Final = TypeAdapter(Customer)
CONTRACTS: Final = TypeAdapter(Contract)


def customer_row(customer: Customer) -> dict[str, Any]:
    """What a row says of a customer."""
    return {"id": customer.id, "name": customer.name, "document": CUSTOMERS.dump_json(customer).decode()}


def contract_row(contract: Contract) -> dict[str, Any]:
    """What a row says of a contract."""
    return {
        "id": contract.id,
        "customer_id": contract.customer_id,
        "billing": contract.billing.value,
        "currency": contract.currency,
        "valid": contract.valid,
        "document": CONTRACTS.dump_json(contract).decode(),
    }


async def mark_changed(connection: AsyncConnection, domain: int) -> None:
    """Customers or contracts of the hub changed: every edge is to know at once."""
    await _mark(connection, desired_accounts.c.domain == domain, is_due=True, made_at=None)


async def mark_posted(connection: AsyncConnection, domain: int, edge_id: str, contract_ids: Iterable[str]) -> None:
    """Contracts of the hub are charged at several sites: each is to know what was posted at the others.

    Most documents are due already. Their rows are held nevertheless until the commit, which those who post can do
    together and a renewal cannot: otherwise one that has read before the commit would have it forgotten.
    """
    others = (desired_accounts.c.domain == domain) & (desired_accounts.c.edge_id != edge_id)
    shared = exists().where(contracts.c.domain == domain, contracts.c.id.in_(contract_ids), contracts.c.source == "hub")
    held = select(desired_accounts.c.edge_id).where(others, shared).order_by(desired_accounts.c.edge_id)
    held = held.with_for_update(read=True, key_share=True, of=desired_accounts)
    if (await connection.execute(held)).first() is not None:
        await _mark(connection, others & desired_accounts.c.is_due.is_(False), is_due=True)


async def _mark(connection: AsyncConnection, which: ColumnElement[bool], **values: object) -> None:
    """Change rows of several edges, locked in the order of their names: PostgreSQL takes them as they lie on its disk,
    and two who do so in different orders wait for each other."""
    locked = select(desired_accounts.c.domain, desired_accounts.c.edge_id).where(which)
    locked = locked.order_by(desired_accounts.c.edge_id).with_for_update(key_share=True)
    found = (await connection.execute(locked)).all()
    if found:
        mine = desired_accounts.c.domain == found[0].domain
        every = update(desired_accounts).where(mine, desired_accounts.c.edge_id.in_([row.edge_id for row in found]))
        await connection.execute(every.values(values))
