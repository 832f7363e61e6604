"""The hub's tariffs as rows: each change makes a new version of the document that its edges are told."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.store.engine import upsert
from cloud.store.money_tables import tariffs
from cloud.store.versions import next_version
from protocols.ocpi.tariff import Tariff

TARIFFS: Final = "tariffs"
"""The desired document of all tariffs."""
TARIFF: Final[TypeAdapter[Tariff]] = TypeAdapter(Tariff)


async def put(connection: AsyncConnection, domain: int, tariff: Tariff, now: datetime) -> None:
    row = {
        "domain": domain,
        "id": tariff.id,
        "currency": tariff.currency,
        "document": TARIFF.dump_json(tariff).decode(),
        "document_version": await next_version(connection, domain, TARIFFS),
        "updated_at": now,
    }
    await connection.execute(upsert(connection, tariffs), row)
