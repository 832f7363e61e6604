"""Customers and contracts come and change: by the staff, also while the WAN is away, or by the hub's document."""

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
from edge.domain.documents import is_applied, note_applied, refuse
from edge.domain.events import Done, Refused, TokensImported
from edge.domain.site import Site
from protocols.money import ZERO
from protocols.ocpi.customer import Billing, Contract, Customer
from protocols.sync.customers import CustomersChanged, ElsewhereTold, Source
from protocols.sync.down import DesiredAccounts

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
    _journal(site, decision, "site", event.customers, event.contracts, event.by, now, is_complete=event.replaces_all)
    if event.tokens:
        remote.import_tokens(site, decision, TokensImported(tokens=event.tokens), now)
    _take_up(site, decision, event.contracts, now)
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
    _journal(site, decision, "site", (), (changed,), event.by, now)
    _take_up(site, decision, (changed,), now)
    closed_contracts.note(site, decision, (contract.id,), shut, now)
    if event.is_blocked is False and hubs is not None and not hubs.valid:
        decision.reply = Refused(
            reason="the site's block is lifted, but the hub blocks this contract: unblock it there"
        )
        return
    decision.reply = Done(text=f"contract {contract.id} changed")


def apply_accounts(site: Site, decision: Decision, document: DesiredAccounts, now: datetime) -> None:
    """The hub's customers and contracts replace the hub's, never the site's own; what is the same is not said again.
    What the other sites spent may show that a wallet is overdrawn. With a contract that cannot be, nothing of it
    applies; those that are for other sites are closed here: see unusable_contracts."""
    name, version = document.document, document.version
    if is_applied(site, decision, name, version):
        return
    problems = _malformations(document.contracts)
    if problems:
        more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        refuse(site, decision, name, version, "; ".join(problems[:3]) + more, now)
        return
    contracts = {each.id: each for each in document.contracts}
    customers_hash = hash(document.customers)
    if contracts != site.accounts.hub or customers_hash != site.accounts.hub_customers_hash:
        touched = [*site.accounts.hub, *contracts]
        shut = closed_contracts.closed(site, touched, now)
        site.accounts.hub, site.accounts.hub_customers_hash = contracts, customers_hash
        _journal(site, decision, "hub", document.customers, document.contracts, None, now, is_complete=True)
        _take_up(site, decision, document.contracts, now)
        closed_contracts.note(site, decision, touched, shut, now)
        unusable_contracts.tell(site, decision, unusable_contracts.found(site), now)
    _learn_elsewhere(site, decision, document, now)
    text = f"{len(document.customers)} customers and {len(contracts)} contracts of the hub applied"
    note_applied(site, decision, name, version, text, now)


def _learn_elsewhere(site: Site, decision: Decision, document: DesiredAccounts, now: datetime) -> None:
    before = site.accounts.elsewhere
    told = {contract_id: amount for contract_id, amount in document.balances.items() if amount}
    changed = {
        each: told.get(each, ZERO) for each in sorted(told.keys() | before.keys()) if told.get(each) != before.get(each)
    }
    if not changed:
        return
    site.accounts.elsewhere = told
    for part in _parts(tuple(changed.items())):
        decision.journal(site, now, ElsewhereTold(as_of=document.as_of, balances=dict(part)))
    for contract_id in changed:
        holds.note_overdraft(site, decision, contract_id, now, is_shared=True)


def _journal(
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
    if is_complete and not customers and not contracts:
        decision.journal(site, now, CustomersChanged(source=source, is_complete=True, by=by))
    for some_customers, some_contracts in zip_longest(_parts(customers), _parts(contracts), fillvalue=()):
        decision.journal(
            site,
            now,
            CustomersChanged(
                source=source, customers=some_customers, contracts=some_contracts, is_complete=is_complete, by=by
            ),
        )
        is_complete = False


def _take_up(site: Site, decision: Decision, contracts: Iterable[Contract], now: datetime) -> None:
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


def _malformations(contracts: Sequence[Contract]) -> list[str]:
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


def _parts(items: Sequence[T]) -> Iterator[tuple[T, ...]]:
    for first in range(0, len(items), AT_ONCE):
        yield tuple(items[first : first + AT_ONCE])
