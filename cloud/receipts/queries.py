"""The questions about receipts and statements."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import RowMapping, Select, select

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery, narrowed
from cloud.store.money_tables import receipts, statements
from protocols.sync.receipts import ReceiptKind

SORT = (receipts.c.issued_at, receipts.c.edge_id, receipts.c.of, receipts.c.ref)
STATEMENT_SORT = (statements.c.issued_at, statements.c.edge_id, statements.c.contract_id, statements.c.period)
_STATEMENT: Final = (
    "edge_id", "number", "contract_id", "period", "since", "until", "currency", "opening", "billed", "paid",
    "credited", "other", "closing", "issued_at", "due_on",
)  # fmt: skip


class ReceiptQuery(PageQuery):
    """Filters of the list of receipts; all given ones must hold."""

    edge_id: Name | None = None
    of: ReceiptKind | None = None
    ref: Name | None = None
    number: Name | None = None


class StatementQuery(PageQuery):
    """Filters of the list of statements; all given ones must hold."""

    edge_id: Name | None = None
    contract_id: Name | None = None
    period: Name | None = None


def many(domain: int, wanted: ReceiptQuery) -> Select[Any]:
    query = select(receipts).where(receipts.c.domain == domain)
    return narrowed(query, receipts, wanted, "edge_id", "of", "ref", "number")


def statements_of(domain: int, wanted: StatementQuery) -> Select[Any]:
    query = select(statements).where(statements.c.domain == domain)
    return narrowed(query, statements, wanted, "edge_id", "contract_id", "period")


def shown(row: RowMapping) -> dict[str, Any]:
    return {name: row[name] for name in ("edge_id", "number", "of", "ref", "issued_at")} | {"by": row["staff"]}


def statement_shown(row: RowMapping) -> dict[str, Any]:
    return {name: row[name] for name in _STATEMENT} | {"by": row["staff"]}
