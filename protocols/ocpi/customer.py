"""Customers and their contracts: who pays, and by which terms. OCPI names a contract by its id alone (`contract_id` of
Token and CDR) and has no module for what stands behind it; these are the words of this house."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from pydantic import AwareDatetime


class Billing(StrEnum):
    """PREPAID: a wallet, which is spent while charging. POSTPAID: what was charged is owed, and paid by statement."""

    PREPAID = "prepaid"
    POSTPAID = "postpaid"


class StatementPeriod(StrEnum):
    """What a statement takes together; NONE: each bill is due by itself."""

    MONTH = "month"
    WEEK = "week"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vehicle:
    """A vehicle of a customer, found by its plate."""

    plate: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A person or a company. `language` as in OCPI (ISO 639-1)."""

    id: str
    name: str
    language: str = ""
    email: str = ""
    phone: str = ""
    vehicles: tuple[Vehicle, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """An account of a customer; tokens name it by `id`. Sums are in `currency`, taxes included.

    `credit_limit` is the most that a postpaid contract may owe, None for no bound. `offline_limit` is the most that one
    site lets it spend while it is cut off from the hub, None for no bound: it is for wallets that several sites share.
    `tariff_id` instead of the EVSE's tariff, `token_group` for the tokens that are made with it. A statement is to be
    paid within `payment_days`. Not `valid`: blocked.
    """

    id: str
    customer_id: str
    billing: Billing
    currency: str
    credit_limit: Decimal | None = None
    offline_limit: Decimal | None = None
    tariff_id: str | None = None
    token_group: str | None = None
    statement_period: StatementPeriod = StatementPeriod.MONTH
    payment_days: int = 14
    valid: bool = True
    expires_at: AwareDatetime | None = None

    @property
    def is_limited(self) -> bool:
        """Whether its money can come to an end: what it may spend is set aside for what runs, and stops it."""
        return self.billing is Billing.PREPAID or self.credit_limit is not None or self.offline_limit is not None
