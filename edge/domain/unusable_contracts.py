"""Contracts that nothing can be charged to at this site, for nobody could say what it costs there: those of another
currency, and those that name a tariff which the site does not have.

The hub makes contracts for all of its sites, so these are no fault of a document: the others of it apply, and these are
known and closed here until their tariff comes. What is told of them is an alarm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from edge.domain import closed_contracts
from edge.domain.credit import is_barred, why_unusable
from edge.domain.decision import Decision
from edge.domain.site import Site
from protocols.sync.up import Severity

ALARM: Final = "contracts_unusable"
ABOUT: Final = "accounts"
_SHOWN: Final = 3


def found(site: Site) -> dict[str, str]:
    """By contract: why nothing can be charged to it here."""
    site.accounts.unusable = {}
    return found_among(site, site.accounts.site.keys() | site.accounts.hub.keys())


def found_among(site: Site, contract_ids: Iterable[str]) -> dict[str, str]:
    """The same, where only these contracts are others than they were when it was found last."""
    if site.accounts.unusable is None:
        return found(site)
    unusable = dict(site.accounts.unusable)
    for contract_id in contract_ids:
        contract = site.accounts.find(contract_id)
        why = why_unusable(site, contract) if contract is not None else None
        if why is not None:
            unusable[contract_id] = why
        else:
            unusable.pop(contract_id, None)
    site.accounts.unusable = unusable
    return unusable


def tell(site: Site, decision: Decision, unusable: Mapping[str, str], now: datetime) -> None:
    """Raise the alarm with what is so now, or take it back."""
    lines = [f"contract {each}: {unusable[each]}" for each in sorted(unusable)]
    more = f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    text = f"{len(lines)} contracts cannot charge here: {'; '.join(lines[:_SHOWN])}{more}"
    raised = site.alarms.get(f"{ALARM}:{ABOUT}")
    if raised is not None and raised.text != text:
        decision.clear_alarm(site, now, ALARM, ABOUT)
    if lines:
        is_ours = any(_names_ours(site, each) for each in unusable)
        decision.raise_alarm(site, now, ALARM, Severity.WARNING if is_ours else Severity.INFO, text, ABOUT)


def note_tariffs(site: Site, decision: Decision, before: Mapping[str, str], now: datetime) -> None:
    """Tariffs have come or gone: some contracts may charge again, or not any more. `before`: what was found then."""
    after = found(site)
    changed = before.keys() ^ after.keys()
    shut = frozenset(each for each in changed if each in before or is_barred(site, each, now))
    closed_contracts.note(site, decision, changed, shut, now)
    tell(site, decision, after, now)


def _names_ours(site: Site, contract_id: str) -> bool:
    """Of another currency are the contracts of other sites; one of this currency should have its tariff."""
    contract = site.accounts.find(contract_id)
    return contract is not None and contract.currency == site.rules.currency
