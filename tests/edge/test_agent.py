"""The heartbeat: groups, durability before anything is seen, and an error of the ledger that ends it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from edge.agent import Agent
from edge.domain.past import PastKey, PastTransaction
from edge.metrics import AgentMetrics
from edge.ports import Commit
from protocols.charger.abilities import OCPP_16
from protocols.charger.commands import ChargerCommand
from protocols.charger.events import BootReported, StationConnected, TransactionBegan, TransactionFinished
from protocols.charger.operations.transactions import StartTransaction
from protocols.sync.down import Command, RemoteStart
from protocols.sync.up import CdrIssued
from protocols.terms import EvseRef
from tests.edge.domain.site_kit import START, new_site


class SlowLedger:
    """Keeps commits in memory, each only when the test lets it."""

    def __init__(self) -> None:
        self.commits: list[Commit] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def commit(self, commit: Commit) -> None:
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.commits.append(commit)

    async def recall(self, keys: Sequence[PastKey]) -> list[PastTransaction]:
        return []


class Outside:
    """Chargers, screens and uplink in one: what reached the outside."""

    def __init__(self) -> None:
        self.commands: list[ChargerCommand] = []
        self.shown: set[EvseRef] = set()
        self.grown = 0

    def send(self, command: ChargerCommand) -> None:
        self.commands.append(command)

    def status(self) -> dict[str, object]:
        return {}

    async def call(self, *_: object) -> dict[str, object]:
        raise NotImplementedError

    def changed(self, refs: Iterable[EvseRef]) -> None:
        self.shown.update(refs)

    def journal_grew(self) -> None:
        self.grown += 1


@pytest.fixture
async def parts() -> AsyncIterator[tuple[Agent, SlowLedger, Outside]]:
    now = START

    def clock() -> datetime:
        nonlocal now
        now += timedelta(seconds=1)
        return now

    ledger, outside = SlowLedger(), Outside()
    agent = Agent(new_site(), ledger, clock, AgentMetrics(CollectorRegistry()))
    agent.attach(chargers=outside, screens=outside, uplink=outside)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(agent.run())
        yield agent, ledger, outside
        running.cancel()


def began(evse: int = 1) -> TransactionBegan:
    return TransactionBegan(
        station_id="A",
        evse_id=evse,
        connector_id=evse,
        charger_transaction_id=None,
        token_uid="GOOD",
        meter_start_wh=0,
        at=START,
    )


async def test_nothing_is_seen_before_it_is_durable(parts: tuple[Agent, SlowLedger, Outside]) -> None:
    agent, ledger, outside = parts
    await agent.ask(StationConnected(station_id="A", abilities=OCPP_16))
    outside.shown.clear()
    ledger.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(agent.ask(began()))
        await _until(lambda: bool(agent.site.transactions))
        looked = tasks.create_task(_look(agent))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not asked.done()
        assert not looked.done()
        assert outside.shown == set()
        ledger.gate.set()
    assert asked.result().charger_transaction_id  # type: ignore[union-attr]
    assert looked.result() == 1
    assert outside.shown == {EvseRef("A", 1)}


async def _look(agent: Agent) -> int:
    async with agent.still():
        return agent.status()["transactions_open"]  # type: ignore[no-any-return]


async def test_what_waits_is_committed_together(parts: tuple[Agent, SlowLedger, Outside]) -> None:
    agent, ledger, _ = parts
    await agent.ask(StationConnected(station_id="A", abilities=OCPP_16))
    ledger.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(agent.ask(began(1)))
        await _until(lambda: bool(agent.site.transactions))
        others = [
            tasks.create_task(
                agent.ask(
                    TransactionFinished(
                        station_id="A", charger_transaction_id=str(n), token_uid=None, meter_stop_wh=0, at=START
                    )
                )
            )
            for n in range(100)
        ]
        for _ in range(10):
            await asyncio.sleep(0)
        before = len(ledger.commits)
        ledger.gate.set()
    assert first.done()
    assert all(task.done() for task in others)
    assert len(ledger.commits) - before == 2


async def test_what_comes_soon_after_a_commit_shares_the_next_one(
    parts: tuple[Agent, SlowLedger, Outside], monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, ledger, _ = parts
    monkeypatch.setattr("edge.agent.COMMIT_EVERY_S", 0.5)
    await agent.ask(StationConnected(station_id="A", abilities=OCPP_16))
    before = len(ledger.commits)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(agent.ask(began(1)))
        for _ in range(10):
            await asyncio.sleep(0)
        tasks.create_task(agent.ask(began(2)))
    assert len(ledger.commits) - before == 1


async def test_commands_go_out_after_their_commit(parts: tuple[Agent, SlowLedger, Outside]) -> None:
    agent, ledger, outside = parts
    await agent.ask(StationConnected(station_id="A", abilities=OCPP_16))
    ledger.gate.clear()
    body = RemoteStart(station_id="A", evse_id=1, token_uid="GOOD")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(agent.ask(Command(id="c", issued_at=START, expires_at=START + timedelta(hours=1), body=body)))
        await _until(lambda: bool(agent.site.commands))
        assert outside.commands == []
        ledger.gate.set()
    assert [type(command.operation) for command in outside.commands] == [StartTransaction]


async def test_an_error_of_the_ledger_ends_the_agent_and_answers_nobody() -> None:
    ledger = SlowLedger()
    agent = Agent(new_site(), ledger, lambda: START, AgentMetrics(CollectorRegistry()))
    asked: asyncio.Task[object] | None = None
    with pytest.raises(ExceptionGroup) as raised:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(agent.run())
            await agent.ask(StationConnected(station_id="A", abilities=OCPP_16))
            ledger.error = OSError("disk full")
            asked = tasks.create_task(agent.ask(began()))
    assert raised.group_contains(OSError, match="disk full")
    assert asked is not None
    assert asked.cancelled()
    assert not any(isinstance(e.body, CdrIssued) for commit in ledger.commits for e in commit.entries)


async def test_a_caller_that_gave_up_disturbs_nobody(parts: tuple[Agent, SlowLedger, Outside]) -> None:
    agent, ledger, _ = parts
    await agent.ask(StationConnected(station_id="A", abilities=OCPP_16))
    ledger.gate.clear()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.05):
            await agent.ask(began())
    ledger.gate.set()
    again = await agent.ask(began())
    assert len(agent.site.transactions) == 1
    assert again.charger_transaction_id  # type: ignore[union-attr]


async def test_what_nobody_waits_for_any_more_is_not_decided(parts: tuple[Agent, SlowLedger, Outside]) -> None:
    agent, ledger, _ = parts
    await agent.ask(StationConnected(station_id="A", abilities=OCPP_16))
    ledger.gate.clear()
    agent.put(began(1))  # holds the next ones up
    await _until(lambda: bool(agent.site.transactions))
    replies: list[object] = []
    gone = [False]
    agent.put(BootReported(station_id="A", vendor="V", model="gone"), replies.append, lambda: gone[0])
    agent.put(BootReported(station_id="A", vendor="V", model="here"), replies.append, lambda: False)
    gone[0] = True
    ledger.gate.set()
    await _until(lambda: len(replies) == 1)
    assert agent.site.stations["A"].model == "here"


async def _until(is_so: object) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # type: ignore[operator]
            await asyncio.sleep(0)
