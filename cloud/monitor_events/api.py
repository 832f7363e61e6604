"""`/v1/monitor-events`: what the monitors of stations saw (OCPP 2.0.1 N07, N08); what is severe is an alarm, too."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from cloud.monitor_events import queries
from cloud.rest.access import Reader
from cloud.rest.context import TheHub
from cloud.rest.paging import read_page
from cloud.rest.problems import documented
from cloud.rest.stations import StationId, expect_station


class MonitorEvent(BaseModel):
    """An event that a station notified, told at `at` by the site's clock. `event` is EventDataType as OCPP 2.0.1 writes
    it, with the station's own time; the fields beside it are taken from it, an absent one is empty. The newest 1,000
    of each station are kept here.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "edge-1-4f1c-0000000031-000",
                    "edge_id": "edge-1",
                    "station_id": "CP-1",
                    "at": "2026-03-02T08:31:00Z",
                    "trigger": "Alerting",
                    "component": "EVSE",
                    "evse_id": 1,
                    "variable": "Temperature",
                    "value": "91",
                    "is_cleared": False,
                    "event": {
                        "eventId": 17,
                        "timestamp": "2026-03-02T08:30:58Z",
                        "trigger": "Alerting",
                        "actualValue": "91",
                        "variableMonitoringId": 7,
                        "eventNotificationType": "CustomMonitor",
                        "component": {"name": "EVSE", "evse": {"id": 1}},
                        "variable": {"name": "Temperature"},
                    },
                }
            ]
        }
    )

    id: str
    edge_id: str
    station_id: str
    at: datetime
    trigger: str
    component: str
    evse_id: int | None
    variable: str
    value: str
    is_cleared: bool
    event: dict[str, Any]


class MonitorEventPage(BaseModel):
    """A page of monitor events; `next_cursor` is null on the last one."""

    items: list[MonitorEvent]
    next_cursor: str | None


async def list_monitor_events(
    hub: TheHub, who: Reader, wanted: Annotated[queries.MonitorEventQuery, Query()]
) -> Response:
    """What monitors saw, the latest first."""
    query = queries.many(who.domain, wanted)
    return await read_page(hub, query, wanted, queries.SORT, queries.shown, is_newest_first=True)


async def list_station_monitor_events(
    hub: TheHub, who: Reader, station_id: StationId, wanted: Annotated[queries.StationMonitorEventQuery, Query()]
) -> Response:
    """What the monitors of one station saw, the latest first."""
    await expect_station(hub, who.domain, station_id)
    query = queries.of_station(who.domain, station_id, wanted)
    return await read_page(hub, query, wanted, queries.SORT, queries.shown, is_newest_first=True)


def routes() -> APIRouter:
    """Before those of charging stations: a path of these is like `/{edge_id}/{station_id}` there."""
    router = APIRouter(prefix="/v1", tags=["Monitor events"])
    router.get("/monitor-events", response_model=MonitorEventPage, responses=documented(400))(list_monitor_events)
    router.get(
        "/charging-stations/{station_id}/monitor-events",
        response_model=MonitorEventPage,
        responses=documented(400, 404),
    )(list_station_monitor_events)
    return router
