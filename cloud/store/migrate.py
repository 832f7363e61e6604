"""Brings a database to the newest schema: forward only, each step in one transaction with its mark."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from cloud.store.engine import Store
from protocols.errors import OhmsteadError

_SCRIPTS: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x0_0117_57EA_D001


class SchemaTooNew(OhmsteadError):
    """The database was written by a newer version of Ohmstead; going back is not offered."""


async def migrate(store: Store) -> str:
    """Run the migrations that are missing and return the schema's revision. Raises SchemaTooNew."""
    async with store.write() as connection:
        return await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> str:
    if connection.dialect.name == "postgresql":  # several processes may start at once
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise SchemaTooNew(
            f"the database has schema {current}, which this version does not know; run the version that wrote it"
        )
    command.upgrade(config, "head")
    return str(MigrationContext.configure(connection).get_current_revision())
