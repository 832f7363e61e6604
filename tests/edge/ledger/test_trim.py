"""Retention: only what is old and acknowledged goes, a step at a time, and numbers go on where they were."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from edge.domain.past import PastKey
from edge.ledger import trim
from edge.ledger.ledger import Ledger
from edge.ledger.ledger_metrics import LedgerMetrics
from edge.ledger.reader import LedgerReader
from edge.ledger.restore import restore
from edge.ledger.rows import Rows
from edge.ledger.trim import Retention, Step, Trimmer
from edge.ports import Commit
from protocols.sync.topics import Stream
from protocols.sync.up import Entry, StationConnectionChanged
from tests.edge.domain.site_kit import START, new_site
from tests.edge.ledger.conftest import LedgerPlay

DAY = timedelta(days=1)
MONTH = Retention(journal=30 * DAY, past_transactions=30 * DAY, waits_for_ack=True)
ALONE = Retention(journal=30 * DAY, past_transactions=30 * DAY, waits_for_ack=False)


def trimmed(ledger: Ledger, now: datetime, retention: Retention) -> int:
    return asyncio.run(Trimmer(ledger, lambda: now, retention, pause_s=0).trim())


def seqs(ledger: Ledger, stream: Stream) -> list[int]:
    return [seq for seq, _ in asyncio.run(ledger.read(stream, 0, 100_000, 1 << 30))]


def fill(ledger: Ledger, count: int, stream: Stream = Stream.EVENT) -> None:
    """Old entries by the short way: a statement that makes rows of its own."""
    ledger.connection.execute(
        "INSERT INTO journal (stream, seq, at, body) WITH RECURSIVE n(seq) AS"
        " (SELECT 1 UNION ALL SELECT seq + 1 FROM n WHERE seq < ?) SELECT ?, seq, ?, CAST('{}' AS BLOB) FROM n",
        (count, stream, START.isoformat()),
    )


def test_what_is_old_and_acknowledged_goes_and_all_else_stays(ledger: Ledger, play: LedgerPlay) -> None:
    play.charge()
    play.after(40 * 24 * 60)
    play.charge()
    asyncio.run(ledger.commit(Commit(acked={Stream.MONEY: 2, Stream.EVENT: 100})))
    events = ledger.last_seq(Stream.EVENT)
    assert trimmed(ledger, play.now, MONTH) > 0
    assert seqs(ledger, Stream.MONEY) == [3, 4, 5, 6, 7, 8]  # 3 and 4 are old, and the hub has not got them
    assert seqs(ledger, Stream.EVENT) == [events]
    asyncio.run(ledger.commit(Commit(acked={Stream.MONEY: 8})))
    trimmed(ledger, play.now, MONTH)
    assert seqs(ledger, Stream.MONEY) == [5, 6, 7, 8]
    assert trimmed(ledger, play.now, MONTH) == 0
    assert [ledger.first_seq(stream) for stream in Stream] == [5, events, 1]


def test_bills_and_postings_outlive_their_entries(ledger: Ledger, play: LedgerPlay, tmp_path: Path) -> None:
    play.charge()
    bills = list(LedgerReader(tmp_path / "ledger.sqlite").cdrs(START, START + DAY))
    assert len(bills) == 1
    trimmed(ledger, play.now + 3650 * DAY, ALONE)
    assert seqs(ledger, Stream.MONEY) == [4]
    assert list(LedgerReader(tmp_path / "ledger.sqlite").cdrs(START, START + DAY)) == bills
    assert ledger.connection.execute("SELECT COUNT(*) FROM posting_legs").fetchone() == (3,)


def test_the_numbers_go_on_when_all_was_trimmed(ledger: Ledger, play: LedgerPlay, tmp_path: Path) -> None:
    play.charge()
    last = {stream: ledger.last_seq(stream) for stream in Stream}
    trimmed(ledger, play.now + 3650 * DAY, ALONE)
    ledger.close()
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as again:
        assert {stream: again.last_seq(stream) for stream in Stream} == last
        assert again.first_seq(Stream.MONEY) == 4
        after = LedgerPlay(again)
        after.connect()
        after.charge()
        assert seqs(again, Stream.MONEY) == [4, 5, 6, 7, 8]


def test_an_ended_transaction_is_known_until_it_is_too_old(ledger: Ledger, play: LedgerPlay) -> None:
    number = play.start(1000).reply.charger_transaction_id  # type: ignore[union-attr]
    play.after(10)
    play.stop(number, 2000)
    play.start(2000)
    key = [PastKey("A", charger_transaction_id=number)]
    trimmed(ledger, play.now + 29 * DAY, MONTH)
    assert len(asyncio.run(ledger.recall(key))) == 1
    trimmed(ledger, play.now + 31 * DAY, MONTH)
    assert asyncio.run(ledger.recall(key)) == []
    assert restore(ledger, new_site().rules).transactions == play.site.transactions


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=40).map(sorted),
    st.integers(0, 45),
    st.booleans(),
    st.integers(0, 25),
    st.integers(1, 7),
)
def test_exactly_that_goes_which_may(days: list[int], acked: int, waits: bool, today: int, most: int) -> None:
    """Against the rule as it is said; ages in days, one entry or more a day, steps of any size."""
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE journal (stream TEXT, seq INTEGER, at TEXT, PRIMARY KEY (stream, seq))")
        connection.execute("CREATE TABLE acked (stream TEXT, seq INTEGER)")
        connection.execute("INSERT INTO acked VALUES ('event', ?), ('money', 1000)", (acked,))
        rows = [("event", seq, (START + day * DAY).isoformat()) for seq, day in enumerate(days, 1)]
        connection.executemany("INSERT INTO journal VALUES (?, ?, ?)", rows)
        connection.execute("INSERT INTO journal VALUES ('money', 1, ?)", (START.isoformat(),))
        before = START + today * DAY - 10 * DAY
        steps = []
        while count := trim.trim_journal(connection, Stream.EVENT, before.isoformat(), waits_for_ack=waits, most=most):
            steps.append(count)
        left = [seq for (seq,) in connection.execute("SELECT seq FROM journal WHERE stream = 'event' ORDER BY seq")]
        assert left == [
            seq
            for seq, day in enumerate(days, 1)
            if START + day * DAY >= before or (waits and seq > acked) or seq == len(days)
        ]
        assert all(count <= most for count in steps)
        assert connection.execute("SELECT COUNT(*) FROM journal WHERE stream = 'money'").fetchone() == (1,)
    connection.close()


async def test_no_commit_waits_longer_than_for_one_step_while_a_long_past_is_trimmed(
    tmp_path: Path,
) -> None:
    old = 100_000
    path = tmp_path / "ledger.sqlite"
    with Ledger(path, "edge-1") as ledger:
        fill(ledger, old)
    with Watched(path, "edge-1") as ledger:
        async with asyncio.TaskGroup() as tasks:
            trimming = tasks.create_task(Trimmer(ledger, lambda: START + 60 * DAY, ALONE, pause_s=0).trim())
            seq = ledger.last_seq(Stream.EVENT)
            while not trimming.done():
                seq += 1
                body = StationConnectionChanged(station_id="A", is_online=True)
                entry = Entry(stream=Stream.EVENT, seq=seq, at=START + 60 * DAY, body=body)
                await ledger.commit(Commit(entries=[entry]))
        assert trimming.result() == old
        assert ledger.steps >= old // trim.STEP_ROWS
        assert len(ledger.waited_steps) > 20
        assert max(ledger.waited_steps) <= 1
        (first_seq,) = ledger.connection.execute("SELECT MIN(seq) FROM journal").fetchone()
        assert first_seq == old + 1


class Watched(Ledger):
    """Counts for each commit the steps that the writer's thread ended between its being asked for and its beginning."""

    def __init__(self, path: Path, edge_id: str) -> None:
        super().__init__(path, edge_id)
        self.steps = 0
        self.steps_when_asked = 0
        self.waited_steps: list[int] = []

    def _trim(self, table: str, drop: Callable[[sqlite3.Connection], int]) -> Step:
        step = super()._trim(table, drop)
        self.steps += 1
        return step

    async def commit(self, commit: Commit) -> None:
        self.steps_when_asked = self.steps
        await super().commit(commit)

    def _write(self, rows: Rows) -> None:
        self.waited_steps.append(self.steps - self.steps_when_asked)
        super()._write(rows)


async def test_steps_become_smaller_when_they_are_slow_and_larger_again() -> None:
    class Slow:
        """A ledger whose steps take 20 ms while there is much to do."""

        def __init__(self) -> None:
            self.asked: list[int] = []

        async def trim_journal(self, stream: Stream, before: str, *, waits_for_ack: bool, most: int) -> Step:
            self.asked.append(most)
            if len(self.asked) > 60:
                return Step(0, 0.0001)
            return Step(most, 0.02 if len(self.asked) < 20 else 0.001)

        async def trim_past(self, before: str, *, most: int) -> Step:
            return Step(0, 0.0001)

    slow = Slow()
    await Trimmer(slow, lambda: START, MONTH, pause_s=0).trim()
    assert slow.asked[:2] == [trim.STEP_ROWS, trim.STEP_ROWS // 2]
    assert min(slow.asked) == trim.MIN_STEP_ROWS
    assert slow.asked[-1] == trim.STEP_ROWS


async def test_what_cannot_be_trimmed_now_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trim, "LOOK_EVERY_S", 0.0)
    tried = asyncio.Event()

    class Full:
        """A ledger on a disk that is full at first."""

        def __init__(self) -> None:
            self.looks = 0

        async def trim_journal(self, stream: Stream, before: str, *, waits_for_ack: bool, most: int) -> Step:
            self.looks += 1
            if self.looks == 1:
                raise sqlite3.OperationalError("database or disk is full")
            return Step(0, 0.0)

        async def trim_past(self, before: str, *, most: int) -> Step:
            tried.set()
            return Step(0, 0.0)

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(Trimmer(Full(), lambda: START, MONTH).run())
        async with asyncio.timeout(5):
            await tried.wait()
        running.cancel()


def test_growth_and_trimming_are_counted(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    with Ledger(tmp_path / "ledger.sqlite", "edge-1", LedgerMetrics(registry)) as ledger:
        play = LedgerPlay(ledger)
        play.connect()
        play.charge()

        def value(name: str, **labels: str) -> float:
            found = registry.get_sample_value(f"ohmstead_edge_ledger_{name}", labels)
            assert found is not None, name
            return found

        assert value("journal_rows", stream="money") == 4
        assert value("journal_rows", stream="event") == ledger.last_seq(Stream.EVENT)
        assert value("journal_bytes_total") > 2000
        assert value("write_seconds_count") > 5
        assert value("file_bytes") >= 4096
        assert value("wal_bytes") > 4096
        trimmed(ledger, play.now + 365 * DAY, ALONE)
        assert value("journal_rows", stream="money") == 1
        assert value("trimmed_rows_total", table="journal") == 3 + ledger.last_seq(Stream.EVENT) - 1
        assert value("trimmed_rows_total", table="past_transactions") == 1
        assert value("trim_seconds_count") > 2
