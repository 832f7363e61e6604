"""`/v1/payments`, `/v1/till-sessions` and `/v1/reconciliations`: what was paid at the sites, how the drawers were
counted, and what providers' lists say."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue
from starlette.responses import Response

from cloud.payments import queries
from cloud.rest.access import Reader
from cloud.rest.context import TheHub
from cloud.rest.fields import Amount
from cloud.rest.paging import answer, read_one, read_page
from cloud.rest.problems import documented, not_found
from cloud.store.documents import payment_document
from protocols.sync.payments import Mismatch, PaymentMethod, PaymentState

_TILL: dict[str, JsonValue] = {
    "id": "edge-1-4f1c-30",
    "edge_id": "edge-1",
    "till_id": "1",
    "staff_id": "anna",
    "currency": "EUR",
    "opened_at": "2026-03-02T06:00:00Z",
    "opening": "100.00",
    "closed_at": "2026-03-02T14:00:00Z",
    "expected": "312.40",
    "counted": "312.00",
    "difference": "-0.40",
    "closed_by": "anna",
}


class Payment(BaseModel):
    """Money that a customer paid to a contract's account, or (`reverses`) got back of such a payment.

    `amount` is positive either way. `unknown`: the provider did not tell in time whether it was taken; its list of the
    day settles it. `refunded` went back of it. Cash has `given` and `change`. `by` is the member of staff.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "edge-1-4f1c-31",
                    "edge_id": "edge-1",
                    "contract_id": "DE-OHM-C001",
                    "cdr_id": None,
                    "method": "cash",
                    "state": "taken",
                    "amount": "20.00",
                    "currency": "EUR",
                    "refunded": "0.00",
                    "at": "2026-03-02T08:00:00Z",
                    "provider": None,
                    "provider_ref": None,
                    "till_session_id": "edge-1-4f1c-30",
                    "given": "50.00",
                    "change": "30.00",
                    "reverses": None,
                    "text": "",
                    "by": "anna",
                    "last_updated": "2026-03-02T08:00:00Z",
                }
            ]
        }
    )

    id: str
    edge_id: str
    contract_id: str
    cdr_id: str | None
    method: PaymentMethod
    state: PaymentState
    amount: Amount
    currency: str
    refunded: Amount
    at: AwareDatetime
    provider: str | None
    provider_ref: str | None
    till_session_id: str | None
    given: Amount | None
    change: Amount | None
    reverses: str | None
    text: str
    by: str
    last_updated: AwareDatetime


class PaymentPage(BaseModel):
    """A page of payments; `next_cursor` is null on the last one."""

    items: list[Payment]
    next_cursor: str | None


class TillSession(BaseModel):
    """A cashier's time at a drawer, from one count to the next. Once it is closed, `expected` is what should have lain
    there, and `difference` is counted - expected."""

    model_config = ConfigDict(json_schema_extra={"examples": [_TILL]})

    id: str
    edge_id: str
    till_id: str
    staff_id: str
    currency: str
    opened_at: AwareDatetime
    opening: Amount
    closed_at: AwareDatetime | None
    expected: Amount | None
    counted: Amount | None
    difference: Amount | None
    closed_by: str | None


class TillMovement(BaseModel):
    """Cash that was put into the drawer (positive) or taken out, otherwise than by a payment."""

    at: AwareDatetime
    amount: Amount
    reason: str
    by: str


class TillSessionWhole(TillSession):
    """A till session with what was moved; payments in cash name it in `till_session_id`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_TILL,
                    "movements": [
                        {"at": "2026-03-02T12:00:00Z", "amount": "-50.00", "reason": "to the safe", "by": "anna"}
                    ],
                }
            ]
        }
    )

    movements: list[TillMovement]


class ListDifference(BaseModel):
    """A payment about which the provider and the site are not of one mind. `is_settled`: put right by itself."""

    mismatch: Mismatch
    payment_id: str
    ours: Amount | None
    theirs: Amount | None
    is_settled: bool


class Reconciliation(BaseModel):
    """The payments of a day (UTC) held against the provider's list, as it was done last. `taken` is what the provider
    took that day, less what it gave back."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "edge_id": "edge-1",
                    "provider": "terminal",
                    "day": "2026-03-02",
                    "matched": 41,
                    "taken": "812.40",
                    "differences": [
                        {
                            "mismatch": "amount_differs",
                            "payment_id": "edge-1-4f1c-31",
                            "ours": "20.00",
                            "theirs": "2.00",
                            "is_settled": False,
                        }
                    ],
                    "by": "agent",
                    "at": "2026-03-03T03:00:00Z",
                }
            ]
        }
    )

    edge_id: str
    provider: str
    day: date
    matched: int
    taken: Amount
    differences: list[ListDifference]
    by: str
    at: AwareDatetime


class ReconciliationPage(BaseModel):
    """A page of reconciliations; `next_cursor` is null on the last one."""

    items: list[Reconciliation]
    next_cursor: str | None


class TillPage(BaseModel):
    """A page of till sessions; `next_cursor` is null on the last one."""

    items: list[TillSession]
    next_cursor: str | None


async def list_payments(hub: TheHub, who: Reader, wanted: Annotated[queries.PaymentQuery, Query()]) -> Response:
    """Payments as they stand now, the newest first."""
    query = queries.many(who.domain, wanted)
    return await read_page(hub, query, wanted, queries.SORT, payment_document, is_newest_first=True)


async def get_payment(hub: TheHub, who: Reader, payment_id: str) -> Response:
    """One payment."""
    return await read_one(hub, queries.one(who.domain, payment_id), payment_document, "payment", payment_id)


async def list_tills(hub: TheHub, who: Reader, wanted: Annotated[queries.TillQuery, Query()]) -> Response:
    """Till sessions, the last opened first."""
    query = queries.tills(who.domain, wanted)
    return await read_page(hub, query, wanted, queries.TILL_SORT, queries.till_shown, is_newest_first=True)


async def get_till(hub: TheHub, who: Reader, till_session_id: str) -> Response:
    """One till session with its movements."""
    async with hub.store.read() as connection:
        row = (await connection.execute(queries.till(who.domain, till_session_id))).mappings().one_or_none()
        if row is None:
            raise not_found("till session", till_session_id)
        moved = (
            (await connection.execute(queries.movements(who.domain, row["edge_id"], till_session_id))).mappings().all()
        )
    return answer(queries.till_shown(row) | {"movements": [queries.movement_shown(each) for each in moved]})


async def list_reconciliations(hub: TheHub, who: Reader, wanted: Annotated[queries.ListQuery, Query()]) -> Response:
    """What came of the providers' lists, the last day first."""
    query = queries.lists(who.domain, wanted)
    return await read_page(hub, query, wanted, queries.LIST_SORT, queries.list_shown, is_newest_first=True)


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["Money"])
    router.get("/payments", response_model=PaymentPage, responses=documented(400))(list_payments)
    router.get("/payments/{payment_id}", response_model=Payment, responses=documented(404))(get_payment)
    router.get("/till-sessions", response_model=TillPage, responses=documented(400))(list_tills)
    router.get("/till-sessions/{till_session_id}", response_model=TillSessionWhole, responses=documented(404))(get_till)
    router.get("/reconciliations", response_model=ReconciliationPage, responses=documented(400))(list_reconciliations)
    return router
