"""What an edge's days come to is held against what is here: what is missing is asked for, what differs is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, select, update

from cloud.edges.queries import one
from cloud.edges.sync_queries import shown
from cloud.ingest import day_sums as proving
from cloud.ingest.batches import Stored, store_batch
from cloud.ingest.changes import Origin
from cloud.ingest.positions import Position, lock_position, set_position
from cloud.store.engine import Store
from cloud.store.proof_tables import day_sums
from cloud.store.tables import alarms, entries
from edge.ledger.day_sums import Summer, marks
from edge.ledger.ledger import Ledger
from protocols.sync.codec import decode_batch, encode_batch
from protocols.sync.topics import EdgeAddress, Stream
from tests.cloud.ingest.test_restored_edge import HUB_TIME, charge, kept, played
from tests.edge.domain.site_kit import Play

EDGE = EdgeAddress(0, "edge-1")
BERLIN = ZoneInfo("Europe/Berlin")


@dataclass
class Inbox:
    """Has the site decide what is asked, and the ledger keep it."""

    play: Play
    ledger: Ledger

    async def ask(self, event: Any) -> Any:
        reply = self.play.tell(event).reply
        await kept(self.ledger, self.play)
        return reply


async def day_of_charging(ledger: Ledger) -> None:
    """Two bills, and the sums of their day, told on the next."""
    play = played(ledger, 0)
    inbox: Any = Inbox(play, ledger)
    summer = Summer(ledger, marks(ledger.connection), inbox, lambda: play.now, lambda at: at.astimezone(BERLIN).date())
    play.connect()
    charge(play, 1000)
    charge(play, 2000)
    await kept(ledger, play)
    await summer.look()
    play.after(24 * 60)
    await summer.look()


async def tell(store: Store, ledger: Ledger, stream: Stream, after_seq: int = 0) -> Stored:
    rows = await ledger.read(stream, after_seq, 500, 1 << 24)
    payload = encode_batch(ledger.epoch, stream, rows[0][0], [body for _, body in rows])
    return await store_batch(store, EDGE, decode_batch(payload), HUB_TIME)


async def prove(store: Store, epoch: str) -> dict[str, str]:
    """The states by stream."""
    async with store.write() as connection:
        await proving.prove(connection, Origin(address=EDGE, epoch=epoch, location_id="L", received_at=HUB_TIME))
        states = await connection.execute(select(day_sums.c.stream, day_sums.c.state))
        return {row.stream: row.state for row in states}


async def raised(store: Store) -> list[str]:
    async with store.read() as connection:
        return list((await connection.execute(select(alarms.c.alarm))).scalars())


async def test_what_was_sent_proves_the_day_in_hashes_and_in_figures(store: Store, tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as ledger:
        await day_of_charging(ledger)
        await tell(store, ledger, Stream.EVENT)
        assert (await prove(store, ledger.epoch))["money"] == "waiting"  # the money has not come
        await tell(store, ledger, Stream.MONEY)
        assert await prove(store, ledger.epoch) == {"money": "proved", "event": "proved"}
    assert await raised(store) == []
    async with store.read() as connection:
        (sync,) = await shown(connection, (await connection.execute(one(0, "edge-1"))).mappings().all())
    (money,) = [each for each in sync["days"] if each["stream"] == "money"]
    assert money["day"] == date(2026, 3, 2)
    assert (money["bills"], money["energy_wh"]) == (money["bills_here"], money["energy_wh_here"]) == (2, 3000)
    assert {name: Decimal(amount) for name, amount in money["amounts"].items()} == {"EUR": Decimal("1.79")}
    assert money["amounts_here"] == money["amounts"]


@pytest.mark.parametrize("stream", [Stream.MONEY, Stream.EVENT])
async def test_what_is_missing_is_asked_for_once_and_proves_the_day_then(
    store: Store, tmp_path: Path, stream: Stream
) -> None:
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as ledger:
        await day_of_charging(ledger)
        await tell(store, ledger, Stream.EVENT)
        await tell(store, ledger, Stream.MONEY)
        async with store.write() as connection:
            await connection.execute(delete(entries).where(entries.c.stream == stream.value, entries.c.seq == 3))
        assert (await prove(store, ledger.epoch))[stream.value] == "waiting"
        assert await raised(store) == ["entries_missing"]
        async with store.write() as connection:
            assert (await lock_position(connection, EDGE, ledger.epoch, stream, HUB_TIME)).seq == 2
        stored = await tell(store, ledger, stream)
        assert stored.dead == 0
        assert (await prove(store, ledger.epoch))[stream.value] == "proved"


async def test_what_cannot_be_had_again_is_not_asked_for_twice(store: Store, tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as ledger:
        await day_of_charging(ledger)
        await tell(store, ledger, Stream.EVENT)
        await tell(store, ledger, Stream.MONEY)
        async with store.write() as connection:
            await connection.execute(delete(entries).where(entries.c.stream == "event", entries.c.seq == 3))
        await prove(store, ledger.epoch)
        await tell(store, ledger, Stream.EVENT, 3)  # the edge does not have it any more: a gap
        async with store.write() as connection:
            await connection.execute(update(day_sums).values(is_asked=True))
            await set_position(connection, EDGE, ledger.epoch, Stream.EVENT, Position(seq=99), HUB_TIME)
        assert (await prove(store, ledger.epoch))["event"] == "gone"


async def test_another_entry_in_the_same_place_is_an_alarm(store: Store, tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as ledger:
        await day_of_charging(ledger)
        await tell(store, ledger, Stream.EVENT)
        await tell(store, ledger, Stream.MONEY)
        async with store.write() as connection:
            mine = (entries.c.stream == "event") & (entries.c.seq == 3)
            (raw,) = (await connection.execute(select(entries.c.raw).where(mine))).scalars()
            await connection.execute(update(entries).where(mine).values(raw=raw.replace("2026", "2025")))
        assert (await prove(store, ledger.epoch))["event"] == "differs"
    assert await raised(store) == ["day_differs"]
