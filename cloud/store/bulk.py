"""Many rows into a table by one statement, without what SQLAlchemy does for each of them.

SQLite takes them one by one from its own loop; PostgreSQL gets a list for each column and unnests them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Literal

from sqlalchemy import Dialect, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.store.types import Money, UtcTime

Conflict = Literal["refuse", "keep", "replace"]
"""What becomes of a row whose key is taken: an error, the old one stays, or the new one replaces what it names."""


async def insert_many(
    connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]], conflict: Conflict = "refuse"
) -> None:
    """All rows name the same columns as the first; with `replace` no two have the same key. None is fine, too.

    Raises SQLAlchemyError, ValueError or OverflowError as its `execute` does.
    """
    if not rows:
        return
    names = tuple(rows[0])
    columns = [_written(table, name, [row[name] for row in rows], connection.dialect) for name in names]
    statement = _statement(table, names, conflict, connection.dialect.name)
    if connection.dialect.name == "postgresql":
        await connection.exec_driver_sql(statement, tuple(columns))
    else:
        await connection.exec_driver_sql(statement, list(zip(*columns, strict=True)))


def _written(table: Table, name: str, values: list[Any], dialect: Dialect) -> list[Any]:
    match table.c[name].type:
        case UtcTime() as kind if dialect.name != "postgresql":
            known: dict[datetime | None, Any] = {
                value: kind.process_bind_param(value, dialect) for value in set(values)
            }
            return [known[value] for value in values]
        case UtcTime():
            return [None if value is None else _utc(value) for value in values]
        case Money():
            return [None if value is None else _amount(value, dialect) for value in values]
        case _:
            return values


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"a time without a zone: {value.isoformat()}")
    return value.astimezone(UTC)


def _amount(value: Decimal, dialect: Dialect) -> Decimal | str:
    if not value.is_finite():
        raise ValueError(f"not an amount of money: {value}")
    return value if dialect.name == "postgresql" else format(value, "f")


@cache
def _statement(table: Table, names: tuple[str, ...], conflict: Conflict, dialect: str) -> str:
    """In the words that both databases know. The names are the tables' own."""
    columns = ", ".join(f'"{name}"' for name in names)
    key = ", ".join(f'"{column.name}"' for column in table.primary_key)
    if dialect == "postgresql":
        types = (_type_of(table, name) for name in names)
        rows = "SELECT * FROM unnest(" + ", ".join(f"${at}::{kind}[]" for at, kind in enumerate(types, 1)) + ")"  # noqa: S608
    else:
        rows = f"VALUES ({', '.join('?' * len(names))})"
    statement = f'INSERT INTO "{table.name}" ({columns}) {rows}'
    if conflict == "refuse":
        return statement
    kept = {column.name for column in table.primary_key}
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name not in kept)
    return f"{statement} ON CONFLICT ({key}) DO " + ("NOTHING" if conflict == "keep" else f"UPDATE SET {changes}")


def _type_of(table: Table, name: str) -> str:
    """Such as VARCHAR or TIMESTAMP WITH TIME ZONE."""
    return str(table.c[name].type.compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
