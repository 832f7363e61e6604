"""The questions about filters, and the one change: it makes a new version of the domain's document."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.rest.paging import PageQuery
from cloud.store.engine import upsert
from cloud.store.filter_tables import CLASSES, FILTER, filters
from cloud.store.tables import edges
from cloud.store.versions import next_version
from protocols.sync.filters import Classes

SORT = (filters.c.edge_id,)


class FilterQuery(PageQuery):
    """The list of filters has no filters of its own."""


def many(domain: int) -> Select[Any]:
    return select(filters).where(filters.c.domain == domain)


def one(domain: int, edge_id: str) -> Select[Any]:
    return many(domain).where(filters.c.edge_id == edge_id)


def edge(domain: int, edge_id: str) -> Select[Any]:
    return select(edges.c.edge_id).where(edges.c.domain == domain, edges.c.edge_id == edge_id)


async def put(connection: AsyncConnection, domain: int, edge_id: str, classes: Classes, now: datetime) -> None:
    row = {
        "domain": domain,
        "edge_id": edge_id,
        "document": CLASSES.dump_json(classes, exclude_none=True).decode(),
        "document_version": await next_version(connection, domain, FILTER),
        "updated_at": now,
    }
    await connection.execute(upsert(connection, filters), row)


def shown(row: RowMapping) -> dict[str, Any]:
    return {
        "edge_id": row["edge_id"] or None,
        "document_version": row["document_version"],
        "updated_at": row["updated_at"],
        "classes": CLASSES.dump_python(CLASSES.validate_json(row["document"]), mode="json"),
    }
