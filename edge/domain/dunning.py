"""Debts that are not paid in time: step by step, by the days since they were due, until a step blocks the contract.

What is to be done by when is reckoned in credit.py from what is open alone; here it is journaled, once for each step.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from edge.domain import closed_contracts
from edge.domain.credit import steps_due
from edge.domain.decision import Decision
from edge.domain.dues import Overdue
from edge.domain.site import Site
from protocols.money import ZERO
from protocols.sync.customers import DunningStepTaken

AT_ONCE: Final = 250
"""Contracts that are looked at in one tick; all of them once a day."""


def tick(site: Site, decision: Decision, now: datetime) -> None:
    """A day has begun at the site, or a debt that steps were taken for was paid."""
    book = site.accounts
    if not site.rules.accounts.dunning:
        return
    today = now.astimezone(ZoneInfo(site.rules.location.time_zone)).date()
    if book.dunned_on != today:
        book.dunned_on, book.to_dun = today, list(book.dues.open)
    some, book.to_dun = book.to_dun[-AT_ONCE:], book.to_dun[:-AT_ONCE]
    for contract_id in some:
        _look(site, decision, contract_id, now)
    for contract_id in [each for each in book.steps if each not in book.dues.open]:
        _look(site, decision, contract_id, now)


def _look(site: Site, decision: Decision, contract_id: str, now: datetime) -> None:
    due, late = steps_due(site, contract_id, now)
    taken = site.accounts.steps.get(contract_id, 0)
    if late is None:
        if taken:
            was_shut = any(step.blocks for step in site.rules.accounts.dunning[:taken])
            del site.accounts.steps[contract_id]
            _journal(site, decision, contract_id, 0, late, now)
            shut = frozenset((contract_id,)) if was_shut else frozenset[str]()
            closed_contracts.note(site, decision, (contract_id,), shut, now)
        return
    shut = closed_contracts.closed(site, (contract_id,), now)
    for step in range(taken + 1, due + 1):
        site.accounts.steps[contract_id] = step
        _journal(site, decision, contract_id, step, late, now)
    closed_contracts.note(site, decision, (contract_id,), shut, now)


def _journal(site: Site, decision: Decision, contract_id: str, step: int, late: Overdue | None, now: datetime) -> None:
    rule = site.rules.accounts.dunning[step - 1] if step else None
    decision.journal(
        site,
        now,
        DunningStepTaken(
            contract_id=contract_id,
            step=step,
            action=rule.action if rule is not None else "settled",
            blocks=rule.blocks if rule is not None else False,
            overdue=late.amount if late is not None else ZERO,
            currency=site.rules.currency,
            due_on=late.due_on.isoformat() if late is not None else None,
        ),
    )
