"""The questions about what monitors saw."""

from __future__ import annotations

from typing import Any, Final

import orjson
from sqlalchemy import RowMapping, Select, select

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery, narrowed
from cloud.store.station_tables import monitor_events

SORT = (monitor_events.c.at, monitor_events.c.id)
_SHOWN: Final = (
    "id", "edge_id", "station_id", "at", "trigger", "component", "evse_id", "variable", "value", "is_cleared",
)  # fmt: skip


class StationMonitorEventQuery(PageQuery):
    """Filters of the list of a station's monitor events; all given ones must hold."""

    edge_id: Name | None = None
    trigger: Name | None = None
    component: Name | None = None
    variable: Name | None = None


class MonitorEventQuery(StationMonitorEventQuery):
    """As StationMonitorEventQuery, over all stations."""

    station_id: Name | None = None


def many(domain: int, wanted: MonitorEventQuery) -> Select[Any]:
    return narrowed(_all(domain, wanted), monitor_events, wanted, "station_id")


def of_station(domain: int, station_id: str, wanted: StationMonitorEventQuery) -> Select[Any]:
    return _all(domain, wanted).where(monitor_events.c.station_id == station_id)


def shown(row: RowMapping) -> dict[str, Any]:
    return {name: row[name] for name in _SHOWN} | {"event": orjson.loads(row["event"])}


def _all(domain: int, wanted: StationMonitorEventQuery) -> Select[Any]:
    query = select(monitor_events).where(monitor_events.c.domain == domain)
    return narrowed(query, monitor_events, wanted, "edge_id", "trigger", "component", "variable")
