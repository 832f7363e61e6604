"""Every journal entry takes effect exactly once, whatever the way does to the batches."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from sqlalchemy import func, select

from cloud.ingest.batches import Stored, store_batch
from cloud.store.engine import Store
from cloud.store.tables import (
    alarms,
    cdrs,
    charging_stations,
    dead_letters,
    entries,
    evses,
    feed,
    posting_legs,
    postings,
    sessions,
    stream_positions,
)
from protocols.sync.codec import Batch, DeadLetter, decode_batch, encode_batch, encode_entry
from protocols.sync.topics import EdgeAddress, Stream
from protocols.sync.up import (
    AlarmCleared,
    AlarmRaised,
    CdrIssued,
    CdrQuarantined,
    Entry,
    PostingMade,
    Severity,
    StationBooted,
)
from tests.cloud.samples import (
    EDGE,
    EPOCH,
    NEXT_EPOCH,
    batch,
    cdr,
    event_journal,
    minute,
    money_journal,
)

NOW: Final = minute(120)
_names = itertools.count()
PROJECTIONS = (entries, sessions, cdrs, postings, posting_legs, evses, charging_stations, stream_positions, alarms)


async def deliver(store: Store, journal: Sequence[Entry], address: EdgeAddress = EDGE, epoch: str = EPOCH) -> Stored:
    return await store_batch(store, address, batch(journal, epoch), NOW)


async def snapshot(store: Store, edge_id: str) -> dict[str, list[str]]:
    """All that the hub knows from an edge, with the edge's own name taken out."""
    found: dict[str, list[str]] = {}
    async with store.read() as connection:
        for table in PROJECTIONS:
            of_edge = select(table).where(table.c.edge_id == edge_id) if "edge_id" in table.c else select(table)
            rows = (await connection.execute(of_edge)).mappings().all()
            texts = [repr(sorted(row.items())) for row in rows]
            found[table.name] = sorted(text.replace(edge_id, "EDGE") for text in texts if f"{edge_id}'" in text
                                       or f"{edge_id}-" in text)  # fmt: skip
    return found


windows = st.lists(st.tuples(st.integers(1, 48), st.integers(1, 20)), max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deliveries=windows, events_first=st.booleans())
async def test_duplicates_reordering_and_gaps_end_in_the_same_database(
    store: Store, deliveries: list[tuple[int, int]], events_first: bool
) -> None:
    clean, rough = (EdgeAddress(0, f"edge-{next(_names)}x") for _ in range(2))
    for address, ways in ((clean, []), (rough, deliveries)):
        journal = money_journal(12, address.edge_id)
        if events_first:
            await deliver(store, event_journal(), address)
        for first, count in ways:
            stored = await deliver(store, journal[first - 1 : first - 1 + count], address)
            assert stored.ack.resend == (stored.new == 0 and first > stored.ack.seq + 1)
        position = (await deliver(store, journal[:1], address)).ack.seq
        while position < len(journal):
            position = (await deliver(store, journal[position : position + 7], address)).ack.seq
        if not events_first:
            await deliver(store, event_journal(), address)
    expected = await snapshot(store, clean.edge_id)
    assert len(expected["cdrs"]) == 12
    assert await snapshot(store, rough.edge_id) == expected


async def test_a_busy_journal_is_projected(store: Store) -> None:
    journal = money_journal(3)
    stored = await deliver(store, journal[:10])
    assert (stored.ack.seq, stored.ack.resend, stored.new) == (10, False, 10)
    async with store.read() as connection:
        shown = {row.id: row for row in await connection.execute(select(sessions))}
        assert {name: row.status for name, row in shown.items()} == {
            "edge-1-tx-1": "COMPLETED",
            "edge-1-tx-2": "COMPLETED",
            "edge-1-tx-3": "COMPLETED",
        }
        assert shown["edge-1-tx-1"].cost_incl_vat == Decimal("5.36")
        assert shown["edge-1-tx-3"].cdr_id is None
        assert await connection.scalar(select(func.count()).select_from(cdrs)) == 2
        legs = (await connection.execute(select(posting_legs.c.amount))).scalars().all()
        assert sum(legs) == 0


async def test_beyond_a_gap_nothing_is_stored_and_a_resend_is_asked_for(store: Store) -> None:
    journal = money_journal(2)
    await deliver(store, journal[:2])
    stored = await deliver(store, journal[3:])
    assert (stored.ack.seq, stored.ack.resend, stored.new) == (2, True, 0)
    async with store.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(entries)) == 2


async def test_a_new_epoch_starts_its_own_positions(store: Store) -> None:
    await deliver(store, event_journal())
    stored = await deliver(store, event_journal()[:1], epoch=NEXT_EPOCH)
    assert (stored.ack.epoch, stored.ack.seq, stored.new) == (NEXT_EPOCH, 1, 1)


async def test_a_restored_journal_under_a_new_epoch_bills_nothing_twice(store: Store) -> None:
    await deliver(store, money_journal(2))
    stored = await deliver(store, money_journal(2), epoch=NEXT_EPOCH)
    assert (stored.ack.seq, stored.dead) == (8, 0)
    async with store.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(cdrs)) == 2
        assert await connection.scalar(select(func.count()).select_from(posting_legs)) == 6


async def test_two_domains_with_the_same_names_do_not_meet(store: Store) -> None:
    await deliver(store, money_journal(1), EdgeAddress(0, "edge-1"))
    await deliver(store, money_journal(1), EdgeAddress(0x81, "edge-1"))
    async with store.read() as connection:
        rows = (await connection.execute(select(cdrs.c.domain, cdrs.c.id).order_by(cdrs.c.domain))).all()
    assert rows == [(0, "edge-1-cdr-1"), (0x81, "edge-1-cdr-1")]


def poisoned(journal: Sequence[Entry], seq: int, item: object) -> Batch:
    encoded = [encode_entry(entry) for entry in journal]
    encoded[seq - 1] = json.dumps(item).encode()
    return decode_batch(encode_batch(EPOCH, journal[0].stream, journal[0].seq, encoded))


HUGE = {"stream": "event", "seq": 2, "at": "2026-03-02T08:00:00Z", "body": {"kind": "connector_status_changed",
        "station_id": "CP-1", "evse_id": 10**30, "connector_id": 1, "status": "Available"}}  # fmt: skip
NAIVE = {**HUGE, "at": "2026-03-02T08:00:00", "body": {**HUGE["body"], "evse_id": 1}}  # type: ignore[dict-item]
SURROGATE = {**HUGE, "body": {"kind": "station_booted", "station_id": "\ud800", "vendor": "v", "model": "m"}}


@pytest.mark.parametrize(
    "item", [{"seq": 2}, None, [], "\x00\ud800", HUGE, NAIVE, SURROGATE, {**HUGE, "body": {"kind": "from_the_future"}}]
)
async def test_poison_becomes_a_dead_letter_and_the_stream_goes_on(store: Store, item: object) -> None:
    stored = await store_batch(store, EDGE, poisoned(event_journal(), 2, item), NOW)
    assert (stored.ack.seq, stored.new, stored.dead) == (4, 3, 1)
    assert [entry.seq for entry in stored.ack.rejected] == [2]
    again = await store_batch(store, EDGE, poisoned(event_journal(), 2, item), NOW)
    assert again.ack == stored.ack
    async with store.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(dead_letters)) == 1
        raised = (await connection.execute(select(alarms.c.alarm, alarms.c.severity))).one()
        assert raised == ("dead_letter", "warning")
        state = await connection.scalar(select(evses.c.state).where(evses.c.station_id == "CP-1", evses.c.evse_id == 1))
        assert state == "occupied" or state == "charging"


async def test_a_posting_that_does_not_balance_is_poison(store: Store) -> None:
    journal = money_journal(1)
    posting = journal[3].body
    assert isinstance(posting, PostingMade)
    wrong = structs.replace(posting, legs=posting.legs[:2])
    stored = await deliver(store, [*journal[:3], structs.replace(journal[3], body=wrong)])
    assert stored.ack.rejected[0].reason == "body.legs: they sum to 0.86, not to zero"
    async with store.read() as connection:
        assert await connection.scalar(select(alarms.c.severity)) == "critical"


async def test_another_bill_under_a_taken_id_is_poison(store: Store) -> None:
    await deliver(store, money_journal(1))
    other = structs.replace(cdr(1), total_energy_wh=1)
    entry = Entry(stream=Stream.MONEY, seq=5, at=minute(40), body=CdrIssued(cdr=other))
    stored = await deliver(store, [entry])
    assert (stored.ack.seq, stored.dead) == (5, 1)
    async with store.read() as connection:
        assert await connection.scalar(select(cdrs.c.total_energy_wh)) == 10_001


async def test_a_quarantined_bill_makes_its_session_invalid_until_it_is_issued(store: Store) -> None:
    journal = money_journal(1)[:2]
    held = CdrQuarantined(cdr=structs.replace(cdr(1), quarantine=("meter ran backwards",)))
    await deliver(store, [*journal, Entry(stream=Stream.MONEY, seq=3, at=minute(31), body=held)])
    async with store.read() as connection:
        assert await connection.scalar(select(sessions.c.status)) == "INVALID"
    await deliver(store, [Entry(stream=Stream.MONEY, seq=4, at=minute(32), body=CdrIssued(cdr=cdr(1)))])
    async with store.read() as connection:
        assert await connection.scalar(select(sessions.c.status)) == "COMPLETED"
        assert await connection.scalar(select(cdrs.c.status)) == "issued"


async def test_an_alarm_may_be_raised_cleared_and_raised_again(store: Store) -> None:
    raised = AlarmRaised(alarm_id="a", alarm="door_open", severity=Severity.INFO, text="")
    bodies: list[AlarmRaised | AlarmCleared] = [
        raised,
        AlarmCleared(alarm_id="a"),
        raised,
        AlarmCleared(alarm_id="a"),
        raised,
    ]
    journal = [Entry(stream=Stream.EVENT, seq=seq, at=minute(seq), body=body) for seq, body in enumerate(bodies, 1)]
    await deliver(store, journal[:3])
    await deliver(store, journal[3:])
    async with store.read() as connection:
        query = select(alarms.c.raised_at, alarms.c.cleared_at).order_by(alarms.c.raised_at)
        assert (await connection.execute(query)).all() == [
            (minute(1), minute(2)),
            (minute(3), minute(4)),
            (minute(5), None),
        ]


async def test_an_entry_that_only_the_database_refuses_is_found(store: Store) -> None:
    """A NUL is text to SQLite and an error to PostgreSQL; either way the stream goes on."""
    journal = event_journal()
    boot = StationBooted(station_id="CP\x00", vendor="v", model="m")
    journal[1] = structs.replace(journal[1], body=boot)
    stored = await deliver(store, journal)
    assert stored.ack.seq == 4
    assert stored.new + stored.dead == 4


async def test_the_feed_tells_each_session_once_a_batch_and_marks_what_came_late(store: Store) -> None:
    await deliver(store, money_journal(2))
    async with store.read() as connection:
        rows = (await connection.execute(select(feed).where(feed.c.kind == "session").order_by(feed.c.cursor))).all()
    assert [json.loads(row.data)["id"] for row in rows] == ["edge-1-tx-1", "edge-1-tx-2"]
    assert all(row.is_historical for row in rows)
    assert json.loads(rows[0].data)["total_cost"] == {"excl_vat": "4.50", "incl_vat": "5.36"}


def test_dead_letters_of_the_codec_are_of_this_shape() -> None:
    bad = poisoned(event_journal(), 1, {})
    assert isinstance(bad.dead[0], DeadLetter)
