"""The hub's ingest in a process of its own, without a broker: `python -m tests.bench.hub_side URL FRAMES WAY`.

`ohmstead` is what the hub does with a batch that comes in, from its bytes to the commit. `plain` is what anybody would
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

from sqlalchemy import func, select

from cloud.ingest.batches import store_batch
from cloud.store.engine import Store, insert_missing
from cloud.store.migrate import migrate
from cloud.store.tables import cdrs, entries, sessions
from protocols.sync.codec import decode_batch
from protocols.sync.topics import EdgeAddress
from tests.bench.frames import EDGE_ID, read_frames

_ADDRESS = EdgeAddress(0, EDGE_ID)


async def taken(url: str, payloads: Sequence[bytes], way: str) -> dict[str, float]:
    """Take all batches, one after the other. Raises AssertionError when not every entry is there, once."""
    async with contextlib.aclosing(Store.open(url)) as store:
        await migrate(store)
        begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
        took: list[float] = []
        for payload in payloads:
            since_s = time.perf_counter()
            await (_plainly(store, payload) if way == "plain" else _properly(store, payload))
            took.append(time.perf_counter() - since_s)
        wall_s, cpu_s = time.perf_counter() - begun_s, time.process_time() - begun_cpu_s
        async with store.read() as connection:
            counts = [await connection.scalar(select(func.count()).select_from(table)) for table in (entries, cdrs)]
            done = select(func.count()).select_from(sessions).where(sessions.c.status == "COMPLETED")
            counts.append(await connection.scalar(done))
    return {
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "batch_p50_ms": 1000 * sorted(took)[len(took) // 2],
        "batch_max_ms": 1000 * max(took),
        **dict(zip(("entries", "bills", "sessions"), (count or 0 for count in counts), strict=True)),
    }


async def _properly(store: Store, payload: bytes) -> None:
    batch = decode_batch(payload)
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


def main() -> None:
    url, frames, way = sys.argv[1:]
    print(json.dumps(asyncio.run(taken(url, list(read_frames(Path(frames))), way))))


if __name__ == "__main__":
    main()
