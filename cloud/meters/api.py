"""`/v1/locations/{location_id}/meters` and `…/power-balance`: what a site's own meters show, and how old that is.

Every value comes with the time it was read. What the edge itself did not know any more is null; while the edge cannot
be heard, the last picture stays, `is_stale` says so, and its age grows.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from cloud.meters import queries
from cloud.rest.access import Reader
from cloud.rest.context import Hub, TheHub
from cloud.rest.fields import GivenName
from cloud.rest.paging import answer, read_page
from cloud.rest.problems import documented, not_found
from protocols.terms import BalancePart, MeterRole

LocationId = Annotated[GivenName, Path(description="The location's id.")]


class Phase(BaseModel):
    """One phase: power in W, current in mA, voltage in mV; null where it is not known."""

    phase: Literal["L1", "L2", "L3"]
    power_w: int | None
    current_ma: int | None
    voltage_mv: int | None


class Meter(BaseModel):
    """A meter or an inverter of the site, as last heard at `as_of`. `is_stale`: its edge cannot be heard.

    `power_w` is above 0 where the device takes (the feeder: from the grid), below 0 where it gives. A null value was
    not known at the edge then: too old to be the present, or not measured. `is_online`: the edge can read it.
    `station_id` and `evse_id` name the EVSE that it stands behind.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "edge_id": "edge-1",
                    "meter_id": "GRID",
                    "role": "feeder",
                    "profile_id": "janitza_umg",
                    "station_id": None,
                    "evse_id": None,
                    "vendor": "Janitza",
                    "model": "UMG 604",
                    "serial_number": "70012",
                    "is_online": True,
                    "power_w": 18_200,
                    "power_read_at": "2026-03-02T08:30:59Z",
                    "power_age_s": 2,
                    "phases": [{"phase": "L1", "power_w": 6_100, "current_ma": 26_500, "voltage_mv": 230_400}],
                    "energy_import_wh": 81_230_400,
                    "energy_export_wh": 20_400,
                    "frequency_mhz": 50_010,
                    "power_factor_per_mille": 990,
                    "read_at": "2026-03-02T08:30:59Z",
                    "age_s": 2,
                    "as_of": "2026-03-02T08:31:00Z",
                    "is_stale": False,
                }
            ]
        }
    )

    edge_id: str
    meter_id: str
    role: MeterRole
    profile_id: str
    station_id: str | None
    evse_id: int | None
    vendor: str | None
    model: str | None
    serial_number: str | None
    is_online: bool
    power_w: int | None
    power_read_at: datetime | None
    power_age_s: int | None
    phases: list[Phase]
    energy_import_wh: int | None
    energy_export_wh: int | None
    frequency_mhz: int | None
    power_factor_per_mille: int | None
    read_at: datetime | None
    age_s: int | None
    as_of: datetime
    is_stale: bool


class MeterPage(BaseModel):
    """A page of meters; `next_cursor` is null on the last one."""

    items: list[Meter]
    next_cursor: str | None


class Flow(BaseModel):
    """A part of the balance. The grid, the sun and the battery give where `power_w` is above 0, the others take; null
    is not known. `read_at`: the time of the oldest reading in it, null where none is (no vehicle charges)."""

    part: BalancePart
    power_w: int | None
    read_at: datetime | None
    age_s: int | None


class PowerBalance(BaseModel):
    """Where the site's power comes from and goes to, as its edge told at `as_of`. What has no meter has no part; `rest`
    is what nobody measures. A site without meters has none. `is_stale`: its edge cannot be heard, so this is the past.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "location_id": "site-1",
                    "edge_id": "edge-1",
                    "as_of": "2026-03-02T08:31:00Z",
                    "age_s": 1,
                    "is_stale": False,
                    "parts": [
                        {"part": "grid", "power_w": 18_200, "read_at": "2026-03-02T08:30:59Z", "age_s": 2},
                        {"part": "pv", "power_w": 6_000, "read_at": "2026-03-02T08:30:58Z", "age_s": 3},
                        {"part": "evses", "power_w": 22_000, "read_at": "2026-03-02T08:30:55Z", "age_s": 6},
                        {"part": "rest", "power_w": 2_200, "read_at": "2026-03-02T08:30:55Z", "age_s": 6},
                    ],
                }
            ]
        }
    )

    location_id: str
    edge_id: str | None
    as_of: datetime | None
    age_s: int | None
    is_stale: bool
    parts: list[Flow]


async def list_meters(
    hub: TheHub, who: Reader, location_id: LocationId, wanted: Annotated[queries.MeterQuery, Query()]
) -> Response:
    """The site's own meters and inverters by edge and id, each with its last readings and their age."""
    await _expect_location(hub, who.domain, location_id)
    query = queries.at_location(who.domain, location_id, wanted)
    return await read_page(hub, query, wanted, queries.SORT, partial(queries.meter_shown, now=hub.clock()))


async def get_power_balance(hub: TheHub, who: Reader, location_id: LocationId) -> Response:
    """The balance of the site's power, with the age of every part."""
    await _expect_location(hub, who.domain, location_id)
    async with hub.store.read() as connection:
        rows = list((await connection.execute(queries.flows(who.domain, location_id))).mappings())
    return answer(queries.balance_shown(location_id, rows, hub.clock()))


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1/locations/{location_id}", tags=["Locations"])
    router.get("/meters", response_model=MeterPage, responses=documented(400, 404))(list_meters)
    router.get("/power-balance", response_model=PowerBalance, responses=documented(404))(get_power_balance)
    return router


async def _expect_location(hub: Hub, domain: int, location_id: str) -> None:
    """Raises Problem 404."""
    async with hub.store.read() as connection:
        if (await connection.execute(queries.location(domain, location_id))).first() is None:
            raise not_found("location", location_id)
