"""Random days at a till and a terminal, with kills: whatever happens, the books are right and the ledger knows them.

Every decision is committed to a real ledger, and now and then the site is read back from it: what it was in memory is
what it is then. Providers say anything at any time: late, twice, after a refusal, or never.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge.domain.decide import decide, wanted
from edge.domain.events import Refused, Ticked
from edge.domain.payment_events import (
    CashMoved,
    PaymentKept,
    PaymentRequested,
    PaymentSettled,
    ProviderAnswered,
    RefundRequested,
    TillCounted,
    TillOpened,
    VoidRequested,
)
from edge.domain.payment_states import Word
from edge.domain.reconciliation import ProviderRow, compare
from edge.ledger.ledger import Ledger
from edge.ledger.payment_reading import payments_in, till_in, tills_in
from edge.ledger.restore import restore
from edge.ports import Commit
from protocols.money import ZERO
from protocols.sync.payments import Payment, PaymentMethod, PaymentState
from protocols.sync.up import CdrIssued
from tests.edge.domain.money_kit import RULES
from tests.edge.domain.site_kit import START, Play, issued, new_site, number

CASHIERS = ("anna", "ben")
SUMS = st.integers(min_value=1, max_value=3000).map(lambda cents: Decimal(cents) / 100)


class Money(RuleBasedStateMachine):
    """`asked` are requests that are said again later; `said` the answers of providers."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ohmstead-money-"))
        self.rules = replace(new_site().rules, payments=RULES)
        self.ledger = Ledger(self.folder / "ledger.sqlite", "edge-1")
        self.site = self._read_back()
        self.now = START
        self.keys = 0
        self.asked: list[Any] = []
        self.refused: list[Any] = []
        self.said: list[ProviderAnswered] = []
        self.settled: set[str] = set()
        self.paid: list[str] = []
        self.cdrs: list[str] = []
        self._bill()

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()
            shutil.rmtree(self.folder)

    def _read_back(self) -> Any:
        site = restore(self.ledger, self.rules)
        site.tokens.site.update(new_site().tokens.site)
        return site

    def _bill(self) -> None:
        """One real bill of 11.90, to be paid."""
        play = Play(site=self.site)
        play.now = self.now
        play.connect("A")
        transaction = number(play.start())
        play.after(60)
        play.stop(transaction, 21_000)
        self.now = play.now
        asyncio.run(self.ledger.commit(Commit(entries=play.entries)))
        assert play.found(CdrIssued)
        self.cdrs.append(issued(play).id)

    def _tell(self, event: Any) -> Any:
        """As the agent does: recall, decide, commit."""
        if keys := wanted(self.site, event):
            for found in asyncio.run(self.ledger.recall(keys)):
                self.site.remember(found)
        decision = decide(self.site, event, self.now)
        asyncio.run(self.ledger.commit(Commit(entries=decision.entries)))
        if isinstance(decision.reply, PaymentKept):
            self.paid.append(decision.reply.payment.payment_id)
        return decision.reply

    def _ask(self, event: Any) -> None:
        self.asked.append(event)
        if isinstance(self._tell(event), Refused):
            self.refused.append(event)

    def _key(self) -> str:
        self.keys += 1
        return f"k{self.keys}"

    # --- the staff ---

    @rule(by=st.sampled_from(CASHIERS), opening=SUMS)
    def open_till(self, by: str, opening: Decimal) -> None:
        self._ask(TillOpened(request_key=self._key(), till_id=f"till-{by}", opening=opening, by=by))

    @rule(by=st.sampled_from(CASHIERS), amount=SUMS, is_out=st.booleans())
    def move(self, by: str, amount: Decimal, is_out: bool) -> None:
        self._ask(CashMoved(request_key=self._key(), amount=-amount if is_out else amount, reason="r", by=by))

    @rule(by=st.sampled_from(CASHIERS), wrong=st.sampled_from([0, 0, -5, 7]))
    def close_till(self, by: str, wrong: int) -> None:
        till = self.site.payments.till_of(by)
        counted = max(ZERO, (till.expected if till else ZERO) + Decimal(wrong) / 100)
        self._ask(TillCounted(request_key=self._key(), counted=counted, by=by))

    @rule(
        by=st.sampled_from(CASHIERS),
        amount=SUMS,
        method=st.sampled_from(PaymentMethod),
        is_bill=st.booleans(),
        given=st.none() | SUMS,
    )
    def pay(self, by: str, amount: Decimal, method: PaymentMethod, is_bill: bool, given: Decimal | None) -> None:
        where = {"cdr_id": self.cdrs[0]} if is_bill else {"contract_id": "C-GOOD"}
        self._ask(PaymentRequested(request_key=self._key(), method=method, amount=amount, by=by, given=given, **where))

    @precondition(lambda self: self.paid)
    @rule(data=st.data(), amount=st.none() | SUMS, by=st.sampled_from(CASHIERS))
    def refund(self, data: Any, amount: Decimal | None, by: str) -> None:
        payment_id = data.draw(st.sampled_from(self.paid))
        self._ask(RefundRequested(request_key=self._key(), payment_id=payment_id, amount=amount, by=by, reason="r"))

    @precondition(lambda self: self.paid)
    @rule(data=st.data())
    def void(self, data: Any) -> None:
        self._tell(VoidRequested(payment_id=data.draw(st.sampled_from(self.paid)), by="ben", reason="r"))

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def ask_again(self, data: Any) -> None:
        """Nothing moves, but for a close that no till waits for any more, and what was refused and is possible now."""
        event = data.draw(st.sampled_from(self.asked))
        before = self._sums()
        reply = self._tell(event)
        if isinstance(reply, PaymentKept) and event in self.refused:
            self.refused.remove(event)
        elif isinstance(reply, PaymentKept):
            assert self._sums() == before

    # --- providers ---

    @precondition(lambda self: self.paid)
    @rule(data=st.data(), word=st.sampled_from([Word.BEGUN, Word.TAKEN, Word.TAKEN, Word.REFUSED]))
    def provider_says(self, data: Any, word: Word) -> None:
        payment = self._payment(data.draw(st.sampled_from(self.paid)))
        if payment.provider is not None:
            self.said.append(ProviderAnswered(payment_id=payment.payment_id, word=word, amount=payment.amount))
            self._tell(self.said[-1])

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def provider_says_again(self, data: Any) -> None:
        event = data.draw(st.sampled_from(self.said))
        before = self._sums()
        self._tell(event)
        state = self._payment(event.payment_id).state
        if event.word is not Word.TAKEN or state is not PaymentState.TAKEN:
            return
        self._tell(event)
        assert sum(self._sums().values()) == sum(before.values()) == 0

    @precondition(lambda self: self.paid)
    @rule(data=st.data(), amount=st.just(ZERO) | SUMS)
    def settle(self, data: Any, amount: Decimal) -> None:
        """A person finds out what was really taken."""
        payment_id = data.draw(st.sampled_from(self.paid))
        self._tell(PaymentSettled(payment_id=payment_id, amount=amount, by="ben", reason="slip"))
        self.settled.add(payment_id)

    @rule(minutes=st.integers(min_value=0, max_value=5))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self._tell(Ticked())

    @rule(data=st.data())
    def reconcile(self, data: Any) -> None:
        ours = [each for each in self._payments() if each.provider == "terminal"]
        taken = data.draw(st.lists(st.sampled_from(ours), unique_by=lambda each: each.payment_id)) if ours else []
        rows = [
            ProviderRow(
                payment_id=each.payment_id,
                amount=each.amount,
                currency="EUR",
                reference="r",
                is_refund=each.reverses is not None,
            )
            for each in taken
        ]
        event = compare("terminal", self.now.date(), ours, rows, frozenset(), "ben")
        self._tell(event)
        before = self._sums()
        self._tell(event)
        assert self._sums() == before

    @rule()
    def kill(self) -> None:
        """A new agent on the same file stands where the last one stood."""
        before = self.site.payments
        path = self.ledger.path
        self.ledger.close()
        self.ledger = Ledger(path, "edge-1")
        self.site = self._read_back()
        after = self.site.payments
        assert after.open == before.open
        assert {key: till.so_far() for key, till in after.tills.items()} == {
            key: till.so_far() for key, till in before.tills.items()
        }
        assert {key: till.movements for key, till in after.tills.items()} == {
            key: till.movements for key, till in before.tills.items()
        }

    # --- what always holds ---

    def _sums(self) -> dict[str, Decimal]:
        sums: dict[str, Decimal] = {}
        for account, amount in self.ledger.connection.execute("SELECT account, amount FROM posting_legs"):
            sums[account] = sums.get(account, ZERO) + Decimal(amount)
        return sums

    def _payments(self) -> list[Payment]:
        return payments_in(self.ledger.connection, None, None, 1000)

    def _payment(self, payment_id: str) -> Payment:
        return next(each for each in self._payments() if each.payment_id == payment_id)

    @invariant()
    def the_books_balance(self) -> None:
        if not hasattr(self, "ledger"):
            return
        assert sum(self._sums().values()) == 0

    @invariant()
    def the_drawer_holds_what_the_account_says(self) -> None:
        """Opening + cash payments - refunds - voids ± movements = the account of the drawer = the report."""
        if not hasattr(self, "ledger"):
            return
        sums = self._sums()
        for by in CASHIERS:
            till = self.site.payments.till_of(by)
            assert sums.get(f"cash:till-{by}", ZERO) == (till.expected if till else ZERO) >= 0
        for session in tills_in(self.ledger.connection, 1000):
            report = till_in(self.ledger.connection, session.session_id)
            assert report is not None
            if session.closed_at is None:
                assert report.expected == self.site.payments.tills[session.session_id].expected
            else:
                assert report.expected == session.expected

    @invariant()
    def providers_owe_what_they_took(self) -> None:
        if not hasattr(self, "ledger"):
            return
        sums = self._sums()
        for provider, method in self.rules.payments.providers.items():
            moved = (PaymentState.TAKEN, PaymentState.REFUNDED)
            known = [each for each in self._payments() if each.provider == provider and each.state in moved]
            owed = sum((-each.amount if each.reverses else each.amount for each in known), ZERO)
            assert sums.get(f"{method}:{provider}", ZERO) == owed

    @invariant()
    def no_more_goes_back_than_was_paid(self) -> None:
        """But what a provider gave back after it had said that it would not, or another sum than was asked."""
        if not hasattr(self, "ledger"):
            return
        known = {each.payment_id: each for each in self._payments()}
        late = {event.payment_id for event in self.said if event.word is Word.REFUSED} | self.settled
        for payment in known.values():
            back = [each for each in known.values() if each.reverses == payment.payment_id]
            gone = sum((each.amount for each in back if each.state is PaymentState.TAKEN), ZERO)
            assert payment.refunded == gone
            assert payment.refunding >= 0
            if not any(each.payment_id in late or each.text.startswith("not in") for each in back):
                assert payment.refunded + payment.refunding <= payment.amount

    @invariant()
    def a_bill_is_paid_once(self) -> None:
        if not hasattr(self, "ledger"):
            return
        paid = [each for each in self._payments() if each.cdr_id and not each.reverses]
        kept = [each for each in paid if each.state in (PaymentState.TAKEN, PaymentState.REFUNDED)]
        refused = {event.payment_id for event in self.said if event.word is Word.REFUSED} | self.settled
        if not any(each.payment_id in refused or each.text.startswith("not in") for each in paid):
            assert sum((each.amount - each.refunded for each in kept), ZERO) <= Decimal("11.90")


TestMoney = Money.TestCase
TestMoney.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
