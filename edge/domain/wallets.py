"""Transactions of wallets, and of contracts with a limit, while they run: more is set aside while there is more, and
they are stopped before it is spent.

Looked at with each reading and with time, a few seconds apart: what would it cost by the end of the margin, at the
power that flows now? The driver is warned some minutes before. Whoever does not obey is told again, and somebody is
told of it; what flows beyond is a debt.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from edge.domain import holds, polled
from edge.domain.account_book import Wallet
from edge.domain.asking import ask, number
from edge.domain.credit import is_cut_off
from edge.domain.decision import Decision
from edge.domain.running_cost import SHOWN_BY, running_cost
from edge.domain.site import Site
from edge.domain.transaction import Transaction
from protocols.charger.operations.messages import DisplayMessage, SetDisplayMessage
from protocols.charger.operations.transactions import StopTransaction
from protocols.ocpi.customer import Contract
from protocols.sync.customers import WalletSpent
from protocols.sync.up import Severity

LOOK_EVERY: Final = timedelta(seconds=5)
_PATIENCE: Final = 2
"""After so many words a station that goes on is an alarm."""


def watch(site: Site, decision: Decision, station_id: str, now: datetime) -> None:
    """A station has told readings."""
    for transaction in site.open_at(station_id):
        wallet = site.accounts.wallets.get(transaction.transaction_id)
        if wallet is not None and (wallet.looked_at is None or now - wallet.looked_at >= LOOK_EVERY):
            _look(site, decision, transaction, wallet, now)


def tick(site: Site, decision: Decision, now: datetime) -> None:
    """Time alone spends money, too."""
    for transaction_id, wallet in list(site.accounts.wallets.items()):
        if transaction_id in site.transactions:
            _look(site, decision, site.transactions[transaction_id], wallet, now)
    for contract_id in list(site.accounts.overdrawn):
        holds.note_overdraft(site, decision, contract_id, now, is_shared=False)


def _look(site: Site, decision: Decision, transaction: Transaction, wallet: Wallet, now: datetime) -> None:
    contract, rules = site.accounts.find(wallet.contract_id), site.rules.accounts
    if contract is None or not contract.is_limited:
        return
    wallet.looked_at, power_w = now, _power_w(site, transaction, wallet)
    ahead = _cost_by(transaction, power_w, now + rules.margin)
    if ahead > wallet.held:
        holds.hold(site, decision, transaction, wallet, max(rules.hold, ahead - wallet.held), now)
    if ahead <= wallet.held:
        _warn(site, decision, transaction, wallet, contract, power_w, now)
    elif wallet.told_at is None or now - wallet.told_at >= rules.again:
        _stop(site, decision, transaction, wallet, now)


def _warn(
    site: Site,
    decision: Decision,
    transaction: Transaction,
    wallet: Wallet,
    contract: Contract,
    power_w: int,
    now: datetime,
) -> None:
    """Once, when the last of it is set aside and will be spent soon; taken back when there is more again."""
    rules = site.rules.accounts
    left = site.accounts.spendable(contract, is_cut_off=is_cut_off(site))
    if left >= rules.hold:
        decision.clear_alarm(site, now, holds.LOW, transaction.ref)
        return
    if not rules.warning or f"{holds.LOW}:{transaction.ref}" in site.alarms:
        return
    if _cost_by(transaction, power_w, now + rules.warning) <= wallet.held + left:
        return
    left += wallet.held - running_cost(transaction, now)
    minutes = max(1, round(rules.warning.total_seconds() / 60))
    text = f"the vehicle at {transaction.ref} is stopped within {minutes} min: {left} {contract.currency} are left"
    decision.raise_alarm(site, now, holds.LOW, Severity.INFO, f"{text} of contract {contract.id}", transaction.ref)
    abilities = site.stations[transaction.station_id].abilities
    if abilities is not None and abilities.ocpp_version in SHOWN_BY:
        message = DisplayMessage(
            content=f"{left} {contract.currency} are left: charging stops within {minutes} min",
            priority="InFront",
            state="Charging",
            charger_transaction_id=transaction.charger_transaction_id,
            message_id=number(site, now),
        )
        ask(site, decision, transaction.station_id, SetDisplayMessage(message=message), now)


def _cost_by(transaction: Transaction, power_w: int, until: datetime) -> Decimal:
    """What it will cost then, if nothing changes: with what flows from the last reading on."""
    ahead = transaction.copied()
    read_wh = transaction.last_wh if transaction.last_wh is not None else transaction.meter_start_wh
    if read_wh is not None and power_w:
        passed_s = max(0.0, (until - transaction.last_heard_at).total_seconds())
        ahead.last_wh = read_wh + -int(-power_w * passed_s // 3600)
        ahead.last_at = until
    return running_cost(ahead, until)


def _power_w(site: Site, transaction: Transaction, wallet: Wallet) -> int:
    """What flows: as it was measured, or as fast as the register rose of late, whichever is more. An EVSE that tells
    neither is taken to give all that it can."""
    if transaction.phases and not transaction.phases[-1].is_charging:
        return 0
    measured_w = None
    status = site.evses.get(transaction.ref)
    if status is not None and status.transaction_id == transaction.transaction_id and transaction.power_at is not None:
        measured_w = status.power_w
    read_wh, read_at = transaction.last_wh, transaction.last_at
    if read_wh is not None and read_at is not None and wallet.read_at is not None and read_at > wallet.read_at:
        passed_s = (read_at - wallet.read_at).total_seconds()
        wallet.risen_w = int((read_wh - wallet.read_wh) * 3600 / passed_s) if passed_s >= 1 else wallet.risen_w
    if read_wh is not None and read_at is not None and (wallet.read_at is None or read_at > wallet.read_at):
        wallet.read_wh, wallet.read_at = read_wh, read_at
    known = [each for each in (measured_w, wallet.risen_w) if each is not None]
    return max(0, max(known)) if known else transaction.rating_w


def _stop(site: Site, decision: Decision, transaction: Transaction, wallet: Wallet, now: datetime) -> None:
    """Told as by a remote stop. A station that is away is told when it is back: nobody knows what it gives."""
    if not site.stations[transaction.station_id].is_online:
        return
    wallet.told_at, wallet.times = now, wallet.times + 1
    currency = transaction.tariff.currency
    spent = WalletSpent(
        transaction_id=transaction.transaction_id,
        contract_id=wallet.contract_id,
        station_id=transaction.station_id,
        evse_id=transaction.evse_id,
        cost=running_cost(transaction, now),
        held=wallet.held,
        currency=currency,
        times=wallet.times,
    )
    decision.journal(site, now, spent)
    decision.shown.add(transaction.ref)
    if wallet.times > _PATIENCE:
        text = (
            f"{transaction.ref} goes on though nothing is left of contract {wallet.contract_id} and it was told to stop"
        )
        decision.raise_alarm(site, now, holds.NOT_OBEYED, Severity.WARNING, text, transaction.ref)
    if transaction.station_id in site.runs:
        polled.stop(site, decision, transaction.ref, holds.OUT_OF_CREDIT, now)
    else:
        stop = StopTransaction(charger_transaction_id=transaction.charger_transaction_id)
        ask(site, decision, transaction.station_id, stop, now)
