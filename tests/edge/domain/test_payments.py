"""Payments: what is taken, by whom, once; what goes back, and never more than was paid."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from edge.domain.errands import CancelPayment
from edge.domain.events import Done, Ticked
from edge.domain.payment_events import ListCompared, PaymentSettled
from edge.domain.payment_states import NEXT, OPEN, Word
from edge.domain.reconciliation import ProviderRow, compare
from protocols.sync.payments import Mismatch, Payment, PaymentMethod, PaymentState
from protocols.sync.up import AlarmRaised, PostingMade, PostingReason
from tests.edge.domain.money_kit import MoneyPlay, asks, payment_of, why

CARD, QR = PaymentMethod.CARD, PaymentMethod.QR


@pytest.fixture
def play() -> MoneyPlay:
    return MoneyPlay()


def alarms(play: MoneyPlay) -> list[str]:
    return [alarm.alarm for alarm in play.found(AlarmRaised)]


# --- cash ---


def test_cash_goes_into_the_open_till_with_its_change(play: MoneyPlay) -> None:
    play.open_till("100.00")
    paid = play.cash("7.30", given=Decimal("10"))
    assert (paid.state, paid.given, paid.change) == (PaymentState.TAKEN, Decimal("10.00"), Decimal("2.70"))
    assert play.balances() == {
        "cash:kiosk": Decimal("107.30"),
        "till_float": Decimal("-100.00"),
        "customer:C-GOOD": Decimal("-7.30"),
    }
    assert {posting.by for posting in play.found(PostingMade)} == {"anna"}
    assert play.site.accounts.balance("C-GOOD") == Decimal("-7.30")


def test_cash_without_an_open_till_is_refused(play: MoneyPlay) -> None:
    assert "anna has no open till" in why(play.pay("5"))
    play.open_till(by="ben")
    assert "anna has no open till" in why(play.pay("5"))


def test_too_little_cash_is_refused(play: MoneyPlay) -> None:
    play.open_till()
    assert "not enough" in why(play.pay("5", given=Decimal("4.99")))


@pytest.mark.parametrize("amount", ["0", "-5", "0.001", "NaN", "Infinity", "-Infinity", "1e30", "10000.01"])
def test_what_is_no_sum_of_money_is_refused(play: MoneyPlay, amount: str) -> None:
    play.open_till()
    assert "no sum of money" in (reason := why(play.pay(amount))) or "the most" in reason


def test_a_sum_stands_in_the_books_with_two_decimals_however_it_was_written(play: MoneyPlay) -> None:
    play.open_till("0")
    assert str(play.cash("5").amount) == "5.00"
    assert str(play.cash("1E+2").amount) == "100.00"


def test_another_currency_is_refused(play: MoneyPlay) -> None:
    play.open_till()
    assert "this site's accounts are in EUR" in why(play.pay("5", currency="CNY"))


def test_money_for_a_contract_that_nobody_has_is_refused(play: MoneyPlay) -> None:
    play.open_till()
    assert "no contract 'C-GODO'" in why(play.pay("5", contract_id="C-GODO"))


def test_the_same_request_again_moves_nothing_and_is_answered_the_same(play: MoneyPlay) -> None:
    play.open_till()
    paid = play.cash("5", request_key="k")
    again = play.pay("5", request_key="k")
    assert payment_of(again) == paid
    assert again.entries == []
    assert "was used for payment" in why(play.pay("6", request_key="k"))


# --- bills ---


def test_a_bill_is_paid_in_parts_and_never_beyond(play: MoneyPlay) -> None:
    play.open_till()
    play.bill(total="10.00")
    first = play.cash("4", cdr_id="b-1")
    assert (first.contract_id, first.cdr_id) == ("C-GOOD", "b-1")
    assert "more than the 6.00 EUR that is open" in why(play.pay("6.01", cdr_id="b-1"))
    play.cash("6", cdr_id="b-1")
    assert "is paid" in why(play.pay("0.01", cdr_id="b-1"))
    play.refund(first, "1.50", till_id="kiosk")
    assert "more than the 1.50 EUR" in why(play.pay("2", cdr_id="b-1"))


def test_a_card_payment_on_its_way_counts_until_it_fails(play: MoneyPlay) -> None:
    play.bill(total="10.00")
    paid = play.card("10", cdr_id="b-1")
    assert "on its way" in why(play.pay("10", CARD, cdr_id="b-1"))
    play.answer(paid, Word.REFUSED, text="declined")
    assert play.card("10", cdr_id="b-1").state is PaymentState.PENDING


def test_a_bill_that_waits_for_a_person_or_is_unknown_is_not_paid(play: MoneyPlay) -> None:
    play.open_till()
    play.bill(problem="waits for a person's decision")
    assert "waits for a person" in why(play.pay("1", cdr_id="b-1"))
    assert "there is no bill b-2" in why(play.pay("1", cdr_id="b-2"))
    play.bill("b-3")
    assert "is of contract C-GOOD" in why(play.pay("1", cdr_id="b-3", contract_id="C-OTHER"))


# --- providers ---


def test_a_card_payment_moves_money_when_its_provider_says_so_and_once(play: MoneyPlay) -> None:
    decision = play.pay("12.50", CARD)
    paid = payment_of(decision)
    assert (paid.state, paid.provider, asks(decision)) == (PaymentState.PENDING, "terminal", [paid])
    assert play.balances() == {}
    play.answer(paid, Word.BEGUN, provider_ref="T-1")
    play.answer(paid, Word.TAKEN, provider_ref="T-1", amount=Decimal("12.5"))
    again = play.answer(paid, Word.TAKEN, provider_ref="T-1", amount=Decimal("12.5"))
    assert again.entries == []
    assert play.balances() == {"card:terminal": Decimal("12.50"), "customer:C-GOOD": Decimal("-12.50")}
    assert play.now_of(paid).provider_ref == "T-1"


def test_a_refusal_moves_nothing(play: MoneyPlay) -> None:
    paid = play.card("5")
    play.answer(paid, Word.REFUSED, text="declined")
    play.answer(paid, Word.REFUSED, text="declined")
    assert (play.now_of(paid).state, play.now_of(paid).text, play.balances()) == (PaymentState.FAILED, "declined", {})


def test_one_that_never_comes_is_unknown_and_taken_when_it_comes_after_all(play: MoneyPlay) -> None:
    paid = play.card("5")
    play.now += play.site.rules.payments.answer_within
    play.tell(Ticked())
    assert play.now_of(paid).state is PaymentState.PENDING
    play.now += timedelta(seconds=1)
    play.tell(Ticked())
    assert (play.now_of(paid).state, alarms(play)) == (PaymentState.UNKNOWN, ["payment_unknown"])
    play.answer(paid, Word.TAKEN)
    assert play.now_of(paid).state is PaymentState.TAKEN
    assert play.site.alarms == {}
    assert play.balances()["card:terminal"] == 5


def test_money_that_comes_after_a_refusal_is_the_customers_and_told(play: MoneyPlay) -> None:
    paid = play.card("5")
    play.answer(paid, Word.REFUSED)
    play.answer(paid, Word.TAKEN)
    assert (play.now_of(paid).state, alarms(play)) == (PaymentState.TAKEN, ["payment_taken_late"])
    assert play.balances()["customer:C-GOOD"] == -5


def test_another_sum_than_was_asked_waits_for_a_person(play: MoneyPlay) -> None:
    paid = play.card("5")
    play.answer(paid, Word.TAKEN, amount=Decimal("50"))
    play.answer(paid, Word.TAKEN, amount=Decimal("50"))
    assert (play.now_of(paid).state, alarms(play)) == (PaymentState.UNKNOWN, ["payment_amount_differs"])
    assert play.balances() == {}
    play.tell(PaymentSettled(payment_id=paid.payment_id, amount=Decimal("50"), by="ben", reason="slip seen"))
    assert (play.now_of(paid).state, play.now_of(paid).amount) == (PaymentState.TAKEN, Decimal("50.00"))
    assert play.balances()["card:terminal"] == 50
    assert play.site.alarms == {}


def test_without_a_provider_or_with_a_wrong_one_it_is_refused(play: MoneyPlay) -> None:
    assert "takes no card payments; these do: terminal" in why(play.pay("5", CARD, provider="wx"))
    assert "only cash is given" in why(play.pay("5", QR, given=Decimal("10")))
    bare = MoneyPlay()
    bare.site.rules = type(bare.site.rules)(
        **{f: getattr(bare.site.rules, f) for f in ("edge_id", "location", "currency", "stations", "tariffs")},
        default_tariff_id="standard",
    )
    assert "no provider of card payments is configured" in why(bare.pay("5", CARD))


# --- back ---


def test_refunds_in_parts_never_come_to_more_than_was_paid(play: MoneyPlay) -> None:
    play.open_till()
    paid = play.cash("10")
    play.refund(paid, "4", till_id="kiosk")
    assert "more than the 6.00 EUR that are left" in why(play.refund(paid, "6.01", till_id="kiosk"))
    back = payment_of(play.refund(paid, till_id="kiosk", request_key="r"))
    assert payment_of(play.refund(paid, till_id="kiosk", request_key="r")) == back
    assert (back.amount, back.reverses, play.now_of(paid).state) == (6, paid.payment_id, PaymentState.REFUNDED)
    assert "nothing is left" in why(play.refund(paid, till_id="kiosk"))
    assert play.balances() == {"cash:kiosk": Decimal("100.00"), "till_float": Decimal("-100.00")}


def test_a_card_refund_under_way_is_not_refunded_twice_and_free_again_when_it_fails(play: MoneyPlay) -> None:
    paid = play.card("10")
    play.answer(paid)
    first = payment_of(play.refund(paid, "7"))
    assert first.state is PaymentState.PENDING
    assert "more than the 3.00 EUR" in why(play.refund(paid, "3.01"))
    play.answer(first, Word.REFUSED)
    assert (play.now_of(paid).refunding, play.now_of(paid).refunded) == (0, 0)
    second = payment_of(play.refund(paid))
    play.answer(second)
    play.answer(second)
    assert (play.now_of(paid).state, play.now_of(paid).refunded) == (PaymentState.REFUNDED, 10)
    assert play.balances() == {}
    reasons = [posting.reason for posting in play.found(PostingMade)]
    assert reasons == [PostingReason.PAYMENT, PostingReason.REFUND]


def test_what_cannot_go_back(play: MoneyPlay) -> None:
    play.open_till("0")
    paid = play.card("10")
    assert "not taken yet" in why(play.refund(paid))
    play.answer(paid, Word.REFUSED)
    assert "nothing of it was kept" in why(play.refund(paid))
    cash = play.cash("10")
    assert "ben has no open till" in why(play.refund(cash))
    play.move("-8")
    assert "only 2.00 EUR in till kiosk" in why(play.refund(cash, till_id="kiosk"))
    back = payment_of(play.refund(cash, "1", till_id="kiosk"))
    assert "is itself a refund" in why(play.refund(back))
    assert "is a refund" in why(play.void(back))


def test_a_void_undoes_cash_within_its_till_session_alone(play: MoneyPlay) -> None:
    play.open_till()
    paid = play.cash("10")
    assert payment_of(play.void(paid)).state is PaymentState.VOIDED
    assert play.void(paid).entries == []
    assert play.balances() == {"cash:kiosk": Decimal("100.00"), "till_float": Decimal("-100.00")}
    late = play.cash("3")
    play.close("103")
    assert "closed and counted: refund it" in why(play.void(late))


def test_a_void_of_what_no_provider_has_taken_asks_it_to_give_up(play: MoneyPlay) -> None:
    paid = play.card("10")
    decision = play.void(paid)
    assert decision.errands == (CancelPayment(payment=paid),)
    assert decision.entries == []
    play.answer(paid)
    assert "was taken by terminal: refund it" in why(play.void(paid))


def test_a_person_settles_what_a_list_says_otherwise(play: MoneyPlay) -> None:
    paid = play.card("10")
    play.answer(paid)

    def settle(amount: str) -> Payment:
        event = PaymentSettled(payment_id=paid.payment_id, amount=Decimal(amount), by="ben", reason="list")
        return payment_of(play.tell(event))

    assert settle("9").amount == 9
    assert settle("9").amount == 9
    assert play.balances() == {"card:terminal": Decimal("9.00"), "customer:C-GOOD": Decimal("-9.00")}
    assert settle("0").state is PaymentState.VOIDED
    assert play.balances() == {}
    assert play.answer(paid).entries == []  # said again, as providers do


def test_a_refund_of_which_another_sum_went_back_leaves_nothing_under_way(play: MoneyPlay) -> None:
    paid = play.card("10")
    play.answer(paid)
    back = payment_of(play.refund(paid, "4"))
    play.answer(back, amount=Decimal("3"))
    play.tell(PaymentSettled(payment_id=back.payment_id, amount=Decimal("3"), by="ben", reason="slip"))
    now = play.now_of(paid)
    assert (now.refunded, now.refunding) == (Decimal("3.00"), Decimal("0.00"))
    assert play.balances()["card:terminal"] == 7


# --- the table ---


def test_every_way_of_the_table_leads_on_and_taken_is_entered_by_a_word_alone() -> None:
    for (state, word), after in NEXT.items():
        assert state is not after
        assert after is not PaymentState.PENDING
        assert (after is PaymentState.TAKEN) == (word is Word.TAKEN)
    assert not any(state in (PaymentState.VOIDED, PaymentState.REFUNDED) for state, _ in NEXT)
    assert all((state, Word.TAKEN) in NEXT for state in OPEN)


# --- the provider's list ---


def row(payment: Payment, amount: str | None = None, *, is_refund: bool = False) -> ProviderRow:
    value = payment.amount if amount is None else Decimal(amount)
    return ProviderRow(payment_id=payment.payment_id, amount=value, currency="EUR", reference="X", is_refund=is_refund)


def listed(play: MoneyPlay, *rows: ProviderRow, elsewhere: frozenset[str] = frozenset()) -> ListCompared:
    ours = [payment for payment in play.site.payments._payments.values() if payment.provider == "terminal"]
    return compare("terminal", play.now.date(), ours, rows, elsewhere, "ben")


def test_what_matches_raises_nothing(play: MoneyPlay) -> None:
    paid = play.card("10")
    play.answer(paid)
    back = payment_of(play.refund(paid, "4"))
    play.answer(back)
    decision = play.tell(listed(play, row(paid), row(back, is_refund=True)))
    assert isinstance(decision.reply, Done)
    assert "2 match, 0 settled, 0 open" in decision.reply.text
    assert play.site.alarms == {}


def test_what_the_provider_took_and_we_missed_is_taken_by_its_word_once(play: MoneyPlay) -> None:
    paid, failed = play.card("10"), play.card("3")
    play.answer(failed, Word.REFUSED)
    event = listed(play, row(paid), row(failed))
    assert [each.mismatch for each in event.found.differences] == [Mismatch.MISSING_HERE] * 2
    play.tell(event)
    play.tell(event)
    assert play.balances()["card:terminal"] == 13
    assert play.now_of(paid).state is play.now_of(failed).state is PaymentState.TAKEN


def test_one_that_is_unknown_and_not_on_the_list_never_was(play: MoneyPlay) -> None:
    paid = play.card("10")
    play.answer(paid, Word.SILENCE)
    play.tell(listed(play))
    assert play.now_of(paid).state is PaymentState.FAILED
    assert play.site.alarms == {}


def test_one_still_under_way_or_in_another_days_list_is_left_alone(play: MoneyPlay) -> None:
    paid, unknown = play.card("10"), play.card("11")
    play.answer(unknown, Word.SILENCE)
    event = listed(play, elsewhere=frozenset({unknown.payment_id}))
    assert event.found.differences == ()
    assert play.now_of(paid).state is PaymentState.PENDING


def test_what_only_a_person_can_settle_is_an_alarm_until_it_matches(play: MoneyPlay) -> None:
    paid, missing = play.card("10"), play.card("5")
    play.answer(paid)
    play.answer(missing)
    strange = ProviderRow(payment_id="not-ours", amount=Decimal(1), currency="EUR", reference="S")
    event = listed(play, row(paid, "11"), strange)
    kinds = {each.payment_id: each.mismatch for each in event.found.differences}
    assert kinds == {
        paid.payment_id: Mismatch.AMOUNT_DIFFERS,
        missing.payment_id: Mismatch.MISSING_THERE,
        "not-ours": Mismatch.STRANGE,
    }
    before = play.balances()
    play.tell(event)
    assert (play.balances(), alarms(play)) == (before, ["payments_differ"])
    play.tell(listed(play, row(paid), row(missing)))
    assert play.site.alarms == {}
