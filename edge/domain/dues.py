"""What postpaid contracts owe and when each part is due: payments settle the oldest part first.

A part is due so many days after the end of the statement's period in which it was posted, in the site's own time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from protocols.money import ZERO
from protocols.ocpi.customer import Contract, StatementPeriod


def due_on(contract: Contract, posted_at: datetime, time_zone: str) -> date:
    """The last day on which what was posted then is paid in time."""
    day = posted_at.astimezone(ZoneInfo(time_zone)).date()
    return period_end(contract.statement_period, day) + timedelta(days=contract.payment_days)


def period_end(period: StatementPeriod, day: date) -> date:
    """The last day of the statement's period that holds a day."""
    match period:
        case StatementPeriod.MONTH:
            return (day.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        case StatementPeriod.WEEK:
            return day + timedelta(days=6 - day.weekday())
        case StatementPeriod.NONE:
            return day


@dataclass(frozen=True, slots=True)
class Overdue:
    """What should have been paid, and the day until when its oldest part should have been."""

    amount: Decimal
    due_on: date


@dataclass(slots=True)
class Dues:
    """By contract: what is open, oldest first, or what was paid beyond what is owed. Never both."""

    open: dict[str, list[tuple[date, Decimal]]] = field(default_factory=dict)
    paid_ahead: dict[str, Decimal] = field(default_factory=dict)

    def note(self, contract: Contract, amount: Decimal, at: datetime, time_zone: str) -> None:
        """A posting: what is owed grows, or shrinks by a payment."""
        if amount > 0:
            self._owe(contract.id, amount, due_on(contract, at, time_zone))
        else:
            self._pay(contract.id, -amount)

    def knows(self, contract_id: str) -> bool:
        return contract_id in self.open or contract_id in self.paid_ahead

    def owe_since(self, contract_id: str, parts: list[tuple[date, Decimal]]) -> None:
        """What the ledger knows to be open, oldest first."""
        self.open[contract_id] = parts

    def overdue(self, contract_id: str, today: date) -> Overdue | None:
        """None where nothing is."""
        late = [(due, amount) for due, amount in self.open.get(contract_id, ()) if due < today]
        return Overdue(sum((amount for _, amount in late), ZERO), min(due for due, _ in late)) if late else None

    def _owe(self, contract_id: str, amount: Decimal, due: date) -> None:
        ahead = self.paid_ahead.pop(contract_id, ZERO)
        if ahead > amount:
            self.paid_ahead[contract_id] = ahead - amount
        if ahead >= amount:
            return
        parts = self.open.setdefault(contract_id, [])
        if parts and parts[-1][0] == due:
            parts[-1] = (due, parts[-1][1] + amount - ahead)
        else:
            parts.append((due, amount - ahead))

    def _pay(self, contract_id: str, amount: Decimal) -> None:
        parts = self.open.get(contract_id, [])
        while parts and amount >= parts[0][1]:
            amount -= parts.pop(0)[1]
        if parts:
            parts[0] = (parts[0][0], parts[0][1] - amount)
            return
        self.open.pop(contract_id, None)
        if amount:
            self.paid_ahead[contract_id] = self.paid_ahead.get(contract_id, ZERO) + amount
