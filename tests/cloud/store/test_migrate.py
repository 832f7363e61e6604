"""The migrations lead to the tables that the queries know, and never back."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, select, text

import cloud.store.filter_tables
import cloud.store.meter_tables
import cloud.store.migrate
import cloud.store.money_tables
import cloud.store.rollout_tables
import cloud.store.station_tables
import cloud.store.sync_tables
import cloud.store.tables
import cloud.store.telemetry_tables
from cloud.store import feed
from cloud.store.columns import METADATA
from cloud.store.engine import Store
from cloud.store.migrate import SchemaTooNew, migrate
from cloud.store.money_tables import account_totals
from cloud.store.tables import posting_legs, postings
from tests.cloud.samples import minute

MIGRATIONS = Path(cloud.store.migrate.__file__).with_name("migrations")


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

    def before(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "0010")

    async with contextlib.aclosing(Store.open(empty_database_url)) as opened:
        async with opened.write() as connection:
            await connection.run_sync(before)
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
