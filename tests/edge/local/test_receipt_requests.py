"""Receipts and statements on a real ledger: numbered without gaps, through kills, restarts and whoever asks at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.domain.decide import decide
from edge.domain.decision import Decision
from edge.domain.events import SiteEvent, SiteReply
from edge.ledger.ledger import Ledger
from edge.ledger.receipt_records import ReceiptRecords
from edge.ledger.restore import restore
from edge.local.receipt_requests import ReceiptDesk
from edge.ports import Commit
from edge.receipts.heads import Seller
from edge.receipts.printing import Printing
from edge.receipts.words import Language
from protocols.ocpi.customer import Contract, StatementPeriod
from protocols.site.receipt_requests import Find, GetReceipts, GetStatements, IssueReceipt, MakeStatement
from protocols.site.staff import OPERATOR
from protocols.sync.receipts import StatementMade
from tests.edge.domain.site_kit import START, Play, new_site
from tests.edge.domain.wallet_kit import CUSTOMER, posted, postpaid, prepaid, sign

T = TypeVar("T")
BERLIN = ZoneInfo("Europe/Berlin")
PRINTING = Printing(seller=Seller(name="Lot"), zone=BERLIN, language=Language.ENGLISH)


class Killed(Exception):
    """The agent ended between a decision and its commit."""


class Desk:
    """A desk on a ledger whose agent can be killed: what was decided and not kept is gone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.now = START
        self.kills_next = False
        self._open()

    def _open(self) -> None:
        self.ledger = Ledger(self._path, "edge-1")
        self.play = Play(site=restore(self.ledger, new_site().rules), now=self.now)
        self.play.site.tokens.site.update(new_site().tokens.site)
        self.desk = ReceiptDesk(self, ReceiptRecords(self.ledger, BERLIN), PRINTING, lambda: self.now)

    def restart(self) -> None:
        self.ledger.close()
        self._open()

    async def ask(self, event: SiteEvent) -> SiteReply:
        decision = decide(self.play.site, event, self.now)
        if self.kills_next:
            self.kills_next = False
            raise Killed
        await self._keep(decision)
        return decision.reply

    async def _keep(self, decision: Decision) -> None:
        checkpoints = list(decision.checkpoints.values())
        await self.ledger.commit(Commit(entries=decision.entries, checkpoints=checkpoints))

    def put(self, *_: object) -> None:
        raise NotImplementedError

    def run(self, what: Callable[[], Awaitable[T]]) -> T:
        async def awaited() -> T:
            return await what()

        return asyncio.run(awaited())

    def tell(self, act: Callable[[Play], object]) -> None:
        """Have something decided and kept that is no receipt."""
        self.play.now = self.now
        before = len(self.play.entries)
        act(self.play)
        entries = self.play.entries[before:]
        transactions = list(self.play.site.transactions.values())
        self.run(lambda: self.ledger.commit(Commit(entries=entries, checkpoints=transactions)))

    def charge(self, minutes: float = 30) -> None:
        def begin(play: Play) -> None:
            play.connect("A")
            play.start(1000)

        def end(play: Play) -> None:
            (transaction,) = play.site.transactions.values()
            play.stop(transaction.charger_transaction_id, 2000)

        self.tell(begin)
        self.now += timedelta(minutes=minutes)
        self.tell(end)

    def bills(self) -> list[str]:
        return [row[0] for row in self.ledger.connection.execute("SELECT cdr_id FROM cdrs ORDER BY money_seq")]

    def receipts(self) -> list[tuple[int, str, str]]:
        return self.ledger.connection.execute("SELECT count, number, ref FROM receipts ORDER BY count").fetchall()

    def statements(self) -> list[StatementMade]:
        found = self.run(lambda: self.desk.records.statements(None, 1000))
        return sorted(found, key=lambda made: made.count)


@contextmanager
def opened(path: Path) -> Iterator[Desk]:
    made = Desk(path / "ledger.sqlite")
    try:
        yield made
    finally:
        made.ledger.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with opened(tmp_path) as made:
        yield made


STEPS = st.lists(st.sampled_from(["ask", "ask", "ask", "kill", "restart"]), max_size=15)


@given(steps=STEPS, refs=st.data())
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_numbers_have_no_gaps_through_kills_and_restarts(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], refs: st.DataObject
) -> None:
    with opened(tmp_path_factory.mktemp("ledger")) as desk:
        for _ in range(4):
            desk.charge()
        bills, given_to = desk.bills(), {}
        for step in steps:
            ref = refs.draw(st.sampled_from(bills))
            match step:
                case "ask":
                    _, reply = desk.run(lambda ref=ref: desk.desk.issue(ref, "anna"))
                    assert reply.is_copy == (ref in given_to)
                    assert given_to.setdefault(ref, reply.receipt.number) == reply.receipt.number
                case "kill":
                    desk.kills_next = True
                    with pytest.raises(Killed):
                        desk.run(lambda ref=ref: desk.desk.issue(ref, "anna"))
                    desk.restart()
                case _:
                    desk.restart()
        kept = desk.receipts()
        assert [count for count, _, _ in kept] == list(range(1, len(kept) + 1))
        assert {ref: number for _, number, ref in kept} == given_to


def test_who_asks_at_once_gets_one_number(desk: Desk) -> None:
    desk.charge()
    (bill,) = desk.bills()

    async def at_once() -> list[tuple[str, bool]]:
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(desk.desk.issue(bill, "anna")) for _ in range(8)]
        return [(task.result()[1].receipt.number, task.result()[1].is_copy) for task in asked]

    found = desk.run(at_once)
    assert {number for number, _ in found} == {"R-000001"}
    assert [is_copy for _, is_copy in found].count(False) == 1
    assert len(desk.receipts()) == 1


def test_requests_are_answered_with_what_is_printed(desk: Desk) -> None:
    desk.charge()
    (bill,) = desk.bills()
    answer = desk.run(lambda: desk.desk.answer(IssueReceipt(id="1", ref=bill, language="zh"), OPERATOR))
    assert answer.problem is None
    assert (answer.result["number"], answer.result["language"], answer.result["is_copy"]) == ("R-000001", "zh", False)
    assert "收据" in answer.result["text"]
    listed = desk.run(lambda: desk.desk.answer(GetReceipts(id="2"), OPERATOR)).result
    assert [(each["ref"], each["by"]) for each in listed] == [(bill, "operator")]
    found = desk.run(lambda: desk.desk.answer(Find(id="6", text=bill), OPERATOR)).result
    assert [(each["kind"], each["id"]) for each in found] == [("bill", bill)]
    problem = desk.run(lambda: desk.desk.answer(IssueReceipt(id="3", ref="nothing"), OPERATOR)).problem
    assert problem is not None
    assert "ohmstead-edge find" in problem
    early = desk.run(lambda: desk.desk.answer(MakeStatement(id="4", contract_id="C", period="2026-03"), OPERATOR))
    assert "is not over" in (early.problem or "")
    assert desk.run(lambda: desk.desk.answer(GetStatements(id="5"), OPERATOR)).result == []


# --- statements ---


def at(month: int, day: int, hour: int = 12) -> datetime:
    """By the Location's clock; site time is UTC."""
    return datetime(2026, month, day, hour, tzinfo=BERLIN).astimezone(UTC)


def signed(desk: Desk, *contracts: Contract) -> None:
    desk.tell(lambda play: sign(play, *contracts))


def due(desk: Desk) -> int:
    return desk.run(desk.desk.make_due)


def test_statements_are_made_when_their_periods_are_over_and_once(desk: Desk) -> None:
    signed(desk, postpaid(payment_days=10), prepaid("C-OTHER"), postpaid("C-F", statement_period=StatementPeriod.NONE))
    desk.now = at(3, 20)
    desk.charge()
    desk.tell(lambda play: posted(play, "C-GOOD", Decimal("0.20"), "part"))
    desk.now = at(3, 31, 23)
    assert due(desk) == 0  # February was empty, March is not over
    desk.now = at(4, 1, 1)
    assert due(desk) == 1
    assert due(desk) == 0
    desk.restart()
    assert due(desk) == 0
    (march,) = desk.statements()
    assert (march.period, march.since, march.until) == ("2026-03", at(3, 1, 0), at(4, 1, 0))
    assert (march.opening, march.billed, march.paid) == (Decimal("0.00"), Decimal("0.60"), Decimal("-0.20"))
    assert (march.closing, march.due_on.isoformat()) == (Decimal("0.40"), "2026-04-10")  # type: ignore[union-attr]
    desk.now = at(5, 2)
    assert due(desk) == 1  # nothing happened in April, and it is owed still
    _, april = desk.statements()
    assert (april.opening, april.billed, april.closing) == (Decimal("0.40"), Decimal("0.00"), Decimal("0.40"))


def test_a_week_begins_on_monday_at_the_site(desk: Desk) -> None:
    signed(desk, postpaid(statement_period=StatementPeriod.WEEK))
    desk.now = at(3, 29, 23)  # Sunday; the clocks were put forward that morning
    desk.charge()
    desk.now = at(3, 30, 1)
    assert due(desk) == 1
    (week,) = desk.statements()
    assert (week.period, week.since, week.until) == ("2026-03-23", at(3, 23, 0), at(3, 30, 0))
    assert (week.until - week.since) == timedelta(days=7, hours=-1)
    assert week.billed == Decimal("0.60")


def test_what_comes_late_with_an_earlier_time_is_on_the_next_one(desk: Desk) -> None:
    signed(desk, postpaid())
    desk.now = at(4, 1, 1)
    desk.tell(lambda play: posted(play, "C-GOOD", Decimal("-5.00"), "debit-1"))
    assert due(desk) == 0  # it was posted in April
    made = desk.run(lambda: desk.desk.answer(MakeStatement(id="1", contract_id="C-GOOD", period="2026-03"), OPERATOR))
    assert made.result["closing"] == "0.00"  # somebody wants it, empty as it is
    desk.now = at(3, 31, 22)  # the clock was put back
    desk.tell(lambda play: posted(play, "C-GOOD", Decimal("-7.00"), "debit-2"))
    desk.now = at(5, 1, 1)
    assert due(desk) == 1
    _, april = desk.statements()
    assert (april.opening, april.closing) == (Decimal("0.00"), Decimal("12.00"))
    answer = desk.run(lambda: desk.desk.answer(IssueReceipt(id="1", ref=april.number), OPERATOR))
    assert answer.result["text"].count("Payment  ") == 2


@given(st.lists(st.tuples(st.integers(-40, 120), st.integers(-500, 500).filter(bool)), max_size=10), st.booleans())
@settings(max_examples=8, deadline=None)
def test_every_posting_is_on_one_statement_and_balances_follow_each_other(
    tmp_path_factory: pytest.TempPathFactory, posts: list[tuple[int, int]], are_sorted: bool
) -> None:
    with opened(tmp_path_factory.mktemp("ledger")) as desk:
        signed(desk, postpaid())
        posts = sorted(posts) if are_sorted else posts
        for number, (days, cents) in enumerate(posts):
            desk.now = START + timedelta(days=days)
            desk.tell(
                lambda play, number=number, cents=cents: posted(play, "C-GOOD", Decimal(cents) / 100, f"p{number}")
            )
            due(desk)
        desk.now = START + timedelta(days=160)
        due(desk)
        made = sorted(desk.statements(), key=lambda each: each.until)
        assert [each.count for each in desk.statements()] == list(range(1, len(made) + 1))
        for before, after in pairwise(made):
            if before.count < after.count:
                assert after.opening == before.closing
        for each in made:
            assert each.closing == each.opening + each.billed + each.paid + each.credited + each.other
        if posts and are_sorted:
            assert made[-1].closing == -sum(Decimal(cents) / 100 for _, cents in posts)


def test_who_is_who_is_on_the_statement(desk: Desk) -> None:
    signed(desk, postpaid())
    desk.charge()
    desk.now = at(4, 2)
    due(desk)
    (made,) = desk.statements()
    answer = desk.run(lambda: desk.desk.answer(IssueReceipt(id="1", ref=made.number), OPERATOR))
    assert CUSTOMER.name in answer.result["text"]
    assert answer.result["of"] == "statement"
