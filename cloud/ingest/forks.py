"""Two agents under one identity and epoch, such as a cloned machine: found by what they send, and kept apart.

A batch says when the entry before it was made, an Ack when the entry was that it ends with. Two agents that went apart
after the same entry differ in that, so neither goes on behind the other's entries, and none takes an Ack for its own
that is not. Whoever's entries came first goes on. What the other one sends is kept whole among the dead letters, not
acknowledged, and an alarm tells a person: whose bills those are cannot be known here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest.positions import Position
from cloud.ingest.telemetry import entries_here
from cloud.store.tables import entries
from protocols.sync.codec import Batch, DeadLetter
from protocols.sync.topics import EdgeAddress, Stream

EDGE_FORKED: Final = "edge_forked"
REASON: Final = "sent by another agent of this edge id and epoch: this number is taken by another entry"


async def foreign_entries(
    connection: AsyncConnection, address: EdgeAddress, batch: Batch, position: Position
) -> list[DeadLetter]:
    """The entries of a batch that cannot be of the agent whose entries are here: none where the batch is a true one."""
    if batch.first_seq == position.seq + 1:
        is_apart = None not in (batch.after_at, position.stamp) and batch.after_at != position.stamp
        return _letters(batch, batch.first_seq) if is_apart else []
    if batch.first_seq > position.seq:
        return []  # a gap: what is asked for again will tell
    if batch.stream is Stream.TELEMETRY:
        last_seq = min(batch.last_seq, position.seq)
        here = await entries_here(connection, address, batch.epoch, batch.first_seq, last_seq)
        return _foreign(batch, here)
    query = (
        select(entries.c.seq, entries.c.raw)
        .where(
            entries.c.domain == address.domain,
            entries.c.edge_id == address.edge_id,
            entries.c.epoch == batch.epoch,
            entries.c.stream == batch.stream.value,
            entries.c.seq >= batch.first_seq,
            entries.c.seq <= min(batch.last_seq, position.seq),
        )
        .order_by(entries.c.seq)
    )
    return _foreign(batch, (await connection.execute(query)).all())


def _foreign(batch: Batch, here: Iterable[tuple[int, str]]) -> list[DeadLetter]:
    seq = next((seq for seq, raw in here if batch.raw[seq] != raw), None)
    return _letters(batch, seq) if seq is not None else []


def _letters(batch: Batch, first_seq: int) -> list[DeadLetter]:
    return [DeadLetter(seq=seq, reason=REASON, raw=batch.raw[seq]) for seq in range(first_seq, batch.last_seq + 1)]
