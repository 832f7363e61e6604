"""Journal bodies about customers, their contracts and their wallets. All are of the event stream: money itself moves by
postings alone."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime

from protocols.ocpi.customer import Contract, Customer

Source = Literal["site", "hub"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomersChanged:
    """Customers and contracts were added, or overwritten by id: at the site (`source` "site"), or by a document of the
    hub ("hub"), which may also take some away. `is_complete`: all others of that source go; many come in several
    entries, of which only the first is complete and the others add to it. `by` is the member of staff."""

    source: Source
    customers: tuple[Customer, ...] = ()
    contracts: tuple[Contract, ...] = ()
    is_complete: bool = False
    by: str | None = None
    removed_customers: tuple[str, ...] = ()
    removed_contracts: tuple[str, ...] = ()
    kind: Literal["customers_changed"] = "customers_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ElsewhereTold:
    """What the other sites posted to contracts, as the hub knew it at `as_of`: by contract, debit positive. Only those
    that changed; `is_complete`: all others are zero."""

    as_of: AwareDatetime
    balances: dict[str, Decimal]
    is_complete: bool = False
    kind: Literal["elsewhere_told"] = "elsewhere_told"


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletSpent:
    """A transaction of a wallet or of a contract with a limit was told to end: it costs `cost` so far, and what is left
    of `held` would not last for the margin. `times`: how often it was told by now."""

    transaction_id: str
    contract_id: str
    station_id: str
    evse_id: int
    cost: Decimal
    held: Decimal
    currency: str
    times: int = 1
    kind: Literal["wallet_spent"] = "wallet_spent"


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletOverdrawn:
    """A prepaid contract owes `amount`: more was charged than there was, here or (`is_shared`) at several sites that
    could not know of each other. It is a debt like any other until it is paid."""

    contract_id: str
    amount: Decimal
    currency: str
    is_shared: bool = False
    kind: Literal["wallet_overdrawn"] = "wallet_overdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class DunningStepTaken:
    """A postpaid contract owes `overdue`, of which the oldest part was to be paid on `due_on` (local date, ISO 8601).
    `step` 0: nothing is overdue any more. `blocks`: it may not charge until that is paid."""

    contract_id: str
    step: int
    action: str
    blocks: bool
    overdue: Decimal
    currency: str
    due_on: str | None
    kind: Literal["dunning_step_taken"] = "dunning_step_taken"


CustomerBody = CustomersChanged | ElsewhereTold | WalletSpent | WalletOverdrawn | DunningStepTaken
