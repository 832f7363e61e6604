"""Where a payment may stand, and what takes it from there: one table."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from protocols.sync.payments import PaymentState


class Word(StrEnum):
    """What was said of a payment: by its provider, by the staff, or by the clock."""

    BEGUN = "begun"
    """It has taken the payment up and given it a reference."""
    TAKEN = "taken"
    REFUSED = "refused"
    SILENCE = "silence"
    """No answer in time."""
    DENIED = "denied"
    """A person found that it never moved."""
    VOID = "void"
    REFUND = "refund"
    """The last cent of it went back."""


NEXT: Final = MappingProxyType(
    {
        (PaymentState.PENDING, Word.TAKEN): PaymentState.TAKEN,
        (PaymentState.PENDING, Word.REFUSED): PaymentState.FAILED,
        (PaymentState.PENDING, Word.SILENCE): PaymentState.UNKNOWN,
        (PaymentState.UNKNOWN, Word.TAKEN): PaymentState.TAKEN,
        (PaymentState.UNKNOWN, Word.REFUSED): PaymentState.FAILED,
        # The provider took it after it had said no, or after it was given up: the customer's money is there.
        (PaymentState.FAILED, Word.TAKEN): PaymentState.TAKEN,
        # Not FAILED: a word of its provider that is said again must not take it once more.
        (PaymentState.TAKEN, Word.DENIED): PaymentState.VOIDED,
        (PaymentState.TAKEN, Word.VOID): PaymentState.VOIDED,
        (PaymentState.TAKEN, Word.REFUND): PaymentState.REFUNDED,
    }
)
"""What is not named changes nothing: a word that is said twice, or comes after all is done."""
OPEN: Final = frozenset({PaymentState.PENDING, PaymentState.UNKNOWN})
"""Those whose provider is still to be heard."""
MOVED: Final = frozenset({PaymentState.TAKEN, PaymentState.REFUNDED})


def next_state(state: PaymentState, word: Word) -> PaymentState | None:
    """Where the word takes a payment; None where it changes nothing."""
    return NEXT.get((state, word))
