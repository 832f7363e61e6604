"""Money that goes back: refunds and voids, always as movements of their own, and what a person settles."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from edge.domain.billing import money_id
from edge.domain.decision import Decision
from edge.domain.errands import AskProvider, CancelPayment
from edge.domain.events import Refused
from edge.domain.holds import unspent_problem
from edge.domain.payment_events import PaymentSettled, RefundRequested, VoidRequested
from edge.domain.payment_states import OPEN, Word, next_state
from edge.domain.payments import (
    AMOUNT_ALARM,
    LATE_ALARM,
    UNKNOWN_ALARM,
    amount_problem,
    in_cents,
    keep_payment,
    post_money,
    post_payment,
    settle_reversed,
)
from edge.domain.site import Site
from protocols.money import ZERO
from protocols.sync.payments import Payment, PaymentMethod, PaymentState
from protocols.sync.up import PostingReason


def refund(site: Site, decision: Decision, event: RefundRequested, now: datetime) -> Payment | Refused:
    """Give a payment back, the way it came, and never more than is left of it. Cash goes at once; what a provider has
    to do is under way until it says so, and that much of the payment cannot be refunded twice."""
    before = site.payments.asked(event.request_key)
    if before is not None:
        if before.reverses == event.payment_id and event.amount in (None, before.amount):
            return before
        return Refused(reason=f"this request_key was used for payment {before.payment_id}: take another one")
    original = site.payments.payment(event.payment_id)
    if original is None:
        return Refused(reason=f"there is no payment {event.payment_id}: see `ohmstead-edge payments`")
    left = original.amount - original.refunded - original.refunding
    amount = left if event.amount is None else event.amount
    if problem := _refund_problem(original, left) or amount_problem(site, amount):
        return Refused(reason=problem)
    amount = in_cents(amount)
    if amount > left:
        return Refused(reason=f"{amount} is more than the {left} {original.currency} that are left of this payment")
    if problem := unspent_problem(site, original.contract_id, amount):
        return Refused(reason=problem)
    mine = site.payments.till_of(event.by)
    back = Payment(
        payment_id=money_id(site),
        request_key=event.request_key,
        method=original.method,
        amount=amount,
        currency=original.currency,
        contract_id=original.contract_id,
        cdr_id=original.cdr_id,
        state=PaymentState.PENDING,
        at=now,
        by=event.by,
        provider=original.provider,
        till_session_id=mine.session.session_id if mine is not None else None,
        reverses=original.payment_id,
        text=event.reason,
    )
    if back.method is PaymentMethod.CASH:
        return _refund_cash(site, decision, now, original, back, event)
    keep_payment(site, decision, now, back)
    keep_payment(site, decision, now, replace(original, refunding=original.refunding + amount))
    decision.errands += (AskProvider(payment=back),)
    return back


def _refund_problem(original: Payment, left: Decimal) -> str | None:
    if original.reverses is not None:
        return f"{original.payment_id} is itself a refund: take a payment instead"
    if original.state in OPEN:
        return f"{original.payment_id} is not taken yet: void it, or wait for its provider"
    if original.state not in (PaymentState.TAKEN, PaymentState.REFUNDED):
        return f"{original.payment_id} is {original.state}: nothing of it was kept"
    if left <= 0:
        return f"nothing is left of {original.payment_id}: all of it went back, or is on its way"
    return None


def _refund_cash(
    site: Site, decision: Decision, now: datetime, original: Payment, back: Payment, event: RefundRequested
) -> Payment | Refused:
    book = site.payments
    till = book.till_named(event.till_id) if event.till_id is not None else book.till_of(event.by)
    if till is None:
        whose = f"till {event.till_id} is not open" if event.till_id else f"{event.by} has no open till"
        return Refused(reason=f"{whose}: name the drawer that it is taken from with --till, or open one")
    if back.amount > till.expected:
        return Refused(reason=f"there are only {till.expected} {back.currency} in till {till.session.till_id}")
    taken = replace(back, state=PaymentState.TAKEN, till_session_id=till.session.session_id)
    keep_payment(site, decision, now, taken)
    post_payment(site, decision, now, taken)
    settle_reversed(site, decision, now, taken, taken)
    return taken


def void(site: Site, decision: Decision, event: VoidRequested, now: datetime) -> Payment | Refused:
    """Undo a cash payment within its till session, or have the provider give up what it has not taken yet."""
    payment = site.payments.payment(event.payment_id)
    if payment is None:
        return Refused(reason=f"there is no payment {event.payment_id}: see `ohmstead-edge payments`")
    if payment.state is PaymentState.VOIDED:
        return payment
    if payment.reverses is not None:
        return Refused(reason=f"{payment.payment_id} is a refund: take a payment instead")
    if payment.state in OPEN:
        decision.errands += (CancelPayment(payment=payment),)
        return payment
    if problem := _void_problem(site, payment):
        return Refused(reason=problem)
    voided = replace(payment, state=PaymentState.VOIDED, text=event.reason)
    key = f"void:{payment.payment_id}"
    post_money(site, decision, now, voided, -payment.amount, PostingReason.VOID, key, event.by)
    return keep_payment(site, decision, now, voided)


def _void_problem(site: Site, payment: Payment) -> str | None:
    if next_state(payment.state, Word.VOID) is None:
        return f"{payment.payment_id} is {payment.state}: there is nothing to void"
    if payment.method is not PaymentMethod.CASH:
        return f"{payment.payment_id} was taken by {payment.provider}: refund it"
    till = site.payments.tills.get(payment.till_session_id or "")
    if till is None:
        return f"the till session of {payment.payment_id} is closed and counted: refund it"
    if payment.refunded or payment.refunding:
        return f"{payment.refunded} of {payment.payment_id} went back already: refund the rest"
    if payment.amount > till.expected:
        return f"there are only {till.expected} {payment.currency} in till {till.session.till_id}"
    return unspent_problem(site, payment.contract_id, payment.amount)


def settle(site: Site, decision: Decision, event: PaymentSettled, now: datetime) -> Payment | Refused:
    """A person has found out what a provider really took: open payments end, taken ones are put right by the
    difference, and nothing is edited: the difference is a posting of its own."""
    payment = site.payments.payment(event.payment_id)
    if payment is None:
        return Refused(reason=f"there is no payment {event.payment_id}: see `ohmstead-edge payments`")
    if problem := _settle_problem(site, payment, event.amount):
        return Refused(reason=problem)
    amount = in_cents(event.amount)
    is_open, is_nothing = payment.state in OPEN, amount == ZERO
    state = next_state(payment.state, Word.TAKEN if not is_nothing else Word.REFUSED if is_open else Word.DENIED)
    before = payment
    payment = replace(payment, state=state or payment.state, text=event.reason)
    if not is_nothing:
        payment = replace(payment, amount=amount)
    if is_open or before.state is PaymentState.FAILED:
        if payment.state is PaymentState.TAKEN:
            post_payment(site, decision, now, payment)
        settle_reversed(site, decision, now, before, payment)
    elif difference := amount - before.amount:
        key = f"settle:{money_id(site)}"
        post_money(site, decision, now, payment, difference, PostingReason.TRANSFER, key, event.by)
    for alarm in (UNKNOWN_ALARM, AMOUNT_ALARM, LATE_ALARM):
        decision.clear_alarm(site, now, alarm, payment.payment_id)
    return keep_payment(site, decision, now, payment)


def _settle_problem(site: Site, payment: Payment, amount: Decimal) -> str | None:
    if payment.method is PaymentMethod.CASH:
        return f"{payment.payment_id} is cash: void it, refund it, or count the till"
    if amount != ZERO and (problem := amount_problem(site, amount)):
        return problem
    if payment.state is PaymentState.FAILED and amount == ZERO:
        return f"{payment.payment_id} has failed already: nothing was taken"
    if payment.state in (PaymentState.VOIDED, PaymentState.REFUNDED):
        return f"{payment.payment_id} is {payment.state}: nothing of it is open"
    if payment.state is PaymentState.TAKEN and amount != payment.amount:
        if payment.reverses is not None:
            return f"{payment.payment_id} is a refund that was paid out: pay the difference as a payment or a refund"
        if payment.refunded or payment.refunding:
            return f"a part of {payment.payment_id} went back: refund the rest, or take what is missing"
    return None
