"""Broker, database, hub and agent fail under load: killed, or standing still. What was answered is kept, once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.journeys.fault_site import a_fault_site
from tests.kit import Postgres, postgres_binaries, start_postgres, wait_until

pytestmark = pytest.mark.timeout(300)  # on a machine with other work

SEED = 20260302
KILLS = 5
needs_postgres = pytest.mark.skipif(postgres_binaries() is None, reason="no PostgreSQL on this machine")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with start_postgres() as server:
        yield server


async def test_a_broker_is_killed_and_comes_back_with_an_empty_store(tmp_path: Path) -> None:
    """The other one takes over, and is not left again and again: one move there, and one back at the most."""
    log = tmp_path / "edge.log"
    async with a_fault_site(tmp_path, broker_count=2) as site:
        await site.more_at_hub(20)
        site.brokers[0].kill()
        await wait_until(lambda: "uplink_broker_switched" in log.read_text(), 60)
        await site.more_at_hub(20)
        site.brokers[0].restart(empty=True)
        await site.more_at_hub(20)
        site.brokers[1].kill()
        await wait_until(lambda: log.read_text().count("uplink_broker_switched") > 1, 60)
        await site.more_at_hub(20)
        assert await site.heal_and_judge() > 10
        assert log.read_text().count("uplink_broker_switched") <= 3


@needs_postgres
async def test_the_hubs_database_is_stopped_stands_still_and_crashes(tmp_path: Path, postgres: Postgres) -> None:
    """Nothing is acknowledged meanwhile, and drivers notice nothing of it."""
    async with a_fault_site(tmp_path, database_url=postgres.new_database()) as site:
        await site.more_at_hub(20)
        for mode in ("fast", "immediate"):
            await asyncio.to_thread(postgres.stop, mode)
            await site.load.more(10)
            await asyncio.to_thread(postgres.start)
            await site.more_at_hub(20)
        with _standing_still(postgres):
            await site.load.more(15)
        await site.more_at_hub(20)
        assert await site.heal_and_judge() > 30


@needs_postgres
async def test_agent_and_hub_are_killed_again_and_again(tmp_path: Path, postgres: Postgres) -> None:
    """At random moments, with PostgreSQL behind the hub."""
    random = Random(SEED)
    async with a_fault_site(tmp_path, database_url=postgres.new_database()) as site:
        await site.more_at_hub(5)
        for _ in range(KILLS):
            part = random.choice((site.edge, site.hub))
            await asyncio.sleep(random.uniform(0.0, 0.5))  # the moment is what is tried
            await part.kill()
            await part.start()
            await site.more_at_hub(5)
        assert await site.heal_and_judge() > KILLS


@contextlib.contextmanager
def _standing_still(postgres: Postgres) -> Iterator[None]:
    """SIGSTOP for the server and everyone who works for it."""
    (postmaster, *_) = (postgres.data / "postmaster.pid").read_text().split()
    pids = [int(postmaster), *map(int, Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split())]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)
