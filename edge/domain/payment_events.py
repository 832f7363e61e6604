"""What the site decides upon about payments and tills: what the staff wants, and what providers say.

`request_key` is the asker's choice: the same again is answered the same, and moves nothing twice. `by` is the member of
staff who asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from edge.domain.payment_states import Word
from protocols.sync.payments import Payment, PaymentMethod, ProviderReconciled, TillSession


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRequested:
    """Somebody pays to a contract's account, or one bill (`cdr_id`) wholly or in part. `given`: the cash that was
    handed over, where change is due. `currency` where the asker says which; `provider` where several serve the method.
    """

    request_key: str
    method: PaymentMethod
    amount: Decimal
    by: str
    contract_id: str | None = None
    cdr_id: str | None = None
    given: Decimal | None = None
    currency: str | None = None
    provider: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequested:
    """Give a payment back; `amount` None: all that is left of it. `till_id` names the drawer for cash, where it is not
    the asker's own."""

    request_key: str
    payment_id: str
    by: str
    reason: str
    amount: Decimal | None = None
    till_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidRequested:
    """Undo a payment of a till session that is still open, or one that its provider has not answered."""

    payment_id: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAnswered:
    """A provider said what became of a payment, or nobody can say any more (SILENCE). `amount`: what it took, where it
    told that."""

    payment_id: str
    word: Word
    provider_ref: str | None = None
    text: str = ""
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSettled:
    """A person has found out what was really taken of a payment (or given back): `amount`, 0 for nothing."""

    payment_id: str
    amount: Decimal
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TillOpened:
    """A cashier begins with so much counted in the drawer."""

    request_key: str
    till_id: str
    opening: Decimal
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CashMoved:
    """Put into (positive) or taken out of the asker's drawer, otherwise than by a payment."""

    request_key: str
    amount: Decimal
    reason: str
    by: str
    till_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TillCounted:
    """A cashier ends with so much counted in the drawer; `till_id` where it is not the asker's own."""

    request_key: str
    counted: Decimal
    by: str
    till_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCompared:
    """A day's payments were held against a provider's list (edge/domain/reconciliation.py). `answers` are what the list
    says of payments that are not settled here."""

    found: ProviderReconciled
    answers: tuple[ProviderAnswered, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOffAsked:
    """A person gives up so much of what a contract owes, all of it where `amount` is None; `second_by` where so much
    money needs two people."""

    request_key: str
    contract_id: str
    by: str
    reason: str
    amount: Decimal | None = None
    second_by: str | None = None


PaymentEvent = (
    PaymentRequested
    | RefundRequested
    | VoidRequested
    | ProviderAnswered
    | PaymentSettled
    | TillOpened
    | CashMoved
    | TillCounted
    | ListCompared
    | WriteOffAsked
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentKept:
    """The payment as it is now, durable."""

    payment: Payment


@dataclass(frozen=True, slots=True, kw_only=True)
class TillKept:
    """The till session as it is now, durable."""

    session: TillSession


@dataclass(frozen=True, slots=True, kw_only=True)
class DebtWrittenOff:
    """So much of what the contract owed is given up, durable; `left` is what it owes still."""

    posting_id: str
    contract_id: str
    amount: Decimal
    left: Decimal
    currency: str


PaymentReply = PaymentKept | TillKept | DebtWrittenOff
