"""The questions about locations."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, and_, case, func, select

from cloud.store.tables import charging_stations, edges, evses, locations
from protocols.terms import EvseState

SORT = (locations.c.id,)
SHOWN = ("id", "edge_id", "name", "country_code", "party_id", "time_zone", "address", "city", "country")


def many(domain: int) -> Select[Any]:
    """Each location with its edge's status and its EVSEs counted by state."""
    at = (evses.c.domain == charging_stations.c.domain) & (evses.c.edge_id == charging_stations.c.edge_id)
    counted = (
        select(
            charging_stations.c.location_id,
            func.count().label("count_total"),
            *(
                func.sum(case((evses.c.state == state.value, 1), else_=0)).label(f"count_{state}")
                for state in EvseState
            ),
        )
        .select_from(evses.join(charging_stations, and_(at, evses.c.station_id == charging_stations.c.station_id)))
        .where(evses.c.domain == domain)
        .group_by(charging_stations.c.location_id)
        .subquery()
    )
    edge = and_(edges.c.domain == locations.c.domain, edges.c.edge_id == locations.c.edge_id)
    counts = [column for column in counted.c if column.name != "location_id"]
    return (
        select(locations, edges.c.status.label("edge_status"), *counts)
        .select_from(locations.join(edges, edge).outerjoin(counted, counted.c.location_id == locations.c.id))
        .where(locations.c.domain == domain)
    )


def one(domain: int, location_id: str) -> Select[Any]:
    return many(domain).where(locations.c.id == location_id)
