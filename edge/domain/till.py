"""The till: a drawer of cash, from the count at its opening to the count at its close.

While a session is open, `cash:{till}` holds what should lie in the drawer: the opening, cash payments less refunds and
voids, and what was moved. The opening comes out of the safe (`till_float`) and all that is counted at the close goes
back there; what is too much or too little goes to `till_difference:{till}`, so the drawer's account ends at zero.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from edge.domain.billing import money_id
from edge.domain.decision import Decision
from edge.domain.events import Refused
from edge.domain.payment_book import OpenTill
from edge.domain.payment_events import CashMoved, TillCounted, TillOpened
from edge.domain.payments import amount_problem, in_cents
from edge.domain.site import Site
from protocols.money import ZERO
from protocols.sync.payments import TillChanged, TillMoved, TillSession
from protocols.sync.up import PostingLeg, PostingMade, PostingReason, Severity

SAFE: Final = "till_float"
DIFFERENCE_ALARM: Final = "till_difference"
MAX_OPEN_TILLS: Final = 64
MAX_MOVEMENTS: Final = 1000
"""Of a session; a drawer that is moved more often should be counted."""
_TILL_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,32}")


def open_till(site: Site, decision: Decision, event: TillOpened, now: datetime) -> TillSession | Refused:
    """Begin with so much counted in the drawer. One session a drawer, and one a cashier."""
    book = site.payments
    before = book.till_asked(event.request_key)
    if before is not None:
        if (before.till_id, before.opening, before.staff_id) == (event.till_id, event.opening, event.by):
            return before
        return Refused(reason="this request_key was used for another till session: take another one")
    if not _TILL_ID.fullmatch(event.till_id):
        return Refused(reason=f"{event.till_id!r} is no name for a till: expected up to 32 of A-Z, a-z, 0-9, _ . -")
    if (mine := book.till_of(event.by)) is not None:
        return Refused(reason=f"{event.by} has till {mine.session.till_id} open already: close that one first")
    if (other := book.till_named(event.till_id)) is not None:
        return Refused(reason=f"till {event.till_id} is {other.session.staff_id}'s: it must be closed first")
    if event.opening != ZERO and (problem := amount_problem(site, event.opening)):
        return Refused(reason=problem)
    if len(book.tills) >= MAX_OPEN_TILLS:
        return Refused(reason=f"{MAX_OPEN_TILLS} tills are open: close one first")
    session = TillSession(
        session_id=money_id(site),
        till_id=event.till_id,
        staff_id=event.by,
        currency=site.rules.currency,
        request_key=event.request_key,
        opened_at=now,
        opening=in_cents(event.opening),
        expected=in_cents(event.opening),
    )
    decision.journal(site, now, TillChanged(session=session))
    _post(site, decision, now, session, "till_open", session.opening, SAFE, event.by, "opening")
    book.open_till(session)
    return session


def move_cash(site: Site, decision: Decision, event: CashMoved, now: datetime) -> TillSession | Refused:
    """Put cash into a drawer from the safe, or take it out."""
    till = _till_for(site, event.till_id, event.by)
    if isinstance(till, Refused):
        return till
    before = till.movements.get(event.request_key)
    if before is not None:
        if before == event.amount:
            return till.so_far()
        return Refused(reason="this request_key was used for another movement: take another one")
    if problem := amount_problem(site, abs(event.amount)) or ("" if event.reason.strip() else "say why it is moved"):
        return Refused(reason=problem)
    if till.expected + event.amount < 0:
        return Refused(reason=f"there are only {till.expected} {till.session.currency} in till {till.session.till_id}")
    if len(till.movements) >= MAX_MOVEMENTS:
        return Refused(reason=f"the drawer was moved {MAX_MOVEMENTS} times: close the till and open it again")
    session = till.session
    moved = TillMoved(
        session_id=session.session_id,
        request_key=event.request_key,
        amount=in_cents(event.amount),
        reason=event.reason,
        by=event.by,
    )
    name = f"till_move:{money_id(site)}"
    decision.journal(site, now, moved)
    _post(site, decision, now, session, name, moved.amount, SAFE, event.by, event.reason)
    till.movements[event.request_key] = moved.amount
    till.expected += moved.amount
    return till.so_far()


def close_till(site: Site, decision: Decision, event: TillCounted, now: datetime) -> TillSession | Refused:
    """End with so much counted; the difference to what should lie there is posted, and told to the staff."""
    before = site.payments.till_asked(event.request_key)
    if before is not None and before.closed_at is not None:
        if before.counted == event.counted:
            return before
        return Refused(reason="this request_key was used for another close: take another one")
    till = _till_for(site, event.till_id, event.by)
    if isinstance(till, Refused):
        return till
    if event.counted != ZERO and (problem := _count_problem(event.counted)):
        return Refused(reason=problem)
    counted = in_cents(event.counted)
    expected, difference = till.expected, counted - till.expected
    session = replace(
        till.session,
        expected=expected,
        closed_at=now,
        counted=counted,
        difference=difference,
        close_key=event.request_key,
        closed_by=event.by,
    )
    decision.journal(site, now, TillChanged(session=session))
    found = f"till_difference:{session.till_id}"
    _post(site, decision, now, session, "till_difference", difference, found, event.by, "counted")
    _post(site, decision, now, session, "till_close", -counted, SAFE, event.by, "close")
    site.payments.close_till(session)
    if difference:
        word = "too much" if difference > 0 else "too little"
        text = f"{abs(difference)} {session.currency} {word} in till {session.till_id} of {session.staff_id}"
        decision.raise_alarm(site, now, DIFFERENCE_ALARM, Severity.WARNING, text, session.session_id)
    return session


def _till_for(site: Site, till_id: str | None, by: str) -> OpenTill | Refused:
    """The drawer that is named, or the asker's own."""
    till = site.payments.till_named(till_id) if till_id is not None else site.payments.till_of(by)
    if till is None:
        whose = f"till {till_id} is not open" if till_id is not None else f"{by} has no open till"
        return Refused(reason=f"{whose}: see `ohmstead-edge till report`")
    return till


def _count_problem(counted: Decimal) -> str | None:
    is_sum = counted.is_finite() and 0 <= counted < 10**9 and counted == counted.quantize(Decimal("0.01"))
    return None if is_sum else f"{counted} is no count: expected 0.00 or more, with 2 decimals"


def _post(
    site: Site,
    decision: Decision,
    now: datetime,
    session: TillSession,
    key: str,
    amount: Decimal,
    other: str,
    by: str,
    text: str,
) -> None:
    """So much more (or less) in the drawer, from another account; nothing is posted where nothing moved."""
    if not amount:
        return
    legs = (
        PostingLeg(account=f"cash:{session.till_id}", amount=amount),
        PostingLeg(account=other, amount=-amount),
    )
    posting = PostingMade(
        posting_id=money_id(site),
        key=key if ":" in key else f"{key}:{session.session_id}",
        currency=session.currency,
        legs=legs,
        reason=PostingReason.TILL,
        text=text,
        by=by,
    )
    decision.journal(site, now, posting)
