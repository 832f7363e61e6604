"""Money and times come back from both databases as they went in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import StatementError

from cloud.store.engine import Store
from cloud.store.tables import evses

PLACE = {"domain": 0, "edge_id": "e", "station_id": "s", "evse_id": 1, "label": "", "state": "free"}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    amount=st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**12), max_value=10**12),
    at=st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001
)
async def test_exact(store: Store, amount: Decimal, at: datetime) -> None:
    async with store.write() as connection:
        await connection.execute(delete(evses))
        await connection.execute(insert(evses), {**PLACE, "cost": amount, "as_of": at})
        row = (await connection.execute(select(evses.c.cost, evses.c.as_of))).one()
    assert row == (amount, at)
    assert str(row.cost) == str(amount) if amount else row.cost == 0


async def test_times_sort_as_time_does(store: Store) -> None:
    zone = timezone(timedelta(hours=5))
    times = [
        datetime(2026, 3, 2, 8, tzinfo=UTC),
        datetime(2026, 3, 2, 12, tzinfo=zone),
        datetime(999, 1, 1, tzinfo=UTC),
    ]
    async with store.write() as connection:
        rows = [{**PLACE, "evse_id": number, "as_of": at} for number, at in enumerate(times)]
        await connection.execute(insert(evses), rows)
        found = (await connection.execute(select(evses.c.evse_id).order_by(evses.c.as_of))).scalars().all()
    assert found == [2, 1, 0]


async def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    naive = datetime(2026, 3, 2)  # noqa: DTZ001
    with pytest.raises(StatementError):
        async with store.write() as connection:
            await connection.execute(insert(evses), {**PLACE, "as_of": naive})
