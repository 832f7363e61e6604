"""What each stream's days come to is added up beside the commits, and goes on after a restart where it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.domain.proof_events import DayReckoned
from edge.ledger import day_sums
from edge.ledger.day_sums import Summer, marks
from edge.ledger.ledger import Ledger
from edge.ledger.sync_reading import sync_facts
from edge.ports import Commit, Overloaded
from protocols.sync.codec import decode_entry
from protocols.sync.comparing import DaySummed, summed
from protocols.sync.topics import Stream
from tests.cloud.ingest.test_restored_edge import charge, kept, played
from tests.edge.domain.site_kit import Play

BERLIN = ZoneInfo("Europe/Berlin")


@dataclass
class Edge:
    """A site, its ledger, and who adds up."""

    play: Play
    ledger: Ledger
    is_overloaded: bool = False

    def summer(self) -> Summer:
        inbox: Any = self
        return Summer(
            self.ledger,
            marks(self.ledger.connection),
            inbox,
            lambda: self.play.now,
            lambda at: at.astimezone(BERLIN).date(),
        )

    async def ask(self, event: DayReckoned) -> Any:
        if self.is_overloaded:
            raise Overloaded
        self.play.tell(event)
        await kept(self.ledger, self.play)

    async def charge(self, count: int = 1) -> None:
        for _ in range(count):
            charge(self.play, 1000)
        await kept(self.ledger, self.play)

    async def told(self, stream: Stream = Stream.MONEY) -> list[DaySummed]:

        rows = await self.ledger.read(Stream.EVENT, 0, 10_000, 1 << 24)
        bodies = [decode_entry(encoded).body for _, encoded in rows]
        return [body for body in bodies if isinstance(body, DaySummed) and body.stream is stream]

    async def hash_of(self, told: DaySummed) -> str:
        rows = await self.ledger.read(told.stream, told.first_seq - 1, told.count, 1 << 24)
        hashed = ""
        for _, encoded in rows:
            hashed = summed(hashed, encoded)
        return hashed


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as ledger:
        play = played(ledger, 0)
        play.connect()
        yield Edge(play, ledger)


async def test_a_day_is_told_when_it_is_over_at_the_site(edge: Edge) -> None:
    summer = edge.summer()
    edge.play.now = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)
    await edge.charge(2)
    edge.play.now = datetime(2026, 3, 2, 22, 59, tzinfo=UTC)
    await summer.look()
    assert await edge.told() == []
    edge.play.now = datetime(2026, 3, 2, 23, 1, tzinfo=UTC)  # a minute after midnight in Berlin
    await summer.look()
    (told,) = await edge.told()
    facts = await edge.ledger.look(sync_facts)
    assert told in facts.days
    assert (told.day, told.first_seq, told.last_seq) == (date(2026, 3, 2), 1, told.count)
    assert (told.bills, told.energy_wh, told.amounts) == (2, 2000, {"EUR": Decimal("1.20")})
    assert told.hash == await edge.hash_of(told)


async def test_entries_of_two_days_are_two_sums(edge: Edge) -> None:
    summer = edge.summer()
    await edge.charge()
    edge.play.after(24 * 60)
    await edge.charge()
    await summer.look()
    edge.play.after(24 * 60)
    await summer.look()
    first, second = await edge.told()
    assert second.first_seq == first.last_seq + 1
    assert second.day - first.day == timedelta(days=1)
    assert second.hash == await edge.hash_of(second)


async def test_a_long_day_has_several_sums(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_sums, "MAX_ENTRIES", 5)
    summer = edge.summer()
    await edge.charge(4)
    await summer.look()
    told = await edge.told()
    assert [each.count for each in told] == [5] * len(told)
    assert sum(each.bills for each in told) >= 3
    assert [each.hash for each in told] == [await edge.hash_of(each) for each in told]


async def test_after_a_restart_it_goes_on_behind_the_last_sum(edge: Edge) -> None:
    summer = edge.summer()
    await edge.charge()
    edge.play.after(24 * 60)
    await summer.look()
    await edge.charge()
    await summer.look()  # read, and lost with the process
    again = edge.summer()
    edge.play.after(24 * 60)
    await again.look()
    first, second = await edge.told()
    assert second.first_seq == first.last_seq + 1
    assert second.hash == await edge.hash_of(second)


async def test_what_was_never_summed_begins_at_its_end(edge: Edge) -> None:
    await edge.charge()
    summer = edge.summer()
    edge.play.after(24 * 60)
    await summer.look()
    assert await edge.told() == []


async def test_an_overloaded_site_is_told_later(edge: Edge) -> None:
    summer = edge.summer()
    await edge.charge()
    edge.play.after(24 * 60)
    edge.is_overloaded = True
    await summer.look()
    assert await edge.told() == []
    edge.is_overloaded = False
    await summer.look()
    (told,) = await edge.told()
    assert told.hash == await edge.hash_of(told)


async def test_a_hole_ends_a_sum(edge: Edge) -> None:
    summer = edge.summer()
    await edge.charge(2)
    with edge.ledger._transaction():
        edge.ledger.connection.execute("DELETE FROM journal WHERE stream = 'money' AND seq = 3")
    edge.play.after(24 * 60)
    await summer.look()
    first, second = await edge.told()
    assert (first.last_seq, second.first_seq) == (2, 4)
    await edge.ledger.commit(Commit())


async def test_all_that_has_come_can_be_told_before_the_day_is_over(edge: Edge) -> None:
    summer = edge.summer()
    assert await summer.tell_now() == 0
    await edge.charge()
    assert await summer.tell_now() == 2  # money, and the events of the connections
    await edge.charge()
    assert await summer.tell_now() == 2  # among the events is what was told of them
    first, second = await edge.told()
    assert second.first_seq == first.last_seq + 1
    assert [each.hash for each in (first, second)] == [await edge.hash_of(each) for each in (first, second)]
