"""`/v1/reservations`: who has reserved what, and what became of it.

A reservation is made and cancelled as an operation of its station: see `/v1/charging-stations/{station_id}/commands`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from cloud.reservations import queries
from cloud.rest.access import Reader
from cloud.rest.context import TheHub
from cloud.rest.paging import read_one, read_page
from cloud.rest.problems import documented
from cloud.rest.stations import StationId, expect_station


class Reservation(BaseModel):
    """A reservation that a station took (OCPP 2.0.1 H01). `evse_id` null: of any of its EVSEs.

    It is `standing` until it ends: it was `used` by the transaction `transaction_id` and is billed with it,
    `cancelled`, `expired`, which is told when no start can be on its way any more, or `removed` when the station gave
    it up, and then it costs nothing. What costs and was not used has a bill whose `session_id` is this `id`.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "edge-1-4f1c22d1-r12",
                    "edge_id": "edge-1",
                    "location_id": "site-1",
                    "station_id": "CP-1",
                    "evse_id": 1,
                    "reservation_id": 194_000_017,
                    "status": "used",
                    "token_uid": "04A2B3C4",
                    "group_id": None,
                    "contract_id": "DE-OHM-C001",
                    "tariff_id": "standard",
                    "currency": "EUR",
                    "made_at": "2026-03-02T08:00:00Z",
                    "expires_at": "2026-03-02T09:00:00Z",
                    "ended_at": "2026-03-02T08:31:00Z",
                    "transaction_id": "edge-1-4f1c-14",
                }
            ]
        }
    )

    id: str
    edge_id: str
    location_id: str | None
    station_id: str
    evse_id: int | None
    reservation_id: int
    status: queries.Status
    token_uid: str
    group_id: str | None
    contract_id: str
    tariff_id: str
    currency: str
    made_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    transaction_id: str | None


class ReservationPage(BaseModel):
    """A page of reservations; `next_cursor` is null on the last one."""

    items: list[Reservation]
    next_cursor: str | None


async def list_reservations(hub: TheHub, who: Reader, wanted: Annotated[queries.ReservationQuery, Query()]) -> Response:
    """Reservations, the latest first."""
    query = queries.many(who.domain, wanted)
    return await read_page(hub, query, wanted, queries.SORT, queries.shown, is_newest_first=True)


async def get_reservation(hub: TheHub, who: Reader, reservation: str) -> Response:
    """One reservation, by its `id`."""
    return await read_one(hub, queries.one(who.domain, reservation), queries.shown, "reservation", reservation)


async def list_station_reservations(
    hub: TheHub, who: Reader, station_id: StationId, wanted: Annotated[queries.StationReservationQuery, Query()]
) -> Response:
    """The reservations of one station, the latest first."""
    await expect_station(hub, who.domain, station_id)
    query = queries.of_station(who.domain, station_id, wanted)
    return await read_page(hub, query, wanted, queries.SORT, queries.shown, is_newest_first=True)


def routes() -> APIRouter:
    """Before those of charging stations: a path of these is like `/{edge_id}/{station_id}` there."""
    router = APIRouter(prefix="/v1", tags=["Reservations"])
    router.get("/reservations", response_model=ReservationPage, responses=documented(400))(list_reservations)
    router.get("/reservations/{reservation}", response_model=Reservation, responses=documented(404))(get_reservation)
    router.get(
        "/charging-stations/{station_id}/reservations", response_model=ReservationPage, responses=documented(400, 404)
    )(list_station_reservations)
    return router
