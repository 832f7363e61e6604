"""A hub at two brokers: what comes by either is one journal, and an edge is where it was heard last."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import insert, select

from cloud.ingest.downlink import Downlink
from cloud.ingest.presence import forget_presence, store_birth, store_state
from cloud.store.engine import Store
from cloud.store.tables import commands, edges, feed
from protocols.sync.present import EdgeState
from protocols.sync.topics import Stream
from tests.cloud.conftest import RunningHub, StartHub, eventually
from tests.cloud.edge_double import EdgeDouble, connected
from tests.cloud.samples import EDGE, EPOCH, NEXT_EPOCH, birth, minute, money_journal
from tests.kit import Broker, start_broker

NOW = minute(10)
ONE, TWO = "one:1883", "two:1883"


@pytest.fixture
def backup() -> Iterator[Broker]:
    with start_broker() as started:
        yield started


@contextlib.asynccontextmanager
async def moved(broker: Broker, backup: Broker, session: int) -> AsyncIterator[tuple[EdgeDouble, EdgeDouble]]:
    """An edge that was at one broker and is born at the other."""
    async with connected(broker) as one, connected(backup) as two:
        await one.is_born(birth(at=minute(1)))
        await one.says(EdgeState(status="online", epoch=EPOCH, session=session))
        await one.acked(Stream.MONEY, 0)
        await two.is_born(birth(at=minute(2)))
        await two.says(EdgeState(status="online", epoch=EPOCH, session=session + 1))
        yield one, two


async def status_of(hub: RunningHub) -> str:
    async with await hub.client() as client:
        return str((await client.get(f"/v1/edges/{EDGE.edge_id}")).json()["status"])


async def test_an_edge_that_moves_sends_on_where_it_stood_and_its_old_will_is_void(
    start_hub: StartHub, broker: Broker, backup: Broker
) -> None:
    journal = money_journal(4)
    async with start_hub(broker, backup) as hub, moved(broker, backup, session=7) as (one, two):
        await one.send(journal[:2])
        await one.acked(Stream.MONEY, journal[1].seq)
        await two.send(journal)  # with what it had no Ack for
        await two.acked(Stream.MONEY, journal[-1].seq)
        await one.says(EdgeState(status="offline", epoch=EPOCH, session=7))
        await one.send(journal[:1])
        await one.acked(Stream.MONEY, journal[-1].seq)  # so the will was heard
        assert await status_of(hub) == "online"
        await two.says(EdgeState(status="offline", epoch=EPOCH, session=8))
        await eventually(lambda: status_of(hub), "offline")


async def test_a_command_goes_where_the_edge_is_and_follows_it_when_it_moves(store: Store) -> None:
    await store_birth(store, EDGE, birth(), NOW, is_first=True)
    await store_state(store, EDGE, EdgeState(status="online", epoch=EPOCH, session=1), NOW, broker=TWO)
    async with store.write() as connection:
        row = {
            "domain": EDGE.domain,
            "edge_id": EDGE.edge_id,
            "id": "c-1",
            "command": "remote_stop",
            "status": "queued",
        }
        times = {"issued_at": NOW, "expires_at": minute(20)}
        await connection.execute(
            insert(commands), {**row, **times, "transaction_id": "tx-1", "detail": "", "issued_by": "k"}
        )
    sent: dict[str, list[str]] = {ONE: [], TWO: []}

    def at(broker: str) -> Downlink:
        async def publish(topic: str, payload: bytes, is_retained: bool) -> None:
            sent[broker].append(topic)

        return Downlink(store, broker, publish)

    one, two = at(ONE), at(TWO)
    await one.flush(NOW)
    assert sent == {ONE: [], TWO: []}
    await two.flush(NOW)
    assert sent == {ONE: [], TWO: [EDGE.command("c-1")]}
    one.forget(EDGE)  # it is born there
    for _ in range(2):
        await one.flush(NOW)
    assert sent == {ONE: [EDGE.command("c-1")], TWO: [EDGE.command("c-1")]}
    one.forget(EDGE)
    await one.flush(minute(20))
    assert len(sent[ONE]) == 1  # never late


async def test_only_those_at_a_lost_broker_are_unknown(store: Store) -> None:
    await store_birth(store, EDGE, birth(), NOW, is_first=True)
    await store_state(store, EDGE, EdgeState(status="online", epoch=EPOCH, session=3), NOW, broker=TWO)
    await forget_presence(store, ONE)
    assert await seen(store) == ("online", 3, TWO)
    await forget_presence(store, TWO)
    assert await seen(store) == ("unknown", 3, TWO)
    await store_state(store, EDGE, EdgeState(status="online", epoch=EPOCH, session=2), NOW, broker=ONE)  # retained
    assert await seen(store) == ("unknown", 3, TWO)
    await store_state(store, EDGE, EdgeState(status="online", epoch=EPOCH, session=3), NOW, broker=TWO)
    assert await seen(store) == ("online", 3, TWO)


async def test_a_move_is_no_news_to_those_who_watch(store: Store) -> None:
    await store_birth(store, EDGE, birth(), NOW, is_first=True)
    told = []
    for session, broker in ((1, ONE), (2, TWO)):
        await store_state(store, EDGE, EdgeState(status="online", epoch=EPOCH, session=session), NOW, broker=broker)
        async with store.read() as connection:
            told.append(len((await connection.execute(select(feed.c.kind))).all()))
    assert told[0] == told[1]
    assert await seen(store) == ("online", 2, TWO)


async def test_an_edge_that_does_not_count_its_sessions_is_believed_as_ever(store: Store) -> None:
    await store_birth(store, EDGE, birth(), NOW, is_first=True)
    await store_state(store, EDGE, EdgeState(status="online", epoch=EPOCH, session=5), NOW, broker=ONE)
    await store_state(store, EDGE, EdgeState(status="offline", epoch=EPOCH), NOW, broker=ONE)  # an older version
    assert (await seen(store))[0] == "offline"


async def test_what_a_broker_retained_of_an_epoch_before_is_void(store: Store) -> None:
    await store_birth(store, EDGE, birth(), NOW, is_first=True)
    await store_birth(store, EDGE, birth(epoch=NEXT_EPOCH, at=minute(1)), NOW, is_first=True)
    await store_state(store, EDGE, EdgeState(status="online", epoch=NEXT_EPOCH, session=9), NOW, broker=ONE)
    await store_birth(store, EDGE, birth(), NOW, is_first=True, is_retained=True)
    online = EdgeState(status="online", epoch=EPOCH, session=8)
    assert not await store_state(store, EDGE, online, NOW, broker=TWO, is_retained=True)
    assert await seen(store) == ("online", 9, ONE)
    async with store.read() as connection:
        assert (await connection.execute(select(edges.c.epoch))).scalar_one() == NEXT_EPOCH


async def seen(store: Store) -> tuple[str, int, str | None]:
    async with store.read() as connection:
        row = (await connection.execute(select(edges))).one()
    return row.status, row.status_session, row.status_broker
