"""Many rows by one statement are the rows that SQLAlchemy would have written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from cloud.store.bulk import Conflict, insert_many
from cloud.store.engine import Store
from cloud.store.tables import evses, posting_legs, postings, sessions

EAST = timezone(timedelta(hours=5, minutes=45))
AT = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)


def evse(station_id: str, **more: Any) -> dict[str, Any]:
    row = dict.fromkeys(evses.c.keys())
    row |= {"domain": 7, "edge_id": "e", "station_id": station_id, "evse_id": 1, "label": "é\"'%s", "state": "free"}
    return row | more


ROWS = [
    evse("A", as_of=AT, cost=Decimal("1.50"), max_power_w=2**40),
    evse("B", as_of=AT.astimezone(EAST), cost=Decimal("0E+1")),
    evse("C", as_of=None, cost=None, state_of_charge_percent=0),
]


async def kept(store: Store) -> list[tuple[Any, ...]]:
    async with store.read() as connection:
        return [tuple(row) for row in await connection.execute(select(evses).order_by(evses.c.station_id))]


async def test_rows_are_what_sqlalchemy_writes(store: Store) -> None:
    async with store.write() as connection:
        await insert_many(connection, evses, ROWS)
    quick = await kept(store)
    async with store.write() as connection:
        await connection.execute(evses.delete())
        await connection.execute(insert(evses), ROWS)
    assert quick == await kept(store)
    assert [row[-4] for row in quick] == [Decimal("1.50"), Decimal("0"), None]


@pytest.mark.parametrize(("conflict", "label"), [("keep", "old"), ("replace", "new")])
async def test_a_key_that_is_taken_keeps_its_row_or_has_it_replaced(
    store: Store, conflict: Conflict, label: str
) -> None:
    async with store.write() as connection:
        await insert_many(connection, evses, [evse("A", label="old")])
        await insert_many(connection, evses, [evse("B", label="other"), evse("A", label="new")], conflict)
    assert [(row[2], row[4]) for row in await kept(store)] == [("A", label), ("B", "other")]


async def test_a_key_that_is_taken_is_an_error_where_nothing_else_is_said(store: Store) -> None:
    async with store.write() as connection:
        await insert_many(connection, evses, [evse("A")])
    with pytest.raises(IntegrityError):
        async with store.write() as connection:
            await insert_many(connection, evses, [evse("B"), evse("A")])
    assert len(await kept(store)) == 1


@pytest.mark.parametrize(
    "wrong",
    [{"as_of": AT.replace(tzinfo=None)}, {"cost": Decimal("NaN")}, {"power_w": 2**70}, {"label": None}],
    ids=["zone", "amount", "number", "nothing"],
)
async def test_what_no_column_takes_is_refused_as_always(store: Store, wrong: dict[str, Any]) -> None:
    with pytest.raises((SQLAlchemyError, ValueError, OverflowError)):
        async with store.write() as connection:
            await insert_many(connection, evses, [evse("A"), evse("B", **wrong)])
    assert await kept(store) == []


async def test_no_rows_are_no_statement(store: Store) -> None:
    async with store.write() as connection:
        for table in (sessions, postings, posting_legs):
            await insert_many(connection, table, [])
