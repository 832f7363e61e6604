"""What an edge says of its chain of hashes is held against what it sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cloud.edges.queries import shown
from cloud.ingest.batches import store_batch
from cloud.store.engine import Store
from cloud.store.proof_tables import chain_seals
from cloud.store.tables import alarms, edges
from edge.domain.proof_events import ChainGrown
from edge.ledger.chain import last_seal
from edge.ledger.ledger import Ledger
from protocols.sync.codec import decode_batch, encode_batch, encode_entry
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
