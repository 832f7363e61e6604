"""Random top-ups, refunds, sessions, outages and kills: a wallet is never spent beyond the margin, nothing stays held,
and every balance is the sum of its postings, in memory, in the ledger's sums and by counting them all."""

from __future__ import annotations

import tempfile
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge.domain.decision import Decision
from edge.domain.events import Restarted, Ticked, UplinkChanged
from edge.ledger import account_totals
from edge.ledger.database import open_reader
from edge.ledger.ledger import Ledger
from edge.ledger.restore import restore
from protocols.charger.events import MeterValuesReported, Sample
from protocols.charger.operations.transactions import StopTransaction
from protocols.money import ZERO
from protocols.ocpi.token import Token
from protocols.sync.topics import Stream
from protocols.sync.up import PostingMade
from protocols.terms import Measurand
from tests.edge.domain.site_kit import number, register
from tests.edge.domain.wallet_kit import balances, posted, postpaid, prepaid, sign
from tests.edge.ledger.conftest import LedgerPlay

STEP = timedelta(seconds=30)
BEYOND = Decimal("0.25")
"""What flows within the margin at full power, where the power was none when it was looked at: 22 kW for a minute."""
TOKENS = {"GOOD": "C-GOOD", "OTHER": "C-OTHER", "LATER": "C-LATER"}
LIMIT = Decimal("12.00")
"""Of C-LATER: what it may owe."""


class Wallets(RuleBasedStateMachine):
    """Two wallets, one of them bounded while the hub is away, and a contract that pays later, up to a limit; two EVSEs
    of 22 kW that obey within half a minute."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = Ledger(Path(self.folder.name) / "ledger.sqlite", "edge-1")
        self.play = LedgerPlay(self.ledger)
        self.play.connect()
        tokens = tuple(Token(uid=uid, contract_id=contract_id) for uid, contract_id in TOKENS.items())
        shared, later = prepaid("C-OTHER", offline_limit=Decimal("5.00")), postpaid("C-LATER", credit_limit=LIMIT)
        contracts = (prepaid("C-GOOD"), shared, later)
        sign(self.play, *contracts, tokens=tokens)
        self.running: dict[int, str] = {}
        self.told: set[str] = set()
        self.registers = {1: 0.0, 2: 0.0}
        self.moves = 0

    def teardown(self) -> None:
        for evse in list(self.running):
            self.stop(evse)
        assert not [account for account in balances(self.play) if account.startswith("held:")]
        self.ledger.close()
        self.folder.cleanup()

    # --- money ---

    @rule(contract=st.sampled_from(sorted(TOKENS.values())), cents=st.integers(1, 4000))
    def top_up(self, contract: str, cents: int) -> None:
        self.moves += 1
        posted(self.play, contract, Decimal(cents) / 100, f"pay-{self.moves}")

    @rule(contract=st.sampled_from(sorted(TOKENS.values())), percent=st.integers(1, 100))
    def refund(self, contract: str, percent: int) -> None:
        free = -self.play.site.accounts.balance(contract)
        amount = (free * percent / 100).quantize(Decimal("0.01"))
        if amount > 0:
            self.moves += 1
            posted(self.play, contract, -min(amount, free), f"refund-{self.moves}")

    # --- sessions ---

    @rule(evse=st.sampled_from([1, 2]), token=st.sampled_from(sorted(TOKENS)))
    def start(self, evse: int, token: str) -> None:
        contract = self.play.site.accounts.find(TOKENS[token])
        if (
            evse not in self.running
            and contract is not None
            and self.play.site.accounts.balance(contract.id) <= (LIMIT if contract.credit_limit else 0) - 1
        ):
            self.running[evse] = number(self.play.start(int(self.registers[evse]), token=token, evse=evse))

    @precondition(lambda self: self.running)
    @rule(
        steps=st.integers(1, 60), powers=st.lists(st.sampled_from([0, 1_400, 11_000, 22_000]), min_size=2, max_size=2)
    )
    def charge(self, steps: int, powers: list[int]) -> None:
        for _ in range(steps):
            self.play.now += STEP
            for evse, power_w in zip((1, 2), powers, strict=True):
                if evse in self.running:
                    self.registers[evse] += power_w * STEP.total_seconds() / 3600
                    if self.running[evse] in self.told:
                        self.stop(evse)
                    else:
                        self.reads(evse, power_w)

    def reads(self, evse: int, power_w: int) -> None:
        samples = (
            register(int(self.registers[evse]), self.play.now),
            Sample(measurand=Measurand.POWER, value=power_w, at=self.play.now),
        )
        event = MeterValuesReported(station_id="A", evse_id=evse, charger_transaction_id=None, samples=samples)
        self.hear(self.play.tell(event))

    @rule()
    def tick(self) -> None:
        self.hear(self.play.tell(Ticked()))

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 1))
    def stop_by_card(self, which: int) -> None:
        self.stop(sorted(self.running)[which % len(self.running)])

    def stop(self, evse: int) -> None:
        transaction = self.running.pop(evse)
        self.told.discard(transaction)
        self.play.stop(transaction, int(self.registers[evse]))

    def hear(self, decision: Decision) -> None:
        self.told |= {
            command.operation.charger_transaction_id
            for command in decision.commands
            if isinstance(command.operation, StopTransaction)
        }

    # --- the world ---

    @rule(is_online=st.booleans())
    def uplink(self, is_online: bool) -> None:
        self.play.tell(UplinkChanged(is_online=is_online))
        if is_online:
            self.play.site.accounts.note_sent(self.play.site.last_seq[Stream.MONEY])
            with self.ledger.connection as connection:
                seq = self.play.site.last_seq[Stream.MONEY]
                connection.execute("INSERT OR REPLACE INTO acked VALUES ('money', ?)", (seq,))

    @rule()
    def kill(self) -> None:
        self.play.site = restore(self.ledger, self.play.site.rules)
        self.play.tell(Restarted())
        self.play.connect()

    # --- what always holds ---

    @invariant()
    def nobody_spends_what_is_not_there(self) -> None:
        for contract in TOKENS.values():
            assert self.play.site.accounts.balance(contract) <= BEYOND + (LIMIT if contract == "C-LATER" else ZERO)

    @invariant()
    def what_is_set_aside_is_no_debt(self) -> None:
        book = self.play.site.accounts
        owed = book.balance("C-LATER") - book.held("C-LATER")
        open_parts = sum((amount for _, amount in book.dues.open.get("C-LATER", ())), ZERO)
        assert open_parts - book.dues.paid_ahead.get("C-LATER", ZERO) == owed

    @invariant()
    def balances_are_the_sums_of_postings(self) -> None:
        counted = balances(self.play)
        book = self.play.site.accounts
        for contract in TOKENS.values():
            assert book.balance(contract) == counted.get(f"customer:{contract}", ZERO)
            assert book.held(contract) == -counted.get(f"held:{contract}", ZERO)
        with closing(open_reader(self.ledger.path)) as reading:
            assert account_totals.balances(reading, "") == counted

    @invariant()
    def what_is_held_is_of_what_runs(self) -> None:
        assert self.play.site.accounts.wallets.keys() == self.play.site.transactions.keys()

    @invariant()
    def nothing_is_posted_twice(self) -> None:
        keys = [posting.key for posting in self.play.found(PostingMade)]
        assert len(keys) == len(set(keys))


TestWallets = Wallets.TestCase
TestWallets.settings = settings(
    max_examples=10, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
