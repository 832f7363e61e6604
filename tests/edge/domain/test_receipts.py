"""A receipt is given once, without gaps, to whoever asks."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from edge.domain.receipt_book import MAX_RECENT, Numbered, ReceiptRules
from edge.domain.receipt_events import (
    LookAgain,
    ReceiptAsked,
    ReceiptGiven,
    Reckoning,
    StatementsGiven,
    StatementsReckoned,
)
from protocols.sync.receipts import ReceiptIssued, ReceiptKind, StatementMade
from protocols.sync.up import CdrIssued
from tests.edge.domain.site_kit import START, Play, new_site, number

DUE = date(2026, 3, 14)


def asked(ref: str, seen: int = 0, known: Numbered | None = None) -> ReceiptAsked:
    return ReceiptAsked(of=ReceiptKind.CDR, ref=ref, by="anna", known=known, seen=seen)


def told(play: Play, ref: str, seen: int = 0, known: Numbered | None = None) -> ReceiptGiven:
    reply = play.tell(asked(ref, seen, known)).reply
    assert isinstance(reply, ReceiptGiven)
    return reply


def reckoning(contract_id: str = "C-GOOD", closing: str = "7.00", period: str = "2026-02") -> Reckoning:
    return Reckoning(
        contract_id=contract_id,
        period=period,
        since=START - timedelta(days=30),
        until=START,
        opening=Decimal("0.00"),
        billed=Decimal(closing),
        paid=Decimal("0.00"),
        credited=Decimal("0.00"),
        other=Decimal("0.00"),
        through_seq=3,
        due_on=DUE,
    )


def test_a_receipt_is_given_once_and_the_second_is_a_copy() -> None:
    play = Play(site=new_site(receipts=ReceiptRules(prefix="R-edge-1")))
    first, again, other = told(play, "a"), told(play, "a"), told(play, "b", seen=1)
    assert (first.receipt.number, first.is_copy) == ("R-edge-1-000001", False)
    assert (again.receipt, again.is_copy) == (first.receipt, True)
    assert other.receipt.number == "R-edge-1-000002"
    assert [(each.count, each.ref, each.by) for each in play.found(ReceiptIssued)] == [
        (1, "a", "anna"),
        (2, "b", "anna"),
    ]


def test_what_the_ledger_knew_is_a_copy_however_long_ago_it_was() -> None:
    play = Play()
    long_ago = Numbered(number="R-000003", count=3, issued_at=START - timedelta(days=900))
    play.site.numbers.receipts.last = 5
    assert told(play, "a", seen=5, known=long_ago) == ReceiptGiven(receipt=long_ago, is_copy=True)
    assert play.found(ReceiptIssued) == []


def test_who_looked_too_long_ago_has_to_look_again() -> None:
    play = Play()
    play.site.numbers.receipts.last = 5  # of an agent before this one
    assert play.tell(asked("a", seen=4)).reply == LookAgain()
    assert not told(play, "a", seen=5).is_copy
    for count in range(MAX_RECENT):
        told(play, f"other-{count}", seen=6)
    assert play.tell(asked("a", seen=5)).reply == LookAgain()
    assert play.tell(asked("new", seen=5)).reply == LookAgain()


def test_every_bill_gets_one_where_that_is_wanted_and_none_where_it_is_not() -> None:
    for every_bill in (True, False):
        play = Play(site=new_site(receipts=ReceiptRules(every_bill=every_bill)))
        play.connect()
        for _ in range(2):
            transaction = number(play.start(1000))
            play.after(10)
            play.stop(transaction, 2000)
        bills = [body.cdr.id for body in play.found(CdrIssued)]
        issued = play.found(ReceiptIssued)
        assert [each.ref for each in issued] == (bills if every_bill else [])
        assert told(play, bills[0]).is_copy is every_bill


def test_a_statement_is_made_once_for_a_contract_and_a_period() -> None:
    play = Play(site=new_site(receipts=ReceiptRules(statement_prefix="S-1")))
    event = StatementsReckoned(reckonings=(reckoning(), reckoning("C-OTHER", "-3.00")), by=None, seen=0)
    reply = play.tell(event).reply
    assert isinstance(reply, StatementsGiven)
    assert [each.number for each in reply.made] == ["S-1-000001", "S-1-000002"]
    assert play.tell(event).reply == StatementsGiven(made=())
    owed, held = play.found(StatementMade)
    assert (owed.closing, owed.due_on) == (Decimal("7.00"), DUE)
    assert held.due_on is None  # nothing is to be paid
    play.site.numbers.statements.last += 1
    assert play.tell(event).reply == LookAgain()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30)), max_size=40))
def test_whoever_asks_when_with_whatever_they_had_seen_numbers_have_no_gap_and_no_double(
    asks: list[tuple[int, int]],
) -> None:
    play = Play()
    kept: list[dict[str, Numbered]] = [{}]  # what a look at the ledger would show, by the count then
    for ref, ago in asks:
        seen = max(0, len(kept) - 1 - ago)
        reply = play.tell(asked(f"r{ref}", seen, kept[seen].get(f"r{ref}"))).reply
        assert isinstance(reply, ReceiptGiven)
        if not reply.is_copy:
            kept.append({**kept[-1], f"r{ref}": reply.receipt})
        assert kept[-1][f"r{ref}"] == reply.receipt
    issued = play.found(ReceiptIssued)
    assert [each.count for each in issued] == list(range(1, len(issued) + 1))
    assert len({each.ref for each in issued}) == len(issued)
