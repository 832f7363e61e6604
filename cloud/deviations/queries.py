"""The questions about deviations."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery
from cloud.store.station_tables import deviations

SORT = (deviations.c.first_at, deviations.c.id)


class DeviationQuery(PageQuery):
    """Filters of the list of deviations; all given ones must hold."""

    edge_id: Name | None = None
    vendor: Name | None = None
    model: Name | None = None
    firmware_version: Name | None = None
    action: Name | None = None


def many(domain: int, wanted: DeviationQuery) -> Select[Any]:
    query = select(deviations).where(deviations.c.domain == domain)
    for name in ("edge_id", "vendor", "model", "firmware_version", "action"):
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(deviations.c[name] == value)
    return query


def one(domain: int, deviation_id: str) -> Select[Any]:
    return select(deviations).where(deviations.c.domain == domain, deviations.c.id == deviation_id)
