"""Lists of the hub, put together from their parts, on their way to be decided upon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from protocols.ocpi.customer import Contract, Customer
from protocols.ocpi.token import Token


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensListed:
    """All parts came. `since` None: the whole list, and its tokens come to `digest`, which is proved already."""

    version: int
    since: int | None
    digest: str
    tokens: tuple[Token, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsListed:
    """The same of customers, contracts, and what the others posted to them up to `as_of`. `hashes`: what each of
    `customers` adds to the digest, in their order, for it was reckoned as the parts came."""

    version: int
    since: int | None
    digest: str
    as_of: datetime
    customers: tuple[Customer, ...]
    hashes: tuple[int, ...]
    contracts: tuple[Contract, ...]
    balances: Mapping[str, Decimal]
    removed_customers: tuple[str, ...] = ()
    removed_contracts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListBroken:
    """No list can be made of what came; `problem` says why. The hub is asked for the whole."""

    document: str
    version: int
    problem: str
