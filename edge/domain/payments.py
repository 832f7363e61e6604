"""Payments: what customers pay, what providers say of it, and what that moves between accounts.

Cash moves when it is told; what a provider takes moves when the provider says so, which may be late, twice or never.
A payment is posted once: its posting's key is made of its id, and the table of its states has one way to each.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from edge.domain.accounts import customer_account
from edge.domain.billing import money_id
from edge.domain.decision import Decision
from edge.domain.errands import AskProvider
from edge.domain.events import Refused
from edge.domain.payment_book import Bill, OpenTill
from edge.domain.payment_events import ProviderAnswered
from edge.domain.payment_states import OPEN, Word, next_state
from edge.domain.site import Site
from protocols.money import ZERO
from protocols.sync.payments import Payment, PaymentChanged, PaymentMethod, PaymentState
from protocols.sync.up import PostingLeg, PostingMade, PostingReason, Severity

UNKNOWN_ALARM: Final = "payment_unknown"
LATE_ALARM: Final = "payment_taken_late"
AMOUNT_ALARM: Final = "payment_amount_differs"
_CENT: Final = Decimal("0.01")


def take_payment(
    site: Site,
    decision: Decision,
    now: datetime,
    *,
    request_key: str,
    method: PaymentMethod,
    amount: Decimal,
    by: str,
    contract_id: str | None = None,
    cdr_id: str | None = None,
    given: Decimal | None = None,
    currency: str | None = None,
    provider: str | None = None,
) -> Payment | Refused:
    """Take a payment to a contract's account, or of one bill. Cash is taken at once and posted; a card or QR payment
    is pending, its provider is asked after the commit, and it is posted when that says it has the money.

    The bill must be in the site's payment book (`wanted_money` sees to it). The same `request_key` again gives the
    payment as it stands now, and moves nothing. Whoever calls it sets no reply: that is the caller's.
    """
    before = site.payments.asked(request_key)
    if before is not None:
        return _repeated(before, method, amount, contract_id, cdr_id)
    if problem := amount_problem(site, amount, currency):
        return Refused(reason=problem)
    amount = in_cents(amount)
    payer = _payer(site, amount, contract_id, cdr_id)
    if isinstance(payer, Refused):
        return payer
    till = site.payments.till_of(by)
    payment = Payment(
        payment_id=money_id(site),
        request_key=request_key,
        method=method,
        amount=amount,
        currency=site.rules.currency,
        contract_id=payer,
        cdr_id=cdr_id,
        state=PaymentState.PENDING,
        at=now,
        by=by,
        till_session_id=till.session.session_id if till is not None else None,
    )
    if method is PaymentMethod.CASH:
        return _take_cash(site, decision, now, payment, till, given)
    return _ask_provider(site, decision, now, payment, given, provider)


def _take_cash(
    site: Site, decision: Decision, now: datetime, payment: Payment, till: OpenTill | None, given: Decimal | None
) -> Payment | Refused:
    if till is None:
        return Refused(reason=f"{payment.by} has no open till: open one with `ohmstead-edge till open` first")
    given = payment.amount if given is None else given
    if not is_cents(given) or given < payment.amount:
        return Refused(reason=f"{given} {payment.currency} were given for {payment.amount}: that is not enough")
    given = in_cents(given)
    change = given - payment.amount
    taken = replace(payment, state=PaymentState.TAKEN, given=given, change=change)
    keep_payment(site, decision, now, taken)
    post_payment(site, decision, now, taken)
    return taken


def _ask_provider(
    site: Site, decision: Decision, now: datetime, payment: Payment, given: Decimal | None, provider: str | None
) -> Payment | Refused:
    if given is not None:
        return Refused(reason=f"only cash is given and has change; a {payment.method} payment is of its amount")
    serving = [name for name, method in site.rules.payments.providers.items() if method is payment.method]
    if not serving:
        return Refused(reason=f"no provider of {payment.method} payments is configured: see [payments] in the settings")
    if provider is None and len(serving) > 1:
        return Refused(reason=f"say which provider shall take it: {', '.join(serving)}")
    if provider is not None and provider not in serving:
        return Refused(reason=f"{provider!r} takes no {payment.method} payments; these do: {', '.join(serving)}")
    pending = replace(payment, provider=provider or serving[0])
    keep_payment(site, decision, now, pending)
    decision.errands += (AskProvider(payment=pending),)
    return pending


def note_answer(site: Site, decision: Decision, event: ProviderAnswered, now: datetime) -> Payment | Refused:
    """What a provider said of a payment. What it says twice, or after all is done, changes nothing."""
    payment = site.payments.payment(event.payment_id)
    if payment is None:
        return Refused(reason=f"there is no payment {event.payment_id}")
    if event.word is Word.TAKEN and event.amount is not None and event.amount != payment.amount:
        return _note_other_amount(site, decision, payment, event.amount, now)
    state = next_state(payment.state, event.word)
    reference = payment.provider_ref or event.provider_ref
    if state is None:
        if reference != payment.provider_ref:
            payment = keep_payment(site, decision, now, replace(payment, provider_ref=reference))
        return payment
    before = payment
    payment = replace(payment, state=state, provider_ref=reference, text=event.text or payment.text)
    keep_payment(site, decision, now, payment)
    match state:
        case PaymentState.TAKEN:
            post_payment(site, decision, now, payment)
            if before.state is PaymentState.FAILED:
                text = f"{_sum(payment)} of {payment.payment_id} was given up, and {payment.provider} took it after all"
                decision.raise_alarm(site, now, LATE_ALARM, Severity.WARNING, text, payment.payment_id)
        case PaymentState.UNKNOWN:
            text = f"{payment.provider} has not said whether it took {_sum(payment)} of {payment.payment_id}"
            decision.raise_alarm(site, now, UNKNOWN_ALARM, Severity.WARNING, text, payment.payment_id)
        case _:
            pass
    if payment.state not in OPEN:
        decision.clear_alarm(site, now, UNKNOWN_ALARM, payment.payment_id)
        settle_reversed(site, decision, now, before, payment)
    return payment


def _note_other_amount(site: Site, decision: Decision, payment: Payment, amount: Decimal, now: datetime) -> Payment:
    """Nobody can say by himself what of it is true: a person does (`PaymentSettled`)."""
    if payment.state is PaymentState.PENDING:
        payment = keep_payment(site, decision, now, replace(payment, state=PaymentState.UNKNOWN))
    text = f"{payment.provider} took {amount}, not {_sum(payment)}, for {payment.payment_id}: settle it"
    decision.raise_alarm(site, now, AMOUNT_ALARM, Severity.CRITICAL, text, payment.payment_id)
    return payment


def settle_reversed(site: Site, decision: Decision, now: datetime, before: Payment, payment: Payment) -> None:
    """A payment back came to an end: what that means for the payment that it reverses."""
    original = site.payments.payment(payment.reverses) if payment.reverses is not None else None
    if original is None:
        return
    on_its_way = before.amount if before.state in OPEN else ZERO
    gone = payment.amount if payment.state is PaymentState.TAKEN else ZERO
    original = replace(original, refunding=original.refunding - on_its_way, refunded=original.refunded + gone)
    if original.refunded >= original.amount:
        original = replace(original, state=next_state(original.state, Word.REFUND) or original.state)
    keep_payment(site, decision, now, original)


# --- what all of them do ---


def keep_payment(site: Site, decision: Decision, now: datetime, payment: Payment) -> Payment:
    """Journal a payment as it is now, and know it."""
    site.payments.keep(payment)
    decision.journal(site, now, PaymentChanged(payment=payment))
    return payment


def post_payment(site: Site, decision: Decision, now: datetime, payment: Payment) -> None:
    """What a payment that moved means for the accounts, and for the drawer where it was cash."""
    is_refund = payment.reverses is not None
    amount = -payment.amount if is_refund else payment.amount
    reason = PostingReason.REFUND if is_refund else PostingReason.PAYMENT
    post_money(site, decision, now, payment, amount, reason, f"{reason.value}:{payment.payment_id}", payment.by)


def post_money(
    site: Site,
    decision: Decision,
    now: datetime,
    payment: Payment,
    amount: Decimal,
    reason: PostingReason,
    key: str,
    by: str,
) -> None:
    """So much came in (positive) from the contract by a payment, or went back."""
    till = site.payments.tills.get(payment.till_session_id or "")
    if payment.method is PaymentMethod.CASH and till is not None:
        till.expected += amount
    place = clearing_account(payment, till.session.till_id if till is not None else None)
    legs = (
        PostingLeg(account=place, amount=amount),
        PostingLeg(account=customer_account(payment.contract_id), amount=-amount),
    )
    posting = PostingMade(
        posting_id=money_id(site),
        key=key,
        cdr_id=payment.cdr_id,
        currency=payment.currency,
        legs=legs,
        reason=reason,
        text=payment.text,
        by=by,
    )
    decision.journal(site, now, posting)


def clearing_account(payment: Payment, till_id: str | None) -> str:
    """Where the money of a payment lies: in a drawer, or with its provider until that pays it out."""
    if payment.method is PaymentMethod.CASH:
        return f"cash:{till_id}"
    return f"{payment.method.value}:{payment.provider}"


def amount_problem(site: Site, amount: Decimal, currency: str | None = None) -> str | None:
    """What is wrong with a sum of money that somebody wants to move."""
    if currency is not None and currency != site.rules.currency:
        return f"{currency} cannot be taken: this site's accounts are in {site.rules.currency}"
    if not is_cents(amount) or amount <= 0:
        return f"{amount} is no sum of money: expected more than 0.00, with 2 decimals"
    if amount > site.rules.payments.max_amount:
        return f"{amount} is more than {site.rules.payments.max_amount}, the most that is taken at once"
    return None


def in_cents(amount: Decimal) -> Decimal:
    """A checked sum of money as it stands in the books: with 2 decimals, however it was written."""
    return amount.quantize(_CENT)


def is_cents(amount: Decimal) -> bool:
    """Whether it is a sum of money at all: finite, with 2 decimals at most."""
    return amount.is_finite() and abs(amount) < 10**12 and amount == amount.quantize(_CENT)


def _repeated(
    before: Payment, method: PaymentMethod, amount: Decimal, contract_id: str | None, cdr_id: str | None
) -> Payment | Refused:
    is_same = (before.method, before.amount, before.cdr_id, before.reverses) == (method, amount, cdr_id, None)
    if is_same and contract_id in (None, before.contract_id):
        return before
    return Refused(reason=f"this request_key was used for payment {before.payment_id}: take another one")


def _payer(site: Site, amount: Decimal, contract_id: str | None, cdr_id: str | None) -> str | Refused:
    """The contract whose account the money goes to."""
    if cdr_id is None:
        if contract_id is None:
            return Refused(reason="say what is paid for: a contract or a bill")
        if not is_known_contract(site, contract_id):
            return Refused(reason=f"no contract {contract_id!r} is known here: see `ohmstead-edge customers list`")
        return contract_id
    bill = site.payments.bill(cdr_id)
    if bill is None:
        return Refused(reason=f"there is no bill {cdr_id} here: see `ohmstead-edge cdrs list`")
    if contract_id not in (None, bill.contract_id):
        return Refused(reason=f"bill {cdr_id} is of contract {bill.contract_id}, not of {contract_id}")
    record = site.bills.get(cdr_id)  # decided upon a moment ago: in the commit that this payment shares
    problem = f"bill {cdr_id} {record.unpayable}" if record is not None and record.unpayable else None
    problem = problem or _bill_problem(bill, amount)
    return bill.contract_id if problem is None else Refused(reason=problem)


def _bill_problem(bill: Bill, amount: Decimal) -> str | None:
    if bill.problem is not None:
        return f"bill {bill.cdr_id} {bill.problem}"
    if bill.open_amount <= 0:
        return f"bill {bill.cdr_id} is paid, or a payment of it is on its way"
    if amount > bill.open_amount:
        return f"{amount} is more than the {bill.open_amount} {bill.currency} that is open of bill {bill.cdr_id}"
    return None


def is_known_contract(site: Site, contract_id: str) -> bool:
    """Whether money can be taken for it: a contract that nobody has would keep it for ever."""
    if site.accounts.find(contract_id) is not None:
        return True
    lists = (site.tokens.site, site.tokens.hub)
    return any(token.contract_id == contract_id for tokens in lists for token in tokens.values())


def _sum(payment: Payment) -> str:
    return f"{payment.amount} {payment.currency}"
