"""The till: from count to count, and what its report says."""

from __future__ import annotations

from decimal import Decimal

import pytest

from edge.domain.payment_events import CashMoved, TillCounted, TillOpened
from edge.domain.till_report import till_report
from protocols.sync.payments import PaymentMethod, TillMoved
from protocols.sync.up import AlarmRaised
from tests.edge.domain.money_kit import MoneyPlay, payment_of, session_of, why


@pytest.fixture
def play() -> MoneyPlay:
    return MoneyPlay()


def test_a_day_at_the_till_ends_with_an_empty_drawer_and_the_difference_posted(play: MoneyPlay) -> None:
    play.open_till("50.00")
    play.cash("20")
    play.move("-30", reason="to the bank")
    closed = session_of(play.close("39.50"))
    assert (closed.expected, closed.counted, closed.difference) == (40, Decimal("39.50"), Decimal("-0.50"))
    assert play.balances() == {
        "customer:C-GOOD": Decimal("-20.00"),
        "till_float": Decimal("19.50"),
        "till_difference:kiosk": Decimal("0.50"),
    }
    (alarm,) = play.found(AlarmRaised)
    assert "0.50 EUR too little in till kiosk of anna" in alarm.text
    assert play.site.payments.tills == {}


def test_a_till_that_is_right_raises_nothing(play: MoneyPlay) -> None:
    play.open_till("0")
    session_of(play.close("0"))
    assert play.found(AlarmRaised) == []
    assert play.balances() == {}


def test_one_drawer_for_one_cashier(play: MoneyPlay) -> None:
    play.open_till()
    assert "anna has till kiosk open" in why(
        play.tell(TillOpened(request_key="x", till_id="bar", opening=Decimal(0), by="anna"))
    )
    assert "till kiosk is anna's" in why(
        play.tell(TillOpened(request_key="x", till_id="kiosk", opening=Decimal(0), by="ben"))
    )
    assert "no name for a till" in why(
        play.tell(TillOpened(request_key="x", till_id="a b", opening=Decimal(0), by="ben"))
    )


def test_the_same_requests_again_change_nothing(play: MoneyPlay) -> None:
    opened = TillOpened(request_key="o", till_id="kiosk", opening=Decimal(10), by="anna")
    session = session_of(play.tell(opened))
    assert play.tell(opened).entries == []
    moved = CashMoved(request_key="m", amount=Decimal(5), reason="coins", by="anna")
    play.tell(moved)
    assert session_of(play.tell(moved)).expected == 15
    assert "used for another movement" in why(
        play.tell(CashMoved(request_key="m", amount=Decimal(6), reason="coins", by="anna"))
    )
    counted = TillCounted(request_key="c", counted=Decimal(15), by="anna")
    closed = session_of(play.tell(counted))
    again = play.tell(counted)
    assert (session_of(again), again.entries, closed.session_id) == (closed, [], session.session_id)
    assert session_of(play.tell(opened)).session_id == session.session_id


def test_more_than_lies_in_the_drawer_does_not_come_out_of_it(play: MoneyPlay) -> None:
    play.open_till("10")
    assert "only 10.00 EUR" in why(play.move("-10.01"))
    assert "say why" in why(play.move("1", reason=" "))
    assert "no sum of money" in why(play.move("0"))


@pytest.mark.parametrize("counted", ["-0.01", "0.001", "NaN", "1e20"])
def test_what_is_no_count_is_refused(play: MoneyPlay, counted: str) -> None:
    play.open_till("10")
    assert "is no count" in why(play.close(counted))


def test_somebody_else_may_close_a_till_by_its_name(play: MoneyPlay) -> None:
    play.open_till("10")
    assert "ben has no open till" in why(play.close("10", by="ben"))
    assert session_of(play.close("10", by="ben", till_id="kiosk")).closed_by == "ben"


def test_the_report_adds_up_by_method(play: MoneyPlay) -> None:
    session = play.open_till("100")
    first, second, third = play.cash("10"), play.cash("20"), play.cash("30")
    play.refund(first, "4", till_id="kiosk")
    play.void(second)
    card = play.card("50")
    play.answer(card)
    play.move("-40", reason="to the safe")
    known = [play.now_of(each) for each in (first, second, third, card)]
    known += [each for each in play.site.payments._payments.values() if each.reverses]
    moved = TillMoved(
        session_id=session.session_id, request_key="m", amount=Decimal(-40), reason="to the safe", by="anna"
    )
    report = till_report(session, known, [(play.now.isoformat(), moved)])
    cash = next(each for each in report.methods if each.method is PaymentMethod.CASH)
    assert (cash.payments, cash.taken, cash.voids, cash.voided, cash.refunds, cash.refunded, cash.net) == (
        *(3, Decimal(60), 1, Decimal(20), 1, Decimal(4)),
        Decimal(36),
    )
    (till,) = play.site.payments.tills.values()
    assert (report.kind, report.expected, till.expected) == ("X", Decimal(96), Decimal(96))
    assert next(each for each in report.methods if each.method is PaymentMethod.CARD).net == 50


def test_a_card_payment_of_a_cashier_stands_in_the_report_and_not_in_the_drawer(play: MoneyPlay) -> None:
    session = play.open_till("10")
    card = payment_of(play.pay("50", PaymentMethod.CARD))
    play.answer(card)
    assert card.till_session_id == session.session_id
    (till,) = play.site.payments.tills.values()
    assert till.expected == 10
