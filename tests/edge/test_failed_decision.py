"""An event that cannot be decided is refused, and takes nothing with it: on a real ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from edge import agent as agent_module
from edge.agent import Agent
from edge.domain.decide import decide
from edge.domain.decision import Decision
from edge.domain.events import Refused, SiteEvent
from edge.domain.site import Site
from edge.ledger.ledger import Ledger
from edge.ledger.restore import restore
from edge.metrics import AgentMetrics
from protocols.charger.abilities import OCPP_16
from protocols.charger.commands import TransactionAnswer
from protocols.charger.events import StationConnected, StatusReported, TransactionBegan, TransactionFinished
from protocols.sync.topics import Stream
from protocols.terms import ConnectorStatus
from tests.edge.domain.site_kit import START, new_site
from tests.kit import wait_until

POISON = "POISON"


def failing_decide(site: Site, event: SiteEvent, now: object) -> Decision:
    """Does half of what it should and then fails."""
    decision = decide(site, event, now)  # type: ignore[arg-type]
    if isinstance(event, TransactionBegan) and event.token_uid == POISON:
        raise RuntimeError("half done")
    return decision


@pytest.fixture
async def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Agent, Ledger]]:
    monkeypatch.setattr(agent_module, "decide", failing_decide)
    rules = new_site().rules
    with Ledger(tmp_path / "ledger.sqlite", rules.edge_id) as ledger:
        read_back = partial(restore, ledger, rules)
        metrics = AgentMetrics(CollectorRegistry())
        agent = Agent(read_back(), ledger, lambda: START, metrics, lambda: ledger.with_writer(read_back))
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(agent.run())
            yield agent, ledger
            running.cancel()


def began(evse: int, token: str) -> TransactionBegan:
    return TransactionBegan(
        station_id="A",
        evse_id=evse,
        connector_id=1,
        charger_transaction_id=None,
        token_uid=token,
        meter_start_wh=1000,
        at=START,
    )


async def test_what_stood_beside_it_in_the_group_is_decided_and_durable(parts: tuple[Agent, Ledger]) -> None:
    agent, ledger = parts
    await agent.ask(StationConnected(station_id="A", abilities=OCPP_16))
    replies: list[object] = []
    for event in (
        began(1, "GOOD"),
        began(2, POISON),
        StatusReported(station_id="A", evse_id=2, connector_id=1, status=ConnectorStatus.AVAILABLE),
    ):
        agent.put(event, replies.append)
    await wait_until(lambda: len(replies) == 3)
    first, second, _ = replies
    assert isinstance(first, TransactionAnswer)
    assert isinstance(second, Refused)
    await wait_until(lambda: any(a.alarm == "decision_failed" for a in agent.site.alarms.values()))
    assert [t.evse_id for t in agent.site.transactions.values()] == [1]
    assert agent.site.stations["A"].is_online
    assert agent.site.stations["A"].abilities is OCPP_16
    for stream in Stream:  # no number was lost, none was given twice
        entries = await ledger.read(stream, 0, 100, 1_000_000)
        assert [seq for seq, _ in entries] == list(range(1, agent.site.last_seq[stream] + 1))


async def test_the_site_goes_on_and_a_repeat_fails_alone_again(parts: tuple[Agent, Ledger]) -> None:
    agent, _ = parts
    await agent.ask(StationConnected(station_id="A", abilities=OCPP_16))
    started = await agent.ask(began(1, "GOOD"))
    assert isinstance(started, TransactionAnswer)
    for _ in range(3):
        assert isinstance(await agent.ask(began(2, POISON)), Refused)
    stop = TransactionFinished(
        station_id="A",
        charger_transaction_id=started.charger_transaction_id,
        token_uid=None,
        meter_stop_wh=2000,
        at=START,
    )
    assert isinstance(await agent.ask(stop), TransactionAnswer)
    assert agent.site.transactions == {}
    assert sum(a.alarm == "decision_failed" for a in agent.site.alarms.values()) == 1
