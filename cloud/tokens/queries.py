"""The questions about tokens, and the two changes: each makes a new version of the domain's document."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import RowMapping, Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery, narrowed
from cloud.store.tables import tokens
from cloud.store.versions import next_version

SORT = (tokens.c.key, tokens.c.source, tokens.c.edge_id)
DOCUMENT: Final = "tokens"
_SHOWN: Final = (
    "uid", "contract_id", "type", "valid", "group_id", "expires_at", "visual_number", "language", "concurrent",
    "source", "document_version",
)  # fmt: skip


class TokenQuery(PageQuery):
    """Filters of the list of tokens; all given ones must hold."""

    source: Literal["hub", "site"] | None = None
    edge_id: Name | None = None
    contract_id: Name | None = None
    group_id: Name | None = None
    valid: bool | None = None


def many(domain: int, wanted: TokenQuery) -> Select[Any]:
    query = select(tokens).where(tokens.c.domain == domain)
    return narrowed(query, tokens, wanted, "source", "edge_id", "contract_id", "group_id", "valid")


def own(domain: int, key: str) -> Select[Any]:
    """The hub's own token with this uid."""
    return select(tokens).where(tokens.c.domain == domain, tokens.c.key == key, tokens.c.source == "hub")


def of_sites(domain: int, key: str) -> Select[Any]:
    """The same uid in the lists that sites keep themselves."""
    return select(tokens.c.edge_id).where(tokens.c.domain == domain, tokens.c.key == key, tokens.c.source == "site")


async def add(connection: AsyncConnection, domain: int, key: str, values: dict[str, Any], now: datetime) -> None:
    place = {"domain": domain, "source": "hub", "edge_id": "", "key": key}
    version = await next_version(connection, domain, DOCUMENT)
    await connection.execute(insert(tokens).values(**place, **values, document_version=version, updated_at=now))


async def change(connection: AsyncConnection, domain: int, key: str, values: dict[str, Any], now: datetime) -> None:
    version = await next_version(connection, domain, DOCUMENT)
    await connection.execute(
        update(tokens)
        .where(tokens.c.domain == domain, tokens.c.source == "hub", tokens.c.key == key)
        .values(**values, document_version=version, updated_at=now)
    )


def shown(row: RowMapping) -> dict[str, Any]:
    return {name: row[name] for name in _SHOWN} | {
        "edge_id": row["edge_id"] or None,
        "last_updated": row["updated_at"],
    }
