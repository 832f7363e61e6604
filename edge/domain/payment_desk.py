"""Payments and tills among the events: which decision each takes, what it must know, and what time does to them."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from edge.domain import payments, reconciliation, refunds, till, write_offs
from edge.domain.decision import Decision
from edge.domain.events import Refused
from edge.domain.payment_book import MoneyFact, MoneyKey
from edge.domain.payment_events import (
    CashMoved,
    DebtWrittenOff,
    ListCompared,
    PaymentEvent,
    PaymentKept,
    PaymentRequested,
    PaymentSettled,
    ProviderAnswered,
    RefundRequested,
    TillCounted,
    TillKept,
    TillOpened,
    VoidRequested,
    WriteOffAsked,
)
from edge.domain.payment_states import Word
from edge.domain.site import Site
from protocols.money import ZERO
from protocols.sync.payments import Payment, PaymentState, TillSession
from protocols.sync.up import PostingMade


def decide_payment(site: Site, decision: Decision, event: PaymentEvent, now: datetime) -> None:
    """Decide upon what is asked or told of a payment or a till; the reply is what it is now, or why not."""
    result: Payment | TillSession | PostingMade | Refused
    match event:
        case PaymentRequested():
            result = payments.take_payment(
                site,
                decision,
                now,
                request_key=event.request_key,
                method=event.method,
                amount=event.amount,
                by=event.by,
                contract_id=event.contract_id,
                cdr_id=event.cdr_id,
                given=event.given,
                currency=event.currency,
                provider=event.provider,
            )
        case RefundRequested():
            result = refunds.refund(site, decision, event, now)
        case VoidRequested():
            result = refunds.void(site, decision, event, now)
        case PaymentSettled():
            result = refunds.settle(site, decision, event, now)
        case ProviderAnswered():
            result = payments.note_answer(site, decision, event, now)
        case TillOpened():
            result = till.open_till(site, decision, event, now)
        case CashMoved():
            result = till.move_cash(site, decision, event, now)
        case TillCounted():
            result = till.close_till(site, decision, event, now)
        case WriteOffAsked():
            result = write_offs.write_off(site, decision, event, now)
        case ListCompared():
            decision.reply = reconciliation.take_in(site, decision, event, now)
            return
        case _:
            assert_never(event)
    match result:
        case Payment():
            decision.reply = PaymentKept(payment=result)
        case TillSession():
            decision.reply = TillKept(session=result)
        case PostingMade():
            contract_id, amount = write_offs.written_off(result)
            decision.reply = DebtWrittenOff(
                posting_id=result.posting_id,
                contract_id=contract_id,
                amount=amount,
                left=max(ZERO, write_offs.owed_by(site, contract_id)),
                currency=result.currency,
            )
        case Refused():
            decision.reply = result
        case _:
            assert_never(result)


def wanted_money(site: Site, event: PaymentEvent) -> tuple[MoneyKey, ...]:
    """What must be looked up in the ledger before this event can be decided."""
    return tuple(key for key in _named(site, event) if not site.payments.knows(key))


def _named(site: Site, event: PaymentEvent) -> tuple[MoneyKey, ...]:
    match event:
        case PaymentRequested(request_key=request_key, cdr_id=cdr_id):
            asked = MoneyKey(MoneyFact.REQUEST, request_key)
            return (asked,) if cdr_id is None else (asked, MoneyKey(MoneyFact.BILL, cdr_id))
        case RefundRequested(request_key=request_key, payment_id=payment_id):
            return MoneyKey(MoneyFact.REQUEST, request_key), MoneyKey(MoneyFact.PAYMENT, payment_id)
        case VoidRequested(payment_id=payment_id) | PaymentSettled(payment_id=payment_id):
            return _with_reversed(site, payment_id)
        case ProviderAnswered(payment_id=payment_id):
            return _with_reversed(site, payment_id)
        case TillOpened(request_key=request_key) | TillCounted(request_key=request_key):
            return (MoneyKey(MoneyFact.TILL_REQUEST, request_key),)
        case WriteOffAsked(request_key=request_key):
            return (MoneyKey(MoneyFact.POSTING, write_offs.write_off_key(site, request_key)),)
        case CashMoved():
            return ()
        case ListCompared(answers=answers):
            return tuple(key for answer in answers for key in _with_reversed(site, answer.payment_id))
        case _:
            assert_never(event)


def _with_reversed(site: Site, payment_id: str) -> tuple[MoneyKey, ...]:
    """A payment that is not in memory comes with the one that it reverses."""
    payment = site.payments.payment(payment_id)
    asked = MoneyKey(MoneyFact.PAYMENT, payment_id)
    if payment is None or payment.reverses is None:
        return (asked,)
    return asked, MoneyKey(MoneyFact.PAYMENT, payment.reverses)


def tick(site: Site, decision: Decision, now: datetime) -> None:
    """A payment that its provider said nothing of for too long is unknown."""
    for payment in list(site.payments.open.values()):
        if payment.state is PaymentState.PENDING and now - payment.at > site.rules.payments.answer_within:
            silence = ProviderAnswered(payment_id=payment.payment_id, word=Word.SILENCE)
            payments.note_answer(site, decision, silence, now)
