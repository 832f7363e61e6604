"""A person decides upon a bill, once: nothing is edited, and what is credited comes to exactly nothing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.bill_book import BillRecord
from edge.domain.correction_events import BillDecisionAsked, BillSettled
from edge.domain.decide import wanted
from edge.domain.events import Refused
from edge.domain.past import PastKey
from edge.domain.pricing.re_rate import re_rate
from edge.domain.rerating import changed, credit_of
from protocols.ocpi.cdr import Cdr
from protocols.sync.corrections import BillDecided
from protocols.sync.receipts import ReceiptIssued
from protocols.sync.up import AlarmCleared, CdrIssued, CdrQuarantined, PostingMade, PostingReason
from protocols.terms import BillDecision
from tests.edge.domain.site_kit import Play, new_site, number

D = BillDecision


def bill(play: Play, wh: int = 10_000, minutes: float = 60) -> Cdr:
    """A bill; of more than 22 kW can deliver, so it is in quarantine, where there is that much energy."""
    begun = number(play.start(1000))
    play.after(minutes)
    play.stop(begun, 1000 + wh)
    bills = [e.body.cdr for e in play.entries if isinstance(e.body, CdrIssued | CdrQuarantined)]
    play.site.bills.keep(BillRecord(cdr=bills[-1], is_quarantined=bool(bills[-1].quarantine)))
    return bills[-1]


def ask(play: Play, cdr: Cdr, decision: BillDecision, **more: Any) -> BillSettled | Refused:
    more = {"reason": "seen at the meter", "by": "anna", **more}
    reply = play.tell(BillDecisionAsked(cdr_id=cdr.id, decision=decision, **more)).reply
    assert isinstance(reply, BillSettled | Refused)
    return reply


def balances(play: Play) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for posting in play.found(PostingMade):
        assert sum(leg.amount for leg in posting.legs) == 0
        for leg in posting.legs:
            sums[leg.account] += leg.amount
    return {account: amount for account, amount in sums.items() if amount}


@pytest.fixture
def play() -> Play:
    made = Play(new_site(second_person_above=Decimal(1000)))
    made.connect()
    return made


def test_a_quarantined_bill_is_accepted_as_it_is(play: Play) -> None:
    kept_back = bill(play, 200_000)
    assert kept_back.quarantine
    assert balances(play) == {}
    reply = ask(play, kept_back, D.ACCEPTED)
    assert isinstance(reply, BillSettled)
    (issued,) = play.found(CdrIssued)
    assert issued.cdr == reply.bill
    assert (issued.cdr.replaces, issued.cdr.quarantine) == (kept_back.id, ())
    assert (issued.cdr.lines, issued.cdr.total_cost) == (kept_back.lines, kept_back.total_cost)
    (posting,) = play.found(PostingMade)
    assert (posting.cdr_id, posting.by, posting.reason) == (issued.cdr.id, "anna", PostingReason.CDR)
    assert balances(play)["customer:C-GOOD"] == Decimal("119.00")
    assert [each.alarm_id for each in play.found(AlarmCleared)] == [f"bill_quarantined:{kept_back.id}"]
    kinds = [entry.body.kind for entry in play.entries[-4:]]
    assert kinds == ["bill_decided", "cdr_issued", "posting_made", "alarm_cleared"]
    seqs = {entry.seq: entry.body for entry in play.entries if isinstance(entry.body, CdrIssued)}
    assert all(body.cdr.id.endswith(f"-{seq}") for seq, body in seqs.items())


def test_it_is_rated_anew_with_other_energy_end_and_tariff(play: Play) -> None:
    kept_back = bill(play, 200_000)
    end = kept_back.end_date_time - timedelta(minutes=30)
    reply = ask(play, kept_back, D.RERATED, energy_wh=10_000, ended_at=end, tariff_id="time")
    assert isinstance(reply, BillSettled)
    assert reply.bill is not None
    assert (reply.bill.total_energy_wh, reply.bill.total_time_s, reply.bill.tariff.id) == (10_000, 1800, "time")
    assert reply.bill.meter_stop_wh == 11_000
    assert reply.bill.total_cost.excl_vat == Decimal("6.50")  # 10 kWh at 0.50 and half an hour at 3.00
    assert tuple(re_rate(reply.bill).lines) == reply.bill.lines


def test_it_is_written_off_and_nobody_pays(play: Play) -> None:
    reply = ask(play, bill(play, 200_000), D.WRITTEN_OFF)
    assert isinstance(reply, BillSettled)
    assert (reply.bill, reply.credit, play.found(CdrIssued), balances(play)) == (None, None, [], {})
    assert len(play.found(AlarmCleared)) == 1


def test_an_issued_bill_and_its_credit_come_to_nothing(play: Play) -> None:
    issued = bill(play)
    reply = ask(play, issued, D.CREDITED)
    assert isinstance(reply, BillSettled)
    credit = reply.credit
    assert credit is not None
    assert (credit.credit, credit.credit_reference_id) == (True, issued.id)
    assert credit.total_cost.incl_vat == -issued.total_cost.incl_vat
    assert [line.cost.excl_vat for line in credit.lines] == [-line.cost.excl_vat for line in issued.lines]
    assert balances(play) == {}
    original, back = play.found(PostingMade)
    assert (back.reason, back.key) == (PostingReason.CREDIT, f"cdr:{credit.id}")
    assert {leg.account: -leg.amount for leg in back.legs} == {leg.account: leg.amount for leg in original.legs}


def test_an_issued_bill_is_corrected_and_the_correction_too(play: Play) -> None:
    first = bill(play)
    second = ask(play, first, D.CORRECTED, energy_wh=5_000)
    assert isinstance(second, BillSettled)
    assert second.bill is not None
    assert balances(play)["customer:C-GOOD"] == second.bill.total_cost.incl_vat == Decimal("2.98")
    third = ask(play, second.bill, D.CORRECTED, tariff_id="time")
    assert isinstance(third, BillSettled)
    assert third.bill is not None
    assert third.bill.replaces == second.bill.id
    assert balances(play)["customer:C-GOOD"] == third.bill.total_cost.incl_vat
    assert len({body.cdr.id for body in play.found(CdrIssued)}) == 5


def test_what_is_issued_gets_receipts_where_every_bill_does() -> None:
    rules = new_site().rules.receipts
    play = Play(new_site(second_person_above=Decimal(1000), receipts=replace(rules, every_bill=True)))
    play.connect()
    issued = bill(play)
    reply = ask(play, issued, D.CORRECTED, energy_wh=5_000)
    assert isinstance(reply, BillSettled)
    assert reply.bill is not None
    assert reply.credit is not None
    assert [each.ref for each in play.found(ReceiptIssued)] == [issued.id, reply.credit.id, reply.bill.id]
    seqs = {body.cdr.id: entry.seq for entry in play.entries if isinstance(body := entry.body, CdrIssued)}
    assert all(cdr_id.endswith(f"-{seq}") for cdr_id, seq in seqs.items())


def test_a_bill_is_decided_upon_once_and_a_repeated_request_decides_nothing_more(play: Play) -> None:
    issued = bill(play)
    first = ask(play, issued, D.CREDITED, request_key="k1")
    again = ask(play, issued, D.CREDITED, request_key="k1")
    assert isinstance(first, BillSettled)
    assert isinstance(again, BillSettled)
    assert again.decided == first.decided
    other = ask(play, issued, D.CREDITED, request_key="k2")
    assert isinstance(other, Refused)
    assert "credited by anna already" in other.reason
    assert len(play.found(BillDecided)) == 1


def test_much_money_takes_two_people() -> None:
    play = Play(new_site(second_person_above=Decimal("5.00")))
    play.connect()
    issued = bill(play)
    for second, word in ((None, "second person"), ("anna", "cannot be the second")):
        reply = ask(play, issued, D.CREDITED, second_by=second)
        assert isinstance(reply, Refused)
        assert word in reply.reason
    cheap = bill(play, 1_000)
    more = ask(play, cheap, D.CORRECTED, energy_wh=50_000)
    assert isinstance(more, Refused)  # what it is to be counts, too
    assert isinstance(ask(play, issued, D.CREDITED, second_by="bert"), BillSettled)


@pytest.mark.parametrize(
    ("wh", "decision", "more", "word"),
    [
        (10_000, D.ACCEPTED, {}, "is issued"),
        (200_000, D.CREDITED, {}, "in quarantine"),
        (200_000, D.ACCEPTED, {"energy_wh": 1}, "changes nothing"),
        (200_000, D.ACCEPTED, {"reason": " "}, "say why"),
        (200_000, D.ACCEPTED, {"reason": "x" * 501}, "501 characters"),
        (10_000, D.CORRECTED, {}, "say what"),
        (10_000, D.CORRECTED, {"energy_wh": -1}, "-1 Wh"),
        (10_000, D.CORRECTED, {"tariff_id": "none"}, "no tariff"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    play: Play, wh: int, decision: BillDecision, more: dict[str, Any], word: str
) -> None:
    about = bill(play, wh)
    entries = len(play.entries)
    reply = ask(play, about, decision, **more)
    assert isinstance(reply, Refused)
    assert word in reply.reason
    assert len(play.entries) == entries


def test_an_end_before_the_beginning_a_credit_and_an_unknown_bill_are_refused(play: Play) -> None:
    issued = bill(play)
    early = ask(play, issued, D.CORRECTED, ended_at=issued.start_date_time)
    assert isinstance(early, Refused)
    settled = ask(play, issued, D.CREDITED)
    assert isinstance(settled, BillSettled)
    assert settled.credit is not None
    assert isinstance(ask(play, settled.credit, D.CREDITED), Refused)
    unknown = BillDecisionAsked(cdr_id="edge-1-x-999", decision=D.CREDITED, reason="r", by="anna")
    (key,) = wanted(play.site, unknown)
    assert key == PastKey("", cdr_id="edge-1-x-999")
    assert isinstance(play.tell(unknown).reply, Refused)


@given(
    wh=st.integers(1, 40_000), energy_wh=st.integers(0, 100_000), minutes=st.integers(10, 300), cut=st.integers(1, 400)
)
def test_other_inputs_are_priced_by_the_same_engine_and_add_up(wh: int, energy_wh: int, minutes: int, cut: int) -> None:
    play = Play(new_site(default_tariff_id="time"))
    play.connect()
    issued = bill(play, wh, minutes)
    end = issued.start_date_time + timedelta(minutes=cut)
    other = changed(issued, energy_wh=energy_wh, ended_at=end, tariff=None)
    assert sum(period.energy_wh for period in other.charging_periods) == other.total_energy_wh == energy_wh
    assert other.total_time_s + other.total_parking_time_s == cut * 60
    assert sum(line.cost.incl_vat for line in other.lines) == other.total_cost.incl_vat
    credit = credit_of(other, "c")
    assert credit.total_cost.incl_vat + other.total_cost.incl_vat == 0
