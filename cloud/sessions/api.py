"""`/v1/sessions`: every charging session, running or over."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from cloud.rest.access import Reader
from cloud.rest.context import TheHub
from cloud.rest.fields import Amount, Cost
from cloud.rest.paging import read_one, read_page
from cloud.rest.problems import documented
from cloud.sessions import queries


class SessionLive(BaseModel):
    """The newest values of a running session; `as_of` is the site's time."""

    as_of: datetime
    power_w: int | None
    energy_wh: int | None
    state_of_charge_percent: int | None
    cost: Amount | None


class Session(BaseModel):
    """A session (OCPI 2.2.1 §9), energy in Wh. `total_cost` and `cdr_id` come with its bill."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "edge-1-4f1c-12",
                    "edge_id": "edge-1",
                    "location_id": "site-1",
                    "station_id": "CP-1",
                    "evse_id": 1,
                    "status": "COMPLETED",
                    "token_uid": "04A2B3C4",
                    "contract_id": "DE-OHM-C001",
                    "is_offline": False,
                    "start_date_time": "2026-03-02T08:30:00Z",
                    "end_date_time": "2026-03-02T09:30:00Z",
                    "meter_start_wh": 1000,
                    "meter_stop_wh": 12000,
                    "energy_wh": 11000,
                    "tariff_id": "standard",
                    "currency": "EUR",
                    "total_cost": {"excl_vat": "4.95", "incl_vat": "5.89"},
                    "stop_reason": "EVDisconnected",
                    "cdr_id": "edge-1-4f1c-27",
                    "last_updated": "2026-03-02T09:30:01Z",
                    "live": None,
                }
            ]
        }
    )

    id: str
    edge_id: str
    location_id: str | None
    station_id: str
    evse_id: int
    status: Literal["ACTIVE", "COMPLETED", "INVALID"]
    token_uid: str | None
    contract_id: str
    is_offline: bool | None
    start_date_time: datetime
    end_date_time: datetime | None
    meter_start_wh: int
    meter_stop_wh: int | None
    energy_wh: int | None
    tariff_id: str
    currency: str
    total_cost: Cost | None
    stop_reason: str | None
    cdr_id: str | None
    last_updated: datetime
    live: SessionLive | None


class SessionPage(BaseModel):
    """A page of sessions; `next_cursor` is null on the last one."""

    items: list[Session]
    next_cursor: str | None


async def list_sessions(hub: TheHub, who: Reader, wanted: Annotated[queries.SessionQuery, Query()]) -> Response:
    """Sessions, the latest start first."""
    query = queries.many(who.domain, wanted)
    return await read_page(hub, query, wanted, queries.SORT, queries.shown, is_newest_first=True)


async def get_session(hub: TheHub, who: Reader, session_id: str) -> Response:
    """One session."""
    return await read_one(hub, queries.one(who.domain, session_id), queries.shown, "session", session_id)


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1/sessions", tags=["Sessions"])
    router.get("", response_model=SessionPage, responses=documented(400))(list_sessions)
    router.get("/{session_id}", response_model=Session, responses=documented(404))(get_session)
    return router
