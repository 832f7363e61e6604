"""The questions about deviations."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery, narrowed
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
    return narrowed(query, deviations, wanted, "edge_id", "vendor", "model", "firmware_version", "action")


def one(domain: int, deviation_id: str) -> Select[Any]:
    return select(deviations).where(deviations.c.domain == domain, deviations.c.id == deviation_id)
