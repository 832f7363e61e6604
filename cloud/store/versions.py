"""Versions of desired documents: they only ever rise, also above what edges have of a hub that lost its database."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.store.engine import insert_into
from cloud.store.tables import documents


async def next_version(connection: AsyncConnection, domain: int, name: str) -> int:
    """Take the document's next version; its row stays locked until the commit."""
    take = insert_into(connection, documents).values(domain=domain, name=name, version=1)
    take = take.on_conflict_do_update(index_elements=["domain", "name"], set_={"version": documents.c.version + 1})
    version: int = (await connection.execute(take.returning(documents.c.version))).scalar_one()
    return version
