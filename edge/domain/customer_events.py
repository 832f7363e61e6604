"""What the site decides upon about customers and contracts. `by` is the member of staff who asks."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from protocols.ocpi.customer import Contract, Customer
from protocols.ocpi.token import Token


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomersImported:
    """The staff brought customers, their contracts and cards: added, or overwritten by id. `replaces_all` drops the
    site's other own customers and contracts; cards only ever come to those that are there."""

    by: str
    customers: tuple[Customer, ...] = ()
    contracts: tuple[Contract, ...] = ()
    tokens: tuple[Token, ...] = ()
    replaces_all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractAltered:
    """The staff changes the terms of a contract; what is None stays. "none": no limit any more."""

    by: str
    contract_id: str
    credit_limit: Decimal | Literal["none"] | None = None
    offline_limit: Decimal | Literal["none"] | None = None
    is_blocked: bool | None = None


CustomerEvent = CustomersImported | ContractAltered
