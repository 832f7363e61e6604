"""What must be true of a random money journey when it is over: by the ledger's own proof, and by counting again."""

from __future__ import annotations

from collections import Counter
from sqlite3 import Connection
from typing import TypeVar

from edge.domain.transaction import Doubt
from edge.ledger import account_totals
from edge.ledger.receipt_reading import find_receiptable
from edge.ledger.statement_reading import lines_of, statements_in
from edge.ledger.verify import Verifier
from edge.receipts.bill import BillFacts
from edge.receipts.blocks import Sum
from edge.receipts.heads import money
from edge.receipts.payment import PaymentFacts, TillFacts
from edge.receipts.printing import page_of
from protocols.errors import BadText
from protocols.money import ZERO
from protocols.ocpi.cdr import Cdr
from protocols.sync.corrections import BillDecided
from protocols.sync.receipts import ReceiptIssued, ReceiptKind, StatementMade
from protocols.sync.up import CdrIssued, CdrQuarantined, PostingMade, TransactionEnded, TransactionStarted
from tests.journeys.money_outlets import Outlet
from tests.journeys.money_reservations import sessions_reserved
from tests.journeys.money_world import ZONE, World

T = TypeVar("T")
_FOR_WANT_OF_POWER = (Doubt.UNMEASURED, Doubt.TOO_MANY_PERIODS)
"""Of tariffs that price by power: what keeps a bill back though its meter and clock were right."""


async def prove(world: World, outlets: list[Outlet]) -> None:
    """The world is at rest: nothing runs, and all was said."""
    assert not world.site.transactions
    assert not world.site.accounts.wallets
    assert not {each: amount for each, amount in world.sums.items() if each.startswith("held:") and amount}
    _every_session_is_billed_once(world, outlets)
    _every_bill_in_force_is_posted_once(world)
    _numbers_have_no_gap(world)
    await world.with_reader(_ledger_proves)
    counted = {account: amount for account, amount in world.sums.items() if amount}
    assert await world.with_reader(lambda reading: account_totals.balances(reading, "")) == counted
    while await world.ledger.add_up(7):
        pass
    assert await world.with_reader(lambda reading: account_totals.balances(reading, "")) == counted
    await world.with_reader(_ledger_proves)
    await _receipts_equal_what_they_are_of(world)
    await _statements_add_up(world)


def _found(world: World, kind: type[T]) -> list[T]:
    return [entry.body for entry in world.entries if isinstance(entry.body, kind)]


def _bills(world: World) -> list[tuple[Cdr, bool]]:
    """All of them, and whether each was issued."""
    bodies = [entry.body for entry in world.entries if isinstance(entry.body, CdrIssued | CdrQuarantined)]
    return [(body.cdr, isinstance(body, CdrIssued)) for body in bodies]


def _every_session_is_billed_once(world: World, outlets: list[Outlet]) -> None:
    sessions = [session for outlet in outlets for session in outlet.past]
    started, ended = _found(world, TransactionStarted), _found(world, TransactionEnded)
    assert Counter(each.transaction_id for each in started) == Counter(each.transaction_id for each in ended)
    assert len(started) == len(sessions), (len(started), len(sessions))
    reserved = sessions_reserved(world)
    bills = [cdr for cdr, _ in _bills(world) if cdr.session_id not in reserved]
    first = [cdr for cdr in bills if not cdr.credit and cdr.replaces is None]
    assert Counter(cdr.session_id for cdr in first) == Counter(each.transaction_id for each in started)
    by_number = {(each.station_id, each.charger_transaction_id): each.transaction_id for each in started}
    bill_of = {cdr.session_id: cdr for cdr in first}
    for outlet in outlets:
        for session in outlet.past:
            cdr = bill_of[by_number[outlet.station_id, session.number or session.charger_id]]
            assert cdr.total_energy_wh == sum(period.energy_wh for period in cdr.charging_periods)
            if session.is_plain:
                assert session.ended_wh is not None
                assert cdr.total_energy_wh == session.ended_wh - session.began_wh == session.drawn_wh, cdr
                assert all(reason.startswith(_FOR_WANT_OF_POWER) for reason in cdr.quarantine), cdr.quarantine
                lasted_s = ((session.ended_at or session.began_at) - session.began_at).total_seconds()
                billed_s = cdr.total_time_s + cdr.total_parking_time_s
                assert abs(billed_s - lasted_s) < 1  # both ends are billed in the whole seconds of the clock
            elif session.was_reset:
                assert 0 <= cdr.total_energy_wh <= session.drawn_wh or cdr.quarantine, cdr


def _every_bill_in_force_is_posted_once(world: World) -> None:
    posted = Counter(posting.cdr_id for posting in _found(world, PostingMade) if posting.key.startswith("cdr:"))
    issued = Counter(cdr.id for cdr, is_issued in _bills(world) if is_issued)
    assert posted == issued
    assert set(issued.values()) <= {1}
    decided = Counter(each.cdr_id for each in _found(world, BillDecided))
    assert set(decided.values()) <= {1}
    revenue = ZERO
    taken_back = {each.cdr_id for each in _found(world, BillDecided) if each.credit_cdr_id}
    for cdr, is_issued in _bills(world):
        if is_issued and not cdr.credit and cdr.id not in taken_back:
            revenue -= cdr.total_cost.excl_vat
    assert world.sums.get("revenue:charging", ZERO) == revenue


def _numbers_have_no_gap(world: World) -> None:
    for kind in (ReceiptIssued, StatementMade):
        counts = [each.count for each in _found(world, kind)]
        assert counts == list(range(1, len(counts) + 1)), kind
    receipts = _found(world, ReceiptIssued)
    assert len({(each.of, each.ref) for each in receipts}) == len(receipts)


def _ledger_proves(reading: Connection) -> None:
    verified = Verifier(reading).run()
    assert verified.findings == []


async def _receipts_equal_what_they_are_of(world: World) -> None:
    bills = {cdr.id: cdr for cdr, _ in _bills(world)}
    desk = world.desk()
    for receipt in _found(world, ReceiptIssued):
        try:
            found = await world.with_reader(lambda reading, ref=receipt.ref: find_receiptable(reading, ref, ZONE))
        except BadText:
            assert receipt.of is ReceiptKind.PAYMENT  # it was taken when it got its receipt, and denied since
            continue
        assert (found.of, found.known is not None) == (receipt.of, True)
        assert found.known is not None
        assert (found.known.number, found.known.count) == (receipt.number, receipt.count)
        page = page_of(desk.printing.head(found.known, is_copy=True), found.facts)
        match found.facts:
            case BillFacts(cdr=cdr):
                assert cdr == bills[receipt.ref]
                (total,) = (block for block in page if isinstance(block, Sum) and block.is_total)
                assert total.amount == money(cdr.total_cost.incl_vat, cdr.currency)
            case PaymentFacts() | TillFacts():
                assert page
            case _:
                raise AssertionError(found.facts)


async def _statements_add_up(world: World) -> None:
    """Each posting of a contract is on one statement at most, and a statement is the sum of its lines."""
    made = await world.with_reader(lambda reading: statements_in(reading, None, 10_000))
    assert len(made) == len(_found(world, StatementMade))
    seen: set[tuple[str, int]] = set()
    for each in made:
        lines = await world.with_reader(lambda reading, each=each: lines_of(reading, each, ZONE))
        total = sum((line.amount for line in lines), ZERO)
        assert each.closing - each.opening == total == each.billed + each.paid + each.credited + each.other
        for line in lines:
            assert (each.contract_id, line.money_seq) not in seen
            seen.add((each.contract_id, line.money_seq))
