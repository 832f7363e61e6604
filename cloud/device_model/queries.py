"""The questions about variables and reports."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Select, select

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery
from cloud.store.station_tables import station_reports, station_variables
from cloud.store.tables import charging_stations

SORT = (
    station_variables.c.component, station_variables.c.variable, station_variables.c.station_id,
    station_variables.c.id,
)  # fmt: skip
_SHOWN: Final = (
    "edge_id", "station_id", "component", "component_instance", "evse_id", "connector_id", "variable",
    "variable_instance", "attribute", "value", "mutability", "data_type", "unit", "read_at",
)  # fmt: skip


class VariableQuery(PageQuery):
    """Filters of the list of variables; all given ones must hold. `model` and `vendor` as the stations call them."""

    edge_id: Name | None = None
    component: Name | None = None
    variable: Name | None = None


class FleetVariableQuery(VariableQuery):
    """As VariableQuery, over all stations."""

    station_id: Name | None = None
    vendor: Name | None = None
    model: Name | None = None
    firmware_version: Name | None = None
    value: Name | None = None


def many(domain: int, wanted: VariableQuery, station_id: str | None = None) -> Select[Any]:
    query = select(station_variables).where(station_variables.c.domain == domain)
    for name in ("edge_id", "component", "variable", "station_id", "value"):
        value = station_id if name == "station_id" and station_id is not None else getattr(wanted, name, None)
        if value is not None:
            query = query.where(station_variables.c[name] == value)
    about = {name: getattr(wanted, name, None) for name in ("vendor", "model", "firmware_version")}
    if any(value is not None for value in about.values()):
        query = query.join(
            charging_stations,
            (charging_stations.c.domain == station_variables.c.domain)
            & (charging_stations.c.edge_id == station_variables.c.edge_id)
            & (charging_stations.c.station_id == station_variables.c.station_id),
        )
        for name, value in about.items():
            if value is not None:
                query = query.where(charging_stations.c[name] == value)
    return query


def report(domain: int, station_id: str, kind: str, edge_id: str | None) -> Select[Any]:
    its = station_reports.c
    query = select(station_reports).where(its.domain == domain, its.station_id == station_id, its.report == kind)
    if edge_id is not None:
        query = query.where(its.edge_id == edge_id)
    return query.order_by(its.at, its.edge_id, its.seq_no)


def shown(row: Any) -> dict[str, Any]:
    return {name: row[name] for name in _SHOWN}
