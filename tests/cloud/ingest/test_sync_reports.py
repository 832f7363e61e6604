"""What an edge tells of its way to the hub is shown beside what the hub has, and a hub that falls behind says so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import select

from cloud.ingest.batches import store_batch
from cloud.ingest.live_values import LiveValues
from cloud.ingest.presence import store_birth, store_lives, store_state
from cloud.ingest.sync_reports import LAG_ALARM, note_gap
from cloud.store.engine import Store
from cloud.store.tables import alarms
from protocols.sync.present import EdgeState, Live, StreamBacklog, SyncReport
from protocols.sync.topics import Stream
from tests.cloud.samples import EDGE, EPOCH, NEXT_EPOCH, batch, birth, minute, money_journal

NOW = minute(10)


def report(lag: timedelta = timedelta(0), epoch: str = EPOCH) -> Live:
    """An edge with ten entries of money, of which it has two Acks."""
    money = StreamBacklog(stream=Stream.MONEY, last_seq=10, acked_seq=2, oldest_at=NOW - lag, drains_in_s=30, resends=1)
    told = SyncReport(streams=(money,), broker="b:1883", bytes_today=5000, bytes_saved_today=40_000, deferred=3)
    return Live(epoch=epoch, at=NOW, evses=(), sync=told)


async def take(store: Store, live: Live) -> None:
    values = LiveValues()
    values.hear(live)
    assert await store_lives(store, {(EDGE, live.epoch): values}, NOW) == []


async def shown(api: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await api.get(f"/v1/edges/{EDGE.edge_id}/sync")).json()
    (listed,) = (await api.get("/v1/sync")).json()["items"]
    assert listed == found
    return found


async def test_both_sides_of_each_stream_are_shown(store: Store, api: httpx.AsyncClient) -> None:
    await store_birth(store, EDGE, birth(), NOW, is_first=True)
    await store_state(store, EDGE, EdgeState(status="online", epoch=EPOCH, session=1), NOW, broker="b:1883")
    before = await shown(api)
    assert (before["reported_at"], before["streams"][0]["backlog"], before["streams"][0]["lag_s"]) == (None, None, None)
    await store_batch(store, EDGE, batch(money_journal(2)[:3]), NOW)  # one more than the edge has an Ack for
    for _ in range(2):
        await note_gap(store, EDGE, Stream.MONEY, NOW)
    await take(store, report(timedelta(seconds=90)))
    found = await shown(api)
    assert (found["status"], found["broker"], found["bytes_today"], found["deferred"]) == ("online", "b:1883", 5000, 3)
    money = found["streams"][0]
    assert money | {"committed_at": None, "oldest_at": None} == {
        "stream": "money",
        "seq": 3,
        "committed_at": None,
        "edge_seq": 10,
        "backlog": 7,
        "oldest_at": None,
        "lag_s": 90.0,
        "drains_in_s": 30,
        "resends": 1,
        "gaps": 2,
        "dead_letters": 0,
    }
    assert (await api.get("/v1/edges/nobody/sync")).status_code == 404


async def test_a_hub_that_falls_behind_raises_one_alarm_and_clears_it(store: Store) -> None:
    await store_birth(store, EDGE, birth(), NOW, is_first=True)

    async def raised() -> list[tuple[str, bool]]:
        async with store.read() as connection:
            rows = (await connection.execute(select(alarms))).all()
        return [(row.alarm, row.cleared_at is None) for row in rows]

    await take(store, report(LAG_ALARM))
    assert await raised() == []
    for _ in range(2):
        await take(store, report(LAG_ALARM + timedelta(seconds=1)))
    assert await raised() == [("sync_lag", True)]
    await take(store, report())
    assert await raised() == [("sync_lag", False)]


async def test_what_an_epoch_that_is_over_reported_is_not_shown(store: Store, api: httpx.AsyncClient) -> None:
    await store_birth(store, EDGE, birth(), NOW, is_first=True)
    await take(store, report())
    await store_birth(store, EDGE, birth(epoch=NEXT_EPOCH, at=minute(11)), NOW, is_first=True)
    await take(store, report())
    assert (await shown(api))["reported_at"] is None
