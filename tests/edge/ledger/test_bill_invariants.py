"""Whatever people decide upon bills, in whatever order, and whenever the agent is killed: the books are sound."""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge.domain.correction_events import BillDecisionAsked, BillSettled
from edge.domain.events import Refused
from edge.domain.proof_events import ChainGrown
from edge.ledger.backup import back_up, put_back
from edge.ledger.bill_tables import bill_record
from edge.ledger.database import open_reader
from edge.ledger.ledger import Ledger
from edge.ledger.verify import Verifier
from protocols.terms import BillDecision
from tests.edge.domain.site_kit import START, number
from tests.edge.ledger.conftest import LedgerPlay
from tests.edge.ledger.test_chain import seal_of


class Books(RuleBasedStateMachine):
    """An agent on a ledger: `bills` are the ids of all that it made."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.now, self.copies = START, 0
        self.begin()

    def begin(self) -> None:
        self.ledger = Ledger(self.folder / "ledger.sqlite", "edge-1")
        self.play = LedgerPlay(self.ledger)
        self.play.now = self.now
        self.play.connect()

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.folder)

    @property
    def bills(self) -> list[str]:
        return [row[0] for row in self.ledger.connection.execute("SELECT cdr_id FROM cdrs ORDER BY money_seq")]

    @rule(wh=st.sampled_from([0, 1, 999, 7_500, 500_000]), minutes=st.integers(1, 300))
    def charge(self, wh: int, minutes: int) -> None:
        begun = number(self.play.start(1000))
        self.play.after(minutes)
        self.play.stop(begun, 1000 + wh)
        self.play.after(1)
        self.now = self.play.now

    @precondition(lambda self: self.bills)
    @rule(
        which=st.integers(0, 50),
        decision=st.sampled_from(BillDecision),
        wh=st.none() | st.integers(0, 90_000),
        tariff_id=st.sampled_from([None, "time", "standard"]),
    )
    def decide(self, which: int, decision: BillDecision, wh: int | None, tariff_id: str | None) -> None:
        cdr_id = self.bills[which % len(self.bills)]
        record = bill_record(self.ledger.connection, cdr_id)
        assert record is not None
        if self.play.site.bills.get(cdr_id) is None:
            self.play.site.bills.keep(record)
        assert self.play.site.bills.get(cdr_id) == record  # memory says what the ledger says
        asked = BillDecisionAsked(
            cdr_id=cdr_id,
            decision=decision,
            reason="r",
            by="anna",
            second_by="bert",
            energy_wh=wh,
            tariff_id=tariff_id if wh is not None else None,
        )
        reply = self.play.tell(asked).reply
        assert isinstance(reply, BillSettled | Refused)
        if record.decided is not None or record.cdr.credit:
            assert isinstance(reply, Refused)

    @rule()
    def kill(self) -> None:
        self.ledger.close()
        self.begin()

    @rule()
    def seal(self) -> None:
        if self.ledger.chain.count:
            self.play.tell(ChainGrown(seal=seal_of(self.ledger)))

    @rule()
    def restore(self) -> None:
        """From a copy of this moment, under a new epoch."""
        self.copies += 1
        at = START + timedelta(days=100 + self.copies)
        copy, _ = back_up(self.ledger.path, self.folder, at)
        self.ledger.close()
        put_back(copy, self.ledger.path, "edge-1", at, is_foreign=False)
        self.begin()

    @invariant()
    def is_sound(self) -> None:
        with closing(open_reader(self.ledger.path)) as reading:
            assert Verifier(reading).run().findings == []

    @invariant()
    def balances_are_those_of_the_bills_in_force(self) -> None:
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for account, amount in self.ledger.connection.execute("SELECT account, amount FROM posting_legs"):
            sums[account] += Decimal(amount)
        assert sum(sums.values()) == 0
        in_force: dict[str, list[Decimal]] = defaultdict(list)
        query = "SELECT cdr_id, transaction_id FROM bill_state WHERE state = 'issued'"
        for cdr_id, transaction_id in self.ledger.connection.execute(query).fetchall():
            record = bill_record(self.ledger.connection, cdr_id)
            assert record is not None
            in_force[transaction_id].append(record.cdr.total_cost.incl_vat)
        assert all(len(totals) == 1 for totals in in_force.values())
        assert sums["customer:C-GOOD"] == sum((totals[0] for totals in in_force.values()), Decimal(0))


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=6, stateful_step_count=10, deadline=None)
