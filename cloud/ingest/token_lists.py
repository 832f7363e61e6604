"""The domain's tokens as a list for its edges: see parted_lists.

Each token's row knows the version in which it was changed last, so what changed is a question to the database, and the
digest of all follows from the rows that are read for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import RowMapping, Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest.parted_lists import Parts
from cloud.store.engine import Store
from cloud.store.tables import documents, edge_documents, edges, tokens
from protocols.ocpi.token import Token, TokenType
from protocols.sync.codec import encode
from protocols.sync.down import DesiredTokens
from protocols.sync.lists import LISTS, cut, token_hash, total, written
from protocols.sync.topics import EdgeAddress

TOKENS: Final = "tokens"
ROWS_AT_ONCE: Final = 1_000


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


class TokenSource:
    """A ListSource. What is the same for all edges of a domain is made once for each version."""

    name: Final = TOKENS
    understood: Final = LISTS

    def __init__(self, store: Store) -> None:
        self._store = store
        self._mirrors: dict[int, Mirror] = {}
        self._whole: dict[int, tuple[int, list[bytes]]] = {}
        self._one: dict[int, tuple[int, bytes]] = {}

    def wanting(self) -> Select[Any]:
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

    async def parts(self, address: EdgeAddress, since: int | None, now: datetime) -> Parts:
        async with self._store.read() as connection:
            mirror = await self._renewed(connection, address.domain)
            if since is None:
                payloads = await self._all_parts(connection, address.domain, mirror)
            else:
                changed = [token async for token in _read(connection, address.domain, since)]
                payloads = [encode(part) for part in cut(mirror.version, since, mirror.digest, changed)]
        return Parts(mirror.version, since is None, _one_by_one(payloads))

    async def in_one(self, address: EdgeAddress, now: datetime) -> tuple[int, bytes]:
        domain = address.domain
        async with self._store.read() as connection:
            version = await _version(connection, domain)
            if self._one.get(domain, (0, b""))[0] != version:
                every = [token async for token in _read(connection, domain, 0)]
                self._one[domain] = (version, encode(DesiredTokens(version=version, tokens=tuple(every))))
        return self._one[domain]

    async def wanted(self, address: EdgeAddress) -> tuple[int, str]:
        async with self._store.read() as connection:
            mirror = await self._renewed(connection, address.domain)
        return mirror.version, mirror.digest

    def rest(self) -> None:
        """What is kept is small."""

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


async def _one_by_one(payloads: Iterable[bytes]) -> AsyncIterator[bytes]:
    for payload in payloads:
        yield payload


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
