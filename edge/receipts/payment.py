"""The receipt of a payment, or of money that was given back; and the report of a till session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from edge.receipts.blocks import Banner, Block, Field, Item, Note, Rule, Sum, printable
from edge.receipts.heads import Head, foot, money, top
from protocols.money import ZERO
from protocols.sync.payments import Payment, PaymentMethod, PaymentState, TillMoved, TillSession


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFacts:
    payment: Payment
    customer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TillFacts:
    """A till session that is closed, what went in and out of it otherwise than by payments, and the payments."""

    session: TillSession
    moved: tuple[tuple[datetime, TillMoved], ...] = ()
    payments: tuple[Payment, ...] = ()


def payment_page(head: Head, facts: PaymentFacts) -> tuple[Block, ...]:
    return tuple(_payment(head, facts.payment, facts.customer))


def _payment(head: Head, payment: Payment, customer: str) -> Iterator[Block]:
    words = head.words
    is_refund = payment.reverses is not None
    yield from top(head, words.refund_receipt if is_refund else words.payment_receipt)
    if is_refund:
        yield Banner(words.refund_receipt)
    if customer:
        yield Field(words.customer, printable(customer))
    yield Field(words.contract, printable(payment.contract_id))
    if payment.cdr_id is not None:
        yield Field(words.bill, printable(payment.cdr_id))
    if payment.reverses is not None:
        yield Field(words.reverses, printable(payment.reverses))
    yield Field(words.cashier, printable(payment.by))
    yield Rule()
    paid = words.payment.format(method=words.method[payment.method])
    amount = -payment.amount if is_refund else payment.amount
    details = [head.stamp(payment.at)]
    if payment.provider_ref:
        details.append(f"{printable(payment.provider or '')} {printable(payment.provider_ref)}")
    yield Item(paid, tuple(details), f"{amount:.2f}")
    if payment.given is not None and payment.change:
        yield Sum(words.given, money(payment.given, payment.currency))
        yield Sum(words.change, money(payment.change, payment.currency))
    yield Sum(words.total, money(amount, payment.currency), is_total=True)
    if payment.state is PaymentState.VOIDED:
        yield Banner(words.void)
    if payment.refunded:
        yield Sum(words.went_back, money(payment.refunded, payment.currency))
    if payment.text:
        yield Note(f"{words.reason}: {printable(payment.text)}")
    yield from foot(head)


def till_page(head: Head, facts: TillFacts) -> tuple[Block, ...]:
    return tuple(_till(head, facts))


def _till(head: Head, facts: TillFacts) -> Iterator[Block]:
    words, session = head.words, facts.session
    yield from top(head, words.till_report)
    yield Field(words.till, printable(session.till_id))
    yield Field(words.cashier, printable(session.staff_id))
    yield Field(words.opened, head.stamp(session.opened_at))
    if session.closed_at is not None:
        yield Field(words.closed, head.stamp(session.closed_at))
    yield Rule()
    yield Sum(words.opening_count, money(session.opening, session.currency))
    for method in PaymentMethod:
        taken = sum((_signed(each) for each in facts.payments if each.method is method), ZERO)
        if taken:
            yield Sum(words.payment.format(method=words.method[method]), money(taken, session.currency))
    for at, moved in facts.moved:
        details = (head.stamp(at), f"{printable(moved.reason)} ({printable(moved.by)})")
        yield Item(words.moved, details, f"{moved.amount:.2f}")
    yield Sum(words.expected, money(session.expected, session.currency))
    if session.counted is not None and session.difference is not None:
        yield Sum(words.counted, money(session.counted, session.currency))
        yield Sum(words.difference, money(session.difference, session.currency), is_total=True)
    yield from foot(head)


def _signed(payment: Payment) -> Decimal:
    if payment.state not in (PaymentState.TAKEN, PaymentState.REFUNDED):
        return ZERO
    return payment.amount if payment.reverses is None else -payment.amount
