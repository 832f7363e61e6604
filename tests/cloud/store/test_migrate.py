"""The migrations lead to the tables that the queries know, and never back."""

from __future__ import annotations

import contextlib
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, bindparam, insert, select, text
from sqlalchemy.types import TypeEngine

import cloud.store.filter_tables
import cloud.store.meter_tables
import cloud.store.migrate
import cloud.store.money_tables
import cloud.store.rollout_tables
import cloud.store.station_tables
import cloud.store.sync_tables
import cloud.store.tables
import cloud.store.telemetry_tables
from cloud.ingest.desired_accounts import AccountSource, renew
from cloud.store import feed
from cloud.store.columns import METADATA
from cloud.store.engine import Store
from cloud.store.migrate import SchemaTooNew, migrate
from cloud.store.money_tables import account_totals
from cloud.store.tables import edges, posting_legs, postings
from cloud.store.types import Money, UtcTime
from protocols.sync.account_lists import AccountsPart
from protocols.sync.codec import decode
from protocols.sync.topics import EdgeAddress
from tests.cloud.samples import minute

MIGRATIONS = Path(cloud.store.migrate.__file__).with_name("migrations")


def upgrade(connection: Connection, to: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def there(connection: Connection, name: str) -> Table:
    """A table as it is in the database."""
    return Table(name, MetaData(), autoload_with=connection)


def type_of(value: object) -> TypeEngine[Any] | None:
    """How the hub writes it in a table of before."""
    return UtcTime() if isinstance(value, datetime) else Money() if isinstance(value, Decimal) else None


async def test_migrations_and_tables_agree(store: Store) -> None:
    def differences(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), METADATA))

    async with store.write() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_second_run_changes_nothing(store: Store) -> None:
    async with store.read() as connection:
        before = await feed.head(connection)
    assert await migrate(store) == ScriptDirectory(str(MIGRATIONS)).get_current_head()
    async with store.read() as connection:
        assert await feed.head(connection) == before


async def test_a_database_of_a_newer_version_is_refused(store: Store) -> None:
    async with store.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaTooNew, match="9999"):
        await migrate(store)


async def test_postings_of_before_are_added_up(empty_database_url: str) -> None:
    """Exactly, and by edge: they were made before there were totals."""

    async with contextlib.aclosing(Store.open(empty_database_url)) as opened:
        async with opened.write() as connection:
            await connection.run_sync(partial(upgrade, to="0010"))
            for number, (edge_id, amount) in enumerate((("e1", "0.10"), ("e1", "0.20"), ("e2", "-5.00"))):
                name = {"domain": 0, "posting_id": f"p{number}"}
                posting = {**name, "edge_id": edge_id, "key": f"k{number}", "currency": "EUR", "at": minute(number)}
                await connection.execute(insert(postings), {**posting, "reason": "cdr", "text": ""})
                leg = {**name, "leg": 0, "account": "customer:C", "amount": Decimal(amount)}
                await connection.execute(insert(posting_legs), leg)
        await migrate(opened)
        async with opened.read() as connection:
            rows = (await connection.execute(select(account_totals))).all()
    assert {row.edge_id: row.amount for row in rows} == {"e1": Decimal("0.30"), "e2": Decimal("-5.00")}


async def test_accounts_of_before_are_told_once_more_and_then_as_what_changed(empty_database_url: str) -> None:
    """Under a version that no edge has, with what others posted."""
    anna = '{"id": "K1", "name": "Anna"}'
    wallet = '{"id": "C-1", "customer_id": "K1", "billing": "prepaid", "currency": "EUR"}'
    rows: dict[str, list[object]] = {
        "customers": [0, "K1", "hub", "", "Anna", anna, minute(0)],
        "contracts": [0, "C-1", "hub", "", "K1", "prepaid", "EUR", True, wallet, minute(0)],
        "account_totals": [0, "customer:C-1", "EUR", "edge-2", Decimal("-20.00")],
        "desired_accounts": [0, "edge-1", 7, "d", False, minute(0)],
        "documents": [0, "accounts", 7],
        "edge_documents": [0, "edge-1", "accounts", "e", 7, None, None, minute(0)],
    }
    edge = EdgeAddress(0, "edge-1")
    async with contextlib.aclosing(Store.open(empty_database_url)) as opened:
        async with opened.write() as connection:
            await connection.run_sync(partial(upgrade, to="0019"))
            for name, values in rows.items():
                as_it_was = await connection.run_sync(there, name)
                kinds = [type_of(value) for value in values]
                typed = [bindparam(None, value, kind) for value, kind in zip(values, kinds, strict=True)]
                columns = [column.name for column in as_it_was.columns]
                await connection.execute(insert(as_it_was).values(dict(zip(columns, typed, strict=True))))
            known = {"domain": 0, "edge_id": "edge-1", "status": "online", "heard_at": minute(0)}
            await connection.execute(insert(edges).values(known))
        await migrate(opened)
        await renew(opened, minute(1))
        source = AccountSource(opened)
        assert await source.wanted(edge) == (9, None)
        parts = await source.parts(edge, 7, minute(1))
        (part,) = [decode(AccountsPart, payload) async for payload in parts.payloads]
        assert (part.version, part.since, part.balances) == (9, None, {"C-1": Decimal("-20.00")})
        assert [each.id for each in part.contracts] == ["C-1"]
        assert await source.wanted(edge) == (9, part.digest)
