"""`ohmstead-edge sync status` where no agent runs, and beside one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from edge.ledger.ledger import Ledger
from edge.ledger.sync_reading import sync_facts
from edge.ports import Commit
from protocols.sync.down import RejectedEntry
from protocols.sync.topics import Stream
from protocols.sync.up import AlarmCleared, Entry
from tests.edge.test_config import GOOD
from tests.edge.test_main import edge
from tests.edge.uplink.parts import NOW


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "edge.toml"
    path.write_text(GOOD)
    return path


async def fill(ledger: Ledger) -> None:
    """Ten events, four of them acknowledged, one of these rejected."""
    for seq in range(1, 11):
        entry = Entry(stream=Stream.EVENT, seq=seq, at=NOW.replace(minute=seq), body=AlarmCleared(alarm_id=f"a{seq}"))
        await ledger.commit(Commit(entries=(entry,)))
    dead = ((Stream.EVENT, RejectedEntry(seq=2, reason="no")),)
    await ledger.commit(Commit(acked={Stream.EVENT: 4}, dead=dead))


async def test_the_ledger_knows_how_far_the_hub_is(config: Path) -> None:
    with Ledger(config.parent / "data/ledger.sqlite", "edge-1") as ledger:
        await fill(ledger)
        money, event, _ = (await ledger.look(sync_facts)).streams
        assert (money.backlog, money.oldest_at) == (0, None)
        assert (event.last_seq, event.acked_seq, event.backlog, event.dead_letters) == (10, 4, 6, 1)
        assert event.oldest_at == NOW.replace(minute=5)
        numbers = [await ledger.next_session() for _ in range(2)]
    with Ledger(config.parent / "data/ledger.sqlite", "edge-1") as again:
        assert [*numbers, await again.next_session()] == [1, 2, 3]


def test_it_is_shown_without_an_agent(config: Path) -> None:
    with Ledger(config.parent / "data/ledger.sqlite", "edge-1") as ledger:
        asyncio.run(fill(ledger))
    shown = json.loads(edge(config, "sync", "status", "--json").stdout)
    assert shown["is_running"] is False
    assert shown["streams"][1]["backlog"] == 6
    assert shown["streams"][1]["dead_letters"] == 1
    told = edge(config, "sync", "status").stdout
    assert "does not run" in told
    assert "event" in told


def test_without_a_ledger_it_says_so(config: Path) -> None:
    done = edge(config, "sync", "status")
    assert done.returncode == 1
    assert "ledger" in done.stderr
