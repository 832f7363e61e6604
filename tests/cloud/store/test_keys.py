"""API keys: seen once, kept as a digest, ended at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from cloud.store import keys
from cloud.store.engine import Store
from cloud.store.keys import Principal, Scope
from cloud.store.tables import api_keys
from tests.cloud.samples import T0


async def made(store: Store, **more: object) -> str:
    async with store.write() as connection:
        return await keys.create(
            connection,
            domain=0x81,
            scope=Scope.OPERATE,
            name="n",
            now=T0,
            expires_at=T0 + timedelta(days=1) if more.get("expires") else None,
        )


async def found(store: Store, key: str, days: float = 0) -> Principal | None:
    async with store.read() as connection:
        return await keys.find(connection, key, T0 + timedelta(days=days))


async def test_a_key_is_known_by_itself_alone(store: Store) -> None:
    key = await made(store)
    assert await found(store, key) == Principal(key_id=key.split("_")[1], domain=0x81, scope=Scope.OPERATE)
    for wrong in (key[:-1], key + "0", key.upper(), "", "osk__", "osk_a_b_c", key.replace("osk", "isk"), "x" * 10_000):
        assert await found(store, wrong) is None
    async with store.read() as connection:
        row = (await connection.execute(select(api_keys))).one()
    assert key.split("_")[2] not in str(row)


async def test_an_expired_key_and_a_revoked_key_are_nobody(store: Store) -> None:
    key = await made(store, expires=True)
    assert await found(store, key, days=0.9) is not None
    assert await found(store, key, days=1) is None
    other = await made(store)
    async with store.write() as connection:
        assert await keys.revoke(connection, other.split("_")[1], T0)
        assert not await keys.revoke(connection, other.split("_")[1], T0)
    assert await found(store, other) is None


@pytest.mark.parametrize("needed", list(Scope))
@pytest.mark.parametrize("held", list(Scope))
def test_scopes_include_those_before_them(held: Scope, needed: Scope) -> None:
    order = ["read", "operate", "admin"]
    assert held.includes(needed) == (order.index(held) >= order.index(needed))
