"""`/v1/alarms`: what a person should look at, open and cleared."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from cloud.alarms import queries
from cloud.rest.access import Reader
from cloud.rest.context import TheHub
from cloud.rest.paging import read_one, read_page
from cloud.rest.problems import documented
from cloud.store.documents import alarm_document
from protocols.sync.up import Severity


class Alarm(BaseModel):
    """One occurrence of an alarm; the same `alarm_id` may occur again after it is cleared."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "edge-1-4f1c-31",
                    "edge_id": "edge-1",
                    "location_id": "site-1",
                    "alarm_id": "station_offline:CP-1",
                    "alarm": "station_offline",
                    "severity": "warning",
                    "text": "CP-1 has not been heard for 5 minutes",
                    "station_id": "CP-1",
                    "evse_id": None,
                    "raised_at": "2026-03-02T08:31:00Z",
                    "cleared_at": None,
                    "status": "open",
                }
            ]
        }
    )

    id: str
    edge_id: str
    location_id: str | None
    alarm_id: str
    alarm: str
    severity: Severity
    text: str
    station_id: str | None
    evse_id: int | None
    raised_at: datetime
    cleared_at: datetime | None
    status: Literal["open", "cleared"]


class AlarmPage(BaseModel):
    """A page of alarms; `next_cursor` is null on the last one."""

    items: list[Alarm]
    next_cursor: str | None


async def list_alarms(hub: TheHub, who: Reader, wanted: Annotated[queries.AlarmQuery, Query()]) -> Response:
    """Alarms, the latest first."""
    query = queries.many(who.domain, wanted)
    return await read_page(hub, query, wanted, queries.SORT, alarm_document, is_newest_first=True)


async def get_alarm(hub: TheHub, who: Reader, alarm_row_id: str) -> Response:
    """One alarm."""
    return await read_one(hub, queries.one(who.domain, alarm_row_id), alarm_document, "alarm", alarm_row_id)


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1/alarms", tags=["Alarms"])
    router.get("", response_model=AlarmPage, responses=documented(400))(list_alarms)
    router.get("/{alarm_row_id}", response_model=Alarm, responses=documented(404))(get_alarm)
    return router
