"""What is set aside for a transaction, of a wallet or of what is left of a limit, by postings alone: held when it
begins and while it runs, released when it ends, and only then does its bill take what it costs."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from edge.domain.account_book import HELD, Wallet
from edge.domain.accounts import customer_account, money_id
from edge.domain.credit import is_cut_off
from edge.domain.decision import Decision
from edge.domain.site import Site
from edge.domain.transaction import Transaction
from protocols.money import ZERO
from protocols.ocpi.customer import Billing
from protocols.sync.customers import WalletOverdrawn
from protocols.sync.up import PostingLeg, PostingMade, PostingReason, Severity

OVERDRAWN: Final = "wallet_overdrawn"
NOT_OBEYED: Final = "wallet_stop_ignored"
LOW: Final = "wallet_low"
OUT_OF_CREDIT: Final = "LocalOutOfCredit"
"""OCPP 2.0.1 ReasonEnumType."""
_BY_ORDER: Final = frozenset({"Remote", "Other"})


def begin(site: Site, decision: Decision, transaction: Transaction, now: datetime) -> None:
    """A transaction has begun, or has become somebody's: where the contract's money can come to an end, some of it is
    set aside."""
    contract = site.accounts.find(transaction.contract_id)
    if contract is None or not contract.is_limited:
        return
    wallet = site.accounts.wallets[transaction.transaction_id] = Wallet(contract_id=contract.id)
    hold(site, decision, transaction, wallet, site.rules.accounts.hold, now)


def hold(
    site: Site, decision: Decision, transaction: Transaction, wallet: Wallet, wanted: Decimal, now: datetime
) -> None:
    """Set so much more aside, or what there is."""
    contract = site.accounts.find(wallet.contract_id)
    if contract is None:
        return
    amount = min(wanted, site.accounts.spendable(contract, is_cut_off=is_cut_off(site)))
    if amount > 0:
        name = f"hold:{transaction.transaction_id}:{transaction.moves}:{wallet.holds:06}"
        _post(site, decision, transaction, wallet, PostingReason.HOLD, name, amount, now)
        wallet.held += amount
        wallet.holds += 1


def release(site: Site, decision: Decision, transaction: Transaction, wallet: Wallet, now: datetime) -> None:
    """It has ended, or goes on at another agent: what was set aside is free again."""
    if wallet.held:
        name = f"release:{transaction.transaction_id}:{transaction.moves}"
        _post(site, decision, transaction, wallet, PostingReason.RELEASE, name, -wallet.held, now)
        wallet.held = ZERO
    decision.clear_alarm(site, now, LOW, transaction.ref)


def _post(
    site: Site,
    decision: Decision,
    transaction: Transaction,
    wallet: Wallet,
    reason: PostingReason,
    key: str,
    amount: Decimal,
    now: datetime,
) -> None:
    legs = (
        PostingLeg(account=customer_account(wallet.contract_id), amount=amount),
        PostingLeg(account=f"{HELD}{wallet.contract_id}", amount=-amount),
    )
    decision.journal(
        site,
        now,
        PostingMade(
            posting_id=money_id(site),
            key=key,
            currency=transaction.tariff.currency,
            legs=legs,
            reason=reason,
            text=transaction.transaction_id,
        ),
    )


def end_reason(wallet: Wallet, told: str) -> str:
    """Why it ended, as its driver is told: the station knows only that it was asked to."""
    return OUT_OF_CREDIT if wallet.times and told in _BY_ORDER else told


def settle(site: Site, decision: Decision, transaction: Transaction, now: datetime) -> None:
    """After its bill: what it took beyond the wallet is owed, and a station that ended at last has obeyed."""
    note_overdraft(site, decision, transaction.contract_id, now, is_shared=False)
    decision.clear_alarm(site, now, NOT_OBEYED, transaction.ref)


def unspent_problem(site: Site, contract_id: str, amount: Decimal) -> str | None:
    """Why so much cannot go back to the owner of a wallet: it is spent, or set aside for what runs. None for all other
    contracts: what was paid for a debt may go back."""
    contract = site.accounts.find(contract_id)
    if contract is None or contract.billing is not Billing.PREPAID:
        return None
    left = max(ZERO, -site.accounts.balance(contract_id))
    if amount <= left:
        return None
    return f"only {left} {contract.currency} of wallet {contract_id} are neither spent nor set aside for what runs"


def note_overdraft(site: Site, decision: Decision, contract_id: str, now: datetime, *, is_shared: bool) -> None:
    """Whether a prepaid contract owes money now, or does not any more. `is_shared`: it turned out when the hub told
    what other sites have posted."""
    contract = site.accounts.find(contract_id)
    owed = site.accounts.balance(contract_id) - site.accounts.held(contract_id)
    if contract is None or contract.billing is not Billing.PREPAID or owed <= 0:
        site.accounts.overdrawn.discard(contract_id)
        decision.clear_alarm(site, now, OVERDRAWN, contract_id)
    elif f"{OVERDRAWN}:{contract_id}" not in site.alarms:
        site.accounts.overdrawn.add(contract_id)
        overdrawn = WalletOverdrawn(
            contract_id=contract_id, amount=owed, currency=contract.currency, is_shared=is_shared
        )
        decision.journal(site, now, overdrawn)
        where = "several sites charged it while they could not know of each other" if is_shared else "a bill took more"
        text = f"wallet {contract_id} owes {owed} {contract.currency}: {where}; it is a debt until it is paid"
        decision.raise_alarm(site, now, OVERDRAWN, Severity.WARNING, text, contract_id)
