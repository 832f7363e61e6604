"""Another version of the edge: what is not known of its journal is kept, and what is not read at all is told of."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from cloud.ingest import schema_versions
from cloud.ingest.batches import store_batch
from cloud.ingest.presence import store_birth
from cloud.store.engine import Store
from cloud.store.tables import alarms, dead_letters, entries
from protocols.errors import BadEntry
from protocols.sync.codec import decode_batch, encode_batch, encode_entry
from protocols.sync.topics import Stream
from tests.cloud.samples import EDGE, EPOCH, birth, minute, money_journal

NOW = minute(10)


async def test_a_money_body_of_a_later_version_is_kept_whole_and_its_neighbours_are_taken(store: Store) -> None:
    journal = money_journal(1)
    later = {"stream": "money", "seq": len(journal) + 1, "at": "2026-03-02T07:00:00Z"}
    later["body"] = {"kind": "gift_card_sold", "amount": "20.00", "cards": [{"number": "№ 1"}]}
    encoded = [*(encode_entry(each) for each in journal), json.dumps(later).encode()]
    stored = await store_batch(store, EDGE, decode_batch(encode_batch(EPOCH, Stream.MONEY, 1, encoded)), NOW)
    assert (stored.ack.seq, stored.new, stored.dead) == (len(journal) + 1, len(journal), 1)
    assert [each.seq for each in stored.ack.rejected] == [len(journal) + 1]
    async with store.read() as connection:
        (letter,) = (await connection.execute(select(dead_letters.c.raw, dead_letters.c.reason))).all()
        taken = (await connection.execute(select(entries.c.seq))).scalars().all()
        raised = (await connection.execute(select(alarms.c.alarm, alarms.c.severity))).all()
    assert json.loads(letter.raw) == later
    assert "gift_card_sold" in letter.reason
    assert sorted(taken) == list(range(1, len(journal) + 1))
    assert [tuple(each) for each in raised] == [("dead_letter", "critical")]


async def test_a_version_that_is_not_read_is_told_of_once_and_cleared_when_it_is(store: Store) -> None:
    batch = json.loads(encode_batch(EPOCH, Stream.MONEY, 1, [encode_entry(money_journal(1)[0])]))
    with pytest.raises(BadEntry, match="update this side") as refused:
        decode_batch(json.dumps({**batch, "v": 2}).encode())
    for _ in range(2):
        await schema_versions.refuse(store, EDGE, refused.value.reason, NOW)
    query = select(alarms.c.alarm, alarms.c.severity, alarms.c.text, alarms.c.cleared_at)
    async with store.read() as connection:
        (told,) = (await connection.execute(query)).all()
    assert (told.alarm, told.severity, told.cleared_at) == ("schema_version", "critical", None)
    assert "update this side" in told.text
    await store_birth(store, EDGE, birth(), NOW, is_first=True)
    async with store.read() as connection:
        assert (await connection.execute(query)).one().cleared_at == NOW
