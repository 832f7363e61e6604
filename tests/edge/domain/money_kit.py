"""A till, a card provider and people, for tests of payments."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from edge.domain.decision import Decision
from edge.domain.errands import AskProvider
from edge.domain.events import Refused
from edge.domain.payment_book import Bill, PaymentRules
from edge.domain.payment_events import (
    CashMoved,
    PaymentKept,
    PaymentRequested,
    ProviderAnswered,
    RefundRequested,
    TillCounted,
    TillKept,
    TillOpened,
    VoidRequested,
)
from edge.domain.payment_states import Word
from protocols.money import ZERO
from protocols.sync.payments import Payment, PaymentMethod, TillSession
from protocols.sync.up import PostingMade
from tests.edge.domain.site_kit import Play, new_site

PROVIDERS = MappingProxyType({"terminal": PaymentMethod.CARD, "wx": PaymentMethod.QR})
RULES = PaymentRules(providers=PROVIDERS)


@dataclass
class MoneyPlay(Play):
    """Asks as the staff does; every request has a key of its own unless it is given one."""

    site: Any = field(default_factory=lambda: new_site(payments=RULES))
    keys: int = 0

    def key(self) -> str:
        self.keys += 1
        return f"key-{self.keys}"

    def bill(self, cdr_id: str = "b-1", total: str = "10.00", contract_id: str = "C-GOOD", **more: Any) -> Bill:
        made = Bill(cdr_id=cdr_id, contract_id=contract_id, total=Decimal(total), currency="EUR", **more)
        self.site.payments.remember(made)
        return made

    def open_till(self, opening: str = "100.00", by: str = "anna", till: str = "kiosk") -> TillSession:
        event = TillOpened(request_key=self.key(), till_id=till, opening=Decimal(opening), by=by)
        return session_of(self.tell(event))

    def move(self, amount: str, by: str = "anna", **more: Any) -> Decision:
        more = {"request_key": self.key(), "reason": "change", **more}
        return self.tell(CashMoved(amount=Decimal(amount), by=by, **more))

    def close(self, counted: str, by: str = "anna", **more: Any) -> Decision:
        return self.tell(TillCounted(**{"request_key": self.key(), **more}, counted=Decimal(counted), by=by))

    def pay(self, amount: str, method: PaymentMethod = PaymentMethod.CASH, by: str = "anna", **more: Any) -> Decision:
        more = {"request_key": self.key(), **more}
        if "cdr_id" not in more:
            more = {"contract_id": "C-GOOD", **more}
        return self.tell(PaymentRequested(method=method, amount=Decimal(amount), by=by, **more))

    def card(self, amount: str, **more: Any) -> Payment:
        return payment_of(self.pay(amount, PaymentMethod.CARD, **more))

    def cash(self, amount: str, **more: Any) -> Payment:
        return payment_of(self.pay(amount, **more))

    def refund(self, payment: Payment, amount: str | None = None, by: str = "ben", **more: Any) -> Decision:
        more = {"request_key": self.key(), "reason": "unhappy", **more}
        value = Decimal(amount) if amount is not None else None
        return self.tell(RefundRequested(payment_id=payment.payment_id, amount=value, by=by, **more))

    def void(self, payment: Payment, by: str = "ben") -> Decision:
        return self.tell(VoidRequested(payment_id=payment.payment_id, by=by, reason="mistyped"))

    def answer(self, payment: Payment, word: Word = Word.TAKEN, **more: Any) -> Decision:
        return self.tell(ProviderAnswered(payment_id=payment.payment_id, word=word, **more))

    def now_of(self, payment: Payment) -> Payment:
        found = self.site.payments.payment(payment.payment_id)
        assert found is not None
        return found

    def balances(self) -> dict[str, Decimal]:
        """By account, of all postings; each posting sums to zero and has a key of its own."""
        postings = self.found(PostingMade)
        assert len({posting.key for posting in postings}) == len(postings)
        sums: dict[str, Decimal] = {}
        for posting in postings:
            assert sum(leg.amount for leg in posting.legs) == 0
            for leg in posting.legs:
                sums[leg.account] = sums.get(leg.account, ZERO) + leg.amount
        return {account: amount for account, amount in sums.items() if amount}


def payment_of(decision: Decision) -> Payment:
    assert isinstance(decision.reply, PaymentKept), decision.reply
    return decision.reply.payment


def session_of(decision: Decision) -> TillSession:
    assert isinstance(decision.reply, TillKept), decision.reply
    return decision.reply.session


def why(decision: Decision) -> str:
    """Why it was refused: and then nothing was journaled, and nobody is asked for anything."""
    assert isinstance(decision.reply, Refused), decision.reply
    assert decision.entries == []
    assert decision.errands == ()
    return decision.reply.reason


def asks(decision: Decision) -> list[Payment]:
    return [errand.payment for errand in decision.errands if isinstance(errand, AskProvider)]
