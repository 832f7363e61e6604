"""`/v1/dunning-steps`: how postpaid contracts were reminded of what they owe, and when they were closed for it."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict
from starlette.responses import Response

from cloud.dunning import queries
from cloud.rest.access import Reader
from cloud.rest.context import TheHub
from cloud.rest.fields import Amount
from cloud.rest.paging import read_page
from cloud.rest.problems import documented


class DunningStep(BaseModel):
    """A step that a site took with a contract that owes `overdue`, of which the oldest part was to be paid on `due_on`
    (local). `step` 0: nothing is overdue any more. `blocks`: it may not charge there until that is paid. The newest
    step of a contract at a site is where it stands."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "edge_id": "edge-1",
                    "contract_id": "DE-OHM-C002",
                    "at": "2026-03-02T06:00:00Z",
                    "step": 2,
                    "action": "block",
                    "blocks": True,
                    "overdue": "81.20",
                    "currency": "EUR",
                    "due_on": "2026-02-14",
                }
            ]
        }
    )

    edge_id: str
    contract_id: str
    at: AwareDatetime
    step: int
    action: str
    blocks: bool
    overdue: Amount
    currency: str
    due_on: date | None


class DunningPage(BaseModel):
    """A page of dunning steps; `next_cursor` is null on the last one."""

    items: list[DunningStep]
    next_cursor: str | None


async def list_dunning_steps(hub: TheHub, who: Reader, wanted: Annotated[queries.DunningQuery, Query()]) -> Response:
    """The steps of dunning, the newest first; of one contract with `contract_id`."""
    query = queries.many(who.domain, wanted)
    return await read_page(hub, query, wanted, queries.SORT, queries.shown, is_newest_first=True)


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1/dunning-steps", tags=["Money"])
    router.get("", response_model=DunningPage, responses=documented(400))(list_dunning_steps)
    return router
