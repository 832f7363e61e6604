"""What an edge says of its chain of hashes is held against what it sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from cloud.edges.queries import shown
from cloud.ingest.batches import Stored, store_batch
from cloud.ingest.positions import lock_position
from cloud.store.engine import Store
from cloud.store.money_tables import account_totals
from cloud.store.proof_tables import chain_seals
from cloud.store.tables import alarms, cdrs, edges, entries, posting_legs, sessions, stream_positions
from edge.domain.proof_events import ChainGrown
from edge.ledger.chain import last_seal
from edge.ledger.ledger import Ledger
from protocols.sync.codec import decode_batch, encode_batch, encode_entry, stamp_of
from protocols.sync.down import Ack
from protocols.sync.proof import ChainSealed
from protocols.sync.topics import EdgeAddress, Stream
from protocols.sync.up import Entry
from tests.cloud.ingest.test_restored_edge import HUB_TIME, charge, kept, played


async def sent(tmp_path: Path) -> tuple[str, list[Entry]]:
    """The money of an edge with two seals, the first of three bills: a driver's name in every script among them."""
    entries: list[Entry] = []
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as ledger:
        play = played(ledger, 0)
        play.connect()
        for number in range(2):
            for wh in (1000, 2000, 3000):
                charge(play, wh + number)
            entries += play.entries
            await kept(ledger, play)
            seal, head = last_seal(ledger.connection, ledger.epoch), ledger.chain
            told = ChainSealed(
                through_seq=head.seq,
                count=head.count,
                hash=head.hash.hex(),
                since_seq=seal.seq,
                since_count=seal.count,
                since_hash=seal.hash.hex(),
            )
            play.tell(ChainGrown(seal=told))
        entries += play.entries
        await kept(ledger, play)
        return ledger.epoch, [entry for entry in entries if entry.stream is Stream.MONEY]


async def told(store: Store, epoch: str, entries: list[Entry]) -> tuple[list[Any], list[Any]]:
    """In two batches."""
    for part in (entries[:7], entries[7:]):
        payload = encode_batch(epoch, Stream.MONEY, part[0].seq, [encode_entry(entry) for entry in part])
        stored = await store_batch(store, EdgeAddress(0, "edge-1"), decode_batch(payload), HUB_TIME)
        assert stored.dead == 0
    async with store.read() as connection:
        seals = (await connection.execute(select(chain_seals).order_by(chain_seals.c.seq))).all()
        raised = (await connection.execute(select(alarms.c.alarm))).all()
    return [seal.is_proved for seal in seals], [each.alarm for each in raised]


async def test_what_was_sent_proves_the_seals(store: Store, tmp_path: Path) -> None:
    assert await told(store, *await sent(tmp_path)) == ([True, True], [])


@pytest.mark.parametrize("changed", ["hash", "since_hash"])
async def test_another_hash_is_an_alarm(store: Store, tmp_path: Path, changed: str) -> None:
    epoch, entries = await sent(tmp_path)
    last = entries[-1]
    assert isinstance(last.body, ChainSealed)
    changes: dict[str, Any] = {changed: "ab" * 32}
    body = replace(last.body, **changes)
    entries[-1] = Entry(stream=last.stream, seq=last.seq, at=last.at, body=body)
    assert await told(store, epoch, entries) == ([True, False], ["chain_broken"])


async def test_what_is_not_all_here_is_neither(store: Store, tmp_path: Path) -> None:
    epoch, entries = await sent(tmp_path)
    last = entries[-1]
    assert isinstance(last.body, ChainSealed)
    body = replace(last.body, count=last.body.count + 1)
    entries[-1] = Entry(stream=last.stream, seq=last.seq, at=last.at, body=body)
    assert await told(store, epoch, entries) == ([True, None], [])


async def test_the_newest_seal_is_shown_with_its_edge(store: Store, tmp_path: Path) -> None:
    epoch, entries = await sent(tmp_path)
    await told(store, epoch, entries)
    async with store.read() as connection:
        rows = (await connection.execute(select(edges))).mappings().all()
        (edge,) = await shown(connection, rows)
    last = entries[-1].body
    assert isinstance(last, ChainSealed)
    assert edge["chain"] == {
        "through_seq": last.through_seq,
        "count": 12,
        "hash": last.hash,
        "is_proved": True,
        "sealed_at": entries[-1].at,
    }


async def test_what_is_not_here_any_more_is_asked_for_again_and_taken_once(store: Store, tmp_path: Path) -> None:
    """Somebody put an older copy of some of the hub's tables back."""
    epoch, journal = await sent(tmp_path)
    seals = [at for at, entry in enumerate(journal) if isinstance(entry.body, ChainSealed)]
    edge = EdgeAddress(0, "edge-1")

    async def tell(part: list[Entry]) -> Stored:
        payload = encode_batch(epoch, Stream.MONEY, part[0].seq, [encode_entry(entry) for entry in part])
        return await store_batch(store, edge, decode_batch(payload), HUB_TIME)

    async def money() -> tuple[list[Any], ...]:
        async with store.read() as connection:
            found = []
            for table in (entries, cdrs, posting_legs, account_totals, sessions):
                columns = [column for column in table.c if column.name != "updated_at"]
                rows = await connection.execute(select(*columns))
                found.append(sorted(repr(tuple(row)) for row in rows))
            return tuple(found)

    assert (await tell(journal[:-1])).ack.seq == journal[-2].seq
    before = await money()
    first = journal[seals[0] + 2].seq
    async with store.write() as connection:
        await connection.execute(delete(entries).where(entries.c.seq.in_([first, first + 3, first + 4])))
    stored = await tell(journal[-1:])
    assert (stored.ack.seq, stored.ack.resend) == (first - 1, True)
    again = [entry for entry in journal if entry.seq >= first]
    assert (await tell(again)).ack == Ack(
        epoch=epoch, stream=Stream.MONEY, seq=journal[-1].seq, entry_at=stamp_of(encode_entry(journal[-1]))
    )
    after = await money()
    assert [len(each) for each in after] == [len(before[0]) + 1, *(len(each) for each in before[1:])]
    assert after[1:] == before[1:]
    async with store.read() as connection:
        proved = (await connection.execute(select(chain_seals.c.is_proved).order_by(chain_seals.c.seq))).scalars().all()
        raised = (await connection.execute(select(alarms.c.alarm))).scalars().all()
    assert (list(proved), list(raised)) == ([True, True], ["entries_missing"])


async def test_a_seal_over_what_was_never_told_in_this_epoch_asks_for_nothing(store: Store, tmp_path: Path) -> None:
    """A restored ledger, whose journal was trimmed, repeats the seals of its old epoch."""
    epoch, journal = await sent(tmp_path)
    for seq, part in ((journal[2].seq, journal[3:6]), (journal[5].seq, journal[6:])):
        async with store.write() as connection:
            await lock_position(connection, EdgeAddress(0, "edge-1"), epoch, Stream.MONEY, HUB_TIME)
            await connection.execute(update(stream_positions).values(seq=seq))
        payload = encode_batch(epoch, Stream.MONEY, part[0].seq, [encode_entry(entry) for entry in part])
        stored = await store_batch(store, EdgeAddress(0, "edge-1"), decode_batch(payload), HUB_TIME)
        assert (stored.ack.seq, stored.ack.resend) == (part[-1].seq, False)
