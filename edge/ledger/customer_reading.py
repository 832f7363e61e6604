"""Reads what the ledger has of customers, contracts and accounts: for people."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from edge.domain.customer_words import fold
from edge.ledger import account_totals
from edge.ledger.customer_tables import CONTRACTS, CUSTOMERS
from edge.ledger.queries import queries
from protocols.money import ZERO
from protocols.ocpi.customer import Billing, Contract, Customer

_SHORT: Final = 3
"""Fewer letters have no trigram: they are looked for from end to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRecord:
    """A contract with its cards. `balance`: what it owes by the postings of this site, negative where we hold its
    money; `held` of it is set aside for what runs. `elsewhere` is what the other sites posted, as the hub told it."""

    contract: Contract
    cards: tuple[str, ...]
    balance: Decimal
    held: Decimal
    elsewhere: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRecord:
    """A customer with all contracts; `source` is who keeps it: "site" or "hub"."""

    source: str
    customer: Customer
    contracts: tuple[ContractRecord, ...]


def find_customers(connection: sqlite3.Connection, text: str, most: int) -> list[Customer]:
    """The customers with this part of a name, plate, card, address or number, or whose contract has this very id; in
    the order of their ids."""
    sql, folded = queries(), fold(text)
    if not folded:
        return []
    if len(folded) < _SHORT:
        found = connection.execute(sql["find_customers_by_little"], (folded, text.strip(), most))
    else:
        phrase = '"' + folded.replace('"', '""') + '"'
        found = connection.execute(sql["find_customers"], (phrase, text.strip(), most))
    return [customer for (each,) in found.fetchall() if (customer := customer_of(connection, each)) is not None]


def customer_of(connection: sqlite3.Connection, customer_id: str) -> Customer | None:
    """Of a customer that both know the hub's word holds."""
    found = dict(connection.execute(queries()["customer"], (customer_id,)).fetchall())
    document = found.get("hub", found.get("site"))
    return CUSTOMERS.validate_json(document) if document is not None else None


def contract_of(connection: sqlite3.Connection, contract_id: str) -> Contract | None:
    """As it counts at this site: see AccountBook.find."""
    return _merged(connection.execute(queries()["contract"], (contract_id,)).fetchall())


def customer_record(connection: sqlite3.Connection, customer_id: str) -> CustomerRecord | None:
    found = dict(connection.execute(queries()["customer"], (customer_id,)).fetchall())
    if not found:
        return None
    signed = connection.execute(queries()["contracts_of"], (customer_id,)).fetchall()
    ids = {CONTRACTS.validate_json(document).id for _, document in signed}
    source = "hub" if "hub" in found else "site"
    return CustomerRecord(
        source=source,
        customer=CUSTOMERS.validate_json(found[source]),
        contracts=tuple(record for each in sorted(ids) if (record := contract_record(connection, each)) is not None),
    )


def contract_record(connection: sqlite3.Connection, contract_id: str) -> ContractRecord | None:
    contract = contract_of(connection, contract_id)
    if contract is None:
        return None
    elsewhere = connection.execute(queries()["elsewhere_of"], (contract_id,)).fetchone()
    return ContractRecord(
        contract=contract,
        cards=tuple(dict.fromkeys(key for _, key in connection.execute(queries()["cards_of"], (contract_id,)))),
        balance=account_totals.balance_of(connection, f"customer:{contract_id}"),
        held=-account_totals.balance_of(connection, f"held:{contract_id}"),
        elsewhere=Decimal(elsewhere[0]) if elsewhere else ZERO,
    )


def all_customers(connection: sqlite3.Connection) -> Iterator[tuple[str, Customer]]:
    """With who keeps them, in the order of their ids."""
    for source, document in connection.execute(queries()["customers"]):
        yield source, CUSTOMERS.validate_json(document)


def all_contracts(connection: sqlite3.Connection) -> Iterator[tuple[str, Contract]]:
    """With who keeps them, in the order of their ids."""
    for source, document in connection.execute(queries()["contracts"]):
        yield source, CONTRACTS.validate_json(document)


def _merged(found: list[tuple[str, bytes]]) -> Contract | None:
    by_source = {source: CONTRACTS.validate_json(document) for source, document in found}
    own, contract = by_source.get("site"), by_source.get("hub")
    if contract is None:
        return own
    return replace(contract, valid=contract.valid and (own is None or own.valid))


# --- as JSON ---


def customer_json(connection: sqlite3.Connection, customer_id: str) -> dict[str, Any] | None:
    """A customer with all contracts, JSON-able; None for one that is not there."""
    record = customer_record(connection, customer_id)
    if record is None:
        return None
    told: dict[str, Any] = CUSTOMERS.dump_python(record.customer, mode="json")
    return {"source": record.source, **told, "contracts": [_contract_json(each) for each in record.contracts]}


def balance_json(connection: sqlite3.Connection, contract_id: str, postings: int) -> dict[str, Any] | None:
    """What a contract owes and may spend, with so many of its newest postings, JSON-able; None where nothing is known.
    A contract that is only an id has no terms."""
    record = contract_record(connection, contract_id)
    account = f"customer:{contract_id}"
    newest = list(islice(account_totals.entries_of(connection, account, newest_first=True), max(postings, 1)))
    if record is None and not newest:
        return None
    told: dict[str, Any] = {"id": contract_id, "balance": str(account_totals.balance_of(connection, account))}
    if record is not None:
        told = _contract_json(record)
    return {**told, "postings": [_entry_json(each) for each in newest[:postings]]}


def _contract_json(record: ContractRecord) -> dict[str, Any]:
    contract, owed = record.contract, record.balance + record.elsewhere
    limit = ZERO if contract.billing is Billing.PREPAID else contract.credit_limit
    told: dict[str, Any] = CONTRACTS.dump_python(contract, mode="json")
    return {
        **told,
        "cards": list(record.cards),
        "balance": str(record.balance),
        "held": str(record.held),
        "elsewhere": str(record.elsewhere),
        "available": None if limit is None else str(max(ZERO, limit - owed)),
    }


def _entry_json(entry: account_totals.AccountEntry) -> dict[str, Any]:
    return {
        "posted_at": entry.posted_at.isoformat() if entry.posted_at else None,
        "posting_id": entry.posting_id,
        "key": entry.key,
        "reason": entry.reason,
        "amount": str(entry.amount),
        "cdr_id": entry.cdr_id,
        "text": entry.text,
        "by": entry.by,
    }
