"""What models do otherwise than the standard, summed up over a fleet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b

import orjson
from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest.changes import Origin, Row
from cloud.store.engine import insert_into
from cloud.store.station_tables import deviations
from protocols.sync.upkeep import DeviationSeen


async def write(connection: AsyncConnection, origin: Origin, seen: Sequence[tuple[DeviationSeen, datetime]]) -> None:
    """Add what was seen to what is known. Each entry is written once, so the counts are right."""
    if not seen:
        return
    add = insert_into(connection, deviations)
    new = add.excluded
    add = add.on_conflict_do_update(
        index_elements=["domain", "id"],
        set_={
            "count": deviations.c.count + new.count,
            "last_at": new.last_at,
            "station_id": new.station_id,
            "frame": func.coalesce(deviations.c.frame, new.frame),
        },
    )
    await connection.execute(add, [_row(body, at, origin) for body, at in seen])


def _row(body: DeviationSeen, at: datetime, origin: Origin) -> Row:
    kind = {
        "vendor": body.vendor,
        "model": body.model,
        "firmware_version": body.firmware_version,
        "action": body.action,
        "path": body.path,
        "problem": body.problem,
        "remedy": body.remedy,
    }
    name = orjson.dumps([origin.address.edge_id, *kind.values()])
    return {
        **origin.key,
        **kind,
        "id": blake2b(name, digest_size=10).hexdigest(),
        "count": body.count,
        "first_at": at,
        "last_at": at,
        "station_id": body.station_id,
        "frame": body.frame,
    }
