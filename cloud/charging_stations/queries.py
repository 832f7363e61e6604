"""The questions about charging stations and EVSEs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, Select, and_, exists, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery, narrowed
from cloud.store.documents import evse_document
from cloud.store.tables import charging_stations, edges, evses
from protocols.terms import EvseState

SORT = (charging_stations.c.edge_id, charging_stations.c.station_id)


class StationQuery(PageQuery):
    """Filters of the list of charging stations; all given ones must hold."""

    location_id: Name | None = None
    edge_id: Name | None = None
    station_id: Name | None = None
    is_online: bool | None = None
    evse_state: EvseState | None = None


def many(domain: int, wanted: StationQuery) -> Select[Any]:
    query = _all(domain)
    query = narrowed(query, charging_stations, wanted, "location_id", "edge_id", "station_id", "is_online")
    if wanted.evse_state is not None:
        here = and_(
            evses.c.domain == charging_stations.c.domain,
            evses.c.edge_id == charging_stations.c.edge_id,
            evses.c.station_id == charging_stations.c.station_id,
            evses.c.state == wanted.evse_state.value,
        )
        query = query.where(exists(select(evses.c.evse_id).where(here)))
    return query


def one(domain: int, edge_id: str, station_id: str) -> Select[Any]:
    return _all(domain).where(charging_stations.c.edge_id == edge_id, charging_stations.c.station_id == station_id)


async def shown(connection: AsyncConnection, rows: Sequence[RowMapping]) -> list[dict[str, Any]]:
    """The stations with their EVSEs."""
    if not rows:
        return []
    places = [(row["edge_id"], row["station_id"]) for row in rows]
    query = (
        select(evses)
        .where(evses.c.domain == rows[0]["domain"], tuple_(evses.c.edge_id, evses.c.station_id).in_(places))
        .order_by(evses.c.evse_id)
    )
    found: dict[tuple[str, str], list[RowMapping]] = defaultdict(list)
    for evse in (await connection.execute(query)).mappings():
        found[evse["edge_id"], evse["station_id"]].append(evse)
    return [_document(row, found[row["edge_id"], row["station_id"]]) for row in rows]


def _document(row: RowMapping, its_evses: Sequence[RowMapping]) -> dict[str, Any]:
    is_stale = row["edge_status"] != "online"
    names = (
        "edge_id", "station_id", "location_id", "is_online", "status", "ocpp_version", "vendor", "model",
        "serial_number", "firmware_version", "booted_at", "boot_reason",
    )  # fmt: skip
    return {
        **{name: row[name] for name in names},
        "is_stale": is_stale,
        "edge_status": row["edge_status"],
        "edge_heard_at": row["edge_heard_at"],
        "evses": [evse_document(evse, is_stale=is_stale) for evse in its_evses],
    }


def _all(domain: int) -> Select[Any]:
    edge = and_(edges.c.domain == charging_stations.c.domain, edges.c.edge_id == charging_stations.c.edge_id)
    news = (edges.c.status.label("edge_status"), edges.c.heard_at.label("edge_heard_at"))
    return (
        select(charging_stations, *news)
        .select_from(charging_stations.join(edges, edge))
        .where(charging_stations.c.domain == domain)
    )
