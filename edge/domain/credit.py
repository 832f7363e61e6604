"""May this contract charge? Judged by its own terms and by its money, as far as this site knows them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from edge.domain.dues import Overdue
from edge.domain.site import Site
from protocols.money import ZERO
from protocols.ocpi.customer import Billing, Contract
from protocols.terms import AuthorizationStatus

_A_DAY: Final = timedelta(days=1)


def judge_contract(site: Site, contract_id: str, now: datetime) -> AuthorizationStatus:
    """A contract that is only an id may charge: it is postpaid and has no limit."""
    contract = site.accounts.find(contract_id)
    if contract is None:
        return AuthorizationStatus.ACCEPTED
    if is_closed(site, contract_id, now):
        return AuthorizationStatus.BLOCKED
    if contract.expires_at is not None and contract.expires_at <= site.clock.believed(now):
        return AuthorizationStatus.EXPIRED
    least = site.rules.accounts.least if contract.billing is Billing.PREPAID else ZERO
    money = site.accounts.spendable(contract, is_cut_off=is_cut_off(site))
    return AuthorizationStatus.ACCEPTED if money > 0 and money >= least else AuthorizationStatus.NO_CREDIT


def is_closed(site: Site, contract_id: str, now: datetime) -> bool:
    """Whether it may not charge whatever money there is: it is barred, or nobody could say what it costs here."""
    contract = site.accounts.find(contract_id)
    return contract is not None and (why_unusable(site, contract) is not None or is_barred(site, contract_id, now))


def is_barred(site: Site, contract_id: str, now: datetime) -> bool:
    """Whether it is blocked, by a person or for its debts."""
    contract = site.accounts.find(contract_id)
    return contract is not None and (not contract.valid or is_dunned(site, contract_id, now))


def why_unusable(site: Site, contract: Contract) -> str | None:
    """Why nothing can be charged to a contract here, whoever wants it; None where it can."""
    if contract.currency != site.rules.currency:
        return f"the currency is {contract.currency}, this site's is {site.rules.currency}"
    if contract.tariff_id is not None and contract.tariff_id not in site.tariffs:
        return f"there is no tariff {contract.tariff_id}"
    return None


def is_cut_off(site: Site) -> bool:
    """Whether what others spend of a shared wallet cannot be known here now."""
    return site.rules.has_uplink and not site.is_uplink_online


# --- debts ---


def overdue(site: Site, contract_id: str, now: datetime) -> Overdue | None:
    """What a postpaid contract should have paid by now, in the site's own time; None: nothing."""
    return site.accounts.dues.overdue(contract_id, now.astimezone(ZoneInfo(site.rules.location.time_zone)).date())


def steps_due(site: Site, contract_id: str, now: datetime) -> tuple[int, Overdue | None]:
    """How many steps of dunning have come by their days, and what is overdue."""
    late = overdue(site, contract_id, now)
    if late is None:
        return 0, None
    today = now.astimezone(ZoneInfo(site.rules.location.time_zone)).date()
    days = (today - late.due_on) // _A_DAY
    return sum(step.after_days <= days for step in site.rules.accounts.dunning), late


def is_dunned(site: Site, contract_id: str, now: datetime) -> bool:
    """Whether a step was taken that blocks, and the debt still stands: a payment opens the contract at once."""
    taken = site.accounts.steps.get(contract_id, 0)
    if not any(step.blocks for step in site.rules.accounts.dunning[:taken]):
        return False
    return overdue(site, contract_id, now) is not None
