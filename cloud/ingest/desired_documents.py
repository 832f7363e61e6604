"""Desired documents on their way down: each edge gets those of which it has not applied the newest version.

Retained by the broker, so an edge that is away finds them when it comes. Sending twice is harmless: an edge remembers
the versions that it applied.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, or_, select

from cloud.ingest import desired_accounts, desired_filters, desired_tariffs
from cloud.ingest.desired_accounts import AccountSource
from cloud.ingest.desired_tariffs import TariffsOfDomain
from cloud.ingest.parted_lists import PartedLists, Publish
from cloud.ingest.token_lists import TokenSource
from cloud.store.engine import Store
from cloud.store.filter_tables import FILTER
from cloud.store.tables import documents, edge_documents, edges
from cloud.store.tariffs import TARIFFS
from protocols.sync.topics import EdgeAddress


class DesiredDocuments:
    """One per connection to the broker: it remembers what this connection has published."""

    def __init__(self, store: Store, broker: str, publish: Publish) -> None:
        self._store = store
        self._publish = publish
        self._tokens = PartedLists(store, broker, publish, TokenSource(store))
        self._accounts = PartedLists(store, broker, publish, AccountSource(store))
        self._published: dict[tuple[EdgeAddress, str], int] = {}

    def forget(self, address: EdgeAddress) -> None:
        """The edge was born anew: compare its documents again."""
        self._tokens.forget(address)
        self._accounts.forget(address)
        for name in (TARIFFS, FILTER):
            self._published.pop((address, name), None)

    async def flush(self, now: datetime) -> None:
        """Publish all that is not known to be applied. Tariffs before the contracts that may name them."""
        await self._tokens.flush(now)
        await self._send_tariffs()
        await self._send_filters()
        await desired_accounts.renew(self._store, now)
        await self._accounts.flush(now)

    async def _send_tariffs(self) -> None:
        """One version for all edges of a domain, and two documents at the most."""
        read: dict[int, TariffsOfDomain] = {}
        for address, version in await self._due(_wanting(TARIFFS)):
            if self._published.get((address, TARIFFS), 0) >= version:
                continue
            if address.domain not in read:
                read[address.domain] = await desired_tariffs.read(self._store, address.domain)
            found = read[address.domain]
            await self._send(address, TARIFFS, found.version, found.of(address.edge_id))

    async def _send_filters(self) -> None:
        """The same version for all edges of a domain, though each may have rules of its own."""
        for address, version in await self._due(_wanting(FILTER)):
            if self._published.get((address, FILTER), 0) < version:
                made = await desired_filters.document(self._store, address)
                if made is None:
                    self._published[address, FILTER] = version  # until it is born as a version that understands it
                else:
                    await self._send(address, FILTER, *made)

    async def _send(self, address: EdgeAddress, name: str, version: int, payload: bytes) -> None:
        await self._publish(address.desired(name), payload, True)
        self._published[address, name] = version

    async def _due(self, query: Select[Any]) -> list[tuple[EdgeAddress, int]]:
        async with self._store.read() as connection:
            return [(EdgeAddress(row.domain, row.edge_id), row.version) for row in await connection.execute(query)]


def _wanting(name: str) -> Select[Any]:
    """The edges that have not applied the newest version of their domain's document."""
    join = edges.join(documents, and_(documents.c.domain == edges.c.domain, documents.c.name == name))
    applied = and_(
        edge_documents.c.domain == edges.c.domain,
        edge_documents.c.edge_id == edges.c.edge_id,
        edge_documents.c.name == name,
    )
    return (
        select(edges.c.domain, edges.c.edge_id, documents.c.version)
        .select_from(join.outerjoin(edge_documents, applied))
        .where(or_(edge_documents.c.version.is_(None), edge_documents.c.version < documents.c.version))
    )
