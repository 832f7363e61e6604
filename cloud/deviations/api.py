"""`/v1/deviations`: what the models of one's fleet do otherwise than the standard, and were understood all the same."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from cloud.deviations import queries
from cloud.rest.access import Reader
from cloud.rest.context import TheHub
from cloud.rest.paging import read_one, read_page
from cloud.rest.problems import documented
from cloud.store.documents import deviation_document


class Deviation(BaseModel):
    """A bad habit of a model at one edge. `station_id` showed it last; `frame` is the first message that did, with what
    is secret masked. The counts come an hour late at most."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "4b1f0c22d1e98a7360aa",
                    "edge_id": "edge-1",
                    "vendor": "Schneider Electric",
                    "model": "EVlink Smart Wallbox",
                    "firmware_version": "3.4.0.9",
                    "action": "BootNotification",
                    "path": "/chargePointSerialNumber",
                    "problem": "longer than 25 characters",
                    "remedy": "cut to length",
                    "count": 3,
                    "first_at": "2026-03-02T08:31:00Z",
                    "last_at": "2026-03-09T07:12:45Z",
                    "station_id": "CP-1",
                    "frame": '[2,"7","BootNotification",{"chargePointSerialNumber":"3N000000001F2S1B1234567890"}]',
                }
            ]
        }
    )

    id: str
    edge_id: str
    vendor: str
    model: str
    firmware_version: str
    action: str
    path: str
    problem: str
    remedy: str
    count: int
    first_at: datetime
    last_at: datetime
    station_id: str
    frame: str | None


class DeviationPage(BaseModel):
    """A page of deviations; `next_cursor` is null on the last one."""

    items: list[Deviation]
    next_cursor: str | None


async def list_deviations(hub: TheHub, who: Reader, wanted: Annotated[queries.DeviationQuery, Query()]) -> Response:
    """Deviations, those first seen latest first."""
    query = queries.many(who.domain, wanted)
    return await read_page(hub, query, wanted, queries.SORT, deviation_document, is_newest_first=True)


async def get_deviation(hub: TheHub, who: Reader, deviation_id: str) -> Response:
    """One deviation."""
    return await read_one(hub, queries.one(who.domain, deviation_id), deviation_document, "deviation", deviation_id)


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1/deviations", tags=["Deviations"])
    router.get("", response_model=DeviationPage, responses=documented(400))(list_deviations)
    router.get("/{deviation_id}", response_model=Deviation, responses=documented(404))(get_deviation)
    return router
