"""Which filter each edge is to have: its own rules over those of the domain."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import orjson
from sqlalchemy import select

from cloud.store.engine import Store
from cloud.store.filter_tables import CLASSES, FILTER, filters
from cloud.store.tables import documents, edges
from protocols.sync.codec import encode
from protocols.sync.filters import Classes, DesiredFilter, MeasurandFilter
from protocols.sync.topics import EdgeAddress


async def document(store: Store, address: EdgeAddress) -> tuple[int, bytes] | None:
    """What the edge is wanted to have, and its version; None where the edge would not understand it."""
    version = select(documents.c.version).where(documents.c.domain == address.domain, documents.c.name == FILTER)
    born = select(edges.c.birth).where(edges.c.domain == address.domain, edges.c.edge_id == address.edge_id)
    mine = select(filters.c.document).where(
        filters.c.domain == address.domain, filters.c.edge_id.in_(("", address.edge_id))
    )
    async with store.read() as connection:
        number: int = (await connection.execute(version)).scalar_one()
        birth = (await connection.execute(born)).scalar_one_or_none()
        said = (await connection.execute(mine.order_by(filters.c.edge_id))).scalars().all()
    if birth is None or FILTER not in orjson.loads(birth).get("understands", ()):
        return None
    merged: Classes = {}
    for each in said:
        merged = merge(merged, CLASSES.validate_json(each))
    return number, encode(DesiredFilter(version=number, classes=merged))


def merge(below: Classes, above: Classes) -> Classes:
    """What is said `above` holds; the rest is as `below`."""
    return {
        each: {
            measurand: _over(below.get(each, {}).get(measurand), above.get(each, {}).get(measurand))
            for measurand in sorted(below.get(each, {}).keys() | above.get(each, {}).keys())
        }
        for each in sorted(below.keys() | above.keys())
    }


def _over(below: MeasurandFilter | None, above: MeasurandFilter | None) -> MeasurandFilter:
    said: dict[str, Any] = {
        field.name: getattr(each, field.name)
        for each in (below, above)
        if each is not None
        for field in fields(MeasurandFilter)
        if getattr(each, field.name) is not None
    }
    return MeasurandFilter(**said)
