"""How far each stream of an edge is here: the row that a batch or a birth holds while it is taken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.store.engine import insert_missing
from cloud.store.tables import edges, stream_positions
from protocols.sync.topics import EdgeAddress, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Everything up to `seq` is committed, `dead` of it as dead letters. `stamp` is when the entry `seq` was made, as
    the edge wrote that; None where it is not known."""

    seq: int
    dead: int = 0
    stamp: str | None = None


async def lock_position(
    connection: AsyncConnection, address: EdgeAddress, epoch: str, stream: Stream, now: datetime
) -> Position:
    """Where a stream stands, locked until the commit; an unknown edge is made known."""
    query = (
        select(stream_positions.c.seq, stream_positions.c.dead, stream_positions.c.stamp)
        .where(_is(address, epoch, stream))
        .with_for_update()
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        key = {"domain": address.domain, "edge_id": address.edge_id, "epoch": epoch}
        await connection.execute(insert_missing(connection, edges), {**key, "status": "unknown", "heard_at": now})
        fresh = {**key, "stream": stream.value, "seq": 0, "dead": 0, "updated_at": now}
        await connection.execute(insert_missing(connection, stream_positions), fresh)
        row = (await connection.execute(query)).one()  # another one may have been faster
    return Position(seq=row.seq, dead=row.dead, stamp=row.stamp)


async def set_position(
    connection: AsyncConnection, address: EdgeAddress, epoch: str, stream: Stream, to: Position, now: datetime
) -> None:
    """To be called when the position is locked."""
    await connection.execute(
        update(stream_positions)
        .where(_is(address, epoch, stream))
        .values(seq=to.seq, dead=to.dead, stamp=to.stamp, updated_at=now)
    )


def _is(address: EdgeAddress, epoch: str, stream: Stream) -> ColumnElement[bool]:
    return and_(
        stream_positions.c.domain == address.domain,
        stream_positions.c.edge_id == address.edge_id,
        stream_positions.c.epoch == epoch,
        stream_positions.c.stream == stream.value,
    )
