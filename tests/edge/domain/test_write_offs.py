"""Debts that are given up: by whom, how much, once, and what they mean for dunning and for the driver."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from edge.domain.account_rules import AccountRules, DunningStep
from edge.domain.credit import judge_contract
from edge.domain.decision import Decision
from edge.domain.events import Refused, Ticked
from edge.domain.payment_events import DebtWrittenOff, WriteOffAsked
from protocols.money import ZERO
from protocols.ocpi.customer import StatementPeriod
from protocols.sync.customers import DunningStepTaken
from protocols.sync.up import PostingMade, PostingReason
from protocols.terms import AuthorizationStatus
from tests.edge.domain.site_kit import Play, new_site, number
from tests.edge.domain.wallet_kit import balances, postpaid, prepaid, sign, top_up

MINE = "customer:C-GOOD"


@pytest.fixture
def play() -> Play:
    """Owes 2.98 EUR; a step of dunning blocks at once."""
    made = Play(site=new_site(accounts=AccountRules(dunning=(DunningStep(after_days=1, action="block", blocks=True),))))
    made.connect()
    sign(made, postpaid(statement_period=StatementPeriod.NONE, payment_days=0))
    charge(made, 5_000)
    assert balances(made)[MINE] == Decimal("2.98")
    return made


def charge(play: Play, wh: int) -> None:
    transaction = number(play.start(0))
    play.after(30)
    play.stop(transaction, wh)


def give_up(play: Play, amount: str | None = None, **more: Any) -> Decision:
    event = {"request_key": "k-1", "contract_id": "C-GOOD", "by": "ben", "reason": " insolvent ", **more}
    return play.tell(WriteOffAsked(amount=None if amount is None else Decimal(amount), **event))


def why(decision: Decision) -> str:
    assert isinstance(decision.reply, Refused), decision.reply
    assert decision.entries == []
    return decision.reply.reason


def test_all_of_a_debt_is_given_up_by_one_posting(play: Play) -> None:
    reply = give_up(play).reply
    assert isinstance(reply, DebtWrittenOff)
    assert (reply.amount, reply.left, reply.currency) == (Decimal("2.98"), ZERO, "EUR")
    posting = play.found(PostingMade)[-1]
    assert (posting.posting_id, posting.reason) == (reply.posting_id, PostingReason.WRITE_OFF)
    assert (posting.text, posting.by) == ("insolvent", "ben")
    assert balances(play)["writeoff"] == Decimal("2.98")
    assert MINE not in balances(play)


def test_a_part_leaves_the_rest(play: Play) -> None:
    reply = give_up(play, "2.5").reply
    assert isinstance(reply, DebtWrittenOff)
    assert (str(reply.amount), str(reply.left)) == ("2.50", "0.48")
    assert "0.49 is more than the 0.48 EUR that contract C-GOOD owes" in why(give_up(play, "0.49", request_key="k-2"))


def test_the_same_request_gives_up_once(play: Play) -> None:
    first = give_up(play, "1.00")
    again = give_up(play, "1.00")
    assert again.entries == []
    assert again.reply == first.reply
    assert give_up(play).reply == first.reply
    assert "was used to write off 1.00 of C-GOOD" in why(give_up(play, "1.50"))
    assert "was used to write off" in why(give_up(play, "1.00", contract_id="C-OTHER"))


def test_dunning_ends_and_the_contract_may_charge_again(play: Play) -> None:
    play.after(3 * 24 * 60)
    play.tell(Ticked())
    assert judge_contract(play.site, "C-GOOD", play.now) is AuthorizationStatus.BLOCKED
    give_up(play, "1.00")
    assert judge_contract(play.site, "C-GOOD", play.now) is AuthorizationStatus.BLOCKED
    give_up(play, request_key="k-2")
    assert judge_contract(play.site, "C-GOOD", play.now) is AuthorizationStatus.ACCEPTED
    play.tell(Ticked())
    assert [each.step for each in play.found(DunningStepTaken)] == [1, 0]


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"reason": "  "}, "needs a reason"),
        ({"reason": "r" * 501}, "501 characters"),
        ({"amount": "0.00"}, "no sum of money"),
        ({"amount": "1.005"}, "no sum of money"),
        ({"amount": "-1.00"}, "no sum of money"),
        ({"second_by": "ben"}, "cannot be the second person"),
        ({"contract_id": "C-NOBODY"}, "contract C-NOBODY owes nothing"),
    ],
)
def test_what_cannot_be_is_refused(play: Play, asked: dict[str, Any], problem: str) -> None:
    assert problem in why(give_up(play, **asked))


def test_much_money_needs_two_people(play: Play) -> None:
    for hour in range(20):
        charge(play, 9_000 + hour)
    assert "above 100.00: a second person has to agree" in why(give_up(play))
    reply = give_up(play, second_by="anna").reply
    assert isinstance(reply, DebtWrittenOff)
    assert reply.amount > 100
    assert play.found(PostingMade)[-1].text == "insolvent (agreed by anna)"


def test_what_is_set_aside_is_not_owed() -> None:
    play = Play(site=new_site())
    play.connect()
    sign(play, postpaid(credit_limit=Decimal(50)))
    play.start(0)
    assert balances(play)[MINE] == 20
    assert "owes nothing" in why(give_up(play))


def test_an_overdrawn_wallet_is_no_alarm_any_more() -> None:
    play = Play(site=new_site())
    play.connect()
    sign(play, prepaid())
    top_up(play, "1.00")
    charge(play, 5_000)
    assert "wallet_overdrawn:C-GOOD" in play.site.alarms
    give_up(play)
    assert "wallet_overdrawn:C-GOOD" not in play.site.alarms
    assert MINE not in balances(play)
