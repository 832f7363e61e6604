"""The domain's tokens on their way to the edges: what changed since the version that an edge has, or the whole list.

    edge has version 7, 9 is wanted ──▶ what changed since 7 ──applied──▶ done
    edge has none, or refused ────────▶ the whole, in parts ──applied──▶ done
    no word for RESEND_AFTER, or its digest is another one ──▶ the whole again

Each token's row knows the version in which it was changed last, so what changed is a question to the database, and the
digest of all follows from the rows that are read for it. Edges of contract 1.0 get their whole list in one message.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import orjson
from sqlalchemy import RowMapping, Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.store.engine import Store
from cloud.store.tables import documents, edge_documents, edges, tokens
from protocols.ocpi.token import Token, TokenType
from protocols.sync.codec import encode
from protocols.sync.down import DesiredTokens
from protocols.sync.lists import LISTS, cut, token_hash, total, written
from protocols.sync.topics import EdgeAddress

Publish = Callable[[str, bytes, bool], Awaitable[None]]
"""Topic, payload, retained: returns when the broker has the message at QoS 1."""
TOKENS: Final = "tokens"
RESEND_AFTER: Final = timedelta(minutes=10)
ROWS_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Sent:
    """What an edge was sent last by this connection."""

    version: int
    is_whole: bool
    at: datetime


@dataclass(slots=True)
class Mirror:
    """The hashes of a domain's tokens, as of a version: what a new digest is made of."""

    version: int = 0
    hashes: dict[str, int] = field(default_factory=dict)
    added_up: int = 0

    def take(self, token: Token) -> None:
        mine = token_hash(token)
        self.added_up = total((mine, -self.hashes.get(token.key, 0)), self.added_up)
        self.hashes[token.key] = mine

    @property
    def digest(self) -> str:
        return written(self.added_up)


def to_send(
    sent: Sent | None, applied: int, refused: int | None, desired: int, now: datetime
) -> Literal["nothing", "changes", "whole"]:
    """What an edge needs that has `applied` and should have `desired`; `refused`: it said so of this version since."""
    if sent is not None and sent.version >= desired:
        if not sent.is_whole and refused is not None and refused >= sent.version:
            return "whole"
        return "whole" if now - sent.at >= RESEND_AFTER else "nothing"
    return "whole" if applied == 0 or refused is not None else "changes"


class TokenLists:
    """One per connection to a broker: it remembers what this connection has published."""

    def __init__(self, store: Store, broker: str, publish: Publish) -> None:
        self._store = store
        self._broker = broker
        self._publish = publish
        self._sent: dict[EdgeAddress, Sent] = {}
        self._takes_parts: dict[EdgeAddress, bool] = {}
        self._born: set[EdgeAddress] = set()
        self._mirrors: dict[int, Mirror] = {}
        self._whole: dict[int, tuple[int, list[bytes]]] = {}
        self._one: dict[int, tuple[int, bytes]] = {}

    def forget(self, address: EdgeAddress) -> None:
        """The edge was born anew: what was on its way to it is lost, and its list may be another one than ours."""
        self._sent.pop(address, None)
        self._takes_parts.pop(address, None)
        self._born.add(address)

    async def flush(self, now: datetime) -> None:
        """Send what edges have not applied."""
        async with self._store.read() as connection:
            due = (await connection.execute(_wanting())).mappings().all()
        for row in due:
            address = EdgeAddress(row["domain"], row["edge_id"])
            wanted = to_send(self._sent.get(address), row["applied"] or 0, row["refused_version"], row["version"], now)
            if wanted != "nothing":
                await self._send(address, row, wanted == "whole", now)
        while self._born:
            address = next(iter(self._born))
            if await self._is_another(address):
                await self._send_parts(address, None, now)
            self._born.discard(address)

    async def _send(self, address: EdgeAddress, row: RowMapping, is_whole: bool, now: datetime) -> None:
        if not await self._understands(address):
            version, payload = await self._in_one(address.domain)
            await self._publish(address.desired(TOKENS), payload, True)
            self._sent[address] = Sent(version, True, now)
        elif row["status"] == "online" and row["status_broker"] in (None, self._broker):
            await self._send_parts(address, None if is_whole else row["applied"], now)

    async def _send_parts(self, address: EdgeAddress, since: int | None, now: datetime) -> None:
        if address not in self._sent:
            await self._publish(address.desired(TOKENS), b"", True)  # what was retained for it as it was before
        async with self._store.read() as connection:
            mirror = await self._renewed(connection, address.domain)
            if since is None:
                payloads = await self._all_parts(connection, address.domain, mirror)
            else:
                changed = [token async for token in _read(connection, address.domain, since)]
                payloads = [encode(part) for part in cut(mirror.version, since, mirror.digest, changed)]
        for payload in payloads:
            await self._publish(address.part(TOKENS), payload, False)
        self._sent[address] = Sent(mirror.version, since is None, now)

    async def _renewed(self, connection: AsyncConnection, domain: int) -> Mirror:
        """The mirror as the tokens stand. Rows that are newer than the version come again with the next one."""
        mirror = self._mirrors.setdefault(domain, Mirror())
        version = await _version(connection, domain)
        async for token in _read(connection, domain, mirror.version):
            mirror.take(token)
        mirror.version = version
        return mirror

    async def _all_parts(self, connection: AsyncConnection, domain: int, mirror: Mirror) -> list[bytes]:
        version, payloads = self._whole.get(domain, (0, []))
        if version != mirror.version:
            every = [token async for token in _read(connection, domain, 0)]
            digest = written(total(map(token_hash, every)))
            payloads = [encode(part) for part in cut(mirror.version, None, digest, every)]
            self._whole[domain] = (mirror.version, payloads)
        return payloads

    async def _in_one(self, domain: int) -> tuple[int, bytes]:
        async with self._store.read() as connection:
            version = await _version(connection, domain)
            if self._one.get(domain, (0, b""))[0] != version:
                every = [token async for token in _read(connection, domain, 0)]
                self._one[domain] = (version, encode(DesiredTokens(version=version, tokens=tuple(every))))
        return self._one[domain]

    async def _understands(self, address: EdgeAddress) -> bool:
        known = self._takes_parts.get(address)
        if known is None:
            birth = await self._birth(address)
            known = self._takes_parts[address] = LISTS in birth.get("understands", ())
        return known

    async def _is_another(self, address: EdgeAddress) -> bool:
        """The edge says that it has our version, and what it has comes to another digest."""
        birth = await self._birth(address)
        digest, version = birth.get("digests", {}).get(TOKENS), birth.get("documents", {}).get(TOKENS)
        if digest is None or address in self._sent:
            return False
        async with self._store.read() as connection:
            mirror = await self._renewed(connection, address.domain)
        return bool(mirror.version == version and mirror.digest != digest)

    async def _birth(self, address: EdgeAddress) -> dict[str, Any]:
        query = select(edges.c.birth).where(edges.c.domain == address.domain, edges.c.edge_id == address.edge_id)
        async with self._store.read() as connection:
            birth = (await connection.execute(query)).scalar_one_or_none()
        return {} if birth is None else dict(orjson.loads(birth))


def _wanting() -> Select[Any]:
    """The edges that have not applied the newest version."""
    newest = and_(documents.c.domain == edges.c.domain, documents.c.name == TOKENS)
    applied = and_(
        edge_documents.c.domain == edges.c.domain,
        edge_documents.c.edge_id == edges.c.edge_id,
        edge_documents.c.name == TOKENS,
    )
    return (
        select(
            *(edges.c.domain, edges.c.edge_id, edges.c.status, edges.c.status_broker, documents.c.version),
            *(edge_documents.c.version.label("applied"), edge_documents.c.refused_version),
        )
        .select_from(edges.join(documents, newest).outerjoin(edge_documents, applied))
        .where(or_(edge_documents.c.version.is_(None), edge_documents.c.version < documents.c.version))
    )


async def _version(connection: AsyncConnection, domain: int) -> int:
    query = select(documents.c.version).where(documents.c.domain == domain, documents.c.name == TOKENS)
    version: int | None = (await connection.execute(query)).scalar_one_or_none()
    return version or 0


async def _read(connection: AsyncConnection, domain: int, since: int) -> AsyncIterator[Token]:
    """The hub's tokens that changed after a version, 0 for all; some at a time, so that others have their turn."""
    mine = select(tokens).where(tokens.c.domain == domain, tokens.c.source == "hub")
    if since:
        mine = mine.where(tokens.c.document_version > since)
    last = ""
    while True:
        query = mine.where(tokens.c.key > last).order_by(tokens.c.key).limit(ROWS_AT_ONCE)
        rows = (await connection.execute(query)).mappings().all()
        for row in rows:
            yield _token(row)
        if len(rows) < ROWS_AT_ONCE:
            return
        last = rows[-1]["key"]


def _token(row: RowMapping) -> Token:
    return Token(
        uid=row["uid"],
        contract_id=row["contract_id"],
        type=TokenType(row["type"]),
        valid=row["valid"],
        group_id=row["group_id"],
        expires_at=row["expires_at"],
        visual_number=row["visual_number"],
        language=row["language"],
        concurrent=row["concurrent"],
    )
