"""A copy that follows a real ledger: through checkpoints, logs that begin anew, cuts and crashes, page for page."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.ledger import wal
from edge.ledger.ledger import Ledger
from edge.ledger.wal_tap import WalTap
from edge.ports import Commit
from edge.replica import NOWHERE, BadShipment, Shipment
from edge.standby.copy import Copy
from protocols.sync.topics import Stream
from protocols.sync.up import AlarmRaised, Entry, Severity
from tests.edge.domain.site_kit import START

PIECE = 16_384


class Line:
    """Between a ledger and its copy: what was committed and is not there yet."""

    def __init__(self) -> None:
        self.is_up = True
        self.waiting: list[Shipment] = []
        self.lost: list[str] = []

    def wants(self) -> bool:
        return self.is_up

    def committed(self, shipment: Shipment) -> None:
        self.waiting.append(shipment)

    def lost_track(self, why: str) -> None:
        self.lost.append(why)

    async def confirmed(self) -> None:
        pass


class Pair:
    """A ledger, its copy in another folder, and what goes over to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.line = Line()
        self.ledger = Ledger(folder / "ledger.sqlite", "edge-1")
        self.tap: WalTap = self.ledger.attach(self.line)
        self.copy = Copy(folder / "standby")
        self.base_at: int | None = None
        self.size = 0
        self.commits = 0

    async def commit(self, letters: int) -> None:
        seq = self.ledger.last_seq(Stream.EVENT) + 1
        body = AlarmRaised(alarm_id=f"a{seq}", alarm="x", severity=Severity.INFO, text="x" * letters)
        await self.ledger.commit(Commit(entries=[Entry(stream=Stream.EVENT, seq=seq, at=START, body=body)]))
        self.commits += 1

    async def follow(self) -> None:
        """As after a new connection: from where the copy is, or from the beginning."""
        self.line.waiting.clear()
        self.line.is_up = True
        if self.copy.is_whole and (more := await self.ledger.with_writer(lambda: self.tap.resume(self.copy.place))):
            self.line.waiting.insert(0, more)
            return
        self.copy.begin_base()
        self.size, first = await self.ledger.with_writer(self.tap.begin)
        self.line.waiting.insert(0, first)
        self.base_at = 0

    def piece(self) -> None:
        """The next piece of the whole ledger, where one is on its way."""
        if self.base_at is None:
            return
        data = self.tap.read_base(self.base_at, PIECE)
        self.copy.base(self.base_at, data)
        self.base_at += len(data)
        if self.base_at >= self.size or not data:
            self.deliver(len(self.line.waiting))
            self.copy.end_base()
            self.base_at = None

    def deliver(self, most: int) -> None:
        for _ in range(min(most, len(self.line.waiting))):
            self.copy.add(self.line.waiting.pop(0))

    def cut(self, torn: bytes) -> None:
        """The copy's process dies in the middle of a write; what is under way is lost."""
        self.line.is_up, self.base_at = False, None
        self.line.waiting.clear()
        self.copy.close()
        for last in sorted((self.folder / "standby").glob("pages-*"))[-1:]:
            with last.open("ab") as file:
                file.write(torn)
        self.copy = Copy(self.folder / "standby")

    def close(self) -> None:
        self.copy.close()
        self.ledger.close()


def events_in(path: Path) -> list[tuple[int, str]]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return list(connection.execute("SELECT seq, body FROM journal WHERE stream = 'event' ORDER BY seq"))


STEP = st.one_of(
    st.tuples(st.just("commit"), st.integers(1, 60_000)),
    st.tuples(st.just("commits"), st.integers(2, 25)),
    st.tuples(st.just("checkpoint"), st.sampled_from(["PASSIVE", "FULL", "RESTART", "TRUNCATE"])),
    st.tuples(st.just("deliver"), st.integers(1, 9)),
    st.tuples(st.just("piece"), st.integers(1, 6)),
    st.tuples(st.just("cut"), st.integers(0, 200)),
    st.tuples(st.just("follow"), st.just(0)),
    st.tuples(st.just("settle"), st.just(0)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, min_size=3, max_size=40))
def test_a_copy_is_a_moment_of_the_ledger_and_in_the_end_the_same(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, int | str]]
) -> None:
    monkeypatch.setattr(wal, "COPY_AFTER_PAGES", 60)
    monkeypatch.setattr("edge.standby.copy.ROLL_AFTER_BYTES", 50_000)
    folder = tmp_path_factory.mktemp("pair")
    asyncio.run(_play(Pair(folder), steps))


async def _play(pair: Pair, steps: list[tuple[str, int | str]]) -> None:
    rng = random.Random(1)
    try:
        await pair.commit(10)
        await pair.follow()
        for step in steps:
            match step:
                case "commit", int(letters):
                    await pair.commit(letters)
                case "commits", int(count):
                    for _ in range(count):
                        await pair.commit(rng.randrange(9000))
                case "checkpoint", str(kind):
                    await pair.ledger.with_writer(lambda kind=kind: _checkpoint(pair.ledger, kind))
                case "deliver", int(count):
                    pair.deliver(count)
                case "piece", int(count):
                    for _ in range(count):
                        pair.piece()
                case "cut", int(size):
                    pair.cut(bytes(size))
                case "follow", _:
                    await pair.follow()
                case "settle", _:
                    pair.copy.settle_full()
        if pair.copy.is_whole and not pair.line.waiting and pair.base_at is None and pair.line.is_up:
            pass  # in step as it is
        else:
            if pair.copy.is_whole and pair.copy.place != NOWHERE:
                _is_a_moment(pair)
            await pair.follow()
            while pair.base_at is not None:
                pair.piece()
            pair.deliver(len(pair.line.waiting))
        assert not pair.line.lost
        copied = events_in(pair.copy.settle())
        assert copied == events_in(pair.ledger.path)
        assert len(copied) == pair.commits
    finally:
        pair.close()


def _is_a_moment(pair: Pair) -> None:
    """What is there, were it taken over now, is what the ledger was at some moment."""
    folder = pair.folder / "looked-at"
    folder.mkdir()
    for each in (pair.folder / "standby").iterdir():
        (folder / each.name).write_bytes(each.read_bytes())
    looked_at = Copy(folder)
    found = events_in(looked_at.settle())
    assert found == events_in(pair.ledger.path)[: len(found)]


def _checkpoint(ledger: Ledger, kind: str) -> None:
    ledger.connection.execute(f"PRAGMA wal_checkpoint({kind})").fetchone()


async def test_a_short_cut_costs_what_was_missed_and_no_whole_copy(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    try:
        await pair.commit(10)
        await pair.follow()
        while pair.base_at is not None:
            pair.piece()
        pair.cut(b"half of a shipment")
        await pair.commit(10)
        await pair.follow()
        assert pair.base_at is None
        assert len(pair.line.waiting) == 1
        pair.deliver(1)
        pair.cut(b"")
        await pair.ledger.with_writer(lambda: _checkpoint(pair.ledger, "RESTART"))
        await pair.commit(10)  # a new log, and the copy has the old one to its end
        await pair.follow()
        assert pair.base_at is None
        pair.deliver(1)
        assert len(events_in(pair.copy.settle())) == 3
    finally:
        pair.close()


async def test_a_ledger_that_is_killed_and_goes_on_is_followed_from_where_the_copy_is(tmp_path: Path) -> None:
    """Its log is as it was."""
    pair = Pair(tmp_path)
    try:
        await pair.commit(10)
        await pair.follow()
        while pair.base_at is not None:
            pair.piece()
        again = tmp_path / "again"
        again.mkdir()
        for ending in ("", "-wal"):
            (again / f"ledger.sqlite{ending}").write_bytes((tmp_path / f"ledger.sqlite{ending}").read_bytes())
    finally:
        pair.close()
    with closing(sqlite3.connect(again / "ledger.sqlite")) as other:
        other.execute("DELETE FROM meta WHERE key = 'file'")  # else it is taken for the copy that it is
        other.commit()
        ledger = Ledger(again / "ledger.sqlite", "edge-1")
    with ledger:
        tap = ledger.attach(Line())
        more = await ledger.with_writer(lambda: tap.resume(pair.copy.place))
    assert more is not None


async def test_what_was_undone_is_not_sent(tmp_path: Path) -> None:
    """A large transaction writes into the log before it is undone; what follows is written over it."""
    pair = Pair(tmp_path)
    try:
        await pair.commit(10)
        await pair.follow()
        while pair.base_at is not None:
            pair.piece()

        def undo() -> None:
            connection = pair.ledger.connection
            connection.execute("PRAGMA cache_size = 5")
            connection.execute("BEGIN IMMEDIATE")
            for number in range(200):
                connection.execute("INSERT INTO meta (key, value) VALUES (?, ?)", (f"k{number}", "x" * 5000))
            connection.execute("ROLLBACK")

        size = (tmp_path / "ledger.sqlite-wal").stat().st_size
        await pair.ledger.with_writer(undo)
        assert (tmp_path / "ledger.sqlite-wal").stat().st_size > size  # it did write there
        await pair.commit(10)
        pair.deliver(9)
        assert not pair.line.lost
        assert events_in(pair.copy.settle()) == events_in(pair.ledger.path)
    finally:
        pair.close()


def test_a_shipment_that_is_damaged_or_does_not_follow_is_refused(tmp_path: Path) -> None:
    shipment = Shipment(after=NOWHERE, upto=NOWHERE, page_bytes=4096, frames=bytes(4096 + 24))
    data = bytearray(shipment.encode())
    assert Shipment.decode(bytes(data)) == shipment
    data[-1] ^= 1
    for bad in (bytes(data), bytes(data[:-1]), bytes(data[:10]), b""):
        with pytest.raises(BadShipment):
            Shipment.decode(bad)
    copy = Copy(tmp_path)
    with pytest.raises(BadShipment):
        copy.settle()
    copy.begin_base()
    with pytest.raises(BadShipment, match="follows"):
        copy.add(Shipment(after=shipment.after._replace(frames=3), upto=NOWHERE, page_bytes=4096, frames=b""))
    copy.close()
