"""What decisions need in memory of payments and tills: those that are open, and what was asked about lately.

Everything else is in the ledger, and is looked up there before an event about it is decided (`MoneyKey`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeVar, assert_never

from edge.domain.payment_states import MOVED, OPEN
from protocols.money import ZERO
from protocols.sync.payments import Payment, PaymentMethod, TillSession
from protocols.sync.up import PostingMade

T = TypeVar("T")
REMEMBERED: Final = 8192
"""Payments and bills that were asked about lately; several times as many as one group of events can name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRules:
    """`providers` says which method each serves. A payment that its provider says nothing of is unknown after
    `answer_within`."""

    providers: Mapping[str, PaymentMethod] = field(default_factory=dict)
    answer_within: timedelta = timedelta(minutes=3)
    max_amount: Decimal = Decimal("10000.00")


class MoneyFact(StrEnum):
    PAYMENT = "payment"
    REQUEST = "request"
    """A payment by its request_key."""
    BILL = "bill"
    TILL_REQUEST = "till_request"
    """A till session by the request_key of its opening or its close."""
    POSTING = "posting"
    """A posting by its key."""


@dataclass(frozen=True, slots=True)
class MoneyKey:
    """What an event names and memory does not hold: the agent asks the ledger before it decides."""

    fact: MoneyFact
    value: str


@dataclass(slots=True, kw_only=True)
class Bill:
    """A bill as far as it can be paid. `counted` has what each payment does to it, by payment; `problem` says why it
    cannot be paid at all."""

    cdr_id: str
    contract_id: str
    total: Decimal
    currency: str
    problem: str | None = None
    counted: dict[str, Decimal] = field(default_factory=dict)

    @property
    def open_amount(self) -> Decimal:
        """What is neither paid nor about to be."""
        return self.total - sum(self.counted.values(), ZERO)

    def note(self, payment: Payment) -> None:
        if payment.reverses is None:
            is_counted = payment.state in MOVED or payment.state in OPEN
            self.counted[payment.payment_id] = payment.amount - payment.refunded if is_counted else ZERO


@dataclass(slots=True, kw_only=True)
class OpenTill:
    """A drawer that somebody works with. `movements` are the request_keys of what was put in or taken out."""

    session: TillSession
    expected: Decimal
    movements: dict[str, Decimal] = field(default_factory=dict)

    def so_far(self) -> TillSession:
        return replace(self.session, expected=self.expected)


Recalled = Payment | Bill | TillSession | PostingMade


@dataclass(slots=True)
class PaymentBook:
    """Open payments and tills whole, others as they were asked about."""

    open: dict[str, Payment] = field(default_factory=dict)
    """Pending and unknown ones, by id."""
    tills: dict[str, OpenTill] = field(default_factory=dict)
    """Open ones, by session id."""
    _payments: OrderedDict[str, Payment] = field(default_factory=OrderedDict)
    _requests: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _bills: OrderedDict[str, Bill] = field(default_factory=OrderedDict)
    _closed: OrderedDict[str, TillSession] = field(default_factory=OrderedDict)
    _postings: OrderedDict[str, PostingMade] = field(default_factory=OrderedDict)

    # --- looking up ---

    def payment(self, payment_id: str) -> Payment | None:
        return self.open.get(payment_id) or self._payments.get(payment_id)

    def asked(self, request_key: str) -> Payment | None:
        """The payment that was made of this request."""
        payment_id = self._requests.get(request_key)
        return self.payment(payment_id) if payment_id is not None else None

    def bill(self, cdr_id: str) -> Bill | None:
        return self._bills.get(cdr_id)

    def till_of(self, staff_id: str) -> OpenTill | None:
        return next((till for till in self.tills.values() if till.session.staff_id == staff_id), None)

    def till_named(self, till_id: str) -> OpenTill | None:
        return next((till for till in self.tills.values() if till.session.till_id == till_id), None)

    def till_asked(self, request_key: str) -> TillSession | None:
        """The till session that was opened or closed by this request."""
        for till in self.tills.values():
            if till.session.request_key == request_key:
                return till.so_far()
        return self._closed.get(request_key)

    def posting(self, key: str) -> PostingMade | None:
        """One that a person asked for, by its key."""
        return self._postings.get(key)

    def knows(self, key: MoneyKey) -> bool:
        match key.fact:
            case MoneyFact.PAYMENT:
                return self.payment(key.value) is not None
            case MoneyFact.REQUEST:
                return self.asked(key.value) is not None
            case MoneyFact.BILL:
                return False  # a person may decide upon it at any time: it is looked up whenever it is paid
            case MoneyFact.TILL_REQUEST:
                return self.till_asked(key.value) is not None
            case MoneyFact.POSTING:
                return self.posting(key.value) is not None
            case _:
                assert_never(key.fact)

    # --- noting ---

    def keep(self, payment: Payment) -> None:
        """A payment as it is now."""
        if payment.state in OPEN:
            self.open[payment.payment_id] = payment
        else:
            self.open.pop(payment.payment_id, None)
        self._payments[payment.payment_id] = payment
        self._requests[payment.request_key] = payment.payment_id
        if payment.cdr_id is not None and (bill := self._bills.get(payment.cdr_id)) is not None:
            bill.note(payment)
        _trim(self._payments)
        _trim(self._requests)

    def keep_posting(self, posting: PostingMade) -> None:
        self._postings[posting.key] = posting
        _trim(self._postings)

    def open_till(self, session: TillSession, movements: dict[str, Decimal] | None = None) -> OpenTill:
        till = OpenTill(session=session, expected=session.expected, movements=movements or {})
        self.tills[session.session_id] = till
        return till

    def close_till(self, session: TillSession) -> None:
        self.tills.pop(session.session_id, None)
        for key in (session.request_key, session.close_key):
            if key is not None:
                self._closed[key] = session
        _trim(self._closed)

    def remember(self, found: Recalled) -> None:
        """What the ledger has of something that was asked about; what memory knows already is newer or the same."""
        match found:
            case Payment():
                if self.payment(found.payment_id) is None:
                    self.keep(found)
            case Bill():
                self._bills[found.cdr_id] = found
                _trim(self._bills)
            case TillSession():
                self.close_till(found)
            case PostingMade():
                self.keep_posting(found)

    def restore(self, payments: Iterable[Payment]) -> None:
        for payment in payments:
            self.keep(payment)


def _trim(known: OrderedDict[str, T]) -> None:
    while len(known) > REMEMBERED:
        known.popitem(last=False)
