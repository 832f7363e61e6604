"""Two agents with one identity: none overwrites the other's entries, and none takes the other's Acks for its own."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from cloud.ingest.batches import Stored, store_batch
from cloud.store.engine import Store
from cloud.store.tables import alarms, cdrs, dead_letters, entries
from edge.ledger.ledger import Ledger
from protocols.sync.codec import decode_batch, encode_batch, stamp_of
from protocols.sync.topics import EdgeAddress, Stream
from tests.cloud.ingest.test_restored_edge import HUB_TIME, charge, kept, played

EDGE = EdgeAddress(0, "edge-1")


async def send(store: Store, ledger: Ledger, after_seq: int, upto_seq: int, stream: Stream = Stream.MONEY) -> Stored:
    """A batch as the edge's publisher makes it."""
    rows = [row for row in await ledger.read(stream, after_seq, 500, 1 << 24) if row[0] <= upto_seq]
    before = await ledger.read(stream, after_seq - 1, 1, 1) if after_seq else []
    after_at = stamp_of(before[0][1]) if before else None
    payload = encode_batch(ledger.epoch, stream, rows[0][0], [body for _, body in rows], after_at)
    return await store_batch(store, EDGE, decode_batch(payload), HUB_TIME)


async def charged(ledger: Ledger, hours: int, *energies_wh: int) -> int:
    play = played(ledger, hours)
    play.connect()
    for wh in energies_wh:
        charge(play, wh)
    await kept(ledger, play)
    return ledger.last_seq(Stream.MONEY)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "a", tmp_path / "b"


async def cloned(store: Store, folders: tuple[Path, Path]) -> int:
    """Two machines from one image, where files keep their numbers; the hub has what both have. Returns its end."""
    first, second = folders
    with Ledger(first / "ledger.sqlite", "edge-1") as ledger:
        end = await charged(ledger, 1, 5000)
        assert (await send(store, ledger, 0, end)).ack.seq == end
    shutil.copytree(first, second)
    with closing(sqlite3.connect(second / "ledger.sqlite")) as connection:
        connection.execute("DELETE FROM meta WHERE key = 'file'")
        connection.commit()
    return end


async def seen(store: Store) -> tuple[list[str], int]:
    """The open alarms, and how many dead letters there are."""
    async with store.read() as connection:
        raised = (await connection.execute(select(alarms.c.alarm).order_by(alarms.c.alarm))).scalars().all()
        letters = (await connection.execute(select(dead_letters.c.seq))).scalars().all()
    return sorted(set(raised)), len(letters)


async def test_what_a_clone_sends_in_the_place_of_others_is_kept_apart(
    store: Store, folders: tuple[Path, Path]
) -> None:
    end = await cloned(store, folders)
    with Ledger(folders[0] / "ledger.sqlite", "edge-1") as one, Ledger(folders[1] / "ledger.sqlite", "edge-1") as two:
        ends = await charged(one, 3, 1000, 2000), await charged(two, 4, 7000, 7000, 7000)
        assert (await send(store, one, end, ends[0])).ack.seq == ends[0]
        stored = await send(store, two, end, ends[1])
        assert (stored.is_foreign, stored.new, stored.ack.seq) == (True, 0, ends[0])
        for _ in range(3):  # it goes on sending, and the other one is not disturbed
            assert (await send(store, two, end, ends[1])).is_foreign
        later = await charged(one, 6, 3000)
        stored = await send(store, one, ends[0], later)
        assert (stored.is_foreign, stored.ack.seq) == (False, later)
    found, letters = await seen(store)
    assert "edge_forked" in found
    assert letters == ends[1] - end
    async with store.read() as connection:
        kept_raw = (await connection.execute(select(dead_letters.c.raw))).scalars().all()
        billed = (await connection.execute(select(cdrs.c.total_energy_wh))).scalars().all()
    assert sum('"kind":"cdr_issued"' in raw for raw in kept_raw) == 3  # the clone's money is there to be seen
    assert sorted(billed) == [1000, 2000, 3000, 5000]


async def test_a_clone_that_is_ahead_does_not_go_on_behind_the_others_entries(
    store: Store, folders: tuple[Path, Path]
) -> None:
    """Its first batch is lost or still on its way: the next one begins where the hub stands."""
    end = await cloned(store, folders)
    with Ledger(folders[0] / "ledger.sqlite", "edge-1") as one, Ledger(folders[1] / "ledger.sqlite", "edge-1") as two:
        ends = await charged(one, 3, 1000), await charged(two, 4, 7000, 7000)
        await send(store, one, end, ends[0])
        stored = await send(store, two, ends[0], ends[1])
        assert (stored.is_foreign, stored.ack.seq) == (True, ends[0])
    async with store.read() as connection:
        (count,) = (await connection.execute(select(entries.c.seq).where(entries.c.stream == "money"))).all()[-1]
    assert count == ends[0]


async def test_an_ack_says_whose_entries_it_is_for(store: Store, folders: tuple[Path, Path]) -> None:
    end = await cloned(store, folders)
    with Ledger(folders[0] / "ledger.sqlite", "edge-1") as one, Ledger(folders[1] / "ledger.sqlite", "edge-1") as two:
        ends = await charged(one, 3, 1000), await charged(two, 4, 7000, 7000)
        ack = (await send(store, one, end, ends[0])).ack
        stamps = [stamp_of((await each.read(Stream.MONEY, ack.seq - 1, 1, 1))[0][1]) for each in (one, two)]
        assert ack.entry_at == stamps[0] != stamps[1]


async def test_an_edge_that_repeats_itself_is_no_clone(store: Store, folders: tuple[Path, Path]) -> None:
    end = await cloned(store, folders)
    with Ledger(folders[0] / "ledger.sqlite", "edge-1") as one:
        newest = await charged(one, 3, 1000, 2000)
        for after, upto in ((0, end), (end - 2, newest), (0, newest), (newest - 1, newest)):
            stored = await send(store, one, after, upto)
            assert not stored.is_foreign
        assert stored.ack.seq == newest
    assert (await seen(store))[1] == 0
