"""Whoever changes a byte of the money is found, with the place: each kind of change is made here."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge.domain.correction_events import BillDecisionAsked, BillSettled
from edge.domain.proof_events import ChainGrown
from edge.ledger import account_totals
from edge.ledger.database import open_reader
from edge.ledger.ledger import Ledger
from edge.ledger.verify import Verified, Verifier
from protocols.terms import BillDecision
from tests.edge.domain.site_kit import number
from tests.edge.ledger.conftest import LedgerPlay
from tests.edge.ledger.test_chain import seal_of
from tests.edge.ledger.test_migrate import played, write_0001


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger with bills, one corrected and one accepted, a seal, and totals of accounts."""
    made = tmp_path / "ledger.sqlite"
    with Ledger(made, "edge-1") as ledger:
        play = LedgerPlay(ledger)
        play.connect()
        for _ in range(3):
            play.charge()
        begun = number(play.start(1000))
        play.after(60)
        play.stop(begun, 500_000)
        ids = [row[0] for row in ledger.connection.execute("SELECT cdr_id FROM cdrs ORDER BY money_seq")]
        decide(play, ids[0], BillDecision.CORRECTED, energy_wh=300)
        decide(play, ids[3], BillDecision.ACCEPTED)
        play.tell(ChainGrown(seal=seal_of(ledger)))
        play.charge()
        with ledger.connection:
            account_totals.add_up(ledger.connection)
    return made


def decide(play: LedgerPlay, cdr_id: str, decision: BillDecision, **more: Any) -> None:
    from edge.ledger.bill_tables import bill_record

    record = bill_record(play.ledger.connection, cdr_id)
    assert record is not None
    play.site.bills.keep(record)
    asked = BillDecisionAsked(cdr_id=cdr_id, decision=decision, reason="r", by="anna", second_by="bert", **more)
    assert isinstance(play.tell(asked).reply, BillSettled)


def verified(path: Path) -> Verified:
    with closing(open_reader(path)) as reading:
        return Verifier(reading).run()


def test_a_sound_ledger_is_proved(path: Path) -> None:
    result = verified(path)
    assert result.findings == []
    assert (result.bills, result.postings, result.decisions, result.seals) == (8, 7, 2, 1)
    assert result.chained == 17
    assert len(result.hash) == 64


def test_it_goes_on_being_proved_beside_a_running_agent_and_when_an_old_one_was_opened(tmp_path: Path) -> None:
    old = tmp_path / "old.sqlite"
    play, transactions = played()
    write_0001(old, play, transactions)
    with Ledger(old, "edge-1"):
        result = verified(old)
    assert (result.findings, result.bills, result.postings, result.chained) == ([], 2, 2, 0)
    with closing(sqlite3.connect(old)) as changed:
        changed.execute("UPDATE cdrs SET entry = replace(CAST(entry AS TEXT), '700', '600') WHERE money_seq = 3")
        changed.commit()
    assert any("what is older than the chain" in each.problem for each in verified(old).findings)


Change = Callable[[sqlite3.Connection], object]
ENTRY = "UPDATE {0} SET entry = CAST(replace(CAST(entry AS TEXT), '{1}', '{2}') AS BLOB) WHERE money_seq = {3}"


def sql(text: str) -> Change:
    return lambda connection: connection.execute(text)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (sql(ENTRY.format("cdrs", "2000", "2001", 3)), "entry 3 (bill * the chain is broken here"),
        (sql(ENTRY.format("cdrs", '"incl_vat":"0.60"', '"incl_vat":"0.50"', 7)), "made again from its own tariff"),
        (sql(ENTRY.format("postings", '"reason":"cdr"', '"reason":"Cdr"', 4)), "entry 4 * cannot be read"),
        (sql(ENTRY.format("postings", '"amount":"-0.50"', '"amount":"-0.40"', 8)), "it does not balance"),
        (sql(ENTRY.format("bill_decisions", '"by":"anna"', '"by":"otto"', 16)), "its row says"),
        (sql("UPDATE cdrs SET is_quarantined = 1 WHERE money_seq = 3"), "its row says"),
        (sql("UPDATE cdrs SET cdr_id = 'x-3' WHERE money_seq = 3"), "its row says"),
        (sql("UPDATE cdrs SET hash = zeroblob(32) WHERE money_seq = 3"), "the chain is broken here"),
        (sql("UPDATE postings SET hash = NULL WHERE money_seq = 8"), "it has no hash"),
        (sql("UPDATE postings SET legs = '[]' WHERE money_seq = 8"), "its row says"),
        (sql("UPDATE postings SET key = 'cdr:x' WHERE money_seq = 8"), "its row says"),
        (sql("DELETE FROM postings WHERE money_seq = 8"), "is issued and was never posted"),
        (sql("DELETE FROM cdrs WHERE money_seq = 7"), "was not issued before it"),
        (sql("DELETE FROM bill_decisions"), "the chain is broken here"),
        (sql("DELETE FROM cdrs WHERE money_seq = 3"), "the bill that it corrects, entry 3, is not there"),
        (sql("DELETE FROM chains"), "there is no chain"),
        (sql("UPDATE chains SET genesis = zeroblob(32)"), "was changed"),
        (sql("UPDATE chain_seals SET hash = 'ab'"), "it was sealed with the hash ab"),
        (sql("UPDATE account_totals SET cents = cents + 1 WHERE account = 'revenue:charging'"), "its postings come to"),
        (sql("DELETE FROM account_totals WHERE account = 'customer:C-GOOD'"), "no total is kept"),
    ],
)  # fmt: skip
def test_what_was_changed_is_found(path: Path, change: Change, words: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        change(connection)
        connection.commit()
    findings = [f"{each.where} {each.problem}" for each in verified(path).findings]
    parts = words.split("*")
    assert any(all(part.strip() in finding for part in parts) for finding in findings), findings


def test_who_takes_the_newest_away_is_found_by_the_journal_or_the_seal(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM cdrs WHERE money_seq > 12")
        connection.execute("DELETE FROM postings WHERE money_seq > 12")
        connection.execute("DELETE FROM bill_decisions WHERE money_seq > 12")
        connection.commit()
        found = " ".join(each.problem for each in verified(path).findings)
        assert "the journal names it, and it is not there" in found
        connection.execute("DELETE FROM journal WHERE seq > 12")
        connection.commit()
    assert "which was sealed with the hash" in " ".join(each.problem for each in verified(path).findings)


def test_any_byte_of_an_entry_counts(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        (entry,) = connection.execute("SELECT entry FROM cdrs WHERE money_seq = 7").fetchone()
        for place in range(0, len(entry), 37):
            changed = entry[:place] + bytes([entry[place] ^ 1]) + entry[place + 1 :]
            connection.execute("UPDATE cdrs SET entry = ? WHERE money_seq = 7", (changed,))
            connection.commit()
            findings = verified(path).findings
            assert any(each.where.startswith("entry 7") and "chain" in each.problem for each in findings), place
