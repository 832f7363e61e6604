"""The questions about dunning."""

from __future__ import annotations

from typing import Any, Final

from pydantic import AwareDatetime, Field
from sqlalchemy import RowMapping, Select, select

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery, narrowed
from cloud.store.money_tables import dunning_steps

SORT = (dunning_steps.c.at, dunning_steps.c.edge_id, dunning_steps.c.contract_id, dunning_steps.c.step)
_SHOWN: Final = ("edge_id", "contract_id", "at", "step", "action", "blocks", "overdue", "currency", "due_on")


class DunningQuery(PageQuery):
    """Filters of the list of dunning steps; all given ones must hold."""

    edge_id: Name | None = None
    contract_id: Name | None = None
    blocks: bool | None = None
    date_from: AwareDatetime | None = Field(None, description="Taken at this time or later.")
    date_to: AwareDatetime | None = Field(None, description="Taken before this time.")


def many(domain: int, wanted: DunningQuery) -> Select[Any]:
    table = dunning_steps
    query = narrowed(select(table).where(table.c.domain == domain), table, wanted, "edge_id", "contract_id", "blocks")
    if wanted.date_from is not None:
        query = query.where(table.c.at >= wanted.date_from)
    return query if wanted.date_to is None else query.where(table.c.at < wanted.date_to)


def shown(row: RowMapping) -> dict[str, Any]:
    return {name: row[name] for name in _SHOWN}
