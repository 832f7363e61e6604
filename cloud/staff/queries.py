"""The questions about the staff of sites."""

from __future__ import annotations

from typing import Any, Final

from pydantic import AwareDatetime, Field
from sqlalchemy import RowMapping, Select, select

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery, narrowed
from cloud.store.money_tables import staff_changes

SORT = (staff_changes.c.at, staff_changes.c.edge_id, staff_changes.c.staff_id)
_SHOWN: Final = ("edge_id", "at", "staff_id", "name", "role", "was_role", "is_pin_new")


class StaffQuery(PageQuery):
    """Filters of the list of changes; all given ones must hold."""

    edge_id: Name | None = None
    staff_id: Name | None = None
    date_from: AwareDatetime | None = Field(None, description="Seen at this time or later.")
    date_to: AwareDatetime | None = Field(None, description="Seen before this time.")


def many(domain: int, wanted: StaffQuery) -> Select[Any]:
    table = staff_changes
    query = narrowed(select(table).where(table.c.domain == domain), table, wanted, "edge_id", "staff_id")
    if wanted.date_from is not None:
        query = query.where(table.c.at >= wanted.date_from)
    return query if wanted.date_to is None else query.where(table.c.at < wanted.date_to)


def shown(row: RowMapping) -> dict[str, Any]:
    return {name: row[name] for name in _SHOWN}
