"""A ledger made of a standby's copy: a new epoch, nothing doubted that was in step, and what the one before had."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge.domain.transaction import Doubt
from edge.ledger.database import LedgerError
from edge.ledger.ledger import Ledger
from edge.ledger.projections import CHECKPOINT
from edge.ledger.queries import queries
from edge.ledger.take_over import TAKEN_OVER, begin_epoch, end_of, look_at_copy, only_here
from edge.ledger.verify import Verifier
from protocols.sync.topics import Stream
from tests.edge.domain.site_kit import START
from tests.edge.ledger.conftest import LedgerPlay


def copy_of(ledger: Ledger, folder: Path) -> Path:
    copy = folder / "copy.sqlite"
    with closing(sqlite3.connect(copy)) as target:
        ledger.connection.backup(target)
    return copy


@pytest.mark.parametrize("is_doubtful", [False, True])
def test_what_is_open_goes_on_and_is_doubted_where_the_copy_was_behind(
    play: LedgerPlay, ledger: Ledger, tmp_path: Path, *, is_doubtful: bool
) -> None:
    play.charge()
    play.start(3000)
    copy = copy_of(ledger, tmp_path)
    begin_epoch(copy, "edge-1", START, is_doubtful=is_doubtful)
    place = copy.rename(tmp_path / "ledger-b.sqlite")
    with Ledger(place, "edge-1") as taken:
        assert taken.epoch != ledger.epoch
        ((checkpoint,),) = taken.connection.execute(queries()["open_transactions"]).fetchall()
        doubts = CHECKPOINT.validate_json(checkpoint).doubts
        assert bool(doubts) is is_doubtful
        assert not is_doubtful or Doubt.RESTORED in doubts
        assert taken.last_seq(Stream.MONEY) == ledger.last_seq(Stream.MONEY)
        alarms = [alarm for (alarm,) in taken.connection.execute("SELECT alarm_id FROM alarms").fetchall()]
        assert any(each.startswith(TAKEN_OVER) for each in alarms)
        assert not Verifier(taken.connection).run().findings


def test_a_take_over_that_was_interrupted_is_made_again(play: LedgerPlay, ledger: Ledger, tmp_path: Path) -> None:
    play.charge()
    copy = copy_of(ledger, tmp_path)
    for _ in range(2):
        begin_epoch(copy, "edge-1", START, is_doubtful=False)
    with Ledger(copy.rename(tmp_path / "ledger-b.sqlite"), "edge-1") as taken:
        assert not Verifier(taken.connection).run().findings


def test_what_only_the_one_before_has_is_counted_and_its_bills_are_named(play: LedgerPlay, ledger: Ledger) -> None:
    play.charge()
    began = end_of(ledger.path)
    assert only_here(ledger.path, began) is None
    play.charge()
    found = only_here(ledger.path, began)
    assert found is not None
    assert found["entries"]["money"] == ledger.last_seq(Stream.MONEY) - began["money"]
    (bill,) = found["bills"]
    assert bill.startswith("edge-1-")
    assert only_here(ledger.path, {**began, "epoch": "another"}) == {"epoch": ledger.epoch}


def test_a_copy_of_a_newer_program_is_not_taken_over(ledger: Ledger, tmp_path: Path) -> None:
    copy = copy_of(ledger, tmp_path)
    assert look_at_copy(copy) == end_of(ledger.path)
    with closing(sqlite3.connect(copy)) as newer:
        newer.execute("PRAGMA user_version = 9999")
    with pytest.raises(LedgerError, match="newer"):
        look_at_copy(copy)
