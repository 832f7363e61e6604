"""What a contract owes and will not pay: a person gives it up, wholly or in part, by a posting of its own.

Much money needs two people, as a decision upon a bill does. What is given up settles the oldest debt first, as a
payment does, so dunning goes on with what is left alone.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from edge.domain import holds
from edge.domain.account_book import CUSTOMER
from edge.domain.accounts import customer_account, money_id
from edge.domain.decision import Decision
from edge.domain.events import Refused
from edge.domain.payment_events import WriteOffAsked
from edge.domain.payments import in_cents, is_cents
from edge.domain.site import Site
from protocols.money import ZERO
from protocols.sync.up import PostingLeg, PostingMade, PostingReason

WRITE_OFF: Final = "writeoff"
MAX_REASON: Final = 500


def write_off_key(site: Site, request_key: str) -> str:
    """Of the posting that a request makes: the hub knows it from those of other edges."""
    return f"write_off:{site.rules.edge_id}:{request_key}"


def write_off(site: Site, decision: Decision, asked: WriteOffAsked, now: datetime) -> PostingMade | Refused:
    """The posting, or why there is none. The same request asked once more has the same answer."""
    key = write_off_key(site, asked.request_key)
    before = site.payments.posting(key)
    if before is not None:
        return _said_again(before, asked)
    owed = owed_by(site, asked.contract_id)
    amount = owed if asked.amount is None else asked.amount
    problem = _problem(site, asked, amount, owed)
    if problem is not None:
        return Refused(reason=problem)
    amount = in_cents(amount)
    reason = asked.reason.strip()
    posting = PostingMade(
        posting_id=money_id(site),
        key=key,
        currency=site.rules.currency,
        legs=(
            PostingLeg(account=WRITE_OFF, amount=amount),
            PostingLeg(account=customer_account(asked.contract_id), amount=-amount),
        ),
        reason=PostingReason.WRITE_OFF,
        text=reason if asked.second_by is None else f"{reason} (agreed by {asked.second_by})",
        by=asked.by,
    )
    decision.journal(site, now, posting)
    site.payments.keep_posting(posting)
    holds.note_overdraft(site, decision, asked.contract_id, now, is_shared=False)
    return posting


def owed_by(site: Site, contract_id: str) -> Decimal:
    """What it owes as far as this site knows, without what is set aside for what runs; negative: nothing."""
    return site.accounts.balance(contract_id) - site.accounts.held(contract_id)


def written_off(posting: PostingMade) -> tuple[str, Decimal]:
    """The contract and the sum of such a posting."""
    leg = next(leg for leg in posting.legs if leg.account.startswith(CUSTOMER))
    return leg.account[len(CUSTOMER) :], -leg.amount


def _problem(site: Site, asked: WriteOffAsked, amount: Decimal, owed: Decimal) -> str | None:
    currency = site.rules.currency
    if not asked.reason.strip():
        return "say why: to write off a debt needs a reason"
    if len(asked.reason) > MAX_REASON:
        return f"the reason has {len(asked.reason)} characters; expected up to {MAX_REASON}"
    if owed <= 0:
        return f"contract {asked.contract_id} owes nothing: see `ohmstead-edge accounts balance {asked.contract_id}`"
    if not is_cents(amount) or amount <= ZERO:
        return f"{amount} is no sum of money: expected more than 0.00, with 2 decimals"
    if amount > owed:
        return f"{amount} is more than the {owed} {currency} that contract {asked.contract_id} owes"
    if asked.second_by is not None and asked.second_by == asked.by:
        return f"{asked.by} cannot be the second person, too"
    if amount > site.rules.second_person_above and asked.second_by is None:
        return f"{amount} {currency} is above {site.rules.second_person_above}: a second person has to agree"
    return None


def _said_again(before: PostingMade, asked: WriteOffAsked) -> PostingMade | Refused:
    contract_id, amount = written_off(before)
    if contract_id == asked.contract_id and asked.amount in (None, amount):
        return before
    return Refused(reason=f"this request_key was used to write off {amount} of {contract_id}: take another one")
