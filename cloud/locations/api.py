"""`/v1/locations`: the sites."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy import RowMapping
from starlette.responses import Response

from cloud.locations import queries
from cloud.rest.access import Reader
from cloud.rest.context import TheHub
from cloud.rest.paging import PageQuery, read_one, read_page
from cloud.rest.problems import documented


class EvseCounts(BaseModel):
    """How many EVSEs are in which state, as last heard."""

    total: int
    free: int
    occupied: int
    charging: int
    reserved: int
    faulted: int
    unavailable: int
    offline: int


class Location(BaseModel):
    """A site (OCPI 2.2.1 §8). `is_stale`: its edge cannot be heard, the counts are old."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "site-1",
                    "edge_id": "edge-1",
                    "name": "Yard",
                    "country_code": "DE",
                    "party_id": "OHM",
                    "time_zone": "Europe/Berlin",
                    "address": "Hafenstraße 1",
                    "city": "Hamburg",
                    "country": "DEU",
                    "evses": {
                        "total": 12,
                        "free": 7,
                        "occupied": 1,
                        "charging": 4,
                        "reserved": 0,
                        "faulted": 0,
                        "unavailable": 0,
                        "offline": 0,
                    },
                    "is_stale": False,
                    "last_updated": "2026-03-02T06:00:00Z",
                }
            ]
        }
    )

    id: str
    edge_id: str
    name: str
    country_code: str
    party_id: str
    time_zone: str
    address: str
    city: str
    country: str
    evses: EvseCounts
    is_stale: bool
    last_updated: datetime


class LocationPage(BaseModel):
    """A page of locations; `next_cursor` is null on the last one."""

    items: list[Location]
    next_cursor: str | None


async def list_locations(hub: TheHub, who: Reader, wanted: Annotated[PageQuery, Query()]) -> Response:
    """Locations by their id."""
    return await read_page(hub, queries.many(who.domain), wanted, queries.SORT, _shown)


async def get_location(hub: TheHub, who: Reader, location_id: str) -> Response:
    """One location."""
    return await read_one(hub, queries.one(who.domain, location_id), _shown, "location", location_id)


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1/locations", tags=["Locations"])
    router.get("", response_model=LocationPage, responses=documented(400))(list_locations)
    router.get("/{location_id}", response_model=Location, responses=documented(404))(get_location)
    return router


def _shown(row: RowMapping) -> dict[str, Any]:
    return {
        **{name: row[name] for name in queries.SHOWN},
        "evses": {state: row[f"count_{state}"] or 0 for state in EvseCounts.model_fields},
        "is_stale": row["edge_status"] != "online",
        "last_updated": row["updated_at"],
    }
