"""A month's report is the sum of its bills, by local days, and says whether the postings are of one mind with them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.domain.bill_book import BillRecord
from edge.domain.correction_events import BillDecisionAsked, BillSettled
from edge.ledger.database import open_reader
from edge.ledger.ledger import Ledger
from edge.ledger.month_report import MonthReport, month_report
from edge.ledger.search import FoundKind, search
from edge.ports import Commit
from protocols.sync.topics import Stream
from protocols.sync.up import CdrIssued, CdrQuarantined, Entry, PostingLeg, PostingMade, PostingReason
from protocols.terms import BillDecision
from tests.edge.domain.site_kit import Play, number
from tests.edge.domain.wallet_kit import posted, postpaid, sign
from tests.edge.ledger.conftest import LedgerPlay

BERLIN = ZoneInfo("Europe/Berlin")
MARCH = date(2026, 3, 1)


def at(month: int, day: int, hour: int = 12, minute: int = 0) -> datetime:
    """By the Location's clock; site time is UTC."""
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)


def charge(play: Play, wh: int = 1000, *, token: str = "GOOD", evse: int = 1, minutes: float = 30) -> str:
    """Ends at `now`; the bill's id."""
    ends = play.now
    play.now = ends - timedelta(minutes=minutes)
    transaction = number(play.start(1000, token=token, evse=evse))
    play.now = ends
    play.stop(transaction, 1000 + wh)
    bills = [body.cdr for entry in play.entries if isinstance(body := entry.body, CdrIssued | CdrQuarantined)]
    play.site.bills.keep(BillRecord(cdr=bills[-1], is_quarantined=bool(bills[-1].quarantine)))
    return bills[-1].id


def decide(play: Play, cdr_id: str, decision: BillDecision, **more: Any) -> None:
    asked = BillDecisionAsked(cdr_id=cdr_id, decision=decision, reason="seen", by="anna", second_by="bo", **more)
    assert isinstance(play.tell(asked).reply, BillSettled)


def reported(ledger: Ledger, day: date = MARCH) -> MonthReport:
    connection = open_reader(ledger.path)
    try:
        return month_report(connection, day, BERLIN)
    finally:
        connection.close()


def test_a_month_with_everything(play: LedgerPlay, ledger: Ledger) -> None:
    sign(play, postpaid())
    play.now = at(2, 28, 23, 59)
    charge(play)  # February
    play.now = at(3, 1, 0, 1)
    charge(play, 2000)
    play.now = at(3, 29, 23, 30)  # the clocks were put forward that day
    charge(play, 3000, evse=2, token="OTHER")
    credited = charge(play, 4000)
    play.now = at(3, 31, 23, 59)
    kept = [charge(play, 900_000, minutes=minutes) for minutes in (30, 40)]
    decide(play, credited, BillDecision.CREDITED)
    decide(play, kept[0], BillDecision.WRITTEN_OFF)
    posted(play, "C-GOOD", Decimal("5.00"), "cash")
    play.now = at(4, 1, 0, 0)
    charge(play)  # April
    march = reported(ledger)
    assert march.is_reconciled, march.differences
    assert (march.total.sessions, march.total.energy_wh, march.bills, march.credits) == (2, 5000, 3, 1)
    assert (march.total.net, march.total.gross) == (Decimal("2.50"), Decimal("2.98"))
    assert {rate: (each.net, each.tax) for rate, each in march.by_vat.items()} == {
        "19": (Decimal("2.50"), Decimal("0.48"))
    }
    assert {key: each.gross for key, each in march.by_evse.items()} == {"A*1": Decimal("1.19"), "A*2": Decimal("1.79")}
    assert {key: each.energy_wh for key, each in march.by_contract.items()} == {"C-GOOD": 2000, "C-OTHER": 3000}
    assert march.by_tariff.keys() == {"standard"}
    assert march.by_payment == {"cash payment": Decimal("5.00")}
    assert (march.quarantined.bills, march.decided["written_off"].bills) == (2, 1)
    assert march.decided["written_off"].gross == march.quarantined.gross / 2
    days = {day: each.sessions for day, each in march.by_day.items() if each.net}
    assert days == {"2026-03-01": 1, "2026-03-29": 2, "2026-03-31": -1}
    assert len(march.by_day) == 31
    assert reported(ledger, date(2026, 2, 1)).total.sessions == 1
    assert reported(ledger, date(2026, 4, 1)).total.sessions == 1
    assert reported(ledger, date(2026, 5, 1)).total.sessions == 0


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        (
            "UPDATE postings SET legs = replace(legs, 'revenue:charging', 'revenue:other') WHERE key LIKE 'cdr:%'",
            "revenue",
        ),
        ("UPDATE postings SET legs = replace(legs, 'vat:19', 'vat:7') WHERE key LIKE 'cdr:%'", "VAT 7 %: 0.00 by"),
        ("UPDATE postings SET legs = replace(legs, '0.60', '0.61') WHERE key LIKE 'cdr:%'", "does not sum to zero"),
        ("UPDATE postings SET key = 'x' WHERE key LIKE 'cdr:%'", "1 bills and credits were made, and 0 of them posted"),
    ],
)
def test_what_is_not_of_one_mind_is_said(play: LedgerPlay, ledger: Ledger, statement: str, word: str) -> None:
    play.now = at(3, 5)
    charge(play)
    assert reported(ledger).is_reconciled
    ledger.connection.execute(statement)
    found = reported(ledger)
    assert not found.is_reconciled
    assert any(word in difference for difference in found.differences), found.differences


def test_till_differences_and_refunds_are_told_apart(play: LedgerPlay, ledger: Ledger) -> None:
    def post(key: str, reason: PostingReason, account: str, other: str, amount: str) -> None:
        seq = play.site.last_seq[Stream.MONEY] = play.site.last_seq[Stream.MONEY] + 1
        legs = (
            PostingLeg(account=account, amount=Decimal(amount)),
            PostingLeg(account=other, amount=-Decimal(amount)),
        )
        body = PostingMade(posting_id=key, key=key, currency="EUR", legs=legs, reason=reason)
        asyncio.run(ledger.commit(Commit(entries=[Entry(stream=Stream.MONEY, seq=seq, at=at(3, 9), body=body)])))

    post("a", PostingReason.PAYMENT, "card:terminal", "customer:C", "30.00")
    post("b", PostingReason.REFUND, "card:terminal", "customer:C", "-10.00")
    post("c", PostingReason.PAYMENT, "cash:kiosk", "customer:C", "5.00")
    post("d", PostingReason.TILL, "cash:kiosk", "till_difference:kiosk", "-0.50")
    march = reported(ledger)
    assert march.by_payment == {
        "card payment": Decimal("30.00"),
        "card refund": Decimal("-10.00"),
        "cash payment": Decimal("5.00"),
    }
    assert march.till_differences == {"kiosk": Decimal("-0.50")}
    assert (march.postings, march.is_reconciled) == (4, True)


class Sums:
    """The same by a plain sum over whole bills."""

    def __init__(self, play: Play, since: datetime, until: datetime) -> None:
        self.by: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for entry in play.entries:
            if isinstance(entry.body, CdrIssued) and since <= entry.at < until:
                cdr = entry.body.cdr
                for table, key in (
                    ("evse", f"{cdr.station_id}*{cdr.evse_id}"),
                    ("contract", cdr.contract_id),
                    ("day", entry.at.astimezone(BERLIN).date().isoformat()),
                    ("total", ""),
                ):
                    self.by[table][key] += cdr.total_cost.incl_vat


MOMENTS = st.integers(0, 45 * 24 * 60)


@given(
    st.lists(
        st.tuples(
            MOMENTS, st.integers(1, 20_000), st.sampled_from(["GOOD", "OTHER"]), st.sampled_from([1, 2]), st.booleans()
        ),
        max_size=8,
    )
)
@settings(max_examples=8, deadline=None)
def test_the_report_is_the_sum_of_the_bills(
    tmp_path_factory: pytest.TempPathFactory, charges: list[tuple[int, int, str, int, bool]]
) -> None:
    with Ledger(tmp_path_factory.mktemp("ledger") / "ledger.sqlite", "edge-1") as ledger:
        play = LedgerPlay(ledger)
        play.connect()
        for minute, wh, token, evse, is_credited in sorted(charges):
            play.now = at(2, 25, 0) + timedelta(minutes=minute)
            cdr_id = charge(play, wh, token=token, evse=evse, minutes=120)
            if is_credited:
                decide(play, cdr_id, BillDecision.CREDITED)
        march = reported(ledger)
        sums = Sums(play, march.since, march.until).by
        assert march.is_reconciled, march.differences
        assert march.total.gross == sums["total"][""]
        for table, told in (("evse", march.by_evse), ("contract", march.by_contract), ("day", march.by_day)):
            assert {key: each.gross for key, each in told.items() if each.gross} == {
                key: gross for key, gross in sums[table].items() if gross
            }


# --- finding ---


def test_what_people_have_in_hand_is_found(play: LedgerPlay, ledger: Ledger) -> None:
    reading = ledger.connection
    sign(play, postpaid())
    play.now = at(3, 5)
    bill = charge(play)
    (transaction,) = {body.cdr.session_id for body in play.found(CdrIssued)}
    assert [(each.kind, each.id) for each in search(reading, "müll", 10)] == [(FoundKind.CUSTOMER, "K1")]
    assert "Anna Müller, C-GOOD (postpaid, 0.60 EUR)" in search(reading, "Anna", 10)[0].text
    assert [(each.kind, each.id) for each in search(reading, "C-GOOD", 10)] == [(FoundKind.CUSTOMER, "K1")]
    (of_bill,) = search(reading, f" {bill} ", 10)
    assert (of_bill.kind, of_bill.id, "0.60 EUR, 1.000 kWh at A*1" in of_bill.text) == (FoundKind.BILL, bill, True)
    assert [each.id for each in search(reading, transaction, 10)] == [bill]
    running = play.start(5000)
    (open_one,) = play.site.transactions
    assert [(each.kind, each.id) for each in search(reading, open_one, 10)] == [(FoundKind.SESSION, open_one)]
    assert running.reply is not None
    for nothing in ("", "  ", "nobody at all", "edge-1-99", "R-1-٣"):
        assert search(reading, nothing, 10) == []
