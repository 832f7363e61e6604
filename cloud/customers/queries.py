"""The questions about customers, and what is written of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal

import orjson
from pydantic import Field
from sqlalchemy import RowMapping, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery, narrowed
from cloud.store.money_tables import contracts, customers

SORT = (customers.c.id, customers.c.source, customers.c.edge_id)


class CustomerQuery(PageQuery):
    """Filters of the list of customers; all given ones must hold."""

    source: Literal["hub", "site"] | None = None
    edge_id: Name | None = None
    name: Name | None = Field(None, description="A part of the name, whatever its case.")


def many(domain: int, wanted: CustomerQuery) -> Select[Any]:
    query = narrowed(select(customers).where(customers.c.domain == domain), customers, wanted, "source", "edge_id")
    return query if wanted.name is None else query.where(customers.c.name.icontains(wanted.name, autoescape=True))


def named(domain: int, customer_id: str, edge_id: str | None = None) -> Select[Any]:
    """All of this id: the hub's, and those of sites; or that of one site."""
    query = select(customers).where(customers.c.domain == domain, customers.c.id == customer_id)
    return query if edge_id is None else query.where(customers.c.edge_id == edge_id)


def contract_ids(domain: int, customer_id: str) -> Select[Any]:
    """The hub's own contracts of a customer."""
    mine = (contracts.c.domain == domain) & (contracts.c.source == "hub")
    return select(contracts.c.id).where(mine, contracts.c.customer_id == customer_id).order_by(contracts.c.id)


async def shown(connection: AsyncConnection, rows: Sequence[RowMapping]) -> list[dict[str, Any]]:
    """The customers with the ids of their contracts: those of the same source."""
    if not rows:
        return []
    query = select(contracts.c.customer_id, contracts.c.source, contracts.c.edge_id, contracts.c.id).where(
        contracts.c.domain == rows[0]["domain"], contracts.c.customer_id.in_([row["id"] for row in rows])
    )
    theirs: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for customer_id, source, edge_id, contract_id in await connection.execute(query.order_by(contracts.c.id)):
        theirs[customer_id, source, edge_id].append(contract_id)
    return [
        {
            **orjson.loads(row["document"]),
            "contract_ids": theirs[row["id"], row["source"], row["edge_id"]],
            "source": row["source"],
            "edge_id": row["edge_id"] or None,
            "last_updated": row["updated_at"],
        }
        for row in rows
    ]
