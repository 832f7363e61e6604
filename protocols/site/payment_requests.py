"""What may be asked about payments and the till. A request that moves money carries a `request_key` of the asker's
choice: the same one again is answered the same, and moves nothing twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from protocols.terms import PaymentMethod

MAX_ROWS = 1000
Key = Annotated[str, Field(min_length=1, max_length=100)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Reason = Annotated[str, Field(min_length=1, max_length=500)]
Amount = Annotated[Decimal, Field(max_digits=12, decimal_places=2)]
Positive = Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=2)]
Counted = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]
Limit = Annotated[int, Field(ge=1, le=MAX_ROWS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakePayment:
    """Take a payment to a contract's account (a top-up, where it is prepaid), or of one bill. The result is the
    payment: `taken` for cash, `pending` for what a provider has to take: ask GetPayments until it is something else."""

    id: str
    request_key: Key
    method: PaymentMethod
    amount: Positive
    contract_id: Name | None = None
    cdr_id: Name | None = None
    given: Positive | None = None
    currency: Name | None = None
    provider: Name | None = None
    kind: Literal["take_payment"] = "take_payment"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPayment:
    """Give a payment back, wholly or in part, the way it came. Cash comes out of the asker's till, or of `till_id`."""

    id: str
    request_key: Key
    payment_id: Name
    reason: Reason
    amount: Positive | None = None
    till_id: Name | None = None
    kind: Literal["refund_payment"] = "refund_payment"


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidPayment:
    """Undo a cash payment whose till is still open, or give up one that its provider has not taken."""

    id: str
    payment_id: Name
    reason: Reason
    kind: Literal["void_payment"] = "void_payment"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlePayment:
    """Say what a provider really took of a payment whose outcome nobody knows, or about which its list says something
    else; 0 for nothing."""

    id: str
    payment_id: Name
    amount: Counted
    reason: Reason
    kind: Literal["settle_payment"] = "settle_payment"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPayments:
    """The newest payments first; of a contract, of a bill, or the one that is named."""

    id: str
    payment_id: Name | None = None
    contract_id: Name | None = None
    cdr_id: Name | None = None
    limit: Limit = 100
    kind: Literal["get_payments"] = "get_payments"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTill:
    """Begin with so much counted in the drawer; one session a drawer, and one a cashier."""

    id: str
    request_key: Key
    till_id: Name
    opening: Counted
    kind: Literal["open_till"] = "open_till"


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveCash:
    """Put cash into the asker's drawer (positive) or take it out, with a reason."""

    id: str
    request_key: Key
    amount: Amount
    reason: Reason
    till_id: Name | None = None
    kind: Literal["move_cash"] = "move_cash"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseTill:
    """End with so much counted in the drawer. The result says what should have lain there, and the difference."""

    id: str
    request_key: Key
    counted: Counted
    till_id: Name | None = None
    kind: Literal["close_till"] = "close_till"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTills:
    """The newest till sessions first, or the report of one: X while it is open, Z when it is closed."""

    id: str
    session_id: Name | None = None
    limit: Limit = 100
    kind: Literal["get_tills"] = "get_tills"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcilePayments:
    """Hold the payments of a day (UTC) against a provider's list; settles what the provider's word settles."""

    id: str
    provider: Name
    day: date
    kind: Literal["reconcile_payments"] = "reconcile_payments"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetReconciliations:
    """What came of the newest days' lists."""

    id: str
    limit: Limit = 31
    kind: Literal["get_reconciliations"] = "get_reconciliations"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOffDebt:
    """Give up what a contract owes, so much of it or all. Much money needs two people; where the site has staff, the
    second one says so with its own PIN."""

    id: str
    request_key: Key
    contract_id: Name
    reason: Reason
    amount: Positive | None = None
    second_by: Name | None = None
    second_pin: str = field(default="", repr=False)
    kind: Literal["write_off_debt"] = "write_off_debt"


PaymentQuestion = GetPayments | GetTills | GetReconciliations
PaymentRequest = (
    TakePayment
    | RefundPayment
    | VoidPayment
    | SettlePayment
    | GetPayments
    | OpenTill
    | MoveCash
    | CloseTill
    | GetTills
    | ReconcilePayments
    | GetReconciliations
    | WriteOffDebt
)
