"""API keys: `osk_{id}_{secret}`. The secret has 256 bits of randomness, so one SHA-256 keeps it: there is nothing to
guess, and a slow hash would only slow every request. The id finds the row, the digest is compared in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.store.tables import api_keys

PREFIX: Final = "osk_"
_ID_BYTES: Final = 6
_SECRET_BYTES: Final = 32
_MAX_CHARS: Final = 128


class Scope(StrEnum):
    """What a key may do; each scope includes those before it."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"

    def includes(self, needed: Scope) -> bool:
        order = tuple(Scope)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks: a valid key, its one domain and its scope."""

    key_id: str
    domain: int
    scope: Scope


async def create(
    connection: AsyncConnection,
    *,
    domain: int,
    scope: Scope,
    name: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> str:
    """Make a key and return it: the only time that it is seen."""
    key_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_hex(_SECRET_BYTES)
    key = f"{PREFIX}{key_id}_{secret}"
    await connection.execute(
        insert(api_keys).values(
            id=key_id,
            digest=_digest(key),
            domain=domain,
            scope=scope.value,
            name=name,
            created_at=now,
            expires_at=expires_at,
        )
    )
    return key


async def find(connection: AsyncConnection, key: str, now: datetime) -> Principal | None:
    """Whose key this is; None for one that is unknown, wrong, expired or revoked."""
    parts = key.split("_")
    if len(key) > _MAX_CHARS or len(parts) != 3 or not key.startswith(PREFIX) or not key.isascii():
        return None
    row = (await connection.execute(select(api_keys).where(api_keys.c.id == parts[1]))).one_or_none()
    if row is None or not hmac.compare_digest(row.digest, _digest(key)):
        return None
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        return None
    return Principal(key_id=row.id, domain=row.domain, scope=Scope(row.scope))


async def revoke(connection: AsyncConnection, key_id: str, now: datetime) -> bool:
    """True when there was such a key that was not revoked before."""
    change = update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)).values(revoked_at=now)
    return (await connection.execute(change)).rowcount > 0


async def list_all(connection: AsyncConnection) -> Sequence[RowMapping]:
    """Every key without its digest, oldest first."""
    columns = [column for column in api_keys.c if column.name != "digest"]
    return (await connection.execute(select(*columns).order_by(api_keys.c.created_at, api_keys.c.id))).mappings().all()


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
