"""The questions about the sites' own meters and the balance of their power."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import RowMapping, Select, Table, and_, select

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery, narrowed
from cloud.store.meter_tables import meters, power_flows
from cloud.store.tables import edges, locations
from protocols.terms import BalancePart, MeterRole

SORT = (meters.c.edge_id, meters.c.meter_id)
_SHOWN: Final = (
    "edge_id", "meter_id", "role", "profile_id", "station_id", "evse_id", "vendor", "model", "serial_number",
    "is_online", "power_w", "power_read_at", "energy_import_wh", "energy_export_wh", "frequency_mhz",
    "power_factor_per_mille", "read_at", "as_of",
)  # fmt: skip
_PARTS: Final = list(BalancePart)


class MeterQuery(PageQuery):
    """Filters of the list of meters; all given ones must hold."""

    role: MeterRole | None = None
    is_online: bool | None = None
    station_id: Name | None = None


def location(domain: int, location_id: str) -> Select[Any]:
    return select(locations.c.id).where(locations.c.domain == domain, locations.c.id == location_id)


def at_location(domain: int, location_id: str, wanted: MeterQuery) -> Select[Any]:
    return narrowed(_of_edges(meters, domain, location_id), meters, wanted, "role", "is_online", "station_id")


def flows(domain: int, location_id: str) -> Select[Any]:
    return _of_edges(power_flows, domain, location_id).order_by(power_flows.c.edge_id)


def meter_shown(row: RowMapping, now: datetime) -> dict[str, Any]:
    return {
        **{name: row[name] for name in _SHOWN},
        "phases": orjson.loads(row["phases"]),
        "power_age_s": age_s(row["power_read_at"], now),
        "age_s": age_s(row["read_at"], now),
        "is_stale": _is_stale(row),
    }


def balance_shown(location_id: str, rows: list[RowMapping], now: datetime) -> dict[str, Any]:
    """Of several agents that run one site, the one that reads its meters has the balance."""
    edge_id = rows[0]["edge_id"] if rows else None
    of_edge = sorted((row for row in rows if row["edge_id"] == edge_id), key=lambda row: _PARTS.index(row["part"]))
    as_of = max((row["as_of"] for row in of_edge), default=None)
    return {
        "location_id": location_id,
        "edge_id": edge_id,
        "as_of": as_of,
        "age_s": age_s(as_of, now),
        "is_stale": any(_is_stale(row) for row in of_edge),
        "parts": [
            {
                "part": row["part"],
                "power_w": row["power_w"],
                "read_at": row["read_at"],
                "age_s": age_s(row["read_at"], now),
            }
            for row in of_edge
        ],
    }


def age_s(at: datetime | None, now: datetime) -> int | None:
    """By the hub's clock: it grows while the edge is away."""
    return max(0, int((now - at).total_seconds())) if at is not None else None


def _of_edges(table: Table, domain: int, location_id: str) -> Select[Any]:
    edge = and_(edges.c.domain == table.c.domain, edges.c.edge_id == table.c.edge_id)
    return (
        select(table, edges.c.status.label("edge_status"))
        .select_from(table.join(edges, edge))
        .where(table.c.domain == domain, edges.c.location_id == location_id)
    )


def _is_stale(row: RowMapping) -> bool:
    return bool(row["edge_status"] != "online")
