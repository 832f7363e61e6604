"""`/v1/postings`: how money moved between accounts, exactly as the edges posted it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict
from starlette.responses import Response

from cloud.postings import queries
from cloud.rest.access import Reader
from cloud.rest.context import TheHub
from cloud.rest.fields import Amount
from cloud.rest.paging import read_page_together
from cloud.rest.problems import documented
from protocols.sync.up import PostingReason


class Leg(BaseModel):
    """One side of a posting: debit positive."""

    account: str
    amount: Amount


class Posting(BaseModel):
    """A double-entry posting; its legs sum to zero.

    The account `customer:` of a contract is what it owes, `held:` what is set aside for its running transactions;
    others are `revenue:charging`, `vat:` by rate, `cash:` by till, `card:` and `qr:` by provider, `bank`, `writeoff`,
    `till_difference:` by till and `till_float`. `by` is the member of staff where a person did it.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "edge-1-4f1c-28",
                    "edge_id": "edge-1",
                    "key": "cdr:edge-1-4f1c-27",
                    "at": "2026-03-02T09:30:00Z",
                    "reason": "cdr",
                    "currency": "EUR",
                    "cdr_id": "edge-1-4f1c-27",
                    "text": "",
                    "by": None,
                    "legs": [
                        {"account": "customer:DE-OHM-C001", "amount": "5.89"},
                        {"account": "revenue:charging", "amount": "-4.95"},
                        {"account": "vat:19", "amount": "-0.94"},
                    ],
                }
            ]
        }
    )

    id: str
    edge_id: str
    key: str
    at: AwareDatetime
    reason: PostingReason
    currency: str
    cdr_id: str | None
    text: str
    by: str | None
    legs: list[Leg]


class PostingPage(BaseModel):
    """A page of postings; `next_cursor` is null on the last one."""

    items: list[Posting]
    next_cursor: str | None


async def list_postings(hub: TheHub, who: Reader, wanted: Annotated[queries.PostingQuery, Query()]) -> Response:
    """Postings, the newest first."""
    query = queries.many(who.domain, wanted)
    return await read_page_together(hub, query, wanted, queries.SORT, queries.shown, is_newest_first=True)


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1/postings", tags=["Money"])
    router.get("", response_model=PostingPage, responses=documented(400))(list_postings)
    return router
