"""Bugs that are put into the product on purpose, to see that the simulation finds them: each is one that a sync layer
has had in the world."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from typing import Any, Final
from unittest import mock

from cloud.ingest import batches, link
from cloud.ingest.positions import Position, lock_position
from edge.uplink.publisher import Publisher
from protocols.sync.codec import Batch
from protocols.sync.down import Ack
from protocols.sync.topics import Stream
from tests.simulation.edge_side import WatchedLedger
from tests.simulation.world import World


@contextlib.contextmanager
def ack_before_commit(world: World) -> Iterator[None]:
    """The hub acknowledges what it has heard, and commits then (thingsboard-gateway #509)."""
    take = link.Ingest._take_batch

    async def eager(self: Any, client: Any, address: Any, batch: Batch) -> None:
        await self._acknowledge(client, address, Ack(epoch=batch.epoch, stream=batch.stream, seq=batch.last_seq))
        await take(self, client, address, batch)

    with mock.patch.object(link.Ingest, "_take_batch", eager):
        yield


@contextlib.contextmanager
def seq_reused(world: World) -> Iterator[None]:
    """The edge commits without waiting for the disk: after a kill its last commit may be gone, and its numbers are
    given again."""
    edge, saved, write = world.edge, world.edge.path.with_suffix(".before"), WatchedLedger._write

    def keep_then_write(self: Any, rows: Any) -> None:
        self.connection.execute("PRAGMA wal_checkpoint(FULL)")
        shutil.copy(self.path, saved)
        write(self, rows)

    world.on_edge_stopped = lambda: edge.revert_to(saved) if saved.exists() else None
    with mock.patch.object(WatchedLedger, "_write", keep_then_write):
        yield


@contextlib.contextmanager
def gap_dropped(world: World) -> Iterator[None]:
    """The hub takes whatever batch comes next, whether one before it is missing or not."""
    store = batches._store
    first_seqs: list[int] = []

    async def careless(connection: Any, address: Any, batch: Batch, now: Any, *, is_careful: bool) -> Any:
        first_seqs.append(batch.first_seq)
        try:
            return await store(connection, address, batch, now, is_careful=is_careful)
        finally:
            first_seqs.pop()

    async def ahead(connection: Any, address: Any, epoch: str, stream: Stream, now: Any) -> Position:
        here = await lock_position(connection, address, epoch, stream, now)
        if first_seqs and first_seqs[-1] > here.seq + 1:
            return Position(seq=first_seqs[-1] - 1, dead=here.dead)
        return here

    with mock.patch.object(batches, "_store", careless), mock.patch.object(batches, "lock_position", ahead):
        yield


@contextlib.contextmanager
def advanced_before_ack(world: World) -> Iterator[None]:
    """The edge takes the broker's PUBACK for the hub's Ack."""
    send = Publisher._send_batch

    async def hasty(self: Publisher, client: Any, window: Any) -> None:
        await send(self, client, window)
        agent = world.edge.agent
        if agent is not None and window.sent_seq > window.acked_seq:
            ack = Ack(epoch=self._journal.epoch, stream=window.stream, seq=window.sent_seq)
            await agent.ask(ack)
            self.take(ack)

    with mock.patch.object(Publisher, "_send_batch", hasty):
        yield


PLANTED: Final[dict[str, Callable[[World], Any]]] = {
    each.__name__: each for each in (ack_before_commit, seq_reused, gap_dropped, advanced_before_ack)
}
