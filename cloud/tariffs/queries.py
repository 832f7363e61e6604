"""The questions about the hub's tariffs, and how one is deleted."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import RowMapping, Select, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery, narrowed
from cloud.store.documents import to_json
from cloud.store.money_tables import contracts, tariffs
from cloud.store.tariffs import TARIFFS
from cloud.store.versions import next_version

SORT = (tariffs.c.id,)


class TariffQuery(PageQuery):
    """Filters of the list of tariffs."""

    currency: Name | None = None


def many(domain: int, wanted: TariffQuery) -> Select[Any]:
    return narrowed(select(tariffs).where(tariffs.c.domain == domain), tariffs, wanted, "currency")


def one(domain: int, tariff_id: str) -> Select[Any]:
    return select(tariffs).where(tariffs.c.domain == domain, tariffs.c.id == tariff_id)


async def contracts_by(connection: AsyncConnection, domain: int, tariff_id: str) -> list[str]:
    """The contracts, of the hub and of sites, that are priced by it."""
    query = select(contracts.c.id, contracts.c.document).where(contracts.c.domain == domain).order_by(contracts.c.id)
    quoted = orjson.dumps(tariff_id).decode()
    named = await connection.execute(query.where(contracts.c.document.contains(quoted, autoescape=True)))
    return [row.id for row in named if orjson.loads(row.document).get("tariff_id") == tariff_id]


async def remove(connection: AsyncConnection, domain: int, tariff_id: str) -> None:
    await connection.execute(delete(tariffs).where(tariffs.c.domain == domain, tariffs.c.id == tariff_id))
    await next_version(connection, domain, TARIFFS)


def shown(row: RowMapping) -> bytes:
    """The tariff as edges are told of it, with what the hub knows of it put in front."""
    mine = {"id": row["id"], "document_version": row["document_version"], "updated_at": row["updated_at"]}
    document: str = row["document"]
    return to_json(mine)[:-1] + b',"tariff":' + document.encode() + b"}"
