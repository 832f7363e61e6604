"""An edge that speaks a schema version that is not read here: nothing of it is taken, a person is told, and the edge
keeps its journal until one of the two is updated."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest.changes import Origin
from cloud.ingest.projection import raise_once, write_alarms
from cloud.store import feed
from cloud.store.engine import Store
from cloud.store.feed import FeedEvent
from cloud.store.tables import edges
from protocols.sync.topics import EdgeAddress
from protocols.sync.up import AlarmRaised, Severity

ALARM_ID: Final = "hub.schema_version"


async def refuse(store: Store, address: EdgeAddress, reason: str, now: datetime) -> None:
    """Tell once that an edge is not understood; `reason` says which side is to be updated."""
    async with store.write() as connection:
        origin = await _origin(connection, address, now)
        body = AlarmRaised(
            alarm_id=ALARM_ID,
            alarm="schema_version",
            severity=Severity.CRITICAL,
            text=f"Edge {address.edge_id} cannot be understood: {reason}. Nothing is lost meanwhile: the edge keeps"
            " its journal",
        )
        occurrence = f"schema-{now.isoformat()}"
        await feed.append(connection, await raise_once(connection, origin, body, occurrence))


async def settle(connection: AsyncConnection, origin: Origin) -> list[FeedEvent]:
    """The edge is understood (again)."""
    return await write_alarms(connection, origin, [], [(ALARM_ID, origin.received_at)])


async def _origin(connection: AsyncConnection, address: EdgeAddress, now: datetime) -> Origin:
    mine = (edges.c.domain == address.domain) & (edges.c.edge_id == address.edge_id)
    known = (await connection.execute(select(edges.c.epoch, edges.c.location_id).where(mine))).one_or_none()
    epoch, location_id = (known.epoch or "", known.location_id) if known is not None else ("", None)
    return Origin(address=address, epoch=epoch, location_id=location_id, received_at=now)
