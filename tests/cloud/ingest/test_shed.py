"""What an edge gave up for want of room is listed, and not asked for for ever."""

from __future__ import annotations

from sqlalchemy import select

from cloud.ingest.batches import Stored, store_batch
from cloud.store.engine import Store
from cloud.store.tables import alarms
from protocols.sync.keeping import EntriesShed
from protocols.sync.topics import Stream
from protocols.sync.up import Entry
from tests.cloud.samples import EDGE, EPOCH, batch, minute, telemetry_journal

NOW = minute(120)


async def deliver(store: Store, entries: list[Entry]) -> Stored:
    return await store_batch(store, EDGE, batch(entries, EPOCH), NOW)


def shed(seq: int, first_seq: int | None, last_seq: int | None, count: int = 3) -> list[Entry]:
    body = EntriesShed(stream=Stream.TELEMETRY, count=count, first_seq=first_seq, last_seq=last_seq)
    return [Entry(stream=Stream.EVENT, seq=seq, at=minute(seq), body=body)]


async def test_the_stream_goes_on_behind_what_was_shed(store: Store) -> None:
    readings = telemetry_journal()[:1] * 9
    numbered = [
        Entry(stream=Stream.TELEMETRY, seq=seq, at=each.at, body=each.body) for seq, each in enumerate(readings, 1)
    ]
    await deliver(store, numbered[:2])
    assert (await deliver(store, numbered[5:7])).ack.resend
    await deliver(store, shed(1, 3, 5))
    stored = await deliver(store, numbered[5:7])
    assert (stored.ack.seq, stored.ack.resend, stored.new) == (7, False, 2)
    async with store.read() as connection:
        assert (await connection.execute(select(alarms.c.alarm))).scalars().all() == []


async def test_what_is_here_already_or_leaves_a_gap_moves_nothing(store: Store) -> None:
    (reading,) = telemetry_journal()[:1]
    await deliver(store, [Entry(stream=Stream.TELEMETRY, seq=1, at=reading.at, body=reading.body)])
    await deliver(store, shed(1, 1, 1))
    await deliver(store, shed(2, 5, 9))
    await deliver(store, shed(3, None, None))
    next_one = [Entry(stream=Stream.TELEMETRY, seq=2, at=reading.at, body=reading.body)]
    assert (await deliver(store, next_one)).ack.seq == 2


async def test_of_a_stream_that_never_came_the_beginning_may_be_shed(store: Store) -> None:
    await deliver(store, shed(1, 1, 4, count=4))
    (reading,) = telemetry_journal()[:1]
    fifth = Entry(stream=Stream.TELEMETRY, seq=5, at=reading.at, body=reading.body)
    assert (await deliver(store, [fifth])).ack.seq == 5


async def test_numbers_that_no_stream_has_are_a_dead_letter_and_stop_nothing(store: Store) -> None:
    for seq, (first, last) in enumerate([(1, 2**70), (0, 5), (5, 4), (1, None)], 1):
        stored = await deliver(store, shed(seq, first, last))
        assert (stored.ack.seq, stored.dead) == (seq, 1)
