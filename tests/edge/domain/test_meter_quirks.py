"""Playbooks of the field: clocks, readings without an id, registers that lie, messages out of order.

Rows are those of the list of field quirks: 2, 3, 4, 7, 12 and 14.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.numbering import Numbering, from_the_middle
from edge.domain.transaction import Doubt, Transaction
from protocols.charger.events import MeterValuesReported, Sample, TransactionContinued, TransactionFinished
from protocols.sync.up import (
    AlarmCleared,
    AlarmRaised,
    CdrIssued,
    CdrQuarantined,
    MeterValuesSampled,
    UnknownStopSettled,
)
from protocols.sync.upkeep import DeviationSeen
from protocols.terms import ChargingState, ConnectorStatus, Measurand, ReadingContext
from tests.edge.domain.site_kit import START, Play, doubts, issued, new_site, number, register


@pytest.fixture
def play() -> Play:
    made = Play()
    made.connect()
    return made


def read(play: Play, *samples: Sample, transaction: str | None = None) -> None:
    play.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=transaction, samples=samples))


def power(watt: int, at: datetime) -> Sample:
    return Sample(measurand=Measurand.POWER, value=watt, at=at)


def only_running(play: Play) -> Transaction:
    (running,) = play.site.transactions.values()
    return running


# --- row 2: clocks ---


@pytest.mark.parametrize(
    "stamp", [None, datetime(1970, 1, 1, tzinfo=START.tzinfo), datetime(2099, 1, 1, tzinfo=START.tzinfo)]
)
def test_a_stamp_that_cannot_be_is_replaced_and_somebody_is_told(play: Play, stamp: datetime | None) -> None:
    transaction = number(play.start(1000, at=stamp))
    play.after(30)
    play.stop(transaction, 5000, at=stamp)
    bill = issued(play)  # energy alone is priced: the clock changes nothing
    assert (bill.start_date_time, bill.end_date_time) == (START, play.now)
    (alarm,) = play.found(AlarmRaised)
    assert (alarm.alarm, alarm.station_id) == ("station_clock", "A")


def test_local_time_that_says_it_is_utc_makes_no_negative_duration(play: Play) -> None:
    """evcc-io/evcc#10399: two hours ahead of UTC; the end is put right by the station in between."""
    transaction = number(play.start(1000, at=START + timedelta(hours=2)))
    play.after(30)
    play.stop(transaction, 5000)
    assert (issued(play).total_time_s, issued(play).total_energy_wh) == (1800, 4000)
    assert [alarm.alarm for alarm in play.found(AlarmRaised)] == ["station_clock"]
    assert [cleared.alarm_id for cleared in play.found(AlarmCleared)] == ["station_clock:A"]


def test_where_time_has_a_price_a_wrong_clock_keeps_the_bill_back_and_says_why() -> None:
    play = Play(site=new_site(default_tariff_id="time"))
    play.connect()
    transaction = number(play.start(1000, at=datetime(2099, 1, 1, tzinfo=START.tzinfo)))
    play.after(30)
    play.stop(transaction, 5000)
    (reason,) = doubts(play)
    assert reason.startswith(str(Doubt.CLOCK))
    assert "2099-01-01" in reason


# --- row 3: readings without a transaction ---


def test_readings_without_an_id_are_of_what_runs_there(play: Play) -> None:
    transaction = number(play.start(1000))
    play.after(10)
    read(play, register(2500, play.now))
    assert only_running(play).last_wh == 2500
    play.after(10)
    play.stop(transaction, 3000)
    assert issued(play).total_energy_wh == 2000


def test_readings_without_an_id_from_before_the_start_are_not(play: Play) -> None:
    """What is left in the queue from the time before must not become the present register."""
    play.start(50_000)
    read(play, register(1000, START - timedelta(hours=1)))
    play.after(1)
    read(play, register(50_100, play.now))
    running = only_running(play)
    assert (running.last_wh, running.doubts) == (50_100, [])
    assert play.found(MeterValuesSampled)  # kept all the same


def test_readings_with_an_id_that_nobody_knows_are_kept_and_belong_to_nothing(play: Play) -> None:
    play.start(1000)
    play.after(10)
    read(play, register(900_000, play.now), transaction="4711")
    assert only_running(play).last_wh is None
    assert play.found(MeterValuesSampled)[0].samples[0].value == 900_000


# --- row 4: the lifetime odometer ---


def test_the_lifetime_of_the_meter_is_never_billed(play: Play) -> None:
    """citrineos-core#1060: begun at 0 while it was offline, 909.948 kWh is the first true reading."""
    play.began201(meter_start_wh=0, is_offline=True, seq_no=0)
    play.after(2)
    play.updated201(samples=(register(909_948, play.now),), seq_no=1)
    play.after(10)
    play.tell(
        TransactionFinished(
            station_id="B",
            charger_transaction_id="T1",
            token_uid=None,
            meter_stop_wh=910_031,
            at=play.now,
            seq_no=2,
        )
    )
    jumped, too_much = sorted(doubts(play), reverse=True)
    assert jumped.startswith(str(Doubt.METER_JUMPED))
    assert "from 0 Wh" in jumped
    assert "909948 Wh" in jumped
    assert "11000 W" in jumped
    assert too_much.startswith(str(Doubt.TOO_MUCH_ENERGY))
    assert "first read 909948 Wh" in too_much
    assert "began at 0 Wh" in too_much


def test_a_young_meter_is_found_out_by_its_first_reading(play: Play) -> None:
    """5 kWh could be drawn in two hours, but not in the first minute."""
    transaction = number(play.start(0))
    play.after(1)
    read(play, register(5_000, play.now))
    play.after(119)
    play.stop(transaction, 5_083)
    (reason,) = doubts(play)
    assert reason.startswith(str(Doubt.METER_JUMPED))


def test_a_reading_after_a_long_silence_is_no_jump(play: Play) -> None:
    transaction = number(play.start(0))
    play.after(60)
    read(play, register(21_000, play.now))
    play.after(60)
    play.stop(transaction, 42_000)
    assert issued(play).total_energy_wh == 42_000


def test_an_offline_queue_in_one_burst_is_no_jump(play: Play) -> None:
    transaction = number(play.start(0))
    begun = play.now
    play.after(120)
    for minutes in range(10, 120, 10):
        read(play, register(minutes * 300, begun + timedelta(minutes=minutes)), transaction=transaction)
    play.stop(transaction, 36_000)
    assert issued(play).total_energy_wh == 36_000


def test_readings_without_stamps_tell_no_speed(play: Play) -> None:
    transaction = number(play.start(0))
    play.after(60)
    for wh in (7_000, 14_000, 21_000):
        read(play, Sample(measurand=Measurand.ENERGY_REGISTER, value=wh, at=None), transaction=transaction)
    play.stop(transaction, 21_000)
    assert issued(play).total_energy_wh == 21_000


# --- row 12: units, resets, roll-over ---


def test_kwh_that_are_labelled_wh_are_found_by_the_power(play: Play) -> None:
    """openevse_esp32_firmware#703: the register rises by one in seven minutes at 9.4 kW."""
    transaction = number(play.start(361))
    for minute in range(30):
        play.after(1)
        read(play, power(9400, play.now), register(361 + minute // 7, play.now), transaction=transaction)
    play.stop(transaction, 365)
    (reason,) = doubts(play)
    assert reason.startswith(str(Doubt.METER_TOO_SLOW))
    assert "4 Wh" in reason
    assert "4543 Wh" in reason


def test_kwh_that_are_labelled_wh_are_found_in_a_short_session_too(play: Play) -> None:
    transaction = number(play.start(500))
    for minute in range(8):
        play.after(1)
        read(play, power(11_000, play.now), register(500 + minute // 6, play.now), transaction=transaction)
    play.stop(transaction, 501)
    (reason,) = doubts(play)
    assert reason.startswith(str(Doubt.METER_TOO_SLOW))


def test_the_same_power_with_a_register_in_wh_is_sound(play: Play) -> None:
    transaction = number(play.start(361_000))
    for minute in range(1, 31):
        play.after(1)
        read(play, power(9400, play.now), register(361_000 + minute * 157, play.now), transaction=transaction)
    play.stop(transaction, 365_710)
    assert issued(play).total_energy_wh == 4_710


def test_a_power_that_was_said_once_does_not_hold_for_ever(play: Play) -> None:
    transaction = number(play.start(1000))
    play.after(1)
    read(play, power(22_000, play.now), transaction=transaction)
    play.after(300)
    play.stop(transaction, 1050)
    assert issued(play).total_energy_wh == 50


@pytest.mark.parametrize("watt", [9_400_000, -9_400])
def test_a_power_that_cannot_be_proves_nothing(play: Play, watt: int) -> None:
    """W that are labelled kW, or a vehicle that feeds: the register is sound."""
    transaction = number(play.start(361_000))
    for minute in range(1, 31):
        play.after(1)
        read(play, power(watt, play.now), register(361_000 + minute * 157, play.now), transaction=transaction)
    play.stop(transaction, 365_710)
    assert issued(play).total_energy_wh == 4_710


def test_a_vehicle_that_rests_draws_nothing_whatever_was_measured_last(play: Play) -> None:
    transaction = number(play.start(1000))
    for _ in range(40):
        play.after(1)
        read(play, power(22_000, play.now), transaction=transaction)
        play.status("A", 1, ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EV)
        play.after(5)
    play.stop(transaction, 1050)
    assert issued(play).total_energy_wh == 50


@pytest.mark.parametrize("after_wh", [0, 40, 4_000])
def test_a_register_that_begins_anew_is_counted_on(play: Play, after_wh: int) -> None:
    transaction = number(play.start(10_000))
    play.after(20)
    read(play, register(15_000, play.now))
    play.after(1)
    read(play, register(after_wh, play.now))
    play.after(20)
    read(play, register(after_wh + 3_000, play.now))
    play.stop(transaction, after_wh + 3_000)
    (found,) = play.found(CdrQuarantined)
    assert found.cdr.total_energy_wh == 8_000
    assert [period.energy_wh for period in found.cdr.charging_periods] == [8_000]
    (reason,) = found.cdr.quarantine
    assert reason.startswith(str(Doubt.METER_BACKWARDS))
    assert f"from 15000 Wh to {after_wh} Wh" in reason


def test_a_register_that_rolls_over_is_counted_on(play: Play) -> None:
    transaction = number(play.start(99_998_000))
    play.after(20)
    read(play, register(99_999_500, play.now))
    play.after(20)
    play.stop(transaction, 1_000)
    (found,) = play.found(CdrQuarantined)
    assert found.cdr.total_energy_wh == 1_500  # what lies between the last reading and the roll-over is given away


def test_one_reading_of_zero_between_sound_ones_is_no_reset(play: Play) -> None:
    """lbbrhzn/ocpp#1741."""
    transaction = number(play.start(910_000))
    play.after(20)
    read(play, register(915_000, play.now))
    play.after(1)
    read(play, register(0, play.now))
    play.after(1)
    read(play, register(915_400, play.now))
    play.after(20)
    play.stop(transaction, 920_000)
    assert issued(play).total_energy_wh == 10_000


@given(st.lists(st.integers(0, 2**40), max_size=12), st.integers(0, 2**40), st.integers(0, 2**40))
def test_energy_is_never_negative(readings: list[int], start_wh: int, stop_wh: int) -> None:
    play = Play()
    play.connect("A")
    transaction = number(play.start(start_wh))
    seen_wh = 0
    for value in readings:
        play.after(1)
        read(play, register(value, play.now))
        assert only_running(play).energy_wh >= seen_wh
        seen_wh = only_running(play).energy_wh
    play.stop(transaction, stop_wh)
    (cdr,) = [found.cdr for found in (*play.found(CdrIssued), *play.found(CdrQuarantined))]
    assert cdr.total_energy_wh >= max(0, seen_wh - 10)
    assert all(period.energy_wh >= 0 for period in cdr.charging_periods)
    assert cdr.total_cost.excl_vat >= 0


# --- row 14: numbers ---


def end201(play: Play, seq_no: int | None, meter_wh: int | None = 2000, transaction: str = "T1") -> None:
    play.tell(
        TransactionFinished(
            station_id="B",
            charger_transaction_id=transaction,
            token_uid=None,
            meter_stop_wh=meter_wh,
            at=play.now,
            seq_no=seq_no,
        )
    )


def test_messages_in_order_are_complete(play: Play) -> None:
    play.began201(seq_no=0)
    play.updated201(seq_no=1)
    play.updated201(seq_no=1)  # said twice
    play.after(30)
    end201(play, 2)
    assert issued(play).total_energy_wh == 1000
    assert play.found(DeviationSeen) == []


def test_a_late_message_fills_its_gap_and_does_not_turn_back_the_state(play: Play) -> None:
    play.began201(seq_no=0, charging_state=ChargingState.EV_CONNECTED)
    play.after(10)
    play.updated201(seq_no=2, charging_state=ChargingState.SUSPENDED_EV, samples=(register(1900, play.now),))
    play.updated201(
        seq_no=1,
        at=START + timedelta(minutes=1),
        charging_state=ChargingState.CHARGING,
        samples=(register(1100, START + timedelta(minutes=1)),),
    )
    running = only_running(play)
    assert (running.charging_state, running.last_wh) == (ChargingState.SUSPENDED_EV, 1900)
    play.after(10)
    end201(play, 3)
    assert issued(play).total_energy_wh == 1000
    assert play.found(DeviationSeen) == []


def test_what_is_missing_is_told_and_does_not_keep_back_a_bill_that_it_cannot_change(play: Play) -> None:
    play.began201(seq_no=0)
    play.after(30)
    end201(play, 4)
    assert issued(play).total_energy_wh == 1000
    (seen,) = play.found(DeviationSeen)
    assert (seen.path, seen.problem, seen.remedy) == ("/seqNo", "messages are missing", "billed by what came")


@pytest.mark.parametrize(("tariff", "meter_wh"), [("time", 2000), (None, None)])
def test_what_is_missing_keeps_back_a_bill_that_it_could_change(tariff: str | None, meter_wh: int | None) -> None:
    play = Play(site=new_site(b_tariff=tariff))
    play.connect()
    play.began201(seq_no=0)
    play.updated201(seq_no=1, samples=(register(1500, play.now),))
    play.after(30)
    end201(play, 4, meter_wh)
    (reason,) = doubts(play)
    assert reason == f"{Doubt.INCOMPLETE}: seqNo 2, 3 of 4 never came"


def test_an_end_with_number_zero_concludes_nothing(play: Play) -> None:
    play.began201(seq_no=0)
    play.updated201(seq_no=1)
    play.after(30)
    end201(play, 0)
    assert issued(play).total_energy_wh == 1000
    (seen,) = play.found(DeviationSeen)
    assert seen.problem == "numbers that make no sense"


def test_an_end_before_its_start_is_billed_when_the_start_comes(play: Play) -> None:
    play.after(30)
    end201(play, 1)
    assert play.found(CdrIssued) == []
    play.began201(seq_no=0, at=START)
    assert (issued(play).total_energy_wh, issued(play).total_time_s) == (1000, 1800)
    assert play.site.transactions == {}
    assert len(play.found(UnknownStopSettled)) == 1
    play.began201(seq_no=0, at=START)
    assert len(play.found(CdrIssued)) == 1


def test_an_update_of_the_same_instant_is_not_taken_for_the_start(play: Play) -> None:
    play.updated201(seq_no=1, evse_id=1, samples=(register(1100, play.now),))
    play.began201(seq_no=0, meter_start_wh=1000)
    running = only_running(play)
    assert (running.meter_start_wh, running.token_uid, running.is_start_assumed) == (1000, "GOOD", False)
    play.after(30)
    end201(play, 2)
    assert issued(play).total_energy_wh == 1000


def test_a_transaction_whose_start_is_late_is_complete_with_it(play: Play) -> None:
    play.after(5)
    play.tell(
        TransactionContinued(
            station_id="B", charger_transaction_id="T1", evse_id=1, token_uid=None, at=play.now, seq_no=2
        )
    )
    play.began201(seq_no=0, at=START)
    assert only_running(play).numbering == Numbering(highest=2, missing=(1,))


def test_after_a_restart_the_last_numbers_before_it_are_not_missed() -> None:
    numbering = Numbering(highest=3, is_resumed=True)
    assert not numbering.note(9)
    assert (numbering.highest, numbering.missing, numbering.is_sane) == (9, (), True)


@given(st.permutations(range(20)))
def test_in_whatever_order_they_come_all_are_there_at_the_end(order: list[int]) -> None:
    first, *others = order
    numbering = from_the_middle(first)
    for seq_no in others:
        numbering.note(seq_no)
    assert (numbering.highest, numbering.missing, numbering.is_sane) == (19, (), True)


@given(st.lists(st.integers(-(2**40), 2**40), min_size=1))
def test_no_number_makes_the_memory_grow(numbers: list[int]) -> None:
    numbering = from_the_middle(numbers[0])
    for seq_no in numbers[1:]:
        numbering.note(seq_no)
        assert len(numbering.missing) <= 64


def test_evidence_and_numbers_survive_a_checkpoint(play: Play) -> None:
    from edge.ledger.projections import CHECKPOINT, encode

    play.began201(seq_no=0, meter_start_wh=0)
    play.after(1)
    play.updated201(seq_no=3, samples=(register(900_000, play.now), power(11_000, play.now)))
    play.after(1)
    play.updated201(seq_no=4, samples=(register(0, play.now),))
    running = only_running(play)
    assert running.evidence
    assert running.fall
    assert CHECKPOINT.validate_json(encode(running)) == running


def test_a_mark_of_the_end_is_no_power(play: Play) -> None:
    transaction = number(play.start(1000))
    play.after(1)
    end = Sample(measurand=Measurand.POWER, value=22_000, at=play.now, context=ReadingContext.TRANSACTION_END)
    read(play, end, transaction=transaction)
    assert only_running(play).power_w == 0
