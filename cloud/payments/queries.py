"""The questions about payments and till sessions."""

from __future__ import annotations

from typing import Any, Final

from pydantic import AwareDatetime, Field
from sqlalchemy import Column, RowMapping, Select, select

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery, narrowed
from cloud.store.money_tables import payments, till_sessions
from protocols.sync.payments import PaymentMethod, PaymentState

SORT = (payments.c.at, payments.c.payment_id)
TILL_SORT = (till_sessions.c.opened_at, till_sessions.c.session_id)
_SHOWN: Final = (
    "edge_id", "contract_id", "cdr_id", "method", "state", "amount", "currency", "refunded", "at", "provider",
    "provider_ref", "till_session_id", "given", "change", "reverses", "text",
)  # fmt: skip
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


def shown(row: RowMapping) -> dict[str, Any]:
    mine = {"id": row["payment_id"], **{name: row[name] for name in _SHOWN}}
    return mine | {"by": row["staff"], "last_updated": row["updated_at"]}


def till_shown(row: RowMapping) -> dict[str, Any]:
    return {"id": row["session_id"], **{name: row[name] for name in _TILL}}
