"""Payments, the till and the provider's list, as the money stream carries them.

OCPI has no such module: it tells of what is owed, and leaves to others how it is paid. A payment's entry holds the
payment whole as it is from then on; what it moved between accounts is a PostingMade of the same commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime

from protocols.money import ZERO
from protocols.terms import PaymentMethod as PaymentMethod


class PaymentState(StrEnum):
    """Where a payment stands; edge/domain/payment_states.py has the table."""

    PENDING = "pending"
    """The provider was asked and has not told."""
    TAKEN = "taken"
    """The money moved: to us, or back where `reverses` names a payment."""
    FAILED = "failed"
    """The provider said no, or was never reached: nothing moved."""
    UNKNOWN = "unknown"
    """The provider did not tell in time. It may have been taken: the provider's list of the day settles it."""
    VOIDED = "voided"
    """Taken back within its till session, as if it had not been; or a person found that it never was."""
    REFUNDED = "refunded"
    """All of it went back, by payments that name it in `reverses`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Money that a customer paid to a contract's account, or (`reverses`) got back of such a payment.

    `amount` is positive either way. `cdr_id` where it was paid for one bill. `request_key` is the asker's: the same
    again is the same payment. Cash has `given` and `change`, and the till session whose drawer it went through.
    `refunded` went back, `refunding` is on its way back: together never more than `amount`.
    """

    payment_id: str
    request_key: str
    method: PaymentMethod
    amount: Decimal
    currency: str
    contract_id: str
    state: PaymentState
    at: AwareDatetime
    by: str
    cdr_id: str | None = None
    provider: str | None = None
    provider_ref: str | None = None
    till_session_id: str | None = None
    given: Decimal | None = None
    change: Decimal | None = None
    reverses: str | None = None
    refunded: Decimal = ZERO
    refunding: Decimal = ZERO
    text: str = ""
    """Why it was refunded or voided, or why it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentChanged:
    """A payment is new, or stands elsewhere now."""

    payment: Payment
    kind: Literal["payment_changed"] = "payment_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TillSession:
    """A cashier's time at a drawer, from one count to the next. `expected` is what should lie in it, as far as is known
    now; once `closed_at`, what should have lain there, and `difference` is counted - expected."""

    session_id: str
    till_id: str
    staff_id: str
    currency: str
    request_key: str
    opened_at: AwareDatetime
    opening: Decimal
    expected: Decimal
    closed_at: AwareDatetime | None = None
    counted: Decimal | None = None
    difference: Decimal | None = None
    close_key: str | None = None
    closed_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TillChanged:
    """A till session was opened or closed. Payments and movements change `expected` without an entry of this kind."""

    session: TillSession
    kind: Literal["till_changed"] = "till_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TillMoved:
    """Cash was put into the drawer (positive) or taken out, otherwise than by a payment."""

    session_id: str
    request_key: str
    amount: Decimal
    reason: str
    by: str
    kind: Literal["till_moved"] = "till_moved"


class Mismatch(StrEnum):
    """How our payments and the provider's list of a day differ."""

    MISSING_HERE = "missing_here"
    """The provider took it, and here it was not taken."""
    MISSING_THERE = "missing_there"
    """Taken here, and the provider knows nothing of it."""
    NEVER_TAKEN = "never_taken"
    """It is not known here whether it was taken, and the provider's list of the day does not have it."""
    AMOUNT_DIFFERS = "amount_differs"
    STRANGE = "strange"
    """The provider took something that we never asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One payment about which the provider and we are not of one mind. `is_settled`: put right by itself."""

    mismatch: Mismatch
    payment_id: str
    ours: Decimal | None
    theirs: Decimal | None
    is_settled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderReconciled:
    """The payments of a day (UTC) were held against the provider's list."""

    provider: str
    day: date
    matched: int
    taken: Decimal
    """What the provider took that day, less what it gave back."""
    differences: tuple[Difference, ...]
    by: str
    kind: Literal["provider_reconciled"] = "provider_reconciled"


PaymentBody = PaymentChanged | TillChanged | TillMoved | ProviderReconciled
