"""The migrations lead to the tables that the queries know, and never back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

import cloud.store.meter_tables
import cloud.store.migrate
import cloud.store.money_tables
import cloud.store.station_tables
import cloud.store.tables
from cloud.store import feed
from cloud.store.columns import METADATA
from cloud.store.engine import Store
from cloud.store.migrate import SchemaTooNew, migrate

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
