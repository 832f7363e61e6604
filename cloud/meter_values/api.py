"""`…/meter-values` and `…/energy`: what was measured, as single readings and by quarter of an hour, hour and day."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from cloud.meter_values import queries
from cloud.rest.access import Reader
from cloud.rest.context import Hub, TheHub
from cloud.rest.fields import EvseNumber, GivenName
from cloud.rest.paging import answer_page, read_page
from cloud.rest.problems import Problem, documented, not_found
from cloud.rest.stations import StationId
from protocols.terms import Measurand, ReadingContext

LocationId = Annotated[GivenName, Path(description="The location's id.")]
EvseId = Annotated[EvseNumber, Path(description="0: the station itself, or a meter of the site that has this id.")]


class Rollup(BaseModel):
    """What the readings of a bucket come to, and from what that was made.

    `energy_wh`, of a register alone, is what it gained since the bucket before, counted from reading to reading of the
    same transaction. `dropped` is how many readings of the EVSE the filters let go; `blocks` how many messages the
    bucket was made from, and `updated_at` when the last of them came: one that is late corrects it.
    """

    samples: int
    first: int
    last: int
    minimum: int
    maximum: int
    energy_wh: int | None
    blocks: int
    dropped: int
    filters: list[str]
    updated_at: datetime


class MeterValue(BaseModel):
    """A reading, or what those of a bucket come to that begins `at`. Values are in the measurand's base unit: Wh, W,
    mA, mV, mHz, percent. The `value` of a bucket is the mean over time, of a register the last one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "edge_id": "edge-1",
                    "at": "2026-03-02T08:15:00Z",
                    "measurand": "Energy.Active.Import.Register",
                    "phase": None,
                    "value": 81_230,
                    "transaction_id": None,
                    "context": None,
                    "rollup": {
                        "samples": 4,
                        "first": 78_700,
                        "last": 81_230,
                        "minimum": 78_700,
                        "maximum": 81_230,
                        "energy_wh": 2_750,
                        "blocks": 1,
                        "dropped": 411,
                        "filters": ["deadband-1"],
                        "updated_at": "2026-03-02T08:30:31Z",
                    },
                },
                {
                    "edge_id": "edge-1",
                    "at": "2026-03-02T08:16:30Z",
                    "measurand": "Power.Active.Import",
                    "phase": "L1",
                    "value": 3_660,
                    "transaction_id": "edge-1-tx-9",
                    "context": "Sample.Periodic",
                    "rollup": None,
                },
            ]
        }
    )

    edge_id: str
    at: datetime
    measurand: Measurand
    phase: str | None
    value: int
    transaction_id: str | None
    context: ReadingContext | None
    rollup: Rollup | None


class MeterValuePage(BaseModel):
    """A page of values; `next_cursor` is null on the last one. A page of readings may end before it is full."""

    items: list[MeterValue]
    next_cursor: str | None


class Energy(BaseModel):
    """What the EVSEs of a location took in a bucket, and gave back (`exported_wh`): by the registers of `evses`, which
    is how many of them told one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "begins_at": "2026-03-01T23:00:00Z",
                    "energy_wh": 412_600,
                    "exported_wh": 0,
                    "evses": 12,
                    "updated_at": "2026-03-02T08:30:31Z",
                }
            ]
        }
    )

    begins_at: datetime
    energy_wh: int
    exported_wh: int
    evses: int
    updated_at: datetime


class EnergyPage(BaseModel):
    """A page of buckets; `next_cursor` is null on the last one."""

    items: list[Energy]
    next_cursor: str | None


async def list_meter_values(
    hub: TheHub,
    who: Reader,
    station_id: StationId,
    evse_id: EvseId,
    wanted: Annotated[queries.MeterValueQuery, Query()],
) -> Response:
    """What an EVSE measured, the oldest first. `resolution` raw reads single readings, as long as they are kept."""
    edge_id = await _edge_of(hub, who.domain, station_id, evse_id, wanted.edge_id)
    if wanted.resolution == "raw":
        async with hub.store.read() as connection:
            found = await queries.readings(connection, who.domain, edge_id, station_id, evse_id, wanted)
        return answer_page(*found)
    query = queries.buckets(who.domain, edge_id, station_id, evse_id, wanted)
    return await read_page(hub, query, wanted, queries.sort_of(wanted.resolution), queries.bucket_shown)


async def list_energy(
    hub: TheHub, who: Reader, location_id: LocationId, wanted: Annotated[queries.EnergyQuery, Query()]
) -> Response:
    """What all EVSEs of a location took and gave, the oldest first."""
    async with hub.store.read() as connection:
        if (await connection.execute(queries.location(who.domain, location_id))).first() is None:
            raise not_found("location", location_id)
    query = queries.energy(who.domain, location_id, wanted)
    return await read_page(hub, query, wanted, [query.selected_columns.begins_at], queries.energy_shown)


async def _edge_of(hub: Hub, domain: int, station_id: str, evse_id: int, edge_id: str | None) -> str:
    """Raises Problem 404 where no edge has such a station, 409 where several have and none is named."""
    async with hub.store.read() as connection:
        query = queries.edges_with(domain, station_id, evse_id)
        found: list[str] = sorted((await connection.execute(query)).scalars())
    if edge_id is not None:
        found = [each for each in found if each == edge_id]
    if not found:
        raise not_found("charging station", station_id)
    if len(found) > 1:
        detail = f"{', '.join(found)} have a station {station_id!r} each; name one of them by edge_id."
        raise Problem(409, "several_sites", detail)
    return found[0]


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1")
    values = router.get(
        "/charging-stations/{station_id}/evses/{evse_id}/meter-values",
        response_model=MeterValuePage,
        responses=documented(400, 404, 409),
        tags=["Charging stations"],
    )
    values(list_meter_values)
    energy = router.get(
        "/locations/{location_id}/energy",
        response_model=EnergyPage,
        responses=documented(400, 404),
        tags=["Locations"],
    )
    energy(list_energy)
    return router
