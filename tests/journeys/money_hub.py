"""The hub of a random money journey: its real ingest over SQLite, told the journal in batches that come twice, out of
their order, and cut anywhere, as the contract of the wire allows."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random

from sqlalchemy import func, select

from cloud.ingest.batches import store_batch
from cloud.ingest.presence import store_birth
from cloud.store.engine import Store
from cloud.store.migrate import migrate
from cloud.store.proof_tables import chain_seals
from cloud.store.tables import alarms, cdrs, dead_letters, entries, posting_legs, postings, sessions
from protocols.sync.codec import decode_batch, encode_batch
from protocols.sync.down import Ack
from protocols.sync.present import Birth, StreamPosition
from protocols.sync.topics import EdgeAddress, Stream
from protocols.sync.up import CdrIssued, CdrQuarantined, PostingMade
from tests.journeys.money_world import World

EDGE = EdgeAddress(0, "edge-1")


@cache
def _empty() -> Path:
    """A migrated database, made once."""
    path = Path(tempfile.mkdtemp(prefix="ohmstead-hub-")) / "hub.db"

    async def make() -> None:
        store = Store.open(f"sqlite+aiosqlite:///{path}")
        await migrate(store)
        await store.aclose()

    asyncio.run(make())
    return path


def prepare() -> None:
    """To be called where no loop runs."""
    _empty()


class Hub:
    def __init__(self, world: World) -> None:
        self.world = world
        path = world.folder / "hub.db"
        shutil.copy(_empty(), path)
        self.store = Store.open(f"sqlite+aiosqlite:///{path}")
        self.positions = dict.fromkeys(Stream, 0)

    async def close(self) -> None:
        await self.store.aclose()

    async def meet(self) -> None:
        """The edge comes with a new epoch, and says what of its journal is there."""
        ledger, now = self.world.ledger, self.world.now
        streams = tuple(
            StreamPosition(
                stream=stream, last_seq=ledger.last_seq(stream), acked_seq=0, first_seq=ledger.first_seq(stream)
            )
            for stream in Stream
        )
        birth = Birth(
            edge_id=EDGE.edge_id,
            epoch=ledger.epoch,
            software_version="0",
            at=now,
            location=self.world.rules.location,
            evses=(),
            streams=streams,
        )
        met = await store_birth(self.store, EDGE, birth, now, is_first=True)
        self.positions = {ack.stream: ack.seq for ack in met.acks}
        assert self.positions[Stream.MONEY] == 0

    async def hear(self, random: Random, most_batches: int, *, in_order: bool = False) -> None:
        """Some batches of each stream, and their Acks back to the edge."""
        for stream in Stream:
            for _ in range(most_batches):
                if self.positions[stream] >= self.world.ledger.last_seq(stream):
                    break
                await self._batch(stream, random, in_order=in_order)

    async def hear_all(self, random: Random) -> None:
        for stream in Stream:
            while self.positions[stream] < self.world.ledger.last_seq(stream):
                await self._batch(stream, random, in_order=False)

    async def _batch(self, stream: Stream, random: Random, *, in_order: bool) -> None:
        position = self.positions[stream]
        after = position if in_order else max(0, position + random.choice((0, 0, 0, -3, -1, 2)))
        ledger = self.world.ledger
        rows = await ledger.read(stream, after, random.choice((1, 7, 60, 200)), 1 << 22)
        if not rows:
            return
        payload = encode_batch(ledger.epoch, stream, rows[0][0], [body for _, body in rows])
        for _ in range(random.choice((1, 1, 2))):
            stored = await store_batch(self.store, EDGE, decode_batch(payload), self.world.now)
            assert stored.dead == 0, stored
            assert stored.ack.seq >= position
            assert stored.ack.resend == (rows[0][0] > position + 1)
            position = stored.ack.seq
        self.positions[stream] = position
        if random.random() < 0.8:  # an Ack may be lost
            await self.world.tell(Ack(epoch=ledger.epoch, stream=stream, seq=position))

    # --- held against the edge ---

    async def prove_equal(self) -> None:
        """Entry by entry, posting by posting, bill by bill."""
        async with self.store.read() as hub:
            assert (await hub.execute(select(func.count()).select_from(dead_letters))).scalar_one() == 0
            for stream in Stream:
                is_of = (entries.c.stream == stream.value) & (entries.c.epoch == self.world.ledger.epoch)
                told = select(entries.c.seq, entries.c.raw).where(is_of)
                raw = {row.seq: row.raw.encode() for row in await hub.execute(told)}
                assert raw == dict(await self.world.ledger.read(stream, 0, 1 << 20, 1 << 30)), stream
            legs = await hub.execute(select(posting_legs.c.account, posting_legs.c.amount))
            sums: dict[str, Decimal] = {}
            for account, amount in legs:
                sums[account] = sums.get(account, Decimal(0)) + amount
            assert _nonzero(sums) == _nonzero(self.world.sums)
            keys = {row.key for row in await hub.execute(select(postings.c.key))}
            bills = {row.id: row for row in await hub.execute(select(cdrs.c.id, cdrs.c.status, cdrs.c.cost_incl_vat))}
            broken = select(alarms.c.alarm).where(alarms.c.alarm.in_(("chain_broken", "billed_twice")))
            assert (await hub.execute(broken)).all() == []
            proved = await hub.execute(select(chain_seals.c.seq, chain_seals.c.is_proved))
            assert all(row.is_proved for row in proved)
            running = select(sessions.c.id).where(sessions.c.status.not_in(("COMPLETED", "INVALID")))
            assert (await hub.execute(running)).all() == []
        found = [entry.body for entry in self.world.entries]
        assert keys == {body.key for body in found if isinstance(body, PostingMade)}
        issued = {body.cdr.id: body.cdr for body in found if isinstance(body, CdrIssued | CdrQuarantined)}
        assert bills.keys() == issued.keys()
        for cdr_id, cdr in issued.items():
            assert bills[cdr_id].cost_incl_vat == cdr.total_cost.incl_vat


def _nonzero(sums: dict[str, Decimal]) -> dict[str, Decimal]:
    return {account: amount for account, amount in sums.items() if amount}
