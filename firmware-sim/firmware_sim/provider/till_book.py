"""What the simulated provider has of payments, and how it misbehaves. Pure: the time is an argument."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Behaviour(StrEnum):
    """What becomes of the payments that are begun from now on."""

    TAKES = "takes"
    LATE = "late"
    """It is taken after the delay."""
    TWICE = "twice"
    """It is taken, and told twice."""
    NEVER = "never"
    """It is taken and stands in the day's list; whoever asks hears that it is pending."""
    LOST = "lost"
    """It stays pending for ever, and is never taken."""
    REFUSES = "refuses"
    SHORT = "short"
    """A cent less is taken than was asked."""


class Unwanted(Exception):
    """What is asked makes no sense; the text says why."""


@dataclass(slots=True, kw_only=True)
class KeptPayment:
    payment_id: str
    amount: Decimal
    currency: str
    reference: str
    reverses: str | None
    behaviour: Behaviour
    begun_at: datetime
    settles_at: datetime
    state: str = "pending"
    settled_at: datetime | None = None

    def told(self) -> dict[str, Any]:
        """As whoever asks hears it."""
        is_silent = self.behaviour is Behaviour.NEVER and self.state == "taken"
        return {
            "state": "pending" if is_silent else self.state,
            "reference": self.reference,
            "amount": str(self.amount),
            "text": "declined by the bank" if self.state == "refused" else "",
        }


@dataclass(slots=True)
class TillBook:
    """Payments by the asker's id: the same id begins nothing anew."""

    behaviour: Behaviour = Behaviour.TAKES
    delay: timedelta = timedelta()
    payments: dict[str, KeptPayment] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)

    def begin(self, asked: dict[str, Any], now: datetime) -> KeptPayment:
        """Raises Unwanted."""
        known = self.payments.get(str(asked.get("payment_id")))
        if known is not None:
            return known
        try:
            amount = Decimal(asked["amount"])
            currency, payment_id = str(asked["currency"]), str(asked["payment_id"])
        except (KeyError, ArithmeticError, TypeError) as error:
            raise Unwanted(f"not a payment: {error!r}") from error
        if not amount.is_finite() or amount <= 0:
            raise Unwanted(f"no amount: {amount}")
        reverses = asked.get("reverses")
        if reverses is not None:
            self._check_refund(str(reverses), amount)
        if self.behaviour is Behaviour.SHORT:
            amount -= Decimal("0.01")
        delay = self.delay if self.behaviour is Behaviour.LATE else timedelta()
        made = KeptPayment(
            payment_id=payment_id,
            amount=amount,
            currency=currency,
            reference=f"SIM-{len(self.payments) + 1}",
            reverses=str(reverses) if reverses is not None else None,
            behaviour=self.behaviour,
            begun_at=now,
            settles_at=now + delay,
        )
        self.payments[payment_id] = made
        return made

    def _check_refund(self, payment_id: str, amount: Decimal) -> None:
        original = self.payments.get(payment_id)
        if original is None or original.state != "taken":
            raise Unwanted(f"{payment_id} was not taken here: nothing to give back")
        gone = sum(
            (each.amount for each in self.payments.values() if each.reverses == payment_id and each.state != "refused"),
            Decimal(0),
        )
        if gone + amount > original.amount:
            raise Unwanted(f"only {original.amount - gone} of {payment_id} are left")

    def go_on(self, now: datetime) -> None:
        """What is due happens."""
        for payment in self.payments.values():
            if payment.state == "pending" and payment.behaviour is not Behaviour.LOST and now >= payment.settles_at:
                self._settle(payment, "refused" if payment.behaviour is Behaviour.REFUSES else "taken", now)

    def cancel(self, payment_id: str, now: datetime) -> None:
        """Raises Unwanted."""
        payment = self.payments.get(payment_id)
        if payment is None:
            raise Unwanted(f"there is no payment {payment_id}")
        if payment.state == "pending":
            self._settle(payment, "cancelled", now)

    def tell(self, payment_id: str) -> None:
        """Tell of a payment (again), whatever its behaviour was. Raises Unwanted."""
        payment = self.payments.get(payment_id)
        if payment is None:
            raise Unwanted(f"there is no payment {payment_id}")
        payment.behaviour = Behaviour.TAKES
        self._event(payment)

    def day(self, day: date) -> list[dict[str, Any]]:
        """What was taken and given back on a day."""
        return [
            {
                "payment_id": each.payment_id,
                "amount": str(each.amount),
                "currency": each.currency,
                "reference": each.reference,
                "is_refund": each.reverses is not None,
            }
            for each in self.payments.values()
            if each.state == "taken" and each.settled_at is not None and each.settled_at.date() == day
        ]

    def _settle(self, payment: KeptPayment, state: str, now: datetime) -> None:
        payment.state, payment.settled_at = state, now
        if payment.behaviour is not Behaviour.NEVER:
            for _ in range(2 if payment.behaviour is Behaviour.TWICE else 1):
                self._event(payment)

    def _event(self, payment: KeptPayment) -> None:
        self.events.append({"seq": len(self.events) + 1, "payment_id": payment.payment_id, **payment.told()})
