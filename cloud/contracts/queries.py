"""The questions about contracts and what they owe, and what is written of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal

import orjson
from sqlalchemy import CompoundSelect, RowMapping, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery, narrowed
from cloud.store.accounts import CUSTOMER, HELD
from cloud.store.money_tables import account_totals, contracts, customers
from cloud.store.tables import cdrs, sessions, tokens
from protocols.money import ZERO
from protocols.ocpi.customer import Billing
from protocols.ocpi.session import SessionStatus

SORT = (contracts.c.id, contracts.c.source, contracts.c.edge_id)
Sums = defaultdict[str, dict[str, dict[str, Decimal]]]
"""By account: by currency and edge."""


class ContractQuery(PageQuery):
    """Filters of the list of contracts; all given ones must hold."""

    source: Literal["hub", "site"] | None = None
    edge_id: Name | None = None
    customer_id: Name | None = None
    billing: Billing | None = None
    valid: bool | None = None


def many(domain: int, wanted: ContractQuery) -> Select[Any]:
    query = select(contracts).where(contracts.c.domain == domain)
    return narrowed(query, contracts, wanted, "source", "edge_id", "customer_id", "billing", "valid")


def named(domain: int, contract_id: str, edge_id: str | None = None) -> Select[Any]:
    """All of this id: the hub's, and those of sites; or that of one site."""
    query = select(contracts).where(contracts.c.domain == domain, contracts.c.id == contract_id)
    return query if edge_id is None else query.where(contracts.c.edge_id == edge_id)


def customer(domain: int, customer_id: str) -> Select[Any]:
    """The hub's own customer of this id."""
    mine = (customers.c.domain == domain) & (customers.c.source == "hub")
    return select(customers.c.id).where(mine, customers.c.id == customer_id)


def currencies(domain: int, contract_id: str) -> Select[Any]:
    """In which currencies something was posted to it."""
    account = account_totals.c.account == CUSTOMER + contract_id
    return select(account_totals.c.currency).where(account_totals.c.domain == domain, account).distinct()


def unfinished(domain: int, contract_id: str) -> CompoundSelect[Any]:
    """Its sessions that run, and its bills that wait for a person."""
    running = select(sessions.c.id).where(
        sessions.c.domain == domain,
        sessions.c.contract_id == contract_id,
        sessions.c.status == SessionStatus.ACTIVE.value,
    )
    waiting = select(cdrs.c.id).where(
        cdrs.c.domain == domain, cdrs.c.contract_id == contract_id, cdrs.c.status == "quarantined"
    )
    return running.union_all(waiting).limit(1)


def charging_tokens(domain: int, contract_id: str) -> Select[Any]:
    """The uids that charge to it, of the hub and of sites."""
    is_its = (tokens.c.domain == domain) & (tokens.c.contract_id == contract_id)
    return select(tokens.c.uid).where(is_its, tokens.c.valid.is_(True))


async def shown(connection: AsyncConnection, rows: Sequence[RowMapping]) -> list[dict[str, Any]]:
    """The contracts with what they owe: those of the hub at all edges, those of a site there."""
    if not rows:
        return []
    accounts = [f"{prefix}{row['id']}" for row in rows for prefix in (CUSTOMER, HELD)]
    query = select(account_totals).where(
        account_totals.c.domain == rows[0]["domain"], account_totals.c.account.in_(accounts)
    )
    sums: Sums = defaultdict(dict)
    for total in await connection.execute(query.order_by(account_totals.c.edge_id)):
        sums[total.account].setdefault(total.currency, {})[total.edge_id] = total.amount
    return [_shown(row, sums) for row in rows]


def _shown(row: RowMapping, sums: Sums) -> dict[str, Any]:
    owed, held = (sums[prefix + row["id"]].get(row["currency"], {}) for prefix in (CUSTOMER, HELD))
    edges = sorted(owed.keys() | held.keys()) if row["source"] == "hub" else [row["edge_id"]]
    at_edges = [
        {"edge_id": edge_id, "balance": owed.get(edge_id, ZERO), "held": -held.get(edge_id, ZERO)} for edge_id in edges
    ]
    return {
        **orjson.loads(row["document"]),
        "source": row["source"],
        "edge_id": row["edge_id"] or None,
        "balance": sum((each["balance"] for each in at_edges), ZERO),
        "held": sum((each["held"] for each in at_edges), ZERO),
        "balances": at_edges,
        "last_updated": row["updated_at"],
    }
