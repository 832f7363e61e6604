"""`/v1/receipts` and `/v1/statements`: which numbers were given for what. The edge prints them."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict
from starlette.responses import Response

from cloud.receipts import queries
from cloud.rest.access import Reader
from cloud.rest.context import TheHub
from cloud.rest.fields import Amount
from cloud.rest.paging import read_page
from cloud.rest.problems import documented
from protocols.sync.receipts import ReceiptKind


class Receipt(BaseModel):
    """A number that an edge gave, without gaps, to the bill, payment or till session `ref`. `by` null: the site itself
    gave it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "edge_id": "edge-1",
                    "number": "R-000017",
                    "of": "payment",
                    "ref": "edge-1-4f1c-31",
                    "issued_at": "2026-03-02T08:00:00Z",
                    "by": "anna",
                }
            ]
        }
    )

    edge_id: str
    number: str
    of: ReceiptKind
    ref: str
    issued_at: AwareDatetime
    by: str | None


class ReceiptPage(BaseModel):
    """A page of receipts; `next_cursor` is null on the last one."""

    items: list[Receipt]
    next_cursor: str | None


class Statement(BaseModel):
    """What happened on a contract's account at one edge in a period, from `since` to before `until`: positive is owed
    by the customer, and `opening`, `billed`, `paid`, `credited` and `other` sum up to `closing`. `due_on` is the last
    day (local) on which it is paid in time."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "edge_id": "edge-1",
                    "number": "S-000003",
                    "contract_id": "DE-OHM-C002",
                    "period": "2026-02",
                    "since": "2026-01-31T23:00:00Z",
                    "until": "2026-02-28T23:00:00Z",
                    "currency": "EUR",
                    "opening": "0.00",
                    "billed": "81.20",
                    "paid": "0.00",
                    "credited": "0.00",
                    "other": "0.00",
                    "closing": "81.20",
                    "issued_at": "2026-03-01T00:00:05Z",
                    "due_on": "2026-03-15",
                    "by": None,
                }
            ]
        }
    )

    edge_id: str
    number: str
    contract_id: str
    period: str
    since: AwareDatetime
    until: AwareDatetime
    currency: str
    opening: Amount
    billed: Amount
    paid: Amount
    credited: Amount
    other: Amount
    closing: Amount
    issued_at: AwareDatetime
    due_on: date | None
    by: str | None


class StatementPage(BaseModel):
    """A page of statements; `next_cursor` is null on the last one."""

    items: list[Statement]
    next_cursor: str | None


async def list_receipts(hub: TheHub, who: Reader, wanted: Annotated[queries.ReceiptQuery, Query()]) -> Response:
    """Receipts, the newest first."""
    query = queries.many(who.domain, wanted)
    return await read_page(hub, query, wanted, queries.SORT, queries.shown, is_newest_first=True)


async def list_statements(hub: TheHub, who: Reader, wanted: Annotated[queries.StatementQuery, Query()]) -> Response:
    """Statements, the newest first."""
    query = queries.statements_of(who.domain, wanted)
    return await read_page(hub, query, wanted, queries.STATEMENT_SORT, queries.statement_shown, is_newest_first=True)


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["Money"])
    router.get("/receipts", response_model=ReceiptPage, responses=documented(400))(list_receipts)
    router.get("/statements", response_model=StatementPage, responses=documented(400))(list_statements)
    return router
