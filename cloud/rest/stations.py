"""What every resource below `/v1/charging-stations/{station_id}` shares."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from sqlalchemy import select

from cloud.rest.context import Hub
from cloud.rest.fields import GivenName
from cloud.rest.problems import not_found
from cloud.store.tables import charging_stations

StationId = Annotated[GivenName, Path(description="The charging station's id.")]
EdgeChoice = Annotated[GivenName | None, Query(description="Needed where several edges have such a station.")]


async def expect_station(hub: Hub, domain: int, station_id: str) -> None:
    """Raises Problem 404 where no edge of the domain has such a station."""
    its = charging_stations.c
    async with hub.store.read() as connection:
        query = select(its.edge_id).where(its.domain == domain, its.station_id == station_id)
        if (await connection.execute(query)).first() is None:
            raise not_found("charging station", station_id)
