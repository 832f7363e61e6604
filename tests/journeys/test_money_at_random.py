"""The whole money side at random: tariffs, sessions, wallets, payments, tills, corrections, receipts, outages, kills.

After each run the books are closed and everything is proved: see money_proof and money_hub. `MONEY_RUNS=500` plays for
longer, on other ground each time; `MONEY_SHRINK=1` looks for the shortest way to what it found.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge.domain.account_rules import AccountRules, DunningStep
from edge.domain.correction_events import BillDecisionAsked, BillSettled
from edge.domain.customer_events import ContractAltered, CustomersImported
from edge.domain.events import Done, Refused, Ticked, UplinkChanged
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
from edge.domain.receipt_book import ReceiptRules
from edge.domain.rules import SiteRules
from edge.domain.statement_periods import last_complete
from edge.domain.tariff_choice import TariffRule
from protocols.errors import BadText
from protocols.money import ZERO
from protocols.ocpi.cdr import Cdr
from protocols.ocpi.customer import StatementPeriod
from protocols.ocpi.tariff_problems import problems
from protocols.ocpi.token import Token
from protocols.sync.down import DesiredTariffs, DesiredTokens
from protocols.sync.up import CdrIssued, CdrQuarantined
from protocols.terms import BillDecision, PaymentMethod
from tests.edge.domain.money_kit import RULES
from tests.edge.domain.site_kit import START, new_site
from tests.journeys.money_elsewhere import CONTRACTS, CUSTOMER, Balances
from tests.journeys.money_hub import Hub, prepare
from tests.journeys.money_outlets import Outlet
from tests.journeys.money_proof import prove
from tests.journeys.money_reservations import let_expire, reserve
from tests.journeys.money_tariffs import drawn_tariff
from tests.journeys.money_world import ZONE, Kill, World

T = TypeVar("T")
RUNS = int(os.environ.get("MONEY_RUNS", "16"))
TARIFFS = ("standard", "t1", "t2")
TOKENS = tuple(Token(uid=each.id.removeprefix("C-"), contract_id=each.id) for each in CONTRACTS)
CARDS = (*(token.uid for token in TOKENS), "GOOD", "HUB", "STRANGE", None)
STAFF = ("anna", "ben")
CENT = Decimal("0.01")
FOR_QUARANTINED = (BillDecision.ACCEPTED, BillDecision.RERATED, BillDecision.WRITTEN_OFF)
INSTEAD = {
    BillDecision.ACCEPTED: BillDecision.CREDITED,
    BillDecision.RERATED: BillDecision.CORRECTED,
    BillDecision.WRITTEN_OFF: BillDecision.CREDITED,
    BillDecision.CREDITED: BillDecision.ACCEPTED,
    BillDecision.CORRECTED: BillDecision.RERATED,
}
LUCK = st.integers(0, 2**30)
SUMS = st.integers(1, 4000).map(lambda cents: Decimal(cents) / 100)


class Money(RuleBasedStateMachine):
    """`asked` are requests that may be said once more; `bills` and `payments` those that anyone could name."""

    @initialize(seed=st.integers(0, 2**32), every_bill=st.booleans())
    def begin(self, seed: int, every_bill: bool) -> None:
        prepare()
        self.random = Random(seed)
        self.folder = Path(tempfile.mkdtemp(prefix="ohmstead-money-", dir=_quick_folder()))
        self.runner = asyncio.Runner()
        rules = replace(
            new_site().rules,
            payments=RULES,
            receipts=ReceiptRules(every_bill=every_bill),
            second_person_above=Decimal(10),
            accounts=AccountRules(hold=Decimal(5), dunning=(DunningStep(after_days=1, action="remind", blocks=True),)),
            tariff_rules=(
                TariffRule(tariff_id="t1", contract_ids=frozenset({"C-PRE"})),
                TariffRule(tariff_id="t2", station_ids=frozenset({"B"})),
            ),
        )
        self.world = World(self.folder, self._drawn(rules))
        self.go(self.world.begin())
        self.hub = self.go(_opened(self.world))
        self.outlets = [
            Outlet(self.world, station_id, evse_id, max_power_w)
            for station_id, evse_id, max_power_w in (("A", 1, 22_000), ("A", 2, 22_000), ("B", 1, 11_000))
        ]
        cards = (*TOKENS, Token(uid="GOOD", contract_id="C-GOOD"))
        imported = CustomersImported(by="op", customers=(CUSTOMER,), contracts=CONTRACTS, tokens=cards)
        assert isinstance(self.tell(imported), Done)
        self.keys = 0
        self.version = 0
        self.told: Balances | None = None
        self.asked: list[Any] = []
        self.said: list[ProviderAnswered] = []
        self.payments: list[str] = []
        self._first_day()

    def _first_day(self) -> None:
        """So that there is something to pay, to decide upon and to give back, whatever is played then."""
        for by in STAFF:
            self.ask(TillOpened(request_key=self.key(), till_id=f"till-{by}", opening=Decimal(100), by=by))
        for contract in ("C-PRE", "C-SHARED"):
            self.top_up("anna", Decimal(20), PaymentMethod.CASH, contract)
        for _ in range(3):
            self.drive_up(self.random.randrange(2**30))
        self.pay_bill(self.random.choice(list(PaymentMethod)), 0, 100)

    def _drawn(self, rules: SiteRules) -> SiteRules:
        """The settings with other tariffs of the same names."""
        return replace(rules, tariffs={each: drawn_tariff(self.random, each, START) for each in TARIFFS})

    def teardown(self) -> None:
        if not hasattr(self, "hub"):
            return
        try:
            self.go(self._rest())
            self.go(prove(self.world, self.outlets))
            self.go(self.hub.hear_all(self.random))
            self.go(self.hub.prove_equal())
        finally:
            self.go(self.hub.close())
            self.world.ledger.close()
            self.runner.close()
            shutil.rmtree(self.folder)

    async def _rest(self) -> None:
        """Everybody goes home, and what is in doubt is settled."""
        self.world.kill = None
        for outlet in self.outlets:
            await outlet.end()
        for station_id in ("A", "B"):
            await self.world.bring_back(station_id)
        self.world.now += timedelta(minutes=10)
        await self.world.tell(Ticked())
        await let_expire(self.world)
        for payment_id in list(self.world.site.payments.open):
            await self.world.tell(
                PaymentSettled(payment_id=payment_id, amount=ZERO, by="ben", reason="not in the list")
            )
        await self.world.seal()
        assert not self.world.site.payments.open

    # --- how it is asked ---

    def go(self, what: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(what)

    def tell(self, event: Any) -> Any:
        (reply,) = self.go(self.world.tell(event))
        self.note(reply)
        return reply

    def note(self, reply: object) -> None:
        if isinstance(reply, PaymentKept) and reply.payment.payment_id not in self.payments:
            self.payments.append(reply.payment.payment_id)

    def ask(self, event: Any) -> Any:
        self.asked.append(event)
        return self.tell(event)

    def key(self) -> str:
        self.keys += 1
        return f"k{self.keys}"

    def bills(self) -> list[Cdr]:
        return [e.body.cdr for e in self.world.entries if isinstance(e.body, CdrIssued | CdrQuarantined)]

    # --- drivers ---

    @rule(luck=LUCK)
    def drive_up(self, luck: int) -> None:
        """Some drivers, one after the other; whoever was at an outlet before leaves it."""
        random = Random(luck)
        for _ in range(random.randint(1, 3)):
            outlet = random.choice(self.outlets)
            self.go(outlet.end())
            self.go(outlet.begin(random.choice(CARDS)))
            self.flow(random.randint(0, 8), random)
            if random.random() < 0.6:
                self.go(outlet.end())

    @rule(luck=LUCK)
    def charge(self, luck: int) -> None:
        random = Random(luck)
        self.flow(random.randint(1, 12), random)

    def flow(self, readings: int, random: Random) -> None:
        powers = [random.choice([0, 3_700, 11_000, 22_000]) for _ in self.outlets]
        for _ in range(readings):
            self.world.now += timedelta(minutes=5)
            for outlet, power_w in zip(self.outlets, powers, strict=True):
                self.go(outlet.flow(5, power_w))

    @rule(luck=LUCK)
    def keep_an_outlet(self, luck: int) -> None:
        random = Random(luck)
        self.go(reserve(self.world, random.choice(self.outlets), random.choice(CARDS[:-1]) or "GOOD", random))

    @rule(outlet=st.integers(0, 2))
    def unplug(self, outlet: int) -> None:
        self.go(self.outlets[outlet].end())

    @rule(outlet=st.integers(0, 2), minutes=st.sampled_from([None, None, 0, 0, -600, -61, 45, 2000]))
    def odd_station(self, outlet: int, minutes: int | None) -> None:
        """Its meter begins again, or its clock jumps, or is right again."""
        if minutes is None:
            self.go(self.outlets[outlet].reset_meter())
        elif minutes:
            self.go(self.outlets[outlet].jump_clock(minutes))
        else:
            self.go(self.outlets[outlet].mend_clock())

    # --- the desk ---

    @rule(by=st.sampled_from(STAFF), what=st.sampled_from(["open", "in", "out", "close"]), amount=SUMS)
    def till(self, by: str, what: str, amount: Decimal) -> None:
        till = self.world.site.payments.till_of(by)
        match what:
            case "open":
                self.ask(TillOpened(request_key=self.key(), till_id=f"till-{by}", opening=amount, by=by))
            case "close":
                counted = max(ZERO, (till.expected if till else ZERO) + self.random.choice([0, 0, -5, 7]) * CENT)
                self.ask(TillCounted(request_key=self.key(), counted=counted, by=by))
            case _:
                moved = -amount if what == "out" else amount
                self.ask(CashMoved(request_key=self.key(), amount=moved, reason="bank", by=by))

    @rule(
        by=st.sampled_from(STAFF),
        amount=SUMS,
        method=st.sampled_from(PaymentMethod),
        contract=st.sampled_from([each.id for each in CONTRACTS]),
    )
    def top_up(self, by: str, amount: Decimal, method: PaymentMethod, contract: str) -> None:
        key = self.key()
        self.ask(PaymentRequested(request_key=key, method=method, amount=amount, by=by, contract_id=contract))

    @rule(
        method=st.sampled_from(PaymentMethod), which=st.integers(0, 100), percent=st.sampled_from([30, 100, 100, 101])
    )
    def pay_bill(self, method: PaymentMethod, which: int, percent: int) -> None:
        bills = self.bills()
        if bills:
            cdr = bills[-1 - which % len(bills)]
            amount = max(CENT, (cdr.total_cost.incl_vat * percent / 100).quantize(CENT))
            key = self.key()
            self.ask(PaymentRequested(request_key=key, method=method, amount=amount, by="anna", cdr_id=cdr.id))

    @precondition(lambda self: self.payments)
    @rule(which=st.integers(0, 100), word=st.sampled_from([Word.TAKEN, Word.TAKEN, Word.REFUSED, Word.BEGUN]))
    def provider_says(self, which: int, word: Word) -> None:
        """At once, late, after a refusal, or in place of another word."""
        payment_id = self.payments[-1 - which % len(self.payments)]
        if payment_id in self.world.asked_providers:
            self.said.append(ProviderAnswered(payment_id=payment_id, word=word))
            self.tell(self.said[-1])
        if self.said:  # and something of before once more
            self.tell(self.said[which % len(self.said)])

    @precondition(lambda self: self.payments)
    @rule(which=st.integers(0, 100), amount=st.none() | SUMS, by=st.sampled_from(STAFF))
    def refund(self, which: int, amount: Decimal | None, by: str) -> None:
        payment_id = self.payments[-1 - which % len(self.payments)]
        self.ask(RefundRequested(request_key=self.key(), payment_id=payment_id, amount=amount, by=by, reason="unhappy"))

    @precondition(lambda self: self.payments)
    @rule(which=st.integers(0, 100))
    def void(self, which: int) -> None:
        self.tell(VoidRequested(payment_id=self.payments[-1 - which % len(self.payments)], by="ben", reason="mistyped"))

    @precondition(lambda self: self.asked)
    @rule(which=st.integers(0, 100))
    def ask_again(self, which: int) -> None:
        """Whoever asks with the same key is answered, and nothing more moves."""
        event = self.asked[-1 - which % len(self.asked)]
        before = dict(self.world.sums), len(self.world.keys)
        reply = self.tell(event)
        if isinstance(reply, PaymentKept | BillSettled):
            assert (dict(self.world.sums), len(self.world.keys)) == before

    @precondition(lambda self: self.asked)
    @rule(luck=LUCK)
    def all_at_once(self, luck: int) -> None:
        """Old and new requests in one commit."""
        random = Random(luck)
        events = [random.choice([*self.asked[-5:], *self.said]) for _ in range(random.randint(2, 4))]
        bills = self.bills()
        if bills:
            cdr = random.choice(bills)
            amount = max(CENT, cdr.total_cost.incl_vat)
            for by in STAFF:
                key = self.key()
                events.append(
                    PaymentRequested(
                        request_key=key, method=PaymentMethod.CASH, amount=amount, by=by, cdr_id=cdr.id, given=amount
                    )
                )
            decision = BillDecision.ACCEPTED if cdr.quarantine else BillDecision.CREDITED
            decide = BillDecisionAsked(
                cdr_id=cdr.id, decision=decision, reason="r", by="ben", second_by="cora", request_key=self.key()
            )
            events.insert(random.randint(0, len(events)), decide)
        for reply in self.go(self.world.tell(*events)):
            self.note(reply)

    # --- corrections ---

    @rule(
        which=st.integers(0, 100),
        decision=st.sampled_from(BillDecision),
        energy_wh=st.none() | st.integers(0, 40_000),
        tariff_id=st.sampled_from([None, "standard", "t1", "t2"]),
        minutes=st.none() | st.integers(-60, 60),
        second=st.sampled_from([None, "cora", "cora"]),
        is_wrong=st.sampled_from([False, False, False, True]),
    )
    def decide_bill(
        self, which: int, decision: BillDecision, second: str | None, is_wrong: bool, **changes: Any
    ) -> None:
        """Mostly what can be decided upon such a bill."""
        bills = self.bills()
        if not bills:
            return
        cdr = bills[-1 - which % len(bills)]
        if not is_wrong and bool(cdr.quarantine) != (decision in FOR_QUARANTINED):
            decision = INSTEAD[decision]
        is_changed = decision in (BillDecision.RERATED, BillDecision.CORRECTED)
        minutes = changes["minutes"]
        asked = BillDecisionAsked(
            cdr_id=cdr.id,
            decision=decision,
            reason="seen at the meter",
            by="ben",
            second_by=second,
            energy_wh=changes["energy_wh"] if is_changed else None,
            tariff_id=changes["tariff_id"] if is_changed else None,
            ended_at=cdr.end_date_time + timedelta(minutes=minutes) if is_changed and minutes is not None else None,
            request_key=self.key(),
        )
        self.ask(asked)

    # --- receipts and statements ---

    @rule(which=st.integers(0, 100), kind=st.sampled_from(["bill", "payment", "till"]))
    def receipt(self, which: int, kind: str) -> None:
        tills = [f"{each}" for each in self.world.site.payments.tills]
        ids = {"bill": [cdr.id for cdr in self.bills()], "payment": self.payments, "till": tills}[kind]
        if not ids:
            return
        ref = ids[-1 - which % len(ids)]
        try:
            _, given = self.go(self.world.desk().issue(ref, "anna"))
            _, again = self.go(self.world.desk().issue(ref, "anna"))
        except BadText:
            return
        assert (again.receipt, again.is_copy) == (given.receipt, True)

    @rule()
    def statements(self) -> None:
        self.go(self.world.desk().make_due())

    @rule(contract=st.sampled_from(["C-PRE", "C-GOOD", "C-WEEK"]))
    def statement(self, contract: str) -> None:
        period = last_complete(StatementPeriod.MONTH, self.world.now, ZONE)
        self.go(self.world.desk().make_statement(contract, period, "anna"))

    # --- the world ---

    @rule(hours=st.sampled_from([0, 1, 9, 30, 24 * 8, 24 * 31, -2]))
    def time_passes(self, hours: int) -> None:
        """Or our clock is put back: then nobody can say how long what had begun, or was not told yet, has lasted."""
        if hours < 0:
            for outlet in self.outlets:
                outlet.lose_time()
        elif any(outlet.session is not None for outlet in self.outlets):
            hours = min(hours, 9)
        self.world.now += timedelta(hours=hours, minutes=3)
        self.tell(Ticked())

    @rule(way=st.sampled_from(["A", "B", "hub"]), is_there=st.booleans())
    def way(self, way: str, is_there: bool) -> None:
        """Of a station to the agent, or of the agent to the hub."""
        if way == "hub":
            self.tell(UplinkChanged(is_online=is_there))
        else:
            self.go(self.world.bring_back(way) if is_there else self.world.cut(way))

    @rule(most=st.integers(0, 4))
    def hub_hears(self, most: int) -> None:
        self.go(self.world.seal() if not most else self.hub.hear(self.random, most))

    @rule(
        contract=st.sampled_from(["C-SHARED", "C-PRE", "C-HUB"]),
        cents=st.integers(-3000, 3000),
        how=st.sampled_from(["in one", "whole", "changes", "changes", "missed"]),
    )
    def hub_tells(self, contract: str, cents: int, how: str) -> None:
        """What other sites spent, a wallet that several share, and a customer of the hub's own: in one message, as
        hubs of before do, as a list, as what changed, or as what changed after something that never came."""
        self.version += 1
        told = Balances({contract: Decimal(cents) / 100}, self.world.now)
        if how in ("changes", "missed") and self.told is not None:
            before = self.told
            reply = self.tell(told.listed(self.version, before.version, before.amounts, is_missed=how == "missed"))
            assert isinstance(reply, Refused if how == "missed" else Done), reply
            if how == "missed":
                assert self.world.site.accounts.elsewhere == before.nonzero
                return
            told = Balances({**before.amounts, **told.amounts}, self.world.now)
        elif how == "in one":
            self.tell(told.document(self.version))
        else:
            self.tell(told.listed(self.version, None, {}))
        told.version, self.told = self.version, told
        assert self.world.site.accounts.elsewhere == told.nonzero
        self.tell(DesiredTokens(version=self.version, tokens=(Token(uid="HUB", contract_id="C-HUB"),)))

    @rule(luck=LUCK)
    def hub_prices(self, luck: int) -> None:
        """Other tariffs, while vehicles charge by those of before; where one cannot price, all stay as they were."""
        self.version += 1
        tariffs = tuple(drawn_tariff(Random(luck + n), each, self.world.now) for n, each in enumerate(TARIFFS))
        reply = self.tell(DesiredTariffs(version=self.version, tariffs=tariffs))
        assert isinstance(reply, Refused if any(map(problems, tariffs)) else Done), reply

    @rule(contract=st.sampled_from(["C-POST", "C-WEEK"]), is_blocked=st.booleans())
    def block(self, contract: str, is_blocked: bool) -> None:
        self.tell(ContractAltered(by="ben", contract_id=contract, is_blocked=is_blocked))

    @rule(when=st.sampled_from([*Kill, *Kill, None, "other prices", "a copy"]))
    def kill(self, when: Kill | str | None) -> None:
        """At the next decision, or now: then what is durable is all that a new agent needs. Where that has other
        settings, what runs goes on at the prices it began with; and where its disk is lost, a copy in a new epoch."""
        if isinstance(when, Kill):
            self.world.kill = when
            return
        self.world.kill = None
        before = self.world.remembered()
        if when == "a copy":
            self.go(self.world.put_back())
            self.go(self.hub.meet())
            for outlet in self.outlets:
                outlet.lose_time()  # what was open waits for a person
        else:
            self.go(self.world.restart(self._drawn(self.world.rules) if when else None))
        after = self.world.remembered()
        before["seqs"] = after["seqs"]  # that it began is told
        assert after == before

    @invariant()
    def memory_is_what_was_posted(self) -> None:
        if hasattr(self, "outlets"):
            self.world.check()


async def _opened(world: World) -> Hub:
    return Hub(world)


def _quick_folder() -> str | None:
    """Kills here are of the process, not of the machine: a folder in memory is as good, and ten times as fast."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108


TestMoney = Money.TestCase
TestMoney.settings = settings(
    max_examples=RUNS,
    stateful_step_count=50,
    deadline=None,
    derandomize="MONEY_RUNS" not in os.environ,
    suppress_health_check=list(HealthCheck),
    phases=list(Phase) if "MONEY_SHRINK" in os.environ else [Phase.generate],
)
