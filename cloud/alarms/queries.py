"""The questions about alarms."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import Select, select

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery, narrowed
from cloud.store.tables import alarms
from protocols.sync.up import Severity

SORT = (alarms.c.raised_at, alarms.c.id)


class AlarmQuery(PageQuery):
    """Filters of the list of alarms; all given ones must hold."""

    status: Literal["open", "cleared"] | None = None
    severity: Severity | None = None
    location_id: Name | None = None
    edge_id: Name | None = None
    station_id: Name | None = None
    alarm: Name | None = None


def many(domain: int, wanted: AlarmQuery) -> Select[Any]:
    query = select(alarms).where(alarms.c.domain == domain)
    query = narrowed(query, alarms, wanted, "severity", "location_id", "edge_id", "station_id", "alarm")
    match wanted.status:
        case "open":
            return query.where(alarms.c.cleared_at.is_(None))
        case "cleared":
            return query.where(alarms.c.cleared_at.is_not(None))
        case None:
            return query


def one(domain: int, row_id: str) -> Select[Any]:
    return select(alarms).where(alarms.c.domain == domain, alarms.c.id == row_id)
