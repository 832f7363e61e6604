"""`/v1/charging-stations`: the stations, and the state of every EVSE with the time that it stands for."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from cloud.charging_stations import queries
from cloud.rest.access import Reader
from cloud.rest.context import TheHub
from cloud.rest.fields import Amount
from cloud.rest.paging import answer, read_page_together
from cloud.rest.problems import documented, not_found
from protocols.terms import ChargingState, ConnectorStatus, EvseState


class Evse(BaseModel):
    """An EVSE as last heard at `as_of`. `is_stale`: its edge cannot be heard, so this is not the present."""

    station_id: str
    evse_id: int
    label: str
    max_power_w: int | None
    tariff_id: str | None
    state: EvseState
    as_of: datetime | None
    power_w: int | None
    energy_wh: int | None
    state_of_charge_percent: int | None
    transaction_id: str | None
    cost: Amount | None
    connector_status: ConnectorStatus | None
    charging_state: ChargingState | None
    error_code: str | None
    is_stale: bool


class ChargingStation(BaseModel):
    """A charging station. `is_online` is its link to its edge; null until the edge has told.

    `status` is the station's own, where it tells one (OCPP 1.6 connectorId 0).
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "edge_id": "edge-1",
                    "station_id": "CP-1",
                    "location_id": "site-1",
                    "is_online": True,
                    "status": None,
                    "ocpp_version": "2.0.1",
                    "vendor": "Volt",
                    "model": "V2",
                    "serial_number": "S1",
                    "firmware_version": "1.2",
                    "booted_at": "2026-03-02T06:00:00Z",
                    "boot_reason": "PowerUp",
                    "is_stale": False,
                    "edge_status": "online",
                    "edge_heard_at": "2026-03-02T08:31:00Z",
                    "evses": [
                        {
                            "station_id": "CP-1",
                            "evse_id": 1,
                            "label": "Bay 1",
                            "max_power_w": 22000,
                            "tariff_id": "standard",
                            "state": "charging",
                            "as_of": "2026-03-02T08:31:00Z",
                            "power_w": 11000,
                            "energy_wh": 180,
                            "state_of_charge_percent": 41,
                            "transaction_id": "edge-1-4f1c-12",
                            "cost": "0.08",
                            "connector_status": "Occupied",
                            "charging_state": "Charging",
                            "error_code": None,
                            "is_stale": False,
                        }
                    ],
                }
            ]
        }
    )

    edge_id: str
    station_id: str
    location_id: str | None
    is_online: bool | None
    status: ConnectorStatus | None
    ocpp_version: str | None
    vendor: str | None
    model: str | None
    serial_number: str | None
    firmware_version: str | None
    booted_at: datetime | None
    boot_reason: str | None
    is_stale: bool
    edge_status: Literal["online", "offline", "unknown"]
    edge_heard_at: datetime
    evses: list[Evse]


class ChargingStationPage(BaseModel):
    """A page of charging stations; `next_cursor` is null on the last one."""

    items: list[ChargingStation]
    next_cursor: str | None


async def list_charging_stations(
    hub: TheHub, who: Reader, wanted: Annotated[queries.StationQuery, Query()]
) -> Response:
    """Charging stations by edge and id."""
    return await read_page_together(hub, queries.many(who.domain, wanted), wanted, queries.SORT, queries.shown)


async def get_charging_station(hub: TheHub, who: Reader, edge_id: str, station_id: str) -> Response:
    """One charging station; its id is unique within its edge."""
    async with hub.store.read() as connection:
        rows = (await connection.execute(queries.one(who.domain, edge_id, station_id))).mappings().all()
        documents = await queries.shown(connection, rows)
    if not documents:
        raise not_found("charging station", f"{edge_id}/{station_id}")
    return answer(documents[0])


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1/charging-stations", tags=["Charging stations"])
    router.get("", response_model=ChargingStationPage, responses=documented(400))(list_charging_stations)
    router.get("/{edge_id}/{station_id}", response_model=ChargingStation, responses=documented(404))(
        get_charging_station
    )
    return router
