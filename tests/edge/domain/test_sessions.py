"""Playbooks of transactions: what chargers say, and the one bill that must come of it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.domain.decide import decide, wanted
from edge.domain.events import Ticked
from edge.domain.transaction import TABLE, Cause, Doubt, TransactionState
from protocols.charger.commands import TransactionAnswer
from protocols.charger.events import (
    BootReported,
    IdTokenPresented,
    MeterValuesReported,
    StationDisconnected,
)
from protocols.ocpi.cdr import Cdr
from protocols.sync.codec import encode_entry
from protocols.sync.up import (
    AlarmRaised,
    CdrIssued,
    CdrQuarantined,
    IdTokenRefused,
    PostingMade,
    TransactionEnded,
    TransactionStarted,
    UnknownStopReceived,
)
from protocols.terms import AuthorizationStatus, ChargingState, ConnectorStatus
from tests.edge.domain.site_kit import START, Play, new_site, register


@pytest.fixture
def play() -> Play:
    play = Play()
    play.connect()
    return play


def number(decision: object) -> str:
    reply = decision.reply  # type: ignore[attr-defined]
    assert isinstance(reply, TransactionAnswer)
    return reply.charger_transaction_id


def bill(play: Play) -> Cdr:
    (issued,) = play.found(CdrIssued)
    return issued.cdr


def test_a_session_becomes_one_bill_and_one_posting(play: Play) -> None:
    transaction = number(play.start(1000))
    play.after(60)
    reply = play.stop(transaction, 11_000).reply
    cdr = bill(play)
    assert (cdr.total_energy_wh, cdr.total_time_s, cdr.total_parking_time_s) == (10_000, 3600, 0)
    assert (cdr.total_cost.excl_vat, cdr.total_cost.incl_vat) == (Decimal("5.00"), Decimal("5.95"))
    assert isinstance(reply, TransactionAnswer)
    assert reply.total_cost == "5.95"
    (posting,) = play.found(PostingMade)
    assert sum(leg.amount for leg in posting.legs) == 0
    assert {leg.account: leg.amount for leg in posting.legs} == {
        "customer:C-GOOD": Decimal("5.95"),
        "revenue:charging": Decimal("-5.00"),
        "vat:19": Decimal("-0.95"),
    }
    assert play.site.transactions == {}


def test_ids_are_derived_from_edge_epoch_and_seq(play: Play) -> None:
    play.stop(number(play.start()), 1000)
    ids = {entry.seq: entry.body for entry in play.entries if entry.stream == "money"}
    assert ids[1].transaction_id == "edge-1-01234567-1"  # type: ignore[union-attr]
    assert ids[3].cdr.id == "edge-1-01234567-3"  # type: ignore[union-attr]
    assert ids[4].posting_id == "edge-1-01234567-4"  # type: ignore[union-attr]


def test_charging_and_standing_are_told_apart(play: Play) -> None:
    transaction = number(play.start(0))
    play.after(30)
    play.status("A", 1, ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EV)
    play.after(15)
    play.status("A", 1, ConnectorStatus.OCCUPIED, ChargingState.CHARGING)
    play.after(5)
    play.stop(transaction, 5000)
    cdr = bill(play)
    assert (cdr.total_time_s, cdr.total_parking_time_s) == (35 * 60, 15 * 60)
    assert [(p.time_s, p.parking_time_s) for p in cdr.charging_periods] == [(1800, 0), (0, 900), (300, 0)]


@pytest.mark.parametrize(
    ("token", "status"),
    [
        ("GOOD", "Accepted"),
        ("good", "Accepted"),
        ("BLOCKED", "Blocked"),
        ("OLD", "Expired"),
        ("NOBODY", "Unknown"),
    ],
)
def test_who_may_charge(play: Play, token: str, status: str) -> None:
    reply = play.tell(IdTokenPresented(station_id="A", token_uid=token)).reply
    assert reply.status == status  # type: ignore[union-attr]
    assert bool(play.found(IdTokenRefused)) == (status != "Accepted")


def test_a_station_may_be_for_some_groups_only() -> None:
    play = Play(site=new_site(b_groups=frozenset({"FLEET"})))
    play.connect()
    for token, status in (("GOOD", "NotAtThisLocation"), ("FLEET1", "Accepted")):
        assert play.tell(IdTokenPresented(station_id="B", token_uid=token)).reply.status == status  # type: ignore[union-attr]


def test_a_token_charges_once_at_a_time(play: Play) -> None:
    play.start(token="GOOD")
    here = play.tell(IdTokenPresented(station_id="A", token_uid="GOOD")).reply
    there = play.tell(IdTokenPresented(station_id="B", token_uid="GOOD")).reply
    assert here.status == AuthorizationStatus.ACCEPTED  # type: ignore[union-attr]
    assert there.status == AuthorizationStatus.CONCURRENT_TX  # type: ignore[union-attr]
    second = play.start(token="GOOD", evse=2).reply
    assert second.id_token.status == AuthorizationStatus.CONCURRENT_TX  # type: ignore[union-attr]


def test_a_station_that_is_cut_off_does_not_lock_its_driver_out(play: Play) -> None:
    play.start(token="GOOD")
    play.tell(StationDisconnected(station_id="A"))
    assert play.tell(IdTokenPresented(station_id="B", token_uid="GOOD")).reply.status == "Accepted"  # type: ignore[union-attr]


def test_another_card_of_the_group_may_stop(play: Play) -> None:
    play.start(token="FLEET1")
    assert play.tell(IdTokenPresented(station_id="A", token_uid="FLEET2")).reply.group_id == "FLEET"  # type: ignore[union-attr]


def test_energy_without_a_known_token_is_billed_to_suspense(play: Play) -> None:
    decision = play.start(token="NOBODY")
    assert decision.reply.id_token.status == "Unknown"  # type: ignore[union-attr]
    play.after(5)
    play.stop(number(decision), 1100, reason="DeAuthorized")
    assert bill(play).contract_id == "suspense"
    assert bill(play).token_uid == "NOBODY"


# --- repeated, stray and late messages (field quirks 3, 5, 8, 13; attacks 5, 6) ---


def test_readings_of_hours_that_come_in_a_second_are_kept(play: Play) -> None:
    """A station delivers its queue: what it is told was received must survive the agent, for it will not come again."""
    began = play.now
    transaction = number(play.start(1000))
    play.after(180)
    for hour in (1, 2):
        reading = register(1000 + 5000 * hour, began + timedelta(hours=hour))
        event = MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=transaction, samples=(reading,))
        (kept,) = play.tell(event).checkpoints.values()
        assert kept.last_wh == 1000 + 5000 * hour
    near = register(11_100, began + timedelta(hours=2, seconds=10))
    event = MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=transaction, samples=(near,))
    assert not play.tell(event).checkpoints, "but not every one of a charger that sends one every ten seconds"


def test_a_retried_start_is_the_same_transaction_even_after_its_end(play: Play) -> None:
    at = play.now
    first = number(play.start(1000, at=at))
    play.after(1)
    assert number(play.start(1000, at=at)) == first
    play.after(10)
    play.stop(first, 2000)
    assert number(play.start(1000, at=at)) == first
    assert len(play.found(TransactionStarted)) == len(play.found(CdrIssued)) == 1


def test_two_sides_of_a_station_that_start_alike_are_two_transactions(play: Play) -> None:
    """A fleet's card, registers that begin at 0, one second: only the EVSE tells the two starts apart."""
    at = play.now
    first = number(play.start(0, evse=1, connector_id=1, at=at))
    second = number(play.start(0, evse=2, connector_id=1, at=at))
    assert first != second
    assert [body.evse_id for body in play.found(TransactionStarted)] == [1, 2]


def test_a_stop_replayed_with_another_meter_value_changes_nothing(play: Play) -> None:
    transaction = number(play.start(1000))
    play.after(30)
    for replay in range(100):
        assert number(play.stop(transaction, 5000 + replay)) == transaction
    assert bill(play).meter_stop_wh == 5000
    assert len(play.found(TransactionEnded)) == 1


def test_an_unknown_stop_is_answered_and_kept_once(play: Play) -> None:
    running = number(play.start(1000))
    for _ in range(3):
        assert number(play.stop("999", 7000)) == "999"
    (kept,) = play.found(UnknownStopReceived)
    assert kept.meter_stop_wh == 7000
    assert [t.charger_transaction_id for t in play.site.transactions.values()] == [running]
    assert [alarm.alarm for alarm in play.found(AlarmRaised)] == ["unknown_stop"]


def test_a_stop_from_another_station_touches_nothing(play: Play) -> None:
    running = number(play.start(1000))
    play.stop(running, 9000, station_id="B")
    assert len(play.site.transactions) == 1
    assert play.found(CdrIssued) == []


def test_meter_values_without_an_id_belong_to_the_running_transaction(play: Play) -> None:
    transaction = number(play.start(1000))
    play.after(10)
    samples = (register(3000, play.now),)
    play.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=None, samples=samples))
    (running,) = play.site.transactions.values()
    assert running.energy_wh == 2000
    play.tell(MeterValuesReported(station_id="A", evse_id=2, charger_transaction_id=None, samples=samples))
    play.tell(MeterValuesReported(station_id="A", evse_id=2, charger_transaction_id=transaction, samples=samples))
    assert running.energy_wh == 2000


def test_a_new_start_at_the_evse_ends_what_the_station_forgot(play: Play) -> None:
    first = number(play.start(1000))
    play.after(20)
    samples = (register(4000, play.now),)
    play.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=first, samples=samples))
    play.after(60)
    second = number(play.start(4000, token="OTHER"))
    cdr = bill(play)
    assert (cdr.total_energy_wh, cdr.stop_reason, cdr.total_time_s) == (3000, "Superseded", 1200)
    play.stop(first, 4400)  # the late stop is kept for a person, and the running one is not touched
    assert len(play.found(UnknownStopReceived)) == 1
    play.after(10)
    play.stop(second, 5000)
    assert [issued.cdr.total_energy_wh for issued in play.found(CdrIssued)] == [3000, 1000]


def test_a_reboot_interrupts_and_power_loss_ends(play: Play) -> None:
    transaction = number(play.start(1000))
    play.after(10)
    play.tell(BootReported(station_id="A", vendor="V", model="M"))
    (running,) = play.site.transactions.values()
    assert running.state is TransactionState.INTERRUPTED
    play.after(5)
    play.stop(transaction, 2000, reason="PowerLoss", at=play.now - timedelta(minutes=5))
    assert (bill(play).stop_reason, bill(play).total_time_s) == ("PowerLoss", 600)


def test_an_abandoned_transaction_is_billed_up_to_the_last_reading() -> None:
    play = Play(site=new_site(abandon_after_s=3600))
    play.connect()
    play.start(1000)
    play.after(10)
    samples = (register(1500, play.now),)
    play.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=None, samples=samples))
    play.after(30)
    play.tell(Ticked())
    assert play.found(CdrIssued) == []
    play.after(120)
    play.tell(Ticked())
    assert (bill(play).total_energy_wh, bill(play).stop_reason, bill(play).total_time_s) == (500, "Abandoned", 600)


# --- what is suspect is not billed (field quirks 2, 4, 12; attack 7) ---


@pytest.mark.parametrize(
    ("meter_stop_wh", "minutes", "doubt"),
    [
        (900, 60, Doubt.METER_BACKWARDS),
        (911_000, 60, Doubt.TOO_MUCH_ENERGY),
        (2**62, 60, Doubt.TOO_MUCH_ENERGY),
    ],
)
def test_an_implausible_bill_waits_for_a_person(play: Play, meter_stop_wh: int, minutes: int, doubt: Doubt) -> None:
    transaction = number(play.start(1000))
    play.after(minutes)
    reply = play.stop(transaction, meter_stop_wh).reply
    (kept,) = play.found(CdrQuarantined)
    (reason,) = kept.cdr.quarantine
    assert reason.startswith(f"{doubt}: ")
    assert play.found(CdrIssued) == []
    assert play.found(PostingMade) == []
    assert reply.total_cost is None  # type: ignore[union-attr]
    (alarm,) = play.found(AlarmRaised)
    assert (alarm.alarm, alarm.station_id, alarm.evse_id) == ("bill_quarantined", kept.cdr.station_id, kept.cdr.evse_id)


def test_a_stop_a_few_watt_hours_below_the_last_sample_is_rounding(play: Play) -> None:
    transaction = number(play.start(1000))
    play.after(10)
    samples = (register(2010, play.now),)
    play.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=None, samples=samples))
    play.status("A", 1, ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EV)
    play.after(1)
    play.stop(transaction, 2004)
    assert bill(play).total_energy_wh == 1004
    assert sum(p.energy_wh for p in bill(play).charging_periods) == 1004


@pytest.mark.parametrize("stamp", [None, START - timedelta(days=3650 * 5), START + timedelta(days=3650)])
def test_a_senseless_clock_spoils_only_bills_that_price_time(stamp: object) -> None:
    for tariff_id, kind in (("standard", CdrIssued), ("time", CdrQuarantined)):
        play = Play(site=new_site(default_tariff_id=tariff_id))
        play.connect()
        transaction = number(play.start(1000, at=stamp))
        play.after(60)
        play.stop(transaction, 11_000)
        (judged,) = play.found(kind)
        assert judged.cdr.total_time_s == 3600
        assert judged.cdr.total_energy_wh == 10_000


def test_a_station_whose_clock_runs_a_little_fast_is_billed_its_own_duration(play: Play) -> None:
    ahead = timedelta(seconds=40)
    transaction = number(play.start(0, at=play.now + ahead))
    play.after(10)
    play.stop(transaction, 100, at=play.now + ahead)
    assert bill(play).total_time_s == 600


# --- OCPP 2.0.1 ---


def test_plug_first_card_later(play: Play) -> None:
    play.began201(token=None, charging_state=ChargingState.EV_CONNECTED)
    play.after(2)
    reply = play.updated201(token="GOOD", charging_state=ChargingState.CHARGING).reply
    assert reply.id_token.status == "Accepted"  # type: ignore[union-attr]
    play.after(8)
    play.stop("T1", 2000, station_id="B")
    assert (bill(play).contract_id, bill(play).total_parking_time_s, bill(play).total_time_s) == ("C-GOOD", 120, 480)


def test_an_update_without_a_start_opens_the_transaction_and_a_late_start_completes_it(play: Play) -> None:
    began_at = play.now
    play.after(10)
    play.updated201(evse_id=1, charging_state=ChargingState.CHARGING, samples=(register(2000, play.now),))
    play.began201(at=began_at, charging_state=ChargingState.CHARGING)
    play.after(5)
    play.stop("T1", 3000, station_id="B")
    cdr = bill(play)
    assert (cdr.total_energy_wh, cdr.total_time_s, cdr.token_uid) == (2000, 900, "GOOD")
    assert len(play.found(TransactionStarted)) == 1


def test_a_start_that_names_no_evse_finds_its_place(play: Play) -> None:
    play.began201(evse_id=None, connector_id=None, meter_start_wh=None)
    play.updated201(evse_id=1, samples=(register(100, play.now),))
    play.after(6)
    play.stop("T1", 700, station_id="B")
    assert (bill(play).evse_id, bill(play).total_energy_wh) == (1, 600)


def test_a_transaction_id_may_come_again_after_a_factory_reset(play: Play) -> None:
    for minutes in (10, 20):
        play.began201("1")
        play.after(minutes)
        play.stop("1", 2000, station_id="B")
        play.after(1)
    assert [issued.cdr.total_time_s for issued in play.found(CdrIssued)] == [600, 1200]


# --- the table, and purity ---


def test_the_table_has_no_way_out_of_a_final_state() -> None:
    final = {TransactionState.BILLED, TransactionState.QUARANTINED}
    assert not [state for state, _ in TABLE if state in final]
    moves = {(state, cause) for state in (TransactionState.RUNNING, TransactionState.INTERRUPTED) for cause in Cause}
    moves -= {(state, Cause.TAKEN_OVER) for state in TransactionState}
    assert moves | {(TransactionState.HANDED_OVER, Cause.TAKEN_OVER)} == set(TABLE)


steps = st.lists(
    st.tuples(
        st.sampled_from(["start", "stop", "stray", "meter", "suspend", "charge", "boot", "drop", "back"]),
        st.integers(1, 2),
        st.integers(0, 3000),
        st.integers(0, 40),
    ),
    max_size=40,
)


def act(play: Play, meters: dict[int, int], step: tuple[str, int, int, int]) -> None:
    what, evse, energy_wh, minutes = step
    play.after(minutes)
    running = next((t for t in play.site.transactions.values() if t.evse_id == evse), None)
    meters[evse] += energy_wh if running else 0
    match what:
        case "start":
            play.start(meters[evse], token="GOOD", evse=evse)
        case "stop" if running:
            play.stop(running.charger_transaction_id, meters[evse])
        case "stray":
            play.stop("4711", 1)
        case "meter":
            samples = (register(meters[evse], play.now),)
            play.tell(MeterValuesReported(station_id="A", evse_id=evse, charger_transaction_id=None, samples=samples))
        case "suspend" | "charge":
            state = ChargingState.CHARGING if what == "charge" else ChargingState.SUSPENDED_EV
            play.status("A", evse, ConnectorStatus.OCCUPIED, state)
        case "boot":
            play.tell(BootReported(station_id="A", vendor="V", model="M"))
        case "drop":
            play.tell(StationDisconnected(station_id="A"))
        case "back":
            play.connect("A")


@settings(max_examples=150, deadline=None)
@given(steps)
def test_whatever_happens_every_transaction_is_billed_once_and_adds_up(taken: list[tuple[str, int, int, int]]) -> None:
    play = Play()
    play.connect()
    meters = {1: 1000, 2: 5000}
    for step in taken:
        act(play, meters, step)
    started = [body.transaction_id for body in play.found(TransactionStarted)]
    ended = [body.transaction_id for body in play.found(TransactionEnded)]
    cdrs = [body.cdr for body in (*play.found(CdrIssued), *play.found(CdrQuarantined))]
    assert len(set(started)) == len(started)
    assert sorted(ended) == sorted(cdr.session_id for cdr in cdrs)
    assert set(started) == set(ended) | set(play.site.transactions)
    assert [entry.seq for entry in play.entries if entry.stream == "money"] == list(
        range(1, play.site.last_seq[play.entries[0].stream.__class__("money")] + 1)
    )
    for cdr in cdrs:
        assert cdr.total_time_s + cdr.total_parking_time_s == int(
            (cdr.end_date_time - cdr.start_date_time).total_seconds()
        )
        assert cdr.total_energy_wh == cdr.meter_stop_wh - cdr.meter_start_wh
    assert play.site.power_w == sum(status.power_w or 0 for status in play.site.evses.values())


@settings(max_examples=60, deadline=None)
@given(steps)
def test_recorded_inputs_give_the_same_entries_byte_for_byte(taken: list[tuple[str, int, int, int]]) -> None:
    play = Play()
    play.connect()
    meters = {1: 1000, 2: 5000}
    for step in taken:
        act(play, meters, step)
    again = new_site()
    replayed = [entry for event, now in play.recorded for entry in decide(again, event, now).entries]
    assert [encode_entry(entry) for entry in replayed] == [encode_entry(entry) for entry in play.entries]


def test_only_what_memory_does_not_hold_is_looked_up(play: Play) -> None:
    decision = play.start(1000)
    event = play.recorded[-1][0]
    assert wanted(play.site, event) == ()
    play.after(1)
    play.stop(number(decision), 1100)
    assert wanted(play.site, event) == ()
    assert wanted(new_site(), event) != ()
