"""Takes readings in: an entry of the telemetry stream becomes a row of `telemetry_blocks`, and what it comes to is
added to its quarters of an hour, hours and days, all in the batch's transaction. Readings are of the past: they change
no live state and raise no alarm.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest import rollups
from cloud.ingest.buckets import Bucket, Series
from cloud.ingest.changes import Origin
from cloud.ingest.readings import ReadBlock
from cloud.ingest.rollups import Slot
from cloud.store.bulk import insert_many
from cloud.store.curves import time_of
from cloud.store.engine import Store
from cloud.store.tables import entries, stream_positions
from cloud.store.telemetry_tables import entry_of, head_of, telemetry_blocks
from protocols.sync.codec import stamp_of
from protocols.sync.topics import EdgeAddress, Stream

PRUNE_ROWS: Final = 2_000
"""Of one transaction: nobody waits long for it."""


async def store(
    connection: AsyncConnection, origin: Origin, blocks: Sequence[ReadBlock], raw: Mapping[int, str]
) -> None:
    """Keep the entries, whose text is in `raw` by number, and add what they come to: of those that are not here yet."""
    if not blocks:
        return
    its = telemetry_blocks.c
    here = _of(origin.address, origin.epoch, blocks[0].seq, blocks[-1].seq)
    known = set((await connection.execute(select(its.seq).where(*here))).scalars())
    fresh = [block for block in blocks if block.seq not in known]
    rows: list[dict[str, Any]] = [
        {
            **origin.key,
            "epoch": origin.epoch,
            "seq": block.seq,
            "location_id": origin.location_id,
            "station_id": block.station_id,
            "evse_id": block.evse_id,
            "begins_at": block.begins_at,
            "last_at": block.last_at,
            "samples": block.samples,
            "dropped": block.dropped,
            "filter": block.filter,
            "head": head_of(raw[block.seq], block.data),
            "data": block.data,
            "received_at": origin.received_at,
        }
        for block in fresh
    ]
    await insert_many(connection, telemetry_blocks, rows)
    if rows:
        await rollups.add(connection, origin, _by_slot(fresh))


async def entries_here(
    connection: AsyncConnection, address: EdgeAddress, epoch: str, first_seq: int, last_seq: int
) -> list[tuple[int, str]]:
    """The number and text of those entries between two numbers that are kept here as readings."""
    its = telemetry_blocks.c
    query = select(its.seq, its.head, its.data).where(*_of(address, epoch, first_seq, last_seq)).order_by(its.seq)
    return [(row.seq, entry_of(row.head, row.data)) for row in await connection.execute(query)]


async def prune(store: Store, before: datetime) -> bool:
    """Drop some of the readings that came before a time, and say whether there are more: nobody waits long. What they
    came to stays, as money and events do. A position remembers what was dropped, so a repeated batch brings nothing
    back.
    """
    its = telemetry_blocks.c
    old = select(its.domain, its.edge_id, its.epoch, its.seq).where(its.received_at < before).limit(PRUNE_ROWS)
    async with store.write() as connection:
        rows = (await connection.execute(old)).all()
        for domain, edge_id, epoch in {row[:3] for row in rows}:
            seqs = [row.seq for row in rows if row[:3] == (domain, edge_id, epoch)]
            mine = (its.domain == domain, its.edge_id == edge_id, its.epoch == epoch)
            await connection.execute(delete(telemetry_blocks).where(*mine, its.seq.in_(seqs)))
    return len(rows) == PRUNE_ROWS or await _prune_entries(store, before)


async def _prune_entries(store: Store, before: datetime) -> bool:
    """The same for what hubs before kept as raw entries: by the time that each was made."""
    its = entries.c
    positions = select(stream_positions).where(stream_positions.c.stream == Stream.TELEMETRY.value)
    async with store.read() as connection:
        found = (await connection.execute(positions)).all()
    for row in found:
        mine = (its.domain == row.domain, its.edge_id == row.edge_id, its.epoch == row.epoch, its.stream == row.stream)
        oldest = select(its.seq, its.raw).where(*mine).order_by(its.seq).limit(PRUNE_ROWS)
        async with store.read() as connection:
            rows = (await connection.execute(oldest)).all()
        last_seq = max((each.seq for each in rows if _is_older(each.raw, before)), default=0)
        if last_seq:
            async with store.write() as connection:
                await connection.execute(delete(entries).where(*mine, its.seq <= last_seq))
            return True
    return False


def _of(address: EdgeAddress, epoch: str, first_seq: int, last_seq: int) -> tuple[ColumnElement[bool], ...]:
    its = telemetry_blocks.c
    mine = (its.domain == address.domain, its.edge_id == address.edge_id, its.epoch == epoch)
    return (*mine, its.seq >= first_seq, its.seq <= last_seq)


def _is_older(raw: str, before: datetime) -> bool:
    stamp = stamp_of(raw)
    return stamp is not None and datetime.fromisoformat(stamp) < before


def _by_slot(blocks: Iterable[ReadBlock]) -> dict[Slot, list[tuple[Series, Bucket]]]:
    found: dict[Slot, list[tuple[Series, Bucket]]] = defaultdict(list)
    for block in blocks:
        for quarter_ms, series, bucket in block.buckets:
            found[block.station_id, block.evse_id, time_of(quarter_ms)].append((series, bucket))
    return found
