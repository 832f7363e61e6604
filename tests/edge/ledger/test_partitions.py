"""Telemetry in a table a day: the bytes are those that were journaled, and what goes is exactly what may."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from edge.ledger import partitions
from edge.ledger.journal import read_entries, time_of_next
from edge.ledger.ledger import Ledger
from edge.ledger.queries import migrations
from edge.ledger.sync_reading import sync_facts
from edge.ledger.trim import EVER, Retention, Trimmer, trim_journal
from edge.ports import Commit
from protocols.sync.blocks import Curve, TelemetryBlock, packed
from protocols.sync.codec import encode_entry
from protocols.sync.topics import Stream
from protocols.sync.up import Entry, MeterValuesSampled, SampledValue
from protocols.terms import Measurand, ReadingContext
from tests.edge.domain.site_kit import START

DAY = timedelta(days=1)
KEEP_ALL = 10**9


def block(seq: int, at: datetime, station_id: str = "CS-1") -> Entry:
    curve = Curve(Measurand.POWER, None, ReadingContext.SAMPLE_PERIODIC, f"tx-{seq}", [1_772_000_000_000], [seq])
    body = TelemetryBlock(
        station_id=station_id, evse_id=1, begins_at=START, samples=1, filter="deadband-1", data=packed([curve])
    )
    return Entry(stream=Stream.TELEMETRY, seq=seq, at=at, body=body)


def commit(ledger: Ledger, *entries: Entry, acked: int | None = None) -> None:
    asyncio.run(ledger.commit(Commit(entries=entries, acked={} if acked is None else {Stream.TELEMETRY: acked})))


def tables(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute("SELECT name FROM sqlite_master WHERE name GLOB 'telemetry_[0-9]*' ORDER BY rowid")
    return [name for (name,) in found]


def seqs(ledger: Ledger) -> list[int]:
    return [seq for seq, _ in asyncio.run(ledger.read(Stream.TELEMETRY, 0, KEEP_ALL, KEEP_ALL))]


@pytest.mark.parametrize("station_id", ["CS-1", '"data":"Ł\\', "\u2028"])
def test_an_entry_comes_back_to_the_byte(station_id: str) -> None:
    encoded = encode_entry(block(7, START + timedelta(microseconds=1), station_id))
    kept = partitions.stored(7, START, encoded)
    assert kept.data is not None
    assert partitions.together(kept.head, kept.data) == encoded
    assert len(kept.head) < 90
    odd = encoded.replace(kept_data(encoded), b"AB==")  # decodes, and would come back as AA==
    assert partitions.together(*as_kept(odd)) == odd


def kept_data(encoded: bytes) -> bytes:
    begin = encoded.index(b'"data":"') + 8
    return encoded[begin : encoded.index(b'"', begin)]


def as_kept(encoded: bytes) -> tuple[bytes, bytes | None]:
    kept = partitions.stored(1, START, encoded)
    return kept.head, kept.data


def test_each_day_has_its_table_and_is_read_across_them(ledger: Ledger) -> None:
    entries = [block(seq, START + timedelta(hours=7 * seq)) for seq in range(1, 13)]
    for entry in entries:
        commit(ledger, entry)
    assert tables(ledger.connection) == ["telemetry_0", *(f"telemetry_{n}" for n in range(1, 5))]
    expected = [(entry.seq, encode_entry(entry)) for entry in entries]
    for after in range(13):
        assert asyncio.run(ledger.read(Stream.TELEMETRY, after, 5, KEEP_ALL)) == expected[after : after + 5]
        next_at = entries[after].at if after < 12 else None
        assert time_of_next(ledger.connection, Stream.TELEMETRY, after) == next_at
    assert asyncio.run(ledger.read(Stream.TELEMETRY, 0, 12, len(expected[0][1]) + 1)) == expected[:1]
    (facts,) = (each for each in sync_facts(ledger.connection).streams if each.stream is Stream.TELEMETRY)
    assert (facts.last_seq, facts.backlog, facts.oldest_at) == (12, 12, entries[0].at)
    between = list(partitions.read_between(ledger.connection, entries[2].at, entries[9].at))
    assert between == [each for _, each in expected[2:9]]


def test_a_day_that_is_old_goes_as_a_table_and_the_newest_entry_stays(ledger: Ledger, tmp_path: Path) -> None:
    for seq in range(1, 7):
        commit(ledger, block(seq, START + seq // 2 * DAY))
    trimmer = Trimmer(
        ledger, lambda: START + 30 * DAY, Retention(journal=DAY, past_transactions=DAY, waits_for_ack=True), 0
    )
    commit(ledger, acked=4)
    assert asyncio.run(trimmer.trim()) == 4
    assert (seqs(ledger), tables(ledger.connection)) == ([5, 6], ["telemetry_0", "telemetry_3", "telemetry_4"])
    commit(ledger, acked=6)
    asyncio.run(trimmer.trim())
    assert (seqs(ledger), ledger.first_seq(Stream.TELEMETRY)) == ([6], 6)
    ledger.close()
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as again:
        assert (again.first_seq(Stream.TELEMETRY), again.last_seq(Stream.TELEMETRY)) == (6, 6)
        commit(again, block(7, START + 40 * DAY))
        assert seqs(again) == [6, 7]


def test_a_clock_that_is_set_back_loses_and_mixes_up_nothing(ledger: Ledger) -> None:
    for seq, days in enumerate((0, 5, 1, 5, 1, 2), 1):
        commit(ledger, block(seq, START + days * DAY))
    assert seqs(ledger) == [1, 2, 3, 4, 5, 6]
    assert len(tables(ledger.connection)) == 7


def test_a_commit_that_fails_leaves_no_table(ledger: Ledger) -> None:
    commit(ledger, block(1, START))
    with pytest.raises(sqlite3.IntegrityError):
        commit(ledger, block(2, START + DAY), block(2, START + DAY))
    assert tables(ledger.connection) == ["telemetry_0", "telemetry_1"]
    commit(ledger, block(2, START + 2 * DAY))
    assert seqs(ledger) == [1, 2]


@settings(max_examples=60, deadline=None)
@given(
    some.lists(some.integers(0, 8), min_size=1, max_size=30).map(sorted),
    some.integers(0, 35),
    some.booleans(),
    some.integers(0, 12),
    some.integers(1, 7),
)
def test_exactly_that_goes_which_may(days: list[int], acked: int, waits: bool, old: int, most: int) -> None:
    """Against the rule as it is said, in steps of any size."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for _, sql in migrations():
        connection.executescript(sql)
    connection.execute("INSERT INTO acked VALUES ('telemetry', ?)", (acked,))
    stored = [partitions.stored(seq, START + day * DAY, b"{}") for seq, day in enumerate(days, 1)]
    connection.execute("BEGIN")
    partitions.write(connection, stored)
    before = START + old * DAY
    while count := trim_journal(connection, Stream.TELEMETRY, before.isoformat(), waits_for_ack=waits, most=most):
        assert count <= most
    kept = [
        seq
        for seq, day in enumerate(days, 1)
        if START + day * DAY >= before or (waits and seq > acked) or seq == len(days)
    ]
    assert [seq for seq, _ in read_entries(connection, Stream.TELEMETRY, 0, KEEP_ALL)] == kept
    assert (partitions.first_seq(connection), partitions.last_seq(connection)) == (kept[0], len(days))
    assert len(tables(connection)) == 1 + len({days[seq - 1] for seq in kept})
    connection.close()


@pytest.fixture
def old_ledger(tmp_path: Path) -> list[Entry]:
    """A ledger of before, with readings in the journal of which 40 have been trimmed."""
    samples = (SampledValue(Measurand.POWER, 11_000),)
    body = MeterValuesSampled(station_id="A", evse_id=1, transaction_id="tx", at=START, samples=samples)
    at = START + timedelta(milliseconds=123)
    made = [Entry(stream=Stream.TELEMETRY, seq=n, at=at + n * timedelta(hours=1), body=body) for n in range(41, 101)]
    with sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None) as old:
        for number, sql in migrations():
            if number < 17:
                old.executescript(sql)
                old.execute(f"PRAGMA user_version = {number}")
        rows = [("telemetry", each.seq, each.at.isoformat(), encode_entry(each)) for each in made]
        old.executemany("INSERT INTO journal VALUES (?, ?, ?, ?)", rows)
        old.execute("INSERT INTO meta VALUES ('edge_id', 'edge-1'), ('epoch', 'e')")
        old.execute("INSERT INTO acked VALUES ('telemetry', 50)")
    old.close()
    return made


def test_what_older_versions_journaled_is_sent_as_it_was(old_ledger: list[Entry], tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as ledger:
        assert (ledger.first_seq(Stream.TELEMETRY), ledger.last_seq(Stream.TELEMETRY)) == (41, 100)
        sent = asyncio.run(ledger.read(Stream.TELEMETRY, 50, KEEP_ALL, KEEP_ALL))
        assert sent == [(each.seq, encode_entry(each)) for each in old_ledger[10:]]
        assert time_of_next(ledger.connection, Stream.TELEMETRY, 50) == old_ledger[10].at
        commit(ledger, block(101, old_ledger[-1].at), block(102, old_ledger[-1].at + DAY))
        assert seqs(ledger) == list(range(41, 103))
        assert tables(ledger.connection) == ["telemetry_0", "telemetry_1"]
        commit(ledger, acked=102)
        ledger.connection.execute("BEGIN")
        while trim_journal(ledger.connection, Stream.TELEMETRY, EVER, waits_for_ack=True, most=25):
            pass
        ledger.connection.execute("COMMIT")
        assert seqs(ledger) == [102]
        assert tables(ledger.connection) == ["telemetry_0", "telemetry_1"], "the pattern stays"
