"""The database behind two doors: `read()` and `write()`, the same for SQLite and PostgreSQL.

On SQLite one connection writes (BEGIN IMMEDIATE, WAL, synchronous FULL) and the others read; on PostgreSQL one pool
serves both. What is committed has reached the disk.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Insert, Table, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

BUSY_TIMEOUT_MS: Final = 5_000
POOL_SIZE: Final = 8


class Store:
    """Open it with `Store.open`, and close it."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self.writer = writer
        self.reader = reader

    @classmethod
    def open(cls, url: str) -> Store:
        """`sqlite+aiosqlite:///path` or `postgresql+asyncpg://…`; nothing is connected yet."""
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            engine = create_async_engine(parsed, pool_size=POOL_SIZE, max_overflow=POOL_SIZE, pool_pre_ping=True)
            return cls(engine, engine)
        Path(parsed.database or "").parent.mkdir(parents=True, exist_ok=True)
        return cls(_sqlite_engine(url, pool_size=1, is_writer=True), _sqlite_engine(url, POOL_SIZE, is_writer=False))

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection; on SQLite it sees one state of the database."""
        return self.reader.connect()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """As `read`, and all that is read is of one moment, also by several questions."""
        async with self.read() as connection:
            if connection.dialect.name == "postgresql":  # where each question would see what was committed before it
                await connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: committed at the end of the block, rolled back when it raises."""
        async with self.writer.begin() as connection:
            yield connection

    async def ping(self) -> None:
        """Raises when the database does not answer."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def aclose(self) -> None:
        await self.reader.dispose()
        await self.writer.dispose()


def _sqlite_engine(url: str, pool_size: int, *, is_writer: bool) -> AsyncEngine:
    engine = create_async_engine(url, pool_size=pool_size, max_overflow=0)
    begin = "BEGIN IMMEDIATE" if is_writer else "BEGIN"

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # SQLAlchemy's documented way to have BEGIN said by us
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT_MS}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            f"query_only = {'OFF' if is_writer else 'ON'}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def say_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def insert_into(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """INSERT with ON CONFLICT in the connection's dialect."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def insert_missing(connection: AsyncConnection, table: Table) -> Insert:
    """INSERT … ON CONFLICT DO NOTHING."""
    return insert_into(connection, table).on_conflict_do_nothing()


def upsert(connection: AsyncConnection, table: Table, *columns: str) -> Insert:
    """INSERT, or overwrite `columns` (all but the key when none are named) of the row with the same key."""
    insert = insert_into(connection, table)
    names = columns or tuple(column.name for column in table.columns if not column.primary_key)
    return insert.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key],
        set_={name: insert.excluded[name] for name in names},
    )


def is_database_away(error: BaseException) -> bool:
    """Is this the database's absence (gone, locked, full, restarting), which time may heal, and not bad data?"""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        state = str(getattr(error.orig, "sqlstate", "") or getattr(error.orig, "pgcode", "") or "")
        if state:  # PostgreSQL: connection, transaction state, resources, operator intervention, system
            return state[:2] in {"08", "25", "40", "53", "55", "57", "58"}
        return type(error).__name__ == "OperationalError"
    return isinstance(error, OSError | TimeoutError)
