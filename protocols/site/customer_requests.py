"""What may be asked about customers, contracts and their money."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from protocols.ocpi.customer import Contract, Customer
from protocols.ocpi.token import Token

MAX_POSTINGS = 1000
Limit = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)] | Literal["none"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCustomers:
    """Add customers, their contracts and cards, or overwrite those with the same ids; all of them or none.
    `replaces_all` drops the site's other own customers and contracts. With limits, or what is paid later, somebody has
    to ask who may set limits."""

    id: str
    customers: tuple[Customer, ...] = ()
    contracts: tuple[Contract, ...] = ()
    tokens: tuple[Token, ...] = ()
    replaces_all: bool = False
    kind: Literal["add_customers"] = "add_customers"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeContract:
    """Change the limits of a contract; what is null stays, "none" is no limit any more."""

    id: str
    contract_id: str
    credit_limit: Limit = None
    offline_limit: Limit = None
    kind: Literal["change_contract"] = "change_contract"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockContract:
    """Block a contract with all of its cards, or let it in again."""

    id: str
    contract_id: str
    is_blocked: bool = True
    kind: Literal["block_contract"] = "block_contract"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCustomer:
    """A customer with vehicles, contracts, cards and balances."""

    id: str
    customer_id: str
    kind: Literal["get_customer"] = "get_customer"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBalance:
    """What a contract owes and may spend; with so many of its newest postings."""

    id: str
    contract_id: str
    postings: Annotated[int, Field(ge=0, le=MAX_POSTINGS)] = 0
    kind: Literal["get_balance"] = "get_balance"


CustomerChange = AddCustomers | ChangeContract | BlockContract
CustomerRequest = CustomerChange | GetCustomer | GetBalance
