"""Customers and contracts come and change by the staff, also while the WAN is away; by the hub: see account_changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import zip_longest
from typing import Final, TypeVar

from edge.domain import closed_contracts, holds, remote, unusable_contracts
from edge.domain.accounts import SUSPENSE_CONTRACT
from edge.domain.credit import why_unusable
from edge.domain.customer_events import ContractAltered, CustomersImported
from edge.domain.decision import Decision
from edge.domain.events import Done, Refused, TokensImported
from edge.domain.site import Site
from protocols.money import ZERO
from protocols.ocpi.customer import Billing, Contract, Customer
from protocols.sync.customers import CustomersChanged, Source

AT_ONCE: Final = 250
"""Customers, and contracts, in one entry of the journal: it has to fit into a batch to the hub."""
T = TypeVar("T")


def import_customers(site: Site, decision: Decision, event: CustomersImported, now: datetime) -> None:
    """All of it or nothing."""
    problems = _problems(site, event)
    if problems:
        more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        decision.reply = Refused(reason="; ".join(problems[:3]) + more)
        return
    touched = [*(site.accounts.site if event.replaces_all else ()), *(each.id for each in event.contracts)]
    shut = closed_contracts.closed(site, touched, now)
    before = {} if event.replaces_all else site.accounts.site
    site.accounts.site = {**before, **{each.id: each for each in event.contracts}}
    journal(site, decision, "site", event.customers, event.contracts, event.by, now, is_complete=event.replaces_all)
    if event.tokens:
        remote.import_tokens(site, decision, TokensImported(tokens=event.tokens), now)
    take_up(site, decision, event.contracts, now)
    closed_contracts.note(site, decision, touched, shut, now)
    unusable_contracts.tell(site, decision, unusable_contracts.found(site), now)
    counted = f"{len(event.customers)} customers, {len(event.contracts)} contracts and {len(event.tokens)} cards"
    decision.reply = Done(text=f"{counted} imported")


def alter(site: Site, decision: Decision, event: ContractAltered, now: datetime) -> None:
    """Changed here at once. Of a contract of the hub the site may only add a block, and lift its own again."""
    own, hubs = site.accounts.site.get(event.contract_id), site.accounts.hub.get(event.contract_id)
    contract = own or hubs
    if contract is None:
        decision.reply = Refused(reason="no such contract: see `ohmstead-edge contracts list`")
        return
    if hubs is not None and (event.credit_limit is not None or event.offline_limit is not None):
        decision.reply = Refused(reason="the hub sets the limits of this contract: change them there")
        return
    changed = replace(
        contract,
        credit_limit=_limit(event.credit_limit, contract.credit_limit),
        offline_limit=_limit(event.offline_limit, contract.offline_limit),
        valid=contract.valid if event.is_blocked is None else not event.is_blocked,
    )
    problem = _problem(site, changed)
    if problem is not None:
        decision.reply = Refused(reason=problem)
        return
    shut = closed_contracts.closed(site, (contract.id,), now)
    site.accounts.site[contract.id] = changed
    journal(site, decision, "site", (), (changed,), event.by, now)
    take_up(site, decision, (changed,), now)
    closed_contracts.note(site, decision, (contract.id,), shut, now)
    if event.is_blocked is False and hubs is not None and not hubs.valid:
        decision.reply = Refused(
            reason="the site's block is lifted, but the hub blocks this contract: unblock it there"
        )
        return
    decision.reply = Done(text=f"contract {contract.id} changed")


def journal(
    site: Site,
    decision: Decision,
    source: Source,
    customers: Sequence[Customer],
    contracts: Sequence[Contract],
    by: str | None,
    now: datetime,
    *,
    is_complete: bool = False,
) -> None:
    """So many at once that an entry fits into a batch; of several only the first is complete."""
    if is_complete and not customers and not contracts:
        decision.journal(site, now, CustomersChanged(source=source, is_complete=True, by=by))
    for some_customers, some_contracts in zip_longest(parts(customers), parts(contracts), fillvalue=()):
        changed = CustomersChanged(
            source=source, customers=some_customers, contracts=some_contracts, is_complete=is_complete, by=by
        )
        decision.journal(site, now, changed)
        is_complete = False


def journal_removed(
    site: Site, decision: Decision, customer_ids: Sequence[str], contract_ids: Sequence[str], now: datetime
) -> None:
    """The hub's that are gone."""
    for some_customers, some_contracts in zip_longest(parts(customer_ids), parts(contract_ids), fillvalue=()):
        gone = CustomersChanged(source="hub", removed_customers=some_customers, removed_contracts=some_contracts)
        decision.journal(site, now, gone)


def take_up(site: Site, decision: Decision, contracts: Iterable[Contract], now: datetime) -> None:
    """What runs already, and what is owed already, of contracts that were only ids."""
    new = {each.id: each for each in contracts}
    held: dict[str, Decimal] = {}
    for wallet in site.accounts.wallets.values():
        held[wallet.contract_id] = held.get(wallet.contract_id, ZERO) + wallet.held
    for contract_id, contract in new.items():
        owed = site.accounts.balances.get(contract_id, ZERO) - held.get(contract_id, ZERO)
        if contract.billing is Billing.POSTPAID and owed and not site.accounts.dues.knows(contract_id):
            site.accounts.dues.note(contract, owed, now, site.rules.location.time_zone)
    for transaction in site.transactions.values():
        if transaction.contract_id in new and transaction.transaction_id not in site.accounts.wallets:
            holds.begin(site, decision, transaction, now)


def _problems(site: Site, event: CustomersImported) -> list[str]:
    known = {each.id for each in event.customers} | {each.customer_id for each in site.accounts.site.values()}
    known |= {each.customer_id for each in site.accounts.hub.values()}
    problems = [problem for each in event.contracts if (problem := _problem(site, each)) is not None]
    problems += [
        f"contract {each.id}: there is no customer {each.customer_id}"
        for each in event.contracts
        if each.customer_id not in known
    ]
    problems += [
        f"customer {each.id!r}: id and name are needed" for each in event.customers if not each.id or not each.name
    ]
    return problems


def _problem(site: Site, contract: Contract) -> str | None:
    """Why a contract cannot be made or changed here."""
    unusable = why_unusable(site, contract)
    return _malformation(contract) or (f"contract {contract.id}: {unusable}" if unusable is not None else None)


def malformations(contracts: Sequence[Contract]) -> list[str]:
    """Why contracts that came together cannot be at any site."""
    found = [problem for each in contracts if (problem := _malformation(each)) is not None]
    if len({each.id for each in contracts}) < len(contracts):
        times = Counter(each.id for each in contracts)
        found += [f"contract {each} is there {count} times" for each, count in times.items() if count > 1]
    return found


def _malformation(contract: Contract) -> str | None:
    """Why a contract cannot be at any site."""
    if not contract.id or contract.id == SUSPENSE_CONTRACT:
        return f"contract {contract.id!r}: this id is the site's own"
    for name, limit in (("credit_limit", contract.credit_limit), ("offline_limit", contract.offline_limit)):
        if limit is not None and (not limit.is_finite() or limit < 0 or limit != round(limit, 2)):
            return f"contract {contract.id}: {name} {limit} is no sum of money"
    if contract.payment_days < 0:
        return f"contract {contract.id}: payment_days {contract.payment_days} is negative"
    return None


def _limit(wish: Decimal | str | None, before: Decimal | None) -> Decimal | None:
    if wish is None:
        return before
    return wish if isinstance(wish, Decimal) else None


def parts(items: Sequence[T]) -> Iterator[tuple[T, ...]]:
    """So many as one entry says."""
    for first in range(0, len(items), AT_ONCE):
        yield tuple(items[first : first + AT_ONCE])
