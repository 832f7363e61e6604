"""What the ledger knows of payments and tills when a new agent begins on it, and what it finds when it is asked."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.domain.decide import wanted
from edge.domain.decision import Decision
from edge.domain.events import SiteEvent
from edge.domain.payment_book import Bill, MoneyFact, MoneyKey, Recalled
from edge.domain.payment_events import WriteOffAsked
from edge.domain.payment_states import Word
from edge.domain.statement_periods import Due, month_of
from edge.ledger.ledger import Ledger
from edge.ledger.payment_reading import PaymentReader
from edge.ledger.payment_tables import recall_money
from edge.ledger.restore import restore
from edge.ledger.statement_reading import is_empty, reckon
from edge.ports import Commit
from protocols.money import ZERO
from protocols.sync.payments import PaymentMethod, PaymentState
from tests.edge.domain.money_kit import RULES, MoneyPlay, payment_of, session_of
from tests.edge.domain.site_kit import issued, new_site, number
from tests.edge.domain.wallet_kit import postpaid, sign


class KeptPlay(MoneyPlay):
    """A money play whose decisions are kept; `kill` goes on with a new agent on the same file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.ledger = Ledger(path, "edge-1")
        self._read_back()

    def _read_back(self) -> None:
        self.site = restore(self.ledger, replace(new_site().rules, payments=RULES))
        self.site.tokens.site.update(new_site().tokens.site)

    def tell(self, event: SiteEvent) -> Decision:
        decision = super().tell(event)
        checkpoints = list(decision.checkpoints.values())
        asyncio.run(self.ledger.commit(Commit(entries=decision.entries, checkpoints=checkpoints)))
        return decision

    def kill(self) -> None:
        self.ledger.close()
        self.ledger = Ledger(self.path, "edge-1")
        self._read_back()

    def recall(self, fact: MoneyFact, value: str) -> list[Recalled]:
        return recall_money(self.ledger.connection, (MoneyKey(fact, value),))

    def remember(self, fact: MoneyFact, value: str) -> None:
        for found in self.recall(fact, value):
            self.site.remember(found)


@pytest.fixture
def play(tmp_path: Path) -> KeptPlay:
    made = KeptPlay(tmp_path / "ledger.sqlite")
    yield made  # type: ignore[misc]
    made.ledger.close()


def test_an_open_till_holds_after_a_kill_what_it_held_before(play: KeptPlay) -> None:
    """Payments, refunds, voids and movements each leave their mark on what should lie in the drawer."""
    session = play.open_till("100")
    first, second = play.cash("10"), play.cash("20")
    play.refund(first, "4", till_id="kiosk")
    play.void(second)
    play.move("-30", request_key="m")
    play.move("5")
    play.answer(play.card("50"))
    before = play.site.payments.tills[session.session_id]
    play.kill()
    after = play.site.payments.tills[session.session_id]
    assert (after.expected, after.movements, after.session) == (Decimal(81), before.movements, before.session)
    assert play.move("-30", request_key="m").entries == []
    assert session_of(play.close("81")).difference == 0


def test_open_payments_come_back_with_what_they_reverse(play: KeptPlay) -> None:
    paid, pending = play.card("10"), play.card("3")
    play.answer(paid)
    back = payment_of(play.refund(paid, "4"))
    play.kill()
    assert list(play.site.payments.open) == [pending.payment_id, back.payment_id]
    play.answer(back)
    assert play.now_of(paid).refunded == 4
    assert play.now_of(paid).refunding == 0


def test_the_same_request_after_a_kill_is_the_same_payment(play: KeptPlay) -> None:
    play.open_till("0", by="anna")
    paid = play.cash("5", request_key="k")
    play.kill()
    play.remember(MoneyFact.REQUEST, "k")
    again = play.pay("5", request_key="k")
    assert (payment_of(again), again.entries) == (paid, [])


def test_a_request_that_was_not_recalled_still_cannot_be_kept_twice(play: KeptPlay) -> None:
    """The ledger's own bound, should the agent ever fail to look."""
    play.open_till("0")
    play.cash("5", request_key="k")
    play.kill()
    with pytest.raises(sqlite3.IntegrityError):
        play.pay("5", request_key="k")


def test_a_closed_session_is_found_by_either_of_its_requests(play: KeptPlay) -> None:
    session = play.open_till("7")
    closed = session_of(play.close("7", request_key="c"))
    play.kill()
    for key in (session.request_key, "c"):
        assert play.recall(MoneyFact.TILL_REQUEST, key) == [closed]
    play.remember(MoneyFact.TILL_REQUEST, "c")
    assert play.close("7", request_key="c").entries == []


def test_a_bill_is_found_with_what_was_paid_of_it(play: KeptPlay) -> None:
    play.connect("A")
    transaction = number(play.start())
    play.after(60)
    play.stop(transaction, 21_000)
    cdr = issued(play)
    play.open_till("0")
    play.remember(MoneyFact.BILL, cdr.id)
    play.cash("1.90", cdr_id=cdr.id)
    play.answer(play.card("3", cdr_id=cdr.id), Word.REFUSED)
    (bill,) = play.recall(MoneyFact.BILL, cdr.id)
    assert isinstance(bill, Bill)
    assert (bill.contract_id, bill.open_amount) == ("C-GOOD", cdr.total_cost.incl_vat - Decimal("1.90"))


@pytest.mark.parametrize("cdr_id", ["", "x", "edge-1-01234567-9", "edge-1-01234567-x", "edge-1-01234567-²", "9" * 40])
def test_what_is_no_bill_is_not_found(play: KeptPlay, cdr_id: str) -> None:
    assert play.recall(MoneyFact.BILL, cdr_id) == []


async def test_people_read_what_was_committed(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as ledger:
        reader = PaymentReader(ledger)
        play = MoneyPlay(site=restore(ledger, replace(new_site().rules, payments=RULES)))
        play.site.tokens.site.update(new_site().tokens.site)
        session = play.open_till("10")
        cash, card = play.cash("5"), play.card("6")
        play.answer(card)
        await ledger.commit(Commit(entries=play.entries))
        assert [each.payment_id for each in await reader.payments(contract_id="C-GOOD", cdr_id=None, limit=9)] == [
            card.payment_id,
            cash.payment_id,
        ]
        assert await reader.payments(contract_id="C-OTHER", cdr_id=None, limit=9) == []
        found = await reader.payment(card.payment_id)
        assert found is not None
        assert found.state is PaymentState.TAKEN
        report = await reader.till(session.session_id)
        assert report is not None
        assert (report.expected, report.kind) == (15, "X")
        assert {each.method: each.net for each in report.methods}[PaymentMethod.CARD] == 6
        assert await reader.till("none") is None
        assert [each.session_id for each in await reader.tills(9)] == [session.session_id]


def test_a_debt_is_written_off_once_over_a_kill_and_the_statement_says_so(play: KeptPlay) -> None:
    play.connect()
    transaction = number(play.start(1000))
    play.after(30)
    play.stop(transaction, 3000)
    asked = WriteOffAsked(request_key="w", contract_id="C-GOOD", by="ben", reason="insolvent")
    first = play.tell(asked)
    play.kill()
    (key,) = wanted(play.site, asked)
    assert isinstance(key, MoneyKey)
    play.remember(key.fact, key.value)
    assert wanted(play.site, asked) == ()
    assert play.tell(asked).reply == first.reply
    assert play.site.accounts.balance("C-GOOD") == 0
    zone = ZoneInfo("Europe/Berlin")
    reckoned = reckon(play.ledger.connection, Due("C-GOOD", month_of(play.now.date())), zone)
    assert (reckoned.credited, reckoned.other) == (-issued(play).total_cost.incl_vat, ZERO)


def test_what_is_set_aside_is_on_no_statement(play: KeptPlay) -> None:
    play.connect()
    sign(play, postpaid(credit_limit=Decimal(50)))
    transaction = number(play.start(1000))
    zone, due = ZoneInfo("Europe/Berlin"), Due("C-GOOD", month_of(play.now.date()))
    assert play.site.accounts.balance("C-GOOD") == 20
    assert is_empty(reckon(play.ledger.connection, due, zone))
    play.after(30)
    play.stop(transaction, 3000)
    reckoned = reckon(play.ledger.connection, due, zone)
    assert (reckoned.billed, reckoned.other) == (issued(play).total_cost.incl_vat, ZERO)
