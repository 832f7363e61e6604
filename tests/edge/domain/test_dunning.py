"""Postpaid debts: when they are due, and what is done about them step by step."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.account_rules import AccountRules, DunningStep
from edge.domain.credit import judge_contract
from edge.domain.dues import Dues, due_on, period_end
from edge.domain.events import Ticked
from protocols.money import ZERO
from protocols.ocpi.customer import StatementPeriod
from protocols.sync.customers import DunningStepTaken
from protocols.terms import AuthorizationStatus
from tests.edge.domain.site_kit import Play, issued, new_site, number
from tests.edge.domain.wallet_kit import postpaid, sign, top_up

STEPS = (
    DunningStep(after_days=3, action="remind"),
    DunningStep(after_days=10, action="block", blocks=True),
)


@pytest.fixture
def play() -> Play:
    """Monday, 2 March 2026; what is charged is due with the end of the week and three days more."""
    made = Play(site=new_site(accounts=AccountRules(dunning=STEPS)))
    made.connect()
    sign(made, postpaid(statement_period=StatementPeriod.WEEK, payment_days=3))
    return made


def charge(play: Play) -> None:
    transaction = number(play.start(0))
    play.after(30)
    play.stop(transaction, 5000)


def days(play: Play, count: int) -> list[tuple[int, str]]:
    """So many days go by; the steps that are taken in them."""
    before = len(play.found(DunningStepTaken))
    for _ in range(count):
        play.after(24 * 60)
        play.tell(Ticked())
    return [(each.step, each.action) for each in play.found(DunningStepTaken)[before:]]


def test_step_by_step_until_it_is_paid(play: Play) -> None:
    charge(play)
    cost = issued(play).total_cost.incl_vat
    assert days(play, 11) == []  # due on Wednesday the 11th, three days more are not over
    assert days(play, 1) == [(1, "remind")]
    assert judge_contract(play.site, "C-GOOD", play.now) is AuthorizationStatus.ACCEPTED
    assert days(play, 6) == []
    assert days(play, 2) == [(2, "block")]
    taken = play.found(DunningStepTaken)[-1]
    assert (taken.overdue, taken.due_on, taken.blocks) == (cost, "2026-03-11", True)
    assert judge_contract(play.site, "C-GOOD", play.now) is AuthorizationStatus.BLOCKED
    top_up(play, "1.00")
    assert judge_contract(play.site, "C-GOOD", play.now) is AuthorizationStatus.BLOCKED
    top_up(play, str(cost - 1))
    assert judge_contract(play.site, "C-GOOD", play.now) is AuthorizationStatus.ACCEPTED
    assert days(play, 1) == [(0, "settled")]
    assert days(play, 30) == []


def test_what_is_paid_in_time_is_never_overdue(play: Play) -> None:
    """Who always owes the current week's bill is not dunned for it."""
    for _ in range(6):
        charge(play)
        cost = issued(play).total_cost.incl_vat
        play.entries.clear()
        assert days(play, 7) == []
        top_up(play, str(cost))


@pytest.mark.parametrize(
    ("period", "day", "end"),
    [
        (StatementPeriod.MONTH, date(2028, 2, 1), date(2028, 2, 29)),
        (StatementPeriod.MONTH, date(2026, 12, 31), date(2026, 12, 31)),
        (StatementPeriod.WEEK, date(2026, 3, 2), date(2026, 3, 8)),
        (StatementPeriod.WEEK, date(2026, 3, 8), date(2026, 3, 8)),
        (StatementPeriod.NONE, date(2026, 3, 8), date(2026, 3, 8)),
    ],
)
def test_a_period_ends_on_its_last_day(period: StatementPeriod, day: date, end: date) -> None:
    assert period_end(period, day) == end


def test_the_day_is_the_sites_own() -> None:
    contract = postpaid(statement_period=StatementPeriod.NONE, payment_days=0)
    assert due_on(contract, datetime(2026, 3, 2, 22, 59, tzinfo=UTC), "Europe/Berlin") == date(2026, 3, 2)
    assert due_on(contract, datetime(2026, 3, 2, 23, 0, tzinfo=UTC), "Europe/Berlin") == date(2026, 3, 3)


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(-5000, 5000)), max_size=40))
def test_what_is_open_is_the_balance_and_its_newest_parts(moves: list[tuple[int, int]]) -> None:
    """What the ledger restores from: the newest debts that make up the balance are those that are open."""
    contract, dues, balance = postpaid(), Dues(), ZERO
    debts: list[tuple[date, Decimal]] = []
    for day, cents in sorted(moves, key=lambda move: move[0]):
        at = datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)
        amount = Decimal(cents) / 100
        dues.note(contract, amount, at, "Europe/Berlin")
        balance += amount
        if amount > 0:
            debts.append((due_on(contract, at, "Europe/Berlin"), amount))
    parts = dues.open.get(contract.id, [])
    assert sum((amount for _, amount in parts), ZERO) - dues.paid_ahead.get(contract.id, ZERO) == balance
    left, newest = max(balance, ZERO), list[tuple[date, Decimal]]()
    for due, amount in reversed(debts):
        if left:
            newest.insert(0, (due, min(amount, left)))
            left -= newest[0][1]
    merged: dict[date, Decimal] = {}
    for due, amount in newest:
        merged[due] = merged.get(due, ZERO) + amount
    assert parts == list(merged.items())
