"""The hub's ingest in a process of its own, without a broker:
`python -m tests.bench.hub_side URL FRAMES WAY WAITING`.

`ohmstead` is what the hub does with batches that wait, from their bytes to the commit, WAITING of them at a time, and
with 1 one by one. `plain` is what anybody would
write first: each entry is read with json.loads and put with an INSERT of its own into one table, a commit a batch;
nothing is projected, so nothing can be asked for but the raw entries.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import BigInteger, Column, Index, MetaData, String, Table, func, insert, select, text

from cloud.ingest.batches import store_batch
from cloud.ingest.joining import joined
from cloud.store.engine import Store, insert_missing
from cloud.store.migrate import migrate
from cloud.store.tables import cdrs, entries, sessions
from cloud.store.telemetry_tables import telemetry_blocks
from protocols.sync.blocks import TelemetryBlock, curves_in
from protocols.sync.codec import Batch, decode_batch
from protocols.sync.topics import EdgeAddress, Stream
from tests.bench.frames import EDGE_ID, read_frames

_ADDRESS: Final = EdgeAddress(0, EDGE_ID)
_PLAIN_METADATA: Final = MetaData()
_PLAIN_READINGS: Final = Table(
    "plain_readings",
    _PLAIN_METADATA,
    *(Column(name, String) for name in ("station_id", "measurand", "phase")),
    *(Column(name, BigInteger) for name in ("at", "value")),
    Index("plain_readings_by_time", "station_id", "at"),
)
_COUNTS: Final = (
    select(func.count()).select_from(entries),
    select(func.count()).select_from(cdrs),
    select(func.count()).select_from(sessions).where(sessions.c.status == "COMPLETED"),
    select(func.sum(telemetry_blocks.c.samples)),
)
WARM_SHARE: Final = 10
"""A tenth comes before the clock runs. Then the database counts its tables, as PostgreSQL does by itself in the first
minute: plans that were made for empty tables are five times as slow."""


async def taken(url: str, payloads: Sequence[bytes], way: str, waiting: int) -> dict[str, float]:
    """Take all batches in their order; the first tenth is not timed. Raises AssertionError for a dead letter.

    `rows` is for readings: a block becomes a row of a plain table for each of them, by an executemany a batch.
    """
    async with contextlib.aclosing(Store.open(url)) as store:
        await migrate(store)
        warm = max(1, len(payloads) // WARM_SHARE)
        took: list[float] = []
        await _take(store, payloads[:warm], way, waiting, took)
        async with store.write() as connection:
            await connection.execute(text("ANALYZE"))
            before = [await connection.scalar(query) or 0 for query in _COUNTS]
        took.clear()
        begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
        await _take(store, payloads[warm:], way, waiting, took)
        wall_s, cpu_s = time.perf_counter() - begun_s, time.process_time() - begun_cpu_s
        async with store.read() as connection:
            counts = [await connection.scalar(query) or 0 for query in _COUNTS]
    return {
        "timed": counts[0] - before[0],
        "timed_samples": counts[-1] - before[-1],
        "share": 1 - warm / len(payloads),
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "batch_p50_ms": 1000 * sorted(took)[len(took) // 2],
        "batch_max_ms": 1000 * max(took),
        **dict(zip(("entries", "bills", "sessions", "samples"), counts, strict=True)),
    }


async def _take(store: Store, payloads: Sequence[bytes], way: str, waiting: int, took: list[float]) -> None:
    for first in range(0, len(payloads), waiting):
        since_s = time.perf_counter()
        some = payloads[first : first + waiting]
        if way in _BASELINES:
            for payload in some:
                await _BASELINES[way](store, payload)
        else:
            await _properly(store, some)
        took.append(time.perf_counter() - since_s)


async def _properly(store: Store, payloads: Sequence[bytes]) -> None:
    """As the hub's link takes what waits: stream by stream."""
    streams: dict[Stream, list[Batch]] = {}
    for payload in payloads:
        batch = decode_batch(payload)
        streams.setdefault(batch.stream, []).append(batch)
    for batches in streams.values():
        for batch in joined(batches):
            now = datetime.now(UTC)  # noqa: TID251 - the hub's clock
            stored = await store_batch(store, _ADDRESS, batch, now)
            if stored.ack.seq != batch.last_seq or stored.dead:
                raise AssertionError(f"{stored.dead} dead letters, {stored.ack}")


async def _plainly(store: Store, payload: bytes) -> None:
    document = json.loads(zlib.decompress(payload))
    key = {"domain": 0, "edge_id": EDGE_ID, "epoch": document["epoch"], "stream": document["stream"]}
    async with store.write() as connection:
        insert = insert_missing(connection, entries)
        for entry in document["entries"]:
            await connection.execute(insert, {**key, "seq": entry["seq"], "raw": json.dumps(entry)})


async def _in_rows(store: Store, payload: bytes) -> None:
    rows = [
        {
            "station_id": entry.body.station_id,
            "measurand": curve.measurand,
            "phase": curve.phase,
            "at": at,
            "value": value,
        }
        for entry in decode_batch(payload).entries
        if isinstance(entry.body, TelemetryBlock)
        for curve in curves_in(entry.body)
        for at, value in zip(curve.times_ms, curve.values, strict=True)
    ]
    async with store.write() as connection:
        await connection.run_sync(_PLAIN_METADATA.create_all)
        await connection.execute(insert(_PLAIN_READINGS), rows)


_BASELINES: Final = {"plain": _plainly, "rows": _in_rows}


def main() -> None:
    url, frames, way, waiting = sys.argv[1:]
    print(json.dumps(asyncio.run(taken(url, list(read_frames(Path(frames))), way, int(waiting)))))


if __name__ == "__main__":
    main()
