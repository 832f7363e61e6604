"""Customers, contracts and what others posted to them, whole or as what changed: as lists.py has it for tokens.

The digest is over all three: the hashes of customers and of contracts, and for each contract with a balance its weight,
the hash of its id, times the balance in millionths. That is linear, so a posting elsewhere changes it by weight times
posting, and what an edge should come to is a sum of what the other edges have posted: nobody looks at the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Literal

from pydantic import AwareDatetime

from protocols.ocpi.customer import Contract, Customer
from protocols.sync.lists import Digest, Part, heaped, item_hash, size_of
from protocols.sync.topics import Count

ACCOUNT_LISTS: Final = "account_lists"
"""What an edge says in its birth that takes accounts in parts; another one is sent DesiredAccounts."""
AccountItem = Customer | Contract | tuple[str, Decimal] | tuple[Literal["customer", "contract"], str]
"""What a list says: a customer, a contract, a contract's balance, or which of them is gone."""
_MILLIONTHS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsPart:
    """A part of the hub's customers, contracts and balances. Not retained: sent to an edge that is there and whose
    birth names `account_lists`.

    `since` None: all of them. Otherwise what changed since that version or one before it: what is told is added or
    overwritten by id, what is removed goes, a contract with its balance. `balances` are what the other edges posted up
    to `as_of`, debit positive, by contract; zero for none any more. All parts together are applied or none, and only
    when all then comes to `digest`; if not, the edge says so (DocumentApplied with a problem), keeps what it has, and
    is sent the whole.
    """

    version: Count
    since: Count | None
    part: Part
    parts: Part
    digest: Digest
    as_of: AwareDatetime
    customers: tuple[Customer, ...] = ()
    contracts: tuple[Contract, ...] = ()
    balances: dict[str, Decimal] = field(default_factory=dict)
    removed_customers: tuple[str, ...] = ()
    removed_contracts: tuple[str, ...] = ()
    document: Literal["accounts"] = "accounts"


def in_heaps(items: Sequence[AccountItem]) -> Iterator[list[AccountItem]]:
    """The items of each part; at least one part."""
    return heaped(map(size_of, items), items)


def part_of(
    heap: Sequence[AccountItem], version: int, since: int | None, part: int, parts: int, digest: str, as_of: datetime
) -> AccountsPart:
    """The part that says these items."""
    customers: list[Customer] = []
    contracts: list[Contract] = []
    balances: dict[str, Decimal] = {}
    gone: dict[str, list[str]] = {"customer": [], "contract": []}
    for item in heap:
        match item:
            case Customer():
                customers.append(item)
            case Contract():
                contracts.append(item)
            case (contract_id, Decimal() as amount):
                balances[contract_id] = amount
            case (kind, its_id):
                gone[kind].append(its_id)
    return AccountsPart(
        version=version,
        since=since,
        part=part,
        parts=parts,
        digest=digest,
        as_of=as_of,
        customers=tuple(customers),
        contracts=tuple(contracts),
        balances=balances,
        removed_customers=tuple(gone["customer"]),
        removed_contracts=tuple(gone["contract"]),
    )


def customer_hash(customer: Customer) -> int:
    """What a customer adds to the digest."""
    vehicles = [(each.plate, each.name) for each in customer.vehicles]
    said = (customer.id, customer.name, customer.language, customer.email, customer.phone, vehicles, customer.note)
    return item_hash(("customer", *said))


def contract_hash(contract: Contract) -> int:
    """What a contract adds to the digest. Limits without the zeros that say nothing."""
    expires_at = contract.expires_at if contract.expires_at is None else contract.expires_at.astimezone(UTC)
    said = (
        *("contract", contract.id, contract.customer_id, contract.billing, contract.currency),
        *(_plain(contract.credit_limit), _plain(contract.offline_limit)),
        *(contract.tariff_id, contract.token_group, contract.statement_period, contract.payment_days),
        *(contract.valid, expires_at),
    )
    return item_hash(said)


def balance_hash(contract_id: str, amount: Decimal) -> int:
    """What a balance adds to the digest: of two balances it is what their sum adds."""
    return item_hash(("balance", contract_id)) * int(amount * _MILLIONTHS)


def _plain(limit: Decimal | None) -> str | None:
    return None if limit is None else format(limit.normalize(), "f")
