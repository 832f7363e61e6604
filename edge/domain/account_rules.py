"""How the site treats wallets and debts, as configured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class DunningStep:
    """So many days after what is owed was due: what is done (a word for people), and whether it keeps the contract from
    charging."""

    after_days: int
    action: str
    blocks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRules:
    """`hold` is set aside at a time for a transaction of a wallet or of a contract with a limit, where so much is
    there. A wallet with less than `least` may not begin. The driver is warned where what is left would be spent within
    `warning`; within `margin` the transaction is stopped, and told so again every `again`. `dunning` in the order of
    its days."""

    hold: Decimal = Decimal("20.00")
    least: Decimal = Decimal("1.00")
    margin: timedelta = timedelta(seconds=60)
    warning: timedelta = timedelta(minutes=5)
    again: timedelta = timedelta(seconds=60)
    dunning: tuple[DunningStep, ...] = ()
