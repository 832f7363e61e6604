"""A disk that fills: what is shed and in which order, what ends and is billed all the same, and that it recovers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from edge.agent import Agent
from edge.domain.disk_events import DiskLevel, DiskLooked, SheddingPlanned
from edge.domain.events import SiteEvent, SiteReply
from edge.ledger import ledger as ledger_module
from edge.ledger.ballast import Ballast
from edge.ledger.disk import Room, Shedder, Watermarks
from edge.ledger.ledger import Ledger
from edge.ledger.ledger_metrics import LedgerMetrics
from edge.ledger.restore import restore
from edge.ledger.verify import Verifier
from edge.metrics import AgentMetrics
from edge.ports import Commit, OnReply
from protocols.charger.abilities import OCPP_16
from protocols.charger.commands import Acknowledged, IdTokenAnswer, TransactionAnswer
from protocols.charger.events import IdTokenPresented, StationConnected, TransactionBegan, TransactionFinished
from protocols.sync.keeping import EntriesShed
from protocols.sync.topics import Stream
from protocols.sync.up import AlarmRaised, Entry, MeterValuesSampled, SampledValue, Severity
from protocols.terms import AuthorizationStatus, Measurand
from tests.edge.domain.site_kit import START, new_site
from tests.edge.ledger.small_disk import MIB, SmallDisk, small_disk

LATER = START + timedelta(hours=3)
GB = 1_000_000_000
BALLAST = 2 * MIB
RESERVE = MIB


@pytest.mark.parametrize(
    ("steps", "levels"),
    [
        ([30, 69, 70, 85, 95], "ROOMY ROOMY THIN SHED SPARE"),
        ([96, 91, 90, 89, 81, 80, 79, 66, 64], "SPARE SPARE SPARE SHED SHED SHED THIN THIN ROOMY"),
        ([71, 69, 66, 65, 64, 69], "THIN THIN THIN THIN ROOMY ROOMY"),
    ],
)
def test_a_level_begins_at_its_mark_and_ends_below_it(steps: list[int], levels: str) -> None:
    watermarks = Watermarks()
    assert [watermarks.note(Room(n * GB, (100 - n) * GB), 0).name for n in steps] == levels.split()


def test_free_pages_of_the_ledger_are_room_but_not_for_a_disk_that_others_have_filled() -> None:
    assert Watermarks().note(Room(90 * GB, 10 * GB, reusable_bytes=30 * GB), 0) is DiskLevel.ROOMY
    assert Watermarks().note(Room(100 * GB, 0, reusable_bytes=30 * GB), 0) is DiskLevel.FULL


def test_what_the_ballast_gave_does_not_count_as_room() -> None:
    watermarks = Watermarks(full_below_bytes=30)
    assert watermarks.note(Room(971, 29), 0) is DiskLevel.FULL
    assert watermarks.note(Room(951, 49), 20) is DiskLevel.FULL
    assert watermarks.note(Room(921, 79), 20) is DiskLevel.FULL  # twice as much must be free again
    assert watermarks.note(Room(920, 80), 20) is not DiskLevel.FULL


def test_the_ballast_is_taken_whole_or_not_at_all(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path / "ballast", MIB)
    assert ballast.missing_bytes == MIB
    assert ballast.reserve()
    assert (ballast.missing_bytes, ballast.path.stat().st_blocks * 512) == (0, MIB)
    assert ballast.release()
    assert not ballast.release()
    with small_disk(tmp_path / "disk", 1) as disk:
        assert not Ballast(disk.path / "ballast", 2 * MIB).reserve()
        assert list(disk.path.iterdir()) == []


# --- what is shed ---


@dataclass
class Told:
    """Keeps what is planned, as the agent would: in the journal, before it is done."""

    ledger: Ledger
    events: list[SiteEvent] = field(default_factory=list)

    def put(self, event: SiteEvent, on_reply: OnReply | None = None, is_moot: object = None) -> None:
        raise AssertionError

    async def ask(self, event: SiteEvent) -> SiteReply:
        self.events.append(event)
        if isinstance(event, SheddingPlanned):
            seq = self.ledger.last_seq(Stream.EVENT) + 1
            entry = Entry(stream=Stream.EVENT, seq=seq, at=START, body=event.shed)
            await self.ledger.commit(Commit(entries=[entry]))
        return Acknowledged()


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Ledger]:
    """2,000 readings of which the hub has 500, and 100 events of which it has 60."""
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as ledger:
        entries = [
            Entry(
                stream=Stream.TELEMETRY,
                seq=seq,
                at=START,
                body=MeterValuesSampled(
                    station_id="A",
                    evse_id=1,
                    transaction_id=None,
                    at=START,
                    samples=tuple(SampledValue(Measurand.POWER, n) for n in range(10)),
                ),
            )
            for seq in range(1, 2001)
        ]
        entries += [
            Entry(
                stream=Stream.EVENT,
                seq=seq,
                at=START,
                body=AlarmRaised(alarm_id=f"a{seq}", alarm="x", severity=Severity.INFO, text="x"),
            )
            for seq in range(1, 101)
        ]
        asyncio.run(ledger.commit(Commit(entries=entries, acked={Stream.TELEMETRY: 500, Stream.EVENT: 60})))
        yield ledger


class Marks(Watermarks):
    """Falls from level to level as the test says."""

    def __init__(self, levels: list[DiskLevel]) -> None:
        self.levels = levels

    def note(self, room: Room, ballast_missing_bytes: int) -> DiskLevel:
        return self.levels.pop(0) if len(self.levels) > 1 else self.levels[0]

    def used_percent(self, room: Room) -> int:
        return 90


def shedder(ledger: Ledger, told: Told, levels: list[DiskLevel], *, has_hub: bool = True) -> Shedder:
    metrics = LedgerMetrics(CollectorRegistry())
    ballast = Ballast(ledger.path.with_name("ballast"), 1)
    return Shedder(ledger, told, Marks(levels), ballast, metrics, lambda _: None, has_hub=has_hub, pause_s=0)


async def test_telemetry_that_the_hub_has_goes_first(filled: Ledger) -> None:
    told = Told(filled)
    levels = [DiskLevel.SHED] * 2 + [DiskLevel.THIN]
    await shedder(filled, told, levels).look()
    assert filled.first_seq(Stream.TELEMETRY) == 501
    assert filled.first_seq(Stream.EVENT) == 1
    assert [type(each) for each in told.events] == [DiskLooked]


async def test_then_what_it_has_not_and_that_is_told_before_it_goes(filled: Ledger) -> None:
    told = Told(filled)
    await shedder(filled, told, [DiskLevel.SHED]).look()
    shed = EntriesShed(stream=Stream.TELEMETRY, count=1499, first_seq=501, last_seq=1999)
    assert told.events[1:] == [SheddingPlanned(shed=shed)]
    assert filled.first_seq(Stream.TELEMETRY) == 2000  # the newest numbers the next one
    assert filled.first_seq(Stream.EVENT) == 1
    assert len(await filled.read(Stream.EVENT, 60, 500, MIB)) == 41


async def test_at_the_last_mark_events_that_the_hub_has_go_too_and_no_others(filled: Ledger) -> None:
    await shedder(filled, Told(filled), [DiskLevel.SPARE]).look()
    assert filled.first_seq(Stream.EVENT) == 61


async def test_without_a_hub_nobody_waits_for_telemetry(filled: Ledger) -> None:
    told = Told(filled)
    await shedder(filled, told, [DiskLevel.SHED], has_hub=False).look()
    assert filled.first_seq(Stream.TELEMETRY) == 2000
    assert len(told.events) == 1


# --- a disk that is really full ---


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 24) as made:
        yield made


@dataclass
class Running:
    agent: Agent
    ledger: Ledger
    shedder: Shedder
    started: int = 0

    async def present(self, uid: str) -> AuthorizationStatus:
        reply = await self.agent.ask(IdTokenPresented(station_id="A", token_uid=uid))
        assert isinstance(reply, IdTokenAnswer)
        return reply.status

    async def start(self) -> str:
        self.started += 1
        reply = await self.agent.ask(
            TransactionBegan(
                station_id="A",
                evse_id=1,
                connector_id=1,
                charger_transaction_id=None,
                token_uid="GOOD",
                meter_start_wh=1000,
                at=START + timedelta(seconds=self.started),
            )
        )
        assert isinstance(reply, TransactionAnswer)
        return reply.charger_transaction_id

    async def stop(self, transaction: str) -> SiteReply:
        return await self.agent.ask(
            TransactionFinished(
                station_id="A", charger_transaction_id=transaction, token_uid=None, meter_stop_wh=4000, at=LATER
            )
        )


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Running]:
    ballast, metrics = Ballast(folder / "ballast", BALLAST), LedgerMetrics(CollectorRegistry())
    with Ledger(folder / "ledger.sqlite", "edge-1", metrics, ballast) as ledger:
        site = restore(ledger, new_site().rules)
        site.tokens.site.update(new_site().tokens.site)
        agent = Agent(site, ledger, lambda: LATER, AgentMetrics(CollectorRegistry()))
        marks = Watermarks(full_below_bytes=RESERVE)
        looks = Shedder(ledger, agent, marks, ballast, metrics, lambda _: None, has_hub=True)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(agent.run())
            await agent.ask(StationConnected(station_id="A", abilities=OCPP_16))
            await looks.look()
            assert ballast.missing_bytes == 0
            try:
                yield Running(agent, ledger, looks)
            finally:
                task.cancel()


def bills_in(folder: Path) -> int:
    with Ledger(folder / "ledger.sqlite", "edge-1") as ledger:
        result = Verifier(ledger.connection).run()
    assert result.findings == []
    return result.bills


async def test_a_full_disk_lets_the_running_transaction_end_and_refuses_new_ones_until_there_is_room(
    disk: SmallDisk,
) -> None:
    async with running(disk.path) as site:
        transaction = await site.start()
        disk.fill(leave_bytes=RESERVE // 2)
        assert await site.shedder.look() is DiskLevel.FULL
        assert not (disk.path / "ballast").exists()
        assert await site.present("OTHER") is AuthorizationStatus.NOT_AT_THIS_TIME
        await site.stop(transaction)
        assert "disk_full:agent" in site.agent.site.alarms
        disk.empty()
        assert await site.shedder.look() is DiskLevel.ROOMY
        assert (disk.path / "ballast").stat().st_size == BALLAST
        assert site.agent.site.alarms == {}
        assert await site.present("OTHER") is AuthorizationStatus.ACCEPTED
    assert bills_in(disk.path) == 1


async def test_a_commit_that_finds_no_room_takes_the_ballast_and_then_waits(
    disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills between two looks, and then for good."""
    monkeypatch.setattr(ledger_module, "FULL_AGAIN_S", 0.05)
    waits = asyncio.Event()
    monkeypatch.setattr(ledger_module.log, "critical", lambda *_, **__: waits.set(), raising=False)
    async with running(disk.path) as site:
        disk.fill()
        charged = 0
        while (disk.path / "ballast").exists():
            await site.stop(await site.start())
            charged += 1
            assert charged < 2000
        disk.fill()
        async with asyncio.TaskGroup() as tasks:
            charging = tasks.create_task(charge_until(site, waits))
            await waits.wait()
            kept = site.ledger.last_seq(Stream.MONEY)
            assert site.agent.site.last_seq[Stream.MONEY] > kept  # decided, and nobody was answered
            assert not charging.done()
            disk.empty()
        charged += charging.result()
    assert bills_in(disk.path) == charged


async def charge_until(site: Running, waits: asyncio.Event) -> int:
    """Whole transactions, one after the other, until one of them had to wait; how many."""
    for count in range(1, 2000):
        await site.stop(await site.start())
        if waits.is_set():
            return count
    raise AssertionError("the disk never was full")


async def test_an_agent_starts_on_a_full_disk(disk: SmallDisk) -> None:
    async with running(disk.path) as site:
        transaction = await site.start()
    disk.fill()
    ballast = Ballast(disk.path / "ballast", BALLAST)
    with Ledger(disk.path / "ledger.sqlite", "edge-1", ballast=ballast) as ledger:
        (found,) = restore(ledger, new_site().rules).transactions.values()
        assert found.charger_transaction_id == transaction
