"""`/v1/variables` and what belongs to one station: what stations told of themselves when they were asked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from cloud.device_model import queries
from cloud.rest.access import Reader
from cloud.rest.context import TheHub
from cloud.rest.paging import answer, read_page
from cloud.rest.problems import documented, not_found
from cloud.rest.stations import EdgeChoice, StationId, expect_station

Report = Literal["monitors", "customer_information", "display_messages", "firmware_publishing"]


class Variable(BaseModel):
    """An attribute of a variable as the station told it at `read_at`. An OCPP 1.6 key has no component where 2.0.1 has
    none for it. `value` is null where the station tells none, and of secrets."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "edge_id": "edge-1",
                    "station_id": "CP-1",
                    "component": "OCPPCommCtrlr",
                    "component_instance": None,
                    "evse_id": None,
                    "connector_id": None,
                    "variable": "HeartbeatInterval",
                    "variable_instance": None,
                    "attribute": "Actual",
                    "value": "300",
                    "mutability": "ReadWrite",
                    "data_type": "integer",
                    "unit": "s",
                    "read_at": "2026-03-02T08:31:00Z",
                }
            ]
        }
    )

    edge_id: str
    station_id: str
    component: str
    component_instance: str | None
    evse_id: int | None
    connector_id: int | None
    variable: str
    variable_instance: str | None
    attribute: str
    value: str | None
    mutability: str | None
    data_type: str | None
    unit: str | None
    read_at: datetime


class VariablePage(BaseModel):
    """A page of variables; `next_cursor` is null on the last one."""

    items: list[Variable]
    next_cursor: str | None


class StationReport(BaseModel):
    """The newest report of a kind, its items as OCPP 2.0.1 writes them. Not `is_complete`: parts of it are missing."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "edge_id": "edge-1",
                    "station_id": "CP-1",
                    "report": "display_messages",
                    "request_id": 194_000_017,
                    "at": "2026-03-02T08:31:00Z",
                    "is_complete": True,
                    "items": [{"id": 1, "priority": "InFront", "message": {"format": "UTF8", "content": "Hello"}}],
                }
            ]
        }
    )

    edge_id: str
    station_id: str
    report: Report
    request_id: int
    at: datetime
    is_complete: bool
    items: list[dict[str, Any]]


async def list_variables(hub: TheHub, who: Reader, wanted: Annotated[queries.FleetVariableQuery, Query()]) -> Response:
    """Variables of all stations, variable by variable: so stations of a model can be compared."""
    return await read_page(hub, queries.many(who.domain, wanted), wanted, queries.SORT, queries.shown)


async def list_station_variables(
    hub: TheHub, who: Reader, station_id: StationId, wanted: Annotated[queries.VariableQuery, Query()]
) -> Response:
    """The variables of one station; of an OCPP 1.6 station its configuration keys."""
    await expect_station(hub, who.domain, station_id)
    return await read_page(hub, queries.many(who.domain, wanted, station_id), wanted, queries.SORT, queries.shown)


async def get_report(
    hub: TheHub, who: Reader, station_id: StationId, report: Report, edge_id: EdgeChoice = None
) -> Response:
    """The newest report of a kind that a station sent."""
    async with hub.store.read() as connection:
        found = (await connection.execute(queries.report(who.domain, station_id, report, edge_id))).mappings().all()
    if not found:
        raise not_found("report", f"{station_id}/{report}")
    newest = found[-1]
    parts = [row for row in found if row["edge_id"] == newest["edge_id"]]
    document = {
        **{name: newest[name] for name in ("edge_id", "station_id", "report", "request_id", "at")},
        "is_complete": newest["is_last"] and [part["seq_no"] for part in parts] == list(range(len(parts))),
        "items": [item for part in parts for item in orjson.loads(part["items"])],
    }
    return answer(document)


def routes() -> APIRouter:
    """Before those of charging stations: these paths are like `/{edge_id}/{station_id}` there."""
    router = APIRouter(prefix="/v1", tags=["Device model"])
    router.get("/variables", response_model=VariablePage, responses=documented(400))(list_variables)
    station = "/charging-stations/{station_id}"
    router.get(f"{station}/variables", response_model=VariablePage, responses=documented(400, 404))(
        list_station_variables
    )
    router.get(f"{station}/reports/{{report}}", response_model=StationReport, responses=documented(404))(get_report)
    return router
