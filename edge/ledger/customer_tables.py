"""Customers, contracts and dunning in the ledger: what journal entries do to their tables, and what the site reads back
of them and of the postings."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from decimal import Decimal
from sys import intern
from typing import Final, assert_never

import msgspec
from pydantic import TypeAdapter

from edge.domain import account_changes
from edge.domain.account_book import CUSTOMER, HELD, SET_ASIDE, Wallet
from edge.domain.customer_words import words_of
from edge.domain.dues import due_on
from edge.domain.holds import OVERDRAWN
from edge.domain.site import Site
from edge.ledger import account_totals
from edge.ledger.queries import queries
from edge.ledger.rows import Rows
from protocols.money import ZERO
from protocols.ocpi.customer import Billing, Contract, Customer
from protocols.sync.account_lists import customer_hash
from protocols.sync.customers import (
    CustomerBody,
    CustomersChanged,
    DunningStepTaken,
    ElsewhereTold,
    WalletOverdrawn,
    WalletSpent,
)
from protocols.sync.up import PostingLeg

CUSTOMERS: Final = TypeAdapter(Customer)
CONTRACTS: Final = TypeAdapter(Contract)
_CUSTOMER: Final = msgspec.json.Decoder(Customer)
_LEGS: Final = msgspec.json.Decoder(tuple[PostingLeg, ...])
_encode: Final = msgspec.json.Encoder(decimal_format="string").encode


def keep_customers(rows: Rows, body: CustomerBody, at: str) -> None:
    """Bring the tables up to a journal entry; `at` is its time as the ledger writes it."""
    match body:
        case CustomersChanged() as changed:
            if changed.is_complete:
                rows.add("customers", "drop_customers", changed.source)
                rows.add("contracts", "drop_contracts", changed.source)
            for customer_id in changed.removed_customers:
                rows.add("customers", "drop_customer", changed.source, customer_id)
            for contract_id in changed.removed_contracts:
                rows.add("contracts", "drop_contract", changed.source, contract_id)
            for each in changed.customers:
                facts = (changed.source, each.id, each.name, words_of(each), _encode(each))
                rows.add("customers", "put_customer", *facts)
            for contract in changed.contracts:
                named = (changed.source, contract.id, contract.customer_id)
                rows.add("contracts", "put_contract", *named, _encode(contract))
        case ElsewhereTold() as told:
            if told.is_complete:
                rows.add("elsewhere", "drop_elsewhere")
            for contract_id, amount in told.balances.items():
                rows.add("elsewhere", "put_elsewhere", contract_id, str(amount), told.as_of.isoformat())
        case DunningStepTaken() as taken:
            if taken.step:
                rows.add("dunning", "put_dunning", taken.contract_id, taken.step, _encode(taken), at)
            else:
                rows.add("dunning", "drop_dunning", taken.contract_id)
        case WalletSpent() | WalletOverdrawn():
            pass  # the journal and the alarm are their places
        case _:
            assert_never(body)


def restore_accounts(site: Site, connection: sqlite3.Connection) -> None:
    """Contracts, balances and the wallets of what runs, as they were at the last commit."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        account_totals.add_up(connection)
    sql, book = queries(), site.accounts
    limits: dict[Decimal | None, Decimal | None] = {}
    for source, document in connection.execute(sql["contracts"]):
        contract = _lean(CONTRACTS.validate_json(document), limits)
        (book.hub if source == "hub" else book.site)[contract.id] = contract
    owners = {contract.customer_id: contract.customer_id for contract in book.hub.values()}
    for customer_id, document in connection.execute(sql["customers_of_hub"]):
        book.hub_customers[owners.get(customer_id, customer_id)] = customer_hash(_CUSTOMER.decode(document))
    names = {each: each for each in (*book.site, *book.hub)}
    for account, amount in account_totals.balances(connection, CUSTOMER).items():
        contract_id = account[len(CUSTOMER) :]
        book.balances[names.get(contract_id, contract_id)] = amount
    elsewhere = connection.execute(sql["balances_elsewhere"])
    told = ((contract_id, Decimal(amount)) for contract_id, amount in elsewhere)
    book.elsewhere = {names.get(contract_id, contract_id): amount for contract_id, amount in told if amount}
    if account_changes.NAME in site.documents:
        account_changes.accounts_total(site)  # now: nothing waits yet
    book.steps = dict(connection.execute(sql["dunning"]).fetchall())
    book.overdrawn = {alarm_id.partition(":")[2] for alarm_id in site.alarms if alarm_id.startswith(f"{OVERDRAWN}:")}
    book.overdrawn |= {each for each, amount in book.balances.items() if amount > 0 and _is_prepaid(book.find(each))}
    if book:
        _restore_dues(site, connection)
        _restore_unsent(site, connection)
        _restore_wallets(site, connection)


def _is_prepaid(contract: Contract | None) -> bool:
    return contract is not None and contract.billing is Billing.PREPAID


def _lean(contract: Contract, limits: dict[Decimal | None, Decimal | None]) -> Contract:
    """Of tens of thousands most have the same currency and one of a few limits: those are one object."""
    return replace(
        contract,
        currency=intern(contract.currency),
        credit_limit=limits.setdefault(contract.credit_limit, contract.credit_limit),
        offline_limit=limits.setdefault(contract.offline_limit, contract.offline_limit),
    )


def _restore_dues(site: Site, connection: sqlite3.Connection) -> None:
    """Payments settle the oldest part first, so what is open are the newest parts that make up the balance."""
    zone, set_aside = site.rules.location.time_zone, account_totals.balances(connection, HELD)
    for contract_id in site.accounts.site.keys() | site.accounts.hub.keys():
        contract = site.accounts.find(contract_id)
        left = site.accounts.balances.get(contract_id, ZERO) + set_aside.get(HELD + contract_id, ZERO)
        if contract is None or contract.billing is not Billing.POSTPAID or not left:
            continue
        if left < 0:
            site.accounts.dues.paid_ahead[contract_id] = -left
            continue
        parts = []
        for entry in account_totals.entries_of(connection, CUSTOMER + contract_id, newest_first=True):
            if entry.amount > 0 and entry.posted_at is not None and entry.reason not in SET_ASIDE:
                parts.append((due_on(contract, entry.posted_at, zone), min(entry.amount, left)))
                left -= parts[-1][1]
            if not left:
                break
        site.accounts.dues.owe_since(contract_id, parts[::-1])


def _restore_unsent(site: Site, connection: sqlite3.Connection) -> None:
    """What the hub does not have yet of contracts that may spend so much only."""
    contracts = (*site.accounts.site.values(), *site.accounts.hub.values())
    limited = {each.id for each in contracts if each.offline_limit is not None}
    if not limited or not site.rules.has_uplink:
        return
    acked = connection.execute(queries()["acked_seq"], ("money",)).fetchone()
    for seq, legs in connection.execute(queries()["postings_after"], (acked[0] if acked else 0,)):
        for leg in _LEGS.decode(legs):
            contract_id = leg.account.removeprefix(CUSTOMER)
            if contract_id in limited and leg.account.startswith(CUSTOMER):
                site.accounts.note_unsent(contract_id, leg.amount, seq)


def _restore_wallets(site: Site, connection: sqlite3.Connection) -> None:
    """What is set aside for the transactions that are open."""
    for transaction in site.transactions.values():
        contract = site.accounts.find(transaction.contract_id)
        begins = f"hold:{transaction.transaction_id}:{transaction.moves}:"
        holds = connection.execute(queries()["holds_of"], (begins, begins[:-1] + ";")).fetchall()
        if holds or (contract is not None and contract.is_limited):
            wallet = Wallet(contract_id=transaction.contract_id, holds=len(holds))
            for (legs,) in holds:
                wallet.held += sum((leg.amount for leg in _LEGS.decode(legs) if leg.amount > 0), ZERO)
            site.accounts.wallets[transaction.transaction_id] = wallet
