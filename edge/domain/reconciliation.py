"""A day's payments held against the provider's list: what both have, what one of them misses, and what that means.

What the provider took and we do not have as taken is taken by its word, once. Any other difference is for a person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from edge.domain.decision import Decision
from edge.domain.events import Done
from edge.domain.payment_events import ListCompared, ProviderAnswered
from edge.domain.payment_states import MOVED, OPEN, Word
from edge.domain.payments import note_answer
from edge.domain.site import Site
from protocols.money import ZERO
from protocols.sync.payments import Difference, Mismatch, Payment, PaymentState, ProviderReconciled
from protocols.sync.up import Severity

RECONCILED_ALARM: Final = "payments_differ"
MAX_ROWS: Final = 20_000
"""Of a provider's list of one day."""
MAX_SETTLED: Final = 1000
"""By one comparison; those beyond it stay open until the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRow:
    """A payment as the provider has it: only what it took, or gave back (`is_refund`)."""

    payment_id: str
    amount: Decimal
    currency: str
    reference: str
    is_refund: bool = False


def compare(
    provider: str, day: date, ours: Iterable[Payment], theirs: Iterable[ProviderRow], elsewhere: frozenset[str], by: str
) -> ListCompared:
    """`ours`: all of the day, and those that `theirs` name. `elsewhere`: payments of ours that the provider has in
    another day's list."""
    rows = {row.payment_id: row for row in theirs}
    known = {payment.payment_id: payment for payment in ours if payment.provider == provider}
    differences: list[Difference] = []
    answers: list[ProviderAnswered] = []
    matched = 0
    for payment_id in sorted(known.keys() | rows.keys()):
        payment, row = known.get(payment_id), rows.get(payment_id)
        difference = _difference(payment, row, is_elsewhere=payment_id in elsewhere)
        if difference is None:
            matched += row is not None
            continue
        if difference.is_settled and len(answers) < MAX_SETTLED:
            answers.append(_answer(payment_id, row, day))
        elif difference.is_settled:
            difference = replace(difference, is_settled=False)
        differences.append(difference)
    taken = sum((-row.amount if row.is_refund else row.amount for row in rows.values()), ZERO)
    found = ProviderReconciled(
        provider=provider, day=day, matched=matched, taken=taken, differences=tuple(differences), by=by
    )
    return ListCompared(found=found, answers=tuple(answers))


def _answer(payment_id: str, row: ProviderRow | None, day: date) -> ProviderAnswered:
    if row is None:
        return ProviderAnswered(payment_id=payment_id, word=Word.REFUSED, text=f"not in the provider's list of {day}")
    return ProviderAnswered(payment_id=payment_id, word=Word.TAKEN, provider_ref=row.reference)


def _difference(payment: Payment | None, row: ProviderRow | None, *, is_elsewhere: bool) -> Difference | None:
    if payment is None and row is not None:
        return Difference(mismatch=Mismatch.STRANGE, payment_id=row.payment_id, ours=None, theirs=row.amount)
    if payment is None:
        return None
    if row is None:
        if is_elsewhere or not (payment.state in MOVED or payment.state is PaymentState.UNKNOWN):
            return None
        is_unknown = payment.state is PaymentState.UNKNOWN
        return Difference(
            mismatch=Mismatch.NEVER_TAKEN if is_unknown else Mismatch.MISSING_THERE,
            payment_id=payment.payment_id,
            ours=payment.amount,
            theirs=None,
            is_settled=is_unknown,
        )
    is_same_sum = (row.amount, row.currency) == (payment.amount, payment.currency)
    if not is_same_sum or row.is_refund != (payment.reverses is not None):
        return Difference(
            mismatch=Mismatch.AMOUNT_DIFFERS, payment_id=payment.payment_id, ours=payment.amount, theirs=row.amount
        )
    if payment.state in OPEN or payment.state is PaymentState.FAILED:
        return Difference(
            mismatch=Mismatch.MISSING_HERE,
            payment_id=payment.payment_id,
            ours=payment.amount,
            theirs=row.amount,
            is_settled=True,
        )
    return None


def take_in(site: Site, decision: Decision, event: ListCompared, now: datetime) -> Done:
    """Journal what was found, settle what the provider's word settles, and raise an alarm for the rest."""
    found = event.found
    decision.journal(site, now, found)
    for answer in event.answers:
        note_answer(site, decision, answer, now)
    open_ones = [each for each in found.differences if not each.is_settled]
    about = f"{found.provider}:{found.day.isoformat()}"
    if open_ones:
        text = f"{len(open_ones)} payments of {found.day} differ from the list of {found.provider}: see `reconcile`"
        decision.raise_alarm(site, now, RECONCILED_ALARM, Severity.WARNING, text, about)
    else:
        decision.clear_alarm(site, now, RECONCILED_ALARM, about)
    settled = len(found.differences) - len(open_ones)
    return Done(
        text=f"{found.day} with {found.provider}: {found.matched} match, {settled} settled, {len(open_ones)} open"
    )
