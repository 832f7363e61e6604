"""A copy of a ledger in use, and the way back: nothing is lost that was in it, and nothing is billed twice unseen."""

from __future__ import annotations

import sqlite3
import stat
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from edge.domain.proof_events import ChainGrown
from edge.domain.transaction import Doubt
from edge.ledger.backup import LEDGER_RESTORED, back_up, put_back
from edge.ledger.database import LedgerError, open_reader
from edge.ledger.ledger import Ledger
from edge.ledger.verify import Verifier
from protocols.sync.topics import Stream
from protocols.sync.up import CdrQuarantined
from tests.edge.domain.site_kit import START, number
from tests.edge.ledger.conftest import LedgerPlay
from tests.edge.ledger.test_chain import seal_of

NOW = START + timedelta(days=1)


def charged(path: Path) -> str:
    """A ledger with two bills and an open transaction; returns its number."""
    with Ledger(path, "edge-1") as ledger:
        play = LedgerPlay(ledger)
        play.connect()
        play.charge()
        play.charge()
        return number(play.start(1000))


def test_a_copy_made_while_bills_are_written_is_whole_and_proved(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as ledger:
        play = LedgerPlay(ledger)
        play.connect()
        play.charge()
        done = threading.Event()

        def load() -> None:
            while not done.is_set():
                play.charge()

        writing = threading.Thread(target=load)
        writing.start()
        try:
            copies = [back_up(ledger.path, tmp_path / f"copies{n}", NOW + timedelta(hours=n)) for n in range(3)]
        finally:
            done.set()
            writing.join()
        assert [0 < each.bills <= ledger.chain.count // 2 for _, each in copies] == [True] * 3
    for copy, proved in copies:
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert [each.name for each in copy.parent.iterdir()] == [copy.name]
        with closing(open_reader(copy)) as reading:
            assert Verifier(reading).run() == proved


def test_a_damaged_ledger_makes_no_copy(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    charged(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE postings SET hash = zeroblob(32)")
        connection.commit()
    with pytest.raises(LedgerError, match="cannot be proved"):
        back_up(path, tmp_path / "copies", NOW)
    assert list((tmp_path / "copies").iterdir()) == []


def test_a_copy_is_put_back_under_a_new_epoch(tmp_path: Path) -> None:
    path = tmp_path / "data" / "ledger.sqlite"
    transaction = charged(path)
    copy, _ = back_up(path, tmp_path / "copies", NOW)
    with Ledger(path, "edge-1") as ledger:
        play = LedgerPlay(ledger)
        play.now = START + timedelta(hours=3)
        play.stop(transaction, 3000)  # it ends and is billed, and then the ledger is lost
        before = ledger.epoch
        with pytest.raises(LedgerError, match="in use by another agent"):
            put_back(copy, path, "edge-1", NOW, is_foreign=False)
    aside = put_back(copy, path, "edge-1", NOW, is_foreign=False)
    assert aside is not None
    with closing(open_reader(aside)) as reading:
        assert Verifier(reading).run().bills == 3
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "ledger.sqlite",
        "ledger.sqlite.before-20260303T080000Z",
        "ledger.sqlite.lock",
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with Ledger(path, "edge-1") as ledger:
        assert ledger.epoch != before
        assert {stream: ledger.acked_seq(stream) for stream in Stream} == dict.fromkeys(Stream, 0)
        play = LedgerPlay(ledger)
        assert [each.alarm for each in play.site.alarms.values()] == [LEDGER_RESTORED]
        (still_open,) = play.site.transactions.values()
        assert still_open.doubts == [Doubt.RESTORED]
        play.connect()
        play.now = START + timedelta(hours=3)
        play.stop(transaction, 3000)
        (kept_back,) = play.found(CdrQuarantined)
        assert copy.name in kept_back.cdr.quarantine[0]
        assert kept_back.cdr.id.split("-")[2] == ledger.epoch[:8]
        play.charge()
    with closing(open_reader(path)) as reading:
        result = Verifier(reading).run()
    assert (result.findings, result.bills, result.chained) == ([], 4, 7)


def test_a_copy_without_any_money_is_put_back_twice_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path, "edge-1"):
        pass
    for hours in range(6):  # epochs are named at random, and must not be put into order by their names
        copy, _ = back_up(path, tmp_path, NOW + timedelta(hours=hours))
        put_back(copy, path, "edge-1", NOW + timedelta(hours=hours), is_foreign=False)
    with Ledger(path, "edge-1") as ledger:
        play = LedgerPlay(ledger)
        play.connect()
        play.charge()
    with closing(open_reader(path)) as reading:
        assert Verifier(reading).run().findings == []


def test_a_seal_of_before_the_copy_is_none_of_the_new_epoch(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path, "edge-1") as ledger:
        play = LedgerPlay(ledger)
        play.connect()
        play.charge()
        play.tell(ChainGrown(seal=seal_of(ledger)))
    copy, _ = back_up(path, tmp_path, NOW)
    put_back(copy, path, "edge-1", NOW, is_foreign=False)
    with Ledger(path, "edge-1") as ledger:
        assert ledger.chain.count == 0
        play = LedgerPlay(ledger)
        play.connect()
        play.now = START + timedelta(hours=3)
        play.charge()
    with closing(open_reader(path)) as reading:
        assert Verifier(reading).run().findings == []


def test_another_edges_copy_is_refused_unless_told_and_what_is_no_copy_always(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    charged(path)
    copy, _ = back_up(path, tmp_path, NOW)
    other = tmp_path / "other" / "ledger.sqlite"
    with pytest.raises(LedgerError, match="--foreign"):
        put_back(copy, other, "edge-2", NOW, is_foreign=False)
    assert put_back(copy, other, "edge-2", NOW, is_foreign=True) is None
    with Ledger(other, "edge-2") as ledger:
        assert ledger.chain.count == 0
    nothing = tmp_path / "nothing"
    nothing.write_text("no ledger, and long enough to be looked at" * 100)
    with pytest.raises(LedgerError, match="is no ledger"):
        put_back(nothing, path, "edge-1", NOW, is_foreign=False)
    with Ledger(path, "edge-1") as ledger:
        assert ledger.chain.count == 4


def test_a_damaged_ledger_is_replaced_and_its_log_is_not_taken_for_the_copys(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    charged(path)
    copy, _ = back_up(path, tmp_path, NOW)
    path.write_bytes(b"broken" * 1000)
    path.with_name("ledger.sqlite-wal").write_bytes(b"a log of it")
    aside = put_back(copy, path, "edge-1", NOW, is_foreign=False)
    assert aside is not None
    assert aside.read_bytes().startswith(b"broken")
    with Ledger(path, "edge-1") as ledger:
        assert ledger.last_seq(Stream.MONEY) > 0
