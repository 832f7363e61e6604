"""Ingest over a real broker: what is acknowledged is committed, and whatever breaks, nothing is missing in the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from cloud.store import feed
from cloud.store.engine import Store
from cloud.store.tables import cdrs, posting_legs
from cloud.store.tables import feed as feed_rows
from protocols.sync.present import EdgeState, EvseLive, Live, StreamPosition
from protocols.sync.topics import Stream
from protocols.terms import EvseState
from tests.cloud.conftest import RunningHub, StartHub, eventually
from tests.cloud.edge_double import connected
from tests.cloud.samples import EPOCH, birth, minute, money_journal
from tests.kit import Broker, Postgres, wait_until

JOURNAL = money_journal(5)
WINDOW = 250
"""Entries that an edge sends without an Ack; the hub may take them all in one commit."""


async def bills(hub: RunningHub) -> list[str]:
    async with await hub.client() as client:
        return sorted(item["id"] for item in (await client.get("/v1/cdrs")).json()["items"])


ALL_BILLS = [f"edge-1-cdr-{number}" for number in range(1, 6)]


async def test_killed_with_sigkill_again_and_again_nothing_is_lost_or_doubled(
    broker: Broker, database_url: str, tmp_path: Path
) -> None:
    """The hub process dies in the middle of batches; the edge sends what was not acknowledged."""
    journal, acked, kills = money_journal(200), 0, 0
    async with connected(broker) as edge:
        while acked < len(journal):
            async with hub_process(broker, database_url, tmp_path) as process:
                heard = len(edge.acks)
                await edge.is_born(birth(at=minute(kills)))
                await wait_until(lambda heard=heard: len(edge.acks) > heard, 30)  # type: ignore[misc]
                for place in range(acked, min(len(journal), acked + WINDOW), 50):
                    await edge.send(journal[place : place + 50])
                goal = min(len(journal), acked + 150)
                await wait_until(lambda goal=goal: any(ack.seq >= goal for ack in edge.acks), 30)  # type: ignore[misc]
                process.kill()
                await process.wait()
            kills += 1
            acked = max(ack.seq for ack in edge.acks)
    assert kills > 2
    async with contextlib.aclosing(Store.open(database_url)) as store, store.read() as connection:
        ids = (await connection.execute(select(cdrs.c.id))).scalars().all()
        legs = (await connection.execute(select(posting_legs.c.amount))).scalars().all()
        head = await feed.head(connection)
        cursors = (await connection.execute(select(feed_rows.c.cursor).order_by(feed_rows.c.cursor))).scalars().all()
    assert sorted(ids) == sorted(f"edge-1-cdr-{number}" for number in range(1, 201))
    assert (len(legs), sum(legs)) == (600, 0)
    assert list(cursors) == list(range(1, head.cursor + 1))


@contextlib.asynccontextmanager
async def hub_process(broker: Broker, database_url: str, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """`ohmstead-cloud run` as people start it; returns when it listens."""
    file = folder / "hub.toml"
    file.write_text(f'database_url = "{database_url}"\n[http]\nport = 0\n[mqtt]\nport = {broker.port}\n')
    command = [sys.executable, "-m", "cloud.main", "run", "--config", str(file)]
    environment = {**os.environ, "OHMSTEAD_TIMELINE": f"2026-03-02T10:00:00Z@{time.time()}x1"}  # noqa: TID251
    with (folder / "hub.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=log, env=environment
        )
        try:
            async with asyncio.timeout(30):
                assert process.stdout is not None
                assert b"listens on http://127.0.0.1:" in await process.stdout.readline()
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def test_a_hub_that_lost_its_database_asks_for_everything(
    start_hub: StartHub, broker: Broker, database_url: str, tmp_path: Path
) -> None:
    if not database_url.startswith("sqlite"):
        pytest.skip("a lost file is a matter of SQLite; the answer is the same code")
    async with connected(broker) as edge:
        async with start_hub(broker):
            await edge.is_born(birth())
            await edge.send(JOURNAL)
            await edge.acked(Stream.MONEY, len(JOURNAL))
        for file in tmp_path.glob("hub.db*"):
            file.unlink()
        edge.acks.clear()
        async with start_hub(broker) as hub:
            await edge.acked(Stream.MONEY, 0, resend=True)
            await edge.send(JOURNAL)
            await edge.acked(Stream.MONEY, len(JOURNAL))
            assert await bills(hub) == ALL_BILLS


async def test_an_emptied_broker_is_no_loss(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub:
        async with connected(broker) as edge:
            await edge.is_born(birth())
            await edge.send(JOURNAL[:10])
            await edge.acked(Stream.MONEY, 10)
        broker.restart(empty=True)

        async def is_ready() -> bool:
            async with await hub.client() as client:
                return (await client.get("/readyz")).status_code == 200

        await wait_until(is_ready)
        async with connected(broker) as edge:
            await edge.is_born(
                birth(at=minute(1), positions=[StreamPosition(stream=Stream.MONEY, last_seq=20, acked_seq=4)])
            )
            await edge.acked(Stream.MONEY, 10, resend=False)
            await edge.send(JOURNAL[4:])
            await edge.acked(Stream.MONEY, 20)
            assert await bills(hub) == ALL_BILLS


async def test_the_answer_to_a_birth_says_which_and_what_the_hubs_clock_shows(
    start_hub: StartHub, broker: Broker
) -> None:
    async with start_hub(broker), connected(broker) as edge:
        born = birth(at=minute(3))
        await edge.is_born(born)
        await edge.acked(Stream.MONEY, 0)
        await edge.send(JOURNAL)
        await edge.acked(Stream.MONEY, len(JOURNAL))
    answers = [ack for ack in edge.acks if ack.birth_at is not None]
    assert {ack.stream for ack in answers} == set(Stream)
    assert all(ack.birth_at == born.at and ack.hub_at is not None for ack in answers)
    assert all(ack.hub_at is None for ack in edge.acks if ack.birth_at is None)


async def test_a_gap_is_asked_for_again(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub, connected(broker) as edge:
        await edge.send(JOURNAL[:4])
        await edge.send(JOURNAL[8:])
        await edge.acked(Stream.MONEY, 4, resend=True)
        await edge.send(JOURNAL[4:])
        await edge.acked(Stream.MONEY, 20, resend=False)
        assert await bills(hub) == ALL_BILLS


async def test_while_the_database_is_away_nothing_is_acknowledged_and_nothing_lost(
    start_hub: StartHub, broker: Broker, database_url: str, postgres: Postgres
) -> None:
    if not database_url.startswith("postgresql"):
        pytest.skip("a server that goes away is a matter of PostgreSQL")
    async with start_hub(broker) as hub, connected(broker) as edge, await hub.client() as client:
        await edge.send(JOURNAL[:8])
        await edge.acked(Stream.MONEY, 8)
        postgres.stop("immediate")
        try:
            await edge.send(JOURNAL[8:])

            async def missing() -> object:
                return (await client.get("/readyz")).json()["missing"]

            await eventually(missing, ["database"])
            answer = await client.get("/v1/cdrs")
            assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
            assert all(ack.seq < 20 for ack in edge.acks)
        finally:
            postgres.start()
        await edge.acked(Stream.MONEY, 20, timeout_s=30)
        assert await bills(hub) == ALL_BILLS


async def test_noise_on_the_topics_is_counted_and_left(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub, connected(broker) as edge, await hub.client() as client:
        for payload in (b"", b"{", b"x\xff", b'{"v":1}', b"x\x9c\x00", b"[" * 50_000):
            await edge.send_raw(Stream.MONEY, payload)
        await edge.send_raw("nonsense", b"{}")  # type: ignore[arg-type]
        await edge.send(JOURNAL)
        await edge.acked(Stream.MONEY, 20)
        assert await bills(hub) == ALL_BILLS
        metrics = (await client.get("/metrics")).text
        assert 'ohmstead_cloud_unreadable_messages_total{branch="up"} 6.0' in metrics
        assert 'ohmstead_cloud_entries_total{stream="money"} 20.0' in metrics


async def test_live_values_and_the_last_will_are_shown(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub, connected(broker) as edge, await hub.client() as client:
        await edge.is_born(birth())
        charging = EvseLive(station_id="CP-1", evse_id=1, state=EvseState.CHARGING, power_w=7_400, energy_wh=12)
        await edge.acked(Stream.EVENT, 0)
        await edge.shows(Live(epoch=EPOCH, at=minute(100), evses=(charging,)))

        async def shown() -> object:
            station = (await client.get("/v1/charging-stations/edge-1/CP-1")).json()
            evse = station.get("evses", [{}])[0]
            return (evse.get("state"), evse.get("power_w"), evse.get("is_stale"))

        await eventually(shown, ("charging", 7_400, False))
        await edge.says(EdgeState(status="offline", epoch=EPOCH))
        await eventually(shown, ("charging", 7_400, True))
        site = (await client.get("/v1/locations/site-1")).json()
        assert (site["is_stale"], site["evses"]["charging"], site["evses"]["total"]) == (True, 1, 2)


async def test_a_birth_before_this_hub_was_started_is_met_again(
    start_hub: StartHub, broker: Broker, store: Store
) -> None:
    del store  # the database is migrated and empty
    async with connected(broker) as edge:
        await edge.is_born(birth())
        async with start_hub(broker) as hub, await hub.client() as client:

            async def status() -> object:
                return (await client.get("/v1/edges/edge-1")).json().get("status")

            await eventually(status, "online")
