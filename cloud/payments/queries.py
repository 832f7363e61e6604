"""The questions about payments and till sessions."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import orjson
from pydantic import AwareDatetime, Field
from sqlalchemy import Column, RowMapping, Select, select

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery, narrowed
from cloud.store.money_tables import payments, reconciliations, till_movements, till_sessions
from protocols.sync.payments import PaymentMethod, PaymentState

SORT = (payments.c.at, payments.c.payment_id)
TILL_SORT = (till_sessions.c.opened_at, till_sessions.c.session_id)
LIST_SORT = (reconciliations.c.day, reconciliations.c.edge_id, reconciliations.c.provider)
_TILL: Final = (
    "edge_id", "till_id", "staff_id", "currency", "opened_at", "opening", "closed_at", "expected", "counted",
    "difference", "closed_by",
)  # fmt: skip


class PaymentQuery(PageQuery):
    """Filters of the list of payments; all given ones must hold."""

    edge_id: Name | None = None
    contract_id: Name | None = None
    cdr_id: Name | None = None
    method: PaymentMethod | None = None
    state: PaymentState | None = None
    provider: Name | None = None
    till_session_id: Name | None = None
    reverses: Name | None = Field(None, description="What went back of this payment.")
    date_from: AwareDatetime | None = Field(None, description="Asked for at this time or later.")
    date_to: AwareDatetime | None = Field(None, description="Asked for before this time.")


class TillQuery(PageQuery):
    """Filters of the list of till sessions; all given ones must hold."""

    edge_id: Name | None = None
    till_id: Name | None = None
    staff_id: Name | None = None
    is_open: bool | None = None


class ListQuery(PageQuery):
    """Filters of the list of reconciliations; all given ones must hold."""

    edge_id: Name | None = None
    provider: Name | None = None
    is_settled: bool | None = Field(None, description="False: a person has to settle something.")
    day_from: date | None = Field(None, description="Of this day (UTC) or later.")
    day_to: date | None = Field(None, description="Of a day before this one.")


def many(domain: int, wanted: PaymentQuery) -> Select[Any]:
    names = ("edge_id", "contract_id", "cdr_id", "method", "state", "provider", "till_session_id", "reverses")
    query = narrowed(select(payments).where(payments.c.domain == domain), payments, wanted, *names)
    if wanted.date_from is not None:
        query = query.where(payments.c.at >= wanted.date_from)
    if wanted.date_to is not None:
        query = query.where(payments.c.at < wanted.date_to)
    return query


def one(domain: int, payment_id: str) -> Select[Any]:
    return select(payments).where(payments.c.domain == domain, payments.c.payment_id == payment_id)


def tills(domain: int, wanted: TillQuery) -> Select[Any]:
    query = select(till_sessions).where(till_sessions.c.domain == domain)
    query = narrowed(query, till_sessions, wanted, "edge_id", "till_id", "staff_id")
    closed_at: Column[Any] = till_sessions.c.closed_at
    return query if wanted.is_open is None else query.where(closed_at.is_(None) == wanted.is_open)


def till(domain: int, session_id: str) -> Select[Any]:
    return select(till_sessions).where(till_sessions.c.domain == domain, till_sessions.c.session_id == session_id)


def movements(domain: int, edge_id: str, session_id: str) -> Select[Any]:
    """Cash that was put into a session's drawer or taken out, the oldest first."""
    table = till_movements
    query = select(table).where(table.c.domain == domain, table.c.edge_id == edge_id, table.c.session_id == session_id)
    return query.order_by(table.c.at, table.c.request_key)


def lists(domain: int, wanted: ListQuery) -> Select[Any]:
    table = reconciliations
    query = narrowed(select(table).where(table.c.domain == domain), table, wanted, "edge_id", "provider")
    if wanted.day_from is not None:
        query = query.where(table.c.day >= wanted.day_from.isoformat())
    if wanted.day_to is not None:
        query = query.where(table.c.day < wanted.day_to.isoformat())
    return query if wanted.is_settled is None else query.where((table.c.unsettled == 0) == wanted.is_settled)


def till_shown(row: RowMapping) -> dict[str, Any]:
    return {"id": row["session_id"], **{name: row[name] for name in _TILL}}


def movement_shown(row: RowMapping) -> dict[str, Any]:
    return {"at": row["at"], "amount": row["amount"], "reason": row["reason"], "by": row["staff"]}


def list_shown(row: RowMapping) -> dict[str, Any]:
    mine = {name: row[name] for name in ("edge_id", "provider", "day", "matched", "taken")}
    return mine | {"differences": orjson.loads(row["differences"]), "by": row["staff"], "at": row["at"]}
