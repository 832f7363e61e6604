"""The ledger on a real file: all or nothing, one writer, and a site that comes back as it was."""

from __future__ import annotations

import asyncio
import copy
import re
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from edge.domain.events import TokenBlocked
from edge.domain.past import PastKey
from edge.domain.site import Site
from edge.ledger.database import LedgerError
from edge.ledger.ledger import Ledger
from edge.ledger.queries import migrations, queries
from edge.ledger.reader import LedgerReader
from edge.ledger.readings import kept_of
from edge.ledger.restore import restore
from edge.ports import Commit
from protocols.charger.events import BootReported, MeterValuesReported, Sample
from protocols.ocpi.token import Token
from protocols.sync.codec import decode_entry
from protocols.sync.down import Command, DesiredTokens, RejectedEntry, RemoteStart
from protocols.sync.topics import Stream
from protocols.sync.up import AlarmCleared, AlarmRaised, Entry, Severity
from protocols.terms import ConnectorStatus, Measurand
from tests.edge.domain.site_kit import START, Play, new_site
from tests.edge.ledger.conftest import LedgerPlay


def test_a_site_comes_back_as_it_was(ledger: Ledger) -> None:
    play = LedgerPlay(ledger)
    play.connect()
    play.tell(BootReported(station_id="A", vendor="V", model="M", serial_number="S", firmware_version="1"))
    ended = play.start(1000).reply.charger_transaction_id  # type: ignore[union-attr]
    play.after(5)
    play.stop(ended, 1500)
    play.start(1500, token="OTHER")
    play.status("A", 1, ConnectorStatus.FAULTED, error_code="GroundFailure")
    play.tell(DesiredTokens(version=3, tokens=(Token(uid="HUB", contract_id="C"),)))
    play.tell(TokenBlocked(uid="OTHER", is_blocked=True))
    body = RemoteStart(station_id="A", evse_id=2, token_uid="GOOD")
    play.tell(Command(id="c1", issued_at=START, expires_at=START + timedelta(hours=1), body=body))
    back = restore(ledger, play.site.rules)
    assert back.transactions == play.site.transactions
    assert back.stations == {**play.site.stations, **_without_link(play.site)}
    assert [s.status for s in back.evses.values()] == [s.status for s in play.site.evses.values()]
    known = {number: replace(each, station_id=None, operation=None) for number, each in play.site.commands.items()}
    assert (back.alarms, back.commands, back.documents) == (play.site.alarms, known, {"tokens": 3})
    assert back.tokens.hub == play.site.tokens.hub
    other = back.tokens.find("other")
    assert other is not None
    assert not other.valid
    assert back.last_seq == play.site.last_seq
    assert (back.epoch, back.last_charger_number) == (play.site.epoch, play.site.last_charger_number)


def _without_link(site: Site) -> dict[str, object]:
    """What a station can do is learnt anew when it connects."""
    from dataclasses import replace

    return {key: replace(station, abilities=None, main_meter=None) for key, station in site.stations.items()}


def test_the_past_is_remembered(ledger: Ledger) -> None:
    play = LedgerPlay(ledger)
    play.connect()
    number = play.start(1000).reply.charger_transaction_id  # type: ignore[union-attr]
    (transaction,) = play.site.transactions.values()
    keys = [PastKey("A", start_key=transaction.start_key), PastKey("A", charger_transaction_id=number)]
    assert asyncio.run(ledger.recall(keys)) == []
    play.after(1)
    play.stop(number, 2000)
    found = asyncio.run(ledger.recall([*keys, PastKey("B", charger_transaction_id=number)]))
    assert [(past.transaction_id, past.end_reason) for past in found] == [(transaction.transaction_id, "Local")] * 2


def test_a_commit_is_kept_whole_or_not_at_all(ledger: Ledger, tmp_path: Path) -> None:
    play = Play(site=restore(ledger, new_site().rules))
    play.connect()
    number = play.start(1000).reply.charger_transaction_id  # type: ignore[union-attr]
    checkpoint = list(play.site.transactions.values())
    play.after(1)
    play.stop(number, 2000)
    twice = Commit(entries=[*play.entries, play.entries[-2]], checkpoints=checkpoint)
    with pytest.raises(sqlite3.IntegrityError):
        asyncio.run(ledger.commit(twice))
    assert all(ledger.last_seq(stream) == 0 for stream in Stream)
    assert restore(ledger, play.site.rules).transactions == {}
    asyncio.run(ledger.commit(Commit(entries=play.entries, checkpoints=checkpoint)))
    reader = LedgerReader(tmp_path / "ledger.sqlite")
    assert [cdr.total_energy_wh for cdr in reader.cdrs(START, START + timedelta(days=1))] == [1000]
    assert list(reader.cdrs(START + timedelta(days=1), START + timedelta(days=2))) == []


@pytest.mark.parametrize("table", ["journal", "open_transactions", "past_transactions", "cdrs", "postings", "acked"])
def test_a_statement_that_fails_in_the_middle_rolls_all_back(ledger: Ledger, table: str) -> None:
    play = Play(site=restore(ledger, new_site().rules))
    play.site.tokens.site.update(new_site().tokens.site)
    play.connect()
    number = play.start(1000).reply.charger_transaction_id  # type: ignore[union-attr]
    checkpoint = copy.deepcopy(list(play.site.transactions.values()))
    play.after(1)
    play.stop(number, 2000)
    commit = Commit(entries=play.entries, checkpoints=checkpoint, acked={Stream.EVENT: 1}, last_charger_number=7)
    ledger.connection.execute(
        f"CREATE TEMP TRIGGER breaks BEFORE INSERT ON main.{table} BEGIN SELECT RAISE(ABORT, 'broken'); END"
    )
    before = list(ledger.connection.iterdump())
    with pytest.raises(sqlite3.IntegrityError, match="broken"):
        asyncio.run(ledger.commit(commit))
    assert list(ledger.connection.iterdump()) == before
    assert (ledger.last_seq(Stream.MONEY), ledger.acked_seq(Stream.EVENT), ledger.last_charger_number) == (0, 0, 0)
    ledger.connection.execute("DROP TRIGGER breaks")
    asyncio.run(ledger.commit(commit))
    assert (ledger.last_seq(Stream.MONEY), ledger.acked_seq(Stream.EVENT), ledger.last_charger_number) == (4, 1, 7)


def test_what_a_bill_says_stands_once_and_is_read_like_any_entry(ledger: Ledger, play: LedgerPlay) -> None:
    play.charge()
    kept = [decode_entry(body) for _, body in asyncio.run(ledger.read(Stream.MONEY, 0, 10, 1 << 20))]
    assert kept == [entry for entry in play.entries if entry.stream is Stream.MONEY]
    assert [entry.body.kind for entry in kept] == [
        "transaction_started",
        "transaction_ended",
        "cdr_issued",
        "posting_made",
    ]
    assert ledger.connection.execute("SELECT seq FROM journal WHERE body IS NULL").fetchall() == [(3,), (4,)]
    legs = dict(ledger.connection.execute("SELECT account, amount FROM posting_legs").fetchall())
    assert legs == {leg.account: str(leg.amount) for leg in kept[3].body.legs}  # type: ignore[union-attr]


def test_an_alarm_that_goes_and_comes_again_in_one_commit_is_there(ledger: Ledger) -> None:
    alarms = [
        AlarmRaised(alarm_id="a", alarm="x", severity=Severity.INFO, text="first"),
        AlarmCleared(alarm_id="a"),
        AlarmRaised(alarm_id="a", alarm="x", severity=Severity.INFO, text="second"),
        AlarmRaised(alarm_id="b", alarm="x", severity=Severity.INFO, text="third"),
        AlarmCleared(alarm_id="b"),
    ]
    entries = [Entry(stream=Stream.EVENT, seq=seq, at=START, body=body) for seq, body in enumerate(alarms, 1)]
    asyncio.run(ledger.commit(Commit(entries=entries)))
    assert restore(ledger, new_site().rules).alarms == {"a": alarms[2]}


@pytest.mark.parametrize("count", [1, 3, 64, 65, 200])
def test_many_transactions_may_begin_and_end_in_one_commit(ledger: Ledger, count: int) -> None:
    play = Play(site=restore(ledger, new_site().rules))
    play.site.tokens.site.update(new_site().tokens.site)
    play.connect()
    checkpoints = []
    for _ in range(count):
        number = play.start(1000).reply.charger_transaction_id  # type: ignore[union-attr]
        checkpoints += list(play.site.transactions.values())
        play.after(1)
        play.stop(number, 2000)
    asyncio.run(ledger.commit(Commit(entries=play.entries, checkpoints=checkpoints)))
    counted = "SELECT (SELECT COUNT(*) FROM {}), (SELECT COUNT(*) FROM {})".format
    assert ledger.connection.execute(counted("open_transactions", "past_transactions")).fetchone() == (0, count)
    assert ledger.connection.execute(counted("cdrs", "postings")).fetchone() == (count, count)
    assert len(asyncio.run(ledger.recall([PastKey("A", start_key=each.start_key) for each in checkpoints]))) == count


def test_the_journal_is_read_in_order_and_in_bounds(ledger: Ledger) -> None:
    play = LedgerPlay(ledger)
    play.connect()

    def read(after_seq: int, most: int, size: int) -> list[int]:
        rows = asyncio.run(ledger.read(Stream.EVENT, after_seq, most, size))
        assert [decode_entry(body).seq for _, body in rows] == [seq for seq, _ in rows]
        return [seq for seq, _ in rows]

    last = ledger.last_seq(Stream.EVENT)
    assert read(0, 500, 1 << 20) == list(range(1, last + 1))
    assert read(1, 2, 1 << 20) == [2, 3]
    assert read(0, 500, 1) == [1]
    assert read(last, 500, 1 << 20) == []


def test_acknowledgements_and_dead_letters_last(ledger: Ledger) -> None:
    dead = [(Stream.EVENT, RejectedEntry(seq=2, reason="bad"))]
    for _ in range(2):
        asyncio.run(ledger.commit(Commit(acked={Stream.MONEY: 7}, dead=dead)))
    assert (ledger.acked_seq(Stream.MONEY), ledger.acked_seq(Stream.EVENT)) == (7, 0)
    assert ledger.connection.execute("SELECT stream, seq, reason FROM dead_letters").fetchall() == [("event", 2, "bad")]


def test_one_agent_at_a_time_and_only_its_own_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path, "edge-1") as first:
        epoch = first.epoch
        with pytest.raises(LedgerError, match="in use by another agent"):
            Ledger(path, "edge-1")
    with Ledger(path, "edge-1") as again:
        assert again.epoch == epoch
    with pytest.raises(LedgerError, match="belongs to edge_id 'edge-1'"):
        Ledger(path, "edge-2")


def test_what_is_no_ledger_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, and long enough to be looked at" * 100)
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger(tmp_path / "text", "edge-1")
    with Ledger(tmp_path / "newer", "edge-1") as ledger:
        ledger.connection.execute("PRAGMA user_version = 9999")
    with pytest.raises(LedgerError, match="newer than this program"):
        Ledger(tmp_path / "newer", "edge-1")
    with pytest.raises(LedgerError, match="there is no ledger"):
        LedgerReader(tmp_path / "missing")


def test_durability_is_switched_on(ledger: Ledger) -> None:
    assert ledger.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert ledger.connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_migrations_are_numbered_and_every_query_is_sound(ledger: Ledger) -> None:
    assert [number for number, _ in migrations()] == list(range(1, len(migrations()) + 1))
    for name, sql in queries().items():
        numbered = {int(number) for number in re.findall(r"\?(\d+)", sql)}
        ledger.connection.execute(f"EXPLAIN {sql}", (None,) * (max(numbered) if numbered else sql.count("?"))), name


def test_a_full_disk_is_no_acknowledgement(ledger: Ledger) -> None:
    (pages,) = ledger.connection.execute("PRAGMA page_count").fetchone()
    ledger.connection.execute(f"PRAGMA max_page_count = {pages}")
    play = Play(site=restore(ledger, new_site().rules))
    play.connect()
    for _ in range(200):
        play.status("A", 1, ConnectorStatus.OCCUPIED)
        play.status("A", 1, ConnectorStatus.AVAILABLE)
    with pytest.raises(LedgerError, match=r"database or disk is full.*nothing of this was acknowledged"):
        asyncio.run(ledger.commit(Commit(entries=play.entries)))
    assert ledger.last_seq(Stream.EVENT) == 0
    assert asyncio.run(ledger.read(Stream.EVENT, 0, 10, 1 << 20)) == []


def test_readings_wait_in_their_order_and_go_on_after_a_restart(ledger: Ledger) -> None:
    play = LedgerPlay(ledger)
    play.connect()
    play.start(1000)

    def told(watts: int) -> None:
        play.after(1)
        sample = Sample(measurand=Measurand.POWER, value=watts, at=play.now)
        play.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=None, samples=(sample,)))

    for watts in (11_000, 11_001, 5_000):
        told(watts)
    play.site = restore(ledger, play.site.rules)
    told(5_000)  # the filter's memory is not durable: a curve begins anew
    assert asyncio.run(ledger.read(Stream.TELEMETRY, 0, 10, 1 << 20)) == []
    assert [kept["samples"][0][1] for kept in kept_of(ledger.connection, "A", 1)] == [11_000, 5_000, 5_000]
    assert [number for (number,) in ledger.connection.execute("SELECT number FROM readings")] == [1, 2, 3]
