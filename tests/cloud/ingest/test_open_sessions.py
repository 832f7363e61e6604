"""What an edge has open is held against the active sessions, to the entry, each time that it connects."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import delete, select, update

from cloud.ingest.batches import store_batch
from cloud.store.engine import Store
from cloud.store.tables import alarms, sessions
from edge.domain.clock_events import HubTimeHeard
from edge.domain.events import StationsClaimed
from edge.ledger.ledger import Ledger
from protocols.ocpi.session import SessionStatus
from protocols.sync.codec import decode_batch, encode_batch
from protocols.sync.down import Ack
from protocols.sync.topics import EdgeAddress, Stream
from tests.cloud.ingest.test_restored_edge import HUB_TIME, charge, kept, played
from tests.edge.domain.site_kit import Play, number


async def tell(store: Store, ledger: Ledger, after_seq: int = 0) -> Ack:
    rows = await ledger.read(Stream.MONEY, after_seq, 500, 1 << 24)
    payload = encode_batch(ledger.epoch, Stream.MONEY, rows[0][0], [body for _, body in rows])
    stored = await store_batch(store, EdgeAddress(0, "edge-1"), decode_batch(payload), HUB_TIME)
    assert stored.dead == 0
    return stored.ack


async def connect(play: Play, ledger: Ledger) -> None:
    play.tell(HubTimeHeard(birth_at=play.now, hub_at=play.now))
    await kept(ledger, play)


async def open_alarms(store: Store) -> list[str]:
    async with store.read() as connection:
        return list((await connection.execute(select(alarms.c.alarm).where(alarms.c.cleared_at.is_(None)))).scalars())


async def statuses(store: Store) -> list[str]:
    async with store.read() as connection:
        return sorted((await connection.execute(select(sessions.c.status))).scalars())


async def test_what_comes_behind_the_comparison_in_one_batch_does_not_count(store: Store, tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as ledger:
        play = played(ledger, 0)
        play.connect()
        charge(play, 1000)
        running = number(play.start(1000))
        await connect(play, ledger)
        play.start(1000, token="OTHER", evse=2)  # begun after it, and the other ended after it
        play.after(30)
        play.stop(running, 2000)
        await kept(ledger, play)
        ack = await tell(store, ledger)
        assert not ack.resend
        assert await open_alarms(store) == []
        await connect(play, ledger)
        assert not (await tell(store, ledger, ack.seq)).resend
        assert await open_alarms(store) == []


async def test_a_session_that_the_edge_has_ended_is_asked_for_again_and_ends(store: Store, tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as ledger:
        play = played(ledger, 0)
        play.connect()
        charge(play, 1000)
        charge(play, 2000)
        await kept(ledger, play)
        ack = await tell(store, ledger)
        async with store.write() as connection:  # somebody restored a part of the hub's database
            await connection.execute(update(sessions).values(status=SessionStatus.ACTIVE.value))
        await connect(play, ledger)
        back = await tell(store, ledger, ack.seq)
        assert (back.resend, back.seq) == (True, 0)
        assert await open_alarms(store) == ["sessions_differ"]
        assert not (await tell(store, ledger)).resend
        assert await open_alarms(store) == []
        assert await statuses(store) == ["COMPLETED", "COMPLETED"]


async def test_a_session_that_is_not_here_is_asked_for_again(store: Store, tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as ledger:
        play = played(ledger, 0)
        play.connect()
        charge(play, 1000)
        play.start(1000)
        await kept(ledger, play)
        ack = await tell(store, ledger)
        async with store.write() as connection:
            await connection.execute(delete(sessions).where(sessions.c.status == SessionStatus.ACTIVE.value))
        await connect(play, ledger)
        back = await tell(store, ledger, ack.seq)
        assert back.resend
        assert 0 < back.seq < ack.seq  # no more than from its beginning on
        await tell(store, ledger, back.seq)
        assert await open_alarms(store) == []
        assert await statuses(store) == ["ACTIVE", "COMPLETED"]


async def test_what_cannot_be_healed_is_asked_for_once_and_stays_an_alarm(store: Store, tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as ledger:
        play = played(ledger, 0)
        play.connect()
        charge(play, 1000)
        await connect(play, ledger)
        ack = await tell(store, ledger)
        async with store.write() as connection:  # of an older ledger, or of nobody
            await connection.execute(update(sessions).values(id="edge-1-00000000-7", status="ACTIVE"))
        for _ in range(2):
            await connect(play, ledger)
            ack = await tell(store, ledger, ack.seq)
            assert not ack.resend
            assert await open_alarms(store) == ["sessions_differ"]
        async with store.write() as connection:
            await connection.execute(delete(sessions))
        await connect(play, ledger)
        await tell(store, ledger, ack.seq)
        assert await open_alarms(store) == []


async def test_what_was_given_to_another_agent_of_the_node_is_no_difference(store: Store, tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as ledger:
        play = played(ledger, 0)
        play.connect()
        play.start(1000)
        play.after(1)
        play.tell(StationsClaimed(station_ids=("A",), by_edge_id="edge-2"))
        await kept(ledger, play)
        assert play.site.transactions == {}
        await connect(play, ledger)
        assert not (await tell(store, ledger)).resend
        assert await open_alarms(store) == []
