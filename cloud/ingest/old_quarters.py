"""Drops old quarters of an hour; hours and days stay. EVSE by EVSE, for that is how they lie: the first of each is its
oldest, so one look by the key tells whether any are old.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, literal, select, tuple_

from cloud.store.engine import Store
from cloud.store.telemetry_tables import quarter_hours

PLACES_A_STEP: Final = 200
LONGEST_STEP: Final = timedelta(days=7)
"""Of one EVSE's quarters, in one transaction."""
Place = tuple[int, str, str, int]
"""Domain, edge, charging station and EVSE."""


async def prune(store: Store, before: datetime, after: Place | None) -> Place | None:
    """Look at some EVSEs behind `after` in the order of their names. Returns the last one, None where there are no
    more. What is very old takes several rounds."""
    its = quarter_hours.c
    place = (its.domain, its.edge_id, its.station_id, its.evse_id)
    old: list[tuple[Place, datetime]] = []
    async with store.read() as connection:
        for _ in range(PLACES_A_STEP):
            query = select(*place, its.begins_at).order_by(*place, its.begins_at).limit(1)
            if after is not None:
                seen = (literal(value, column.type) for value, column in zip(after, place, strict=True))
                query = query.where(tuple_(*place) > tuple_(*seen))
            row = (await connection.execute(query)).one_or_none()
            if row is None:
                after = None
                break
            after = (row.domain, row.edge_id, row.station_id, row.evse_id)
            if row.begins_at < before:
                old.append((after, min(before, row.begins_at + LONGEST_STEP)))
    if old:
        async with store.write() as connection:
            for names, until in old:
                mine = (column == name for column, name in zip(place, names, strict=True))
                await connection.execute(delete(quarter_hours).where(*mine, its.begins_at < until))
    return after
