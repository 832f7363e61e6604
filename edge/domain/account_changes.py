"""The hub's customers, contracts and what others posted to them change: by all of it or by what changed, and all of
that or nothing.

What is journaled is what is different here, in entries that fit into a batch; one commit holds them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from edge.domain import closed_contracts, customers, holds, unusable_contracts
from edge.domain.decision import Decision
from edge.domain.documents import is_applied, note_applied, refuse
from edge.domain.list_events import AccountsListed
from edge.domain.site import Site
from protocols.money import ZERO
from protocols.ocpi.customer import Contract, Customer
from protocols.sync.account_lists import balance_hash, contract_hash, customer_hash
from protocols.sync.customers import ElsewhereTold
from protocols.sync.down import DesiredAccounts
from protocols.sync.lists import total, written

NAME: Final = "accounts"


@dataclass(slots=True, kw_only=True)
class _Change:
    """What is different from what is here. `customers` with their hashes; of `balances` zero is none any more."""

    as_of: datetime
    customers: dict[str, tuple[Customer, int]] = field(default_factory=dict)
    contracts: dict[str, Contract] = field(default_factory=dict)
    balances: dict[str, Decimal] = field(default_factory=dict)
    removed_customers: list[str] = field(default_factory=list)
    removed_contracts: list[str] = field(default_factory=list)


def accounts_total(site: Site) -> int:
    """What the digest of the hub's customers, contracts and balances tells, as they are here."""
    book = site.accounts
    if book.hub_total is None:
        summed = total(map(contract_hash, book.hub.values()), total(book.hub_customers.values()))
        book.hub_total = total((balance_hash(each, amount) for each, amount in book.elsewhere.items()), summed)
    return book.hub_total


def accounts_digest(site: Site) -> str:
    return written(accounts_total(site))


def apply_accounts(site: Site, decision: Decision, document: DesiredAccounts, now: datetime) -> None:
    """All in one message, as hubs of contract 1.0 send it; the same or an older version changes nothing."""
    if is_applied(site, decision, NAME, document.version) or _is_malformed(
        site, decision, document.version, document.contracts, now
    ):
        return
    hashes = map(customer_hash, document.customers)
    listed = zip(document.customers, hashes, strict=True)
    _make(site, decision, _whole(site, listed, document.contracts, document.balances, document.as_of), now)
    site.accounts.hub_total = None
    _note_applied(site, decision, document.version, now)


def apply_list(site: Site, decision: Decision, event: AccountsListed, now: datetime) -> None:
    """Only where all then is the hub's."""
    known = site.documents.get(NAME, 0)
    is_other = event.version == known and event.since is None and event.digest != accounts_digest(site)
    if not is_other and is_applied(site, decision, NAME, event.version):
        return
    if event.since is not None and event.since > known:
        problem = f"it tells what changed since version {event.since}, and {known} is here: the whole is wanted"
        refuse(site, decision, NAME, event.version, problem, now, is_alarming=False)  # it is on its way
        return
    if _is_malformed(site, decision, event.version, event.contracts, now):
        return
    listed = zip(event.customers, event.hashes, strict=True)
    if event.since is None:
        change = _whole(site, listed, event.contracts, event.balances, event.as_of)
    else:
        change = _partly(site, listed, event)
        if written(_total_after(site, change)) != event.digest:
            problem = "with what changed the accounts are not the hub's: the whole is wanted"
            refuse(site, decision, NAME, event.version, problem, now, is_alarming=False)
            return
    _make(site, decision, change, now)
    site.accounts.hub_total = int(event.digest, 16)
    _note_applied(site, decision, event.version, now)


def _note_applied(site: Site, decision: Decision, version: int, now: datetime) -> None:
    book = site.accounts
    text = f"{len(book.hub_customers)} customers and {len(book.hub)} contracts of the hub applied"
    note_applied(site, decision, NAME, version, text, now)


def _is_malformed(site: Site, decision: Decision, version: int, contracts: tuple[Contract, ...], now: datetime) -> bool:
    """With a contract that cannot be at any site nothing applies; those that are for other sites are closed here: see
    unusable_contracts."""
    problems = customers.malformations(contracts)
    if problems:
        more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        refuse(site, decision, NAME, version, "; ".join(problems[:3]) + more, now)
    return bool(problems)


def _whole(
    site: Site,
    listed: Iterable[tuple[Customer, int]],
    contracts: tuple[Contract, ...],
    balances: Mapping[str, Decimal],
    as_of: datetime,
) -> _Change:
    book = site.accounts
    people = {each.id: (each, its_hash) for each, its_hash in listed}
    terms = {each.id: each for each in contracts}
    return _Change(
        as_of=as_of,
        customers={each: told for each, told in people.items() if book.hub_customers.get(each) != told[1]},
        contracts={each: contract for each, contract in terms.items() if book.hub.get(each) != contract},
        balances={
            **{each: ZERO for each in sorted(book.elsewhere) if not balances.get(each)},
            **{each: told for each, told in balances.items() if told != book.elsewhere.get(each, ZERO)},
        },
        removed_customers=sorted(book.hub_customers.keys() - people.keys()),
        removed_contracts=sorted(book.hub.keys() - terms.keys()),
    )


def _partly(site: Site, listed: Iterable[tuple[Customer, int]], event: AccountsListed) -> _Change:
    book = site.accounts
    people = {each.id: (each, its_hash) for each, its_hash in listed}
    terms = {each.id: each for each in event.contracts}
    gone = [each for each in event.removed_contracts if each in book.hub and each not in terms]
    told = {**dict.fromkeys(gone, ZERO), **event.balances}
    leavers = {each for each in event.removed_customers if each in book.hub_customers} - people.keys()
    return _Change(
        as_of=event.as_of,
        customers={each: told for each, told in people.items() if book.hub_customers.get(each) != told[1]},
        contracts={each: contract for each, contract in terms.items() if book.hub.get(each) != contract},
        balances={each: amount for each, amount in told.items() if amount != book.elsewhere.get(each, ZERO)},
        removed_customers=sorted(leavers),
        removed_contracts=gone,
    )


def _total_after(site: Site, change: _Change) -> int:
    book = site.accounts
    then = accounts_total(site)
    then = total((its_hash - book.hub_customers.get(each, 0) for each, (_, its_hash) in change.customers.items()), then)
    then = total((-book.hub_customers[each] for each in change.removed_customers), then)
    then = total(map(contract_hash, change.contracts.values()), then)
    before = (book.hub[each] for each in (*change.contracts, *change.removed_contracts) if each in book.hub)
    then = total((-contract_hash(each) for each in before), then)
    moves = ((each, amount - book.elsewhere.get(each, ZERO)) for each, amount in change.balances.items())
    return total((balance_hash(each, amount) for each, amount in moves), then)


def _make(site: Site, decision: Decision, change: _Change, now: datetime) -> None:
    """What others spent is known before a contract is, so that nothing is set aside of what is gone."""
    book = site.accounts
    touched = [*change.contracts, *change.removed_contracts]
    shut = closed_contracts.closed(site, touched, now)
    for contract_id, amount in change.balances.items():
        if amount:
            book.elsewhere[contract_id] = amount
        else:
            book.elsewhere.pop(contract_id, None)
    for part in customers.parts(tuple(change.balances.items())):
        decision.journal(site, now, ElsewhereTold(as_of=change.as_of, balances=dict(part)))
    for customer_id, (_, its_hash) in change.customers.items():
        book.hub_customers[customer_id] = its_hash
    for customer_id in change.removed_customers:
        del book.hub_customers[customer_id]
    book.hub.update(change.contracts)
    for contract_id in change.removed_contracts:
        del book.hub[contract_id]
    people = tuple(customer for customer, _ in change.customers.values())
    customers.journal(site, decision, "hub", people, tuple(change.contracts.values()), None, now)
    customers.journal_removed(site, decision, change.removed_customers, change.removed_contracts, now)
    if touched:
        customers.take_up(site, decision, change.contracts.values(), now)
        closed_contracts.note(site, decision, touched, shut, now)
        unusable_contracts.tell(site, decision, unusable_contracts.found_among(site, touched), now)
    for contract_id in change.balances:
        holds.note_overdraft(site, decision, contract_id, now, is_shared=True)
