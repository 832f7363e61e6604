"""A long list on its way to the edges: what changed since the version that an edge has, or the whole.

    edge has version 7, 9 is wanted ──▶ what changed since 7 ──applied──▶ done
    edge has none, or refused ────────▶ the whole, in parts ──applied──▶ done
    no word for RESEND_AFTER, or its digest is another one ──▶ the whole again

Edges whose birth does not name the list in `understands`, such as those of contract 1.0, get it in one message.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Protocol

import orjson
from sqlalchemy import RowMapping, Select, select

from cloud.store.engine import Store
from cloud.store.tables import edges
from protocols.sync.topics import EdgeAddress

Publish = Callable[[str, bytes, bool], Awaitable[None]]
"""Topic, payload, retained: returns when the broker has the message at QoS 1."""
RESEND_AFTER: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Sent:
    """What an edge was sent last by this connection."""

    version: int
    is_whole: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Parts:
    """A list as it is sent: `payloads` are made as they go."""

    version: int
    is_whole: bool
    payloads: AsyncIterator[bytes]


class ListSource(Protocol):
    """Where a list comes from."""

    @property
    def name(self) -> str:
        """The document's."""

    @property
    def understood(self) -> str:
        """What the birth of an edge says that takes it in parts."""

    def wanting(self) -> Select[Any]:
        """The edges that have not applied the version that they should have: domain, edge_id, status, status_broker,
        `version`, `applied` and refused_version."""

    async def parts(self, address: EdgeAddress, since: int | None, now: datetime) -> Parts:
        """What changed since a version, or the whole: also where what changed is not known."""

    async def in_one(self, address: EdgeAddress, now: datetime) -> tuple[int, bytes | None]:
        """The version and the whole as one message; None for one that no edge could read."""

    async def wanted(self, address: EdgeAddress) -> tuple[int, str | None]:
        """The version that the edge should have, and its digest where it is known."""

    def rest(self) -> None:
        """For now nothing more is asked for."""


def to_send(
    sent: Sent | None, applied: int, refused: int | None, desired: int, now: datetime
) -> Literal["nothing", "changes", "whole"]:
    """What an edge needs that has `applied` and should have `desired`; `refused`: it said so of this version since."""
    if sent is not None and sent.version >= desired:
        if not sent.is_whole and refused is not None and refused >= sent.version:
            return "whole"
        return "whole" if now - sent.at >= RESEND_AFTER else "nothing"
    return "whole" if applied == 0 or refused is not None else "changes"


class PartedLists:
    """One per list and connection to a broker: it remembers what this connection has published."""

    def __init__(self, store: Store, broker: str, publish: Publish, source: ListSource) -> None:
        self._store = store
        self._broker = broker
        self._publish = publish
        self._source = source
        self._sent: dict[EdgeAddress, Sent] = {}
        self._takes_parts: dict[EdgeAddress, bool] = {}
        self._born: set[EdgeAddress] = set()

    def forget(self, address: EdgeAddress) -> None:
        """The edge was born anew: what was on its way to it is lost, and its list may be another one than ours."""
        self._sent.pop(address, None)
        self._takes_parts.pop(address, None)
        self._born.add(address)

    async def flush(self, now: datetime) -> None:
        """Send what edges have not applied."""
        try:
            async with self._store.read() as connection:
                due = (await connection.execute(self._source.wanting())).mappings().all()
            for row in due:
                address = EdgeAddress(row["domain"], row["edge_id"])
                applied, refused = row["applied"] or 0, row["refused_version"]
                wanted = to_send(self._sent.get(address), applied, refused, row["version"], now)
                if wanted != "nothing":
                    await self._send(address, row, wanted == "whole", now)
            while self._born:
                address = next(iter(self._born))
                if await self._is_another(address):
                    await self._send_parts(address, None, now)
                self._born.discard(address)
        finally:
            self._source.rest()

    async def _send(self, address: EdgeAddress, row: RowMapping, is_whole: bool, now: datetime) -> None:
        if not await self._understands(address):
            await self._send_in_one(address, row["version"], now)
        elif row["status"] == "online" and row["status_broker"] in (None, self._broker):
            await self._send_parts(address, None if is_whole else row["applied"], now)

    async def _send_in_one(self, address: EdgeAddress, desired: int, now: datetime) -> None:
        """Retained, so once is enough."""
        sent = self._sent.get(address)
        if sent is not None and sent.version >= desired:
            return
        version, payload = await self._source.in_one(address, now)
        if payload is not None:
            await self._publish(address.desired(self._source.name), payload, True)
        self._sent[address] = Sent(version, True, now)

    async def _send_parts(self, address: EdgeAddress, since: int | None, now: datetime) -> None:
        name = self._source.name
        if address not in self._sent:
            await self._publish(address.desired(name), b"", True)  # what was retained for it as it was before
        parts = await self._source.parts(address, since, now)
        async for payload in parts.payloads:
            await self._publish(address.part(name), payload, False)
        self._sent[address] = Sent(parts.version, parts.is_whole, now)

    async def _understands(self, address: EdgeAddress) -> bool:
        known = self._takes_parts.get(address)
        if known is None:
            birth = await self._birth(address)
            known = self._takes_parts[address] = self._source.understood in birth.get("understands", ())
        return known

    async def _is_another(self, address: EdgeAddress) -> bool:
        """The edge says that it has our version, and what it has comes to another digest."""
        birth, name = await self._birth(address), self._source.name
        digest, version = birth.get("digests", {}).get(name), birth.get("documents", {}).get(name)
        if digest is None or address in self._sent:
            return False
        wanted, wanted_digest = await self._source.wanted(address)
        return wanted == version and wanted_digest is not None and wanted_digest != digest

    async def _birth(self, address: EdgeAddress) -> dict[str, Any]:
        query = select(edges.c.birth).where(edges.c.domain == address.domain, edges.c.edge_id == address.edge_id)
        async with self._store.read() as connection:
            birth = (await connection.execute(query)).scalar_one_or_none()
        return {} if birth is None else dict(orjson.loads(birth))
