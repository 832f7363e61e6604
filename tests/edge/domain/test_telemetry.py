"""The telemetry filter: what it keeps is enough to draw the curve, and what was said twice is kept once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.events import ClaimAnswered, StationsClaimed, Ticked
from edge.domain.telemetry import (
    LEVELS,
    MARKS_ONLY,
    MAX_CURVES,
    NORMAL,
    REMEMBERED_STAMPS,
    STRETCHED,
    Kept,
    Readings,
    TelemetryRules,
    rule,
)
from protocols.charger.events import MeterValuesReported, Sample
from protocols.sync.topics import Stream
from protocols.sync.up import MeterValuesSampled
from protocols.terms import ChargingState, ConnectorStatus, Measurand, ReadingContext
from tests.edge.domain.site_kit import START, Play, new_site, register

RULE = rule(100, 2, 10, 300)
RULES = TelemetryRules({Measurand.POWER: RULE, Measurand.ENERGY_REGISTER: RULE})
LATER = START + timedelta(days=1)

Point = tuple[int, int]
"""Seconds after START, and the power then."""


def power(second: int, watts: int, context: ReadingContext = ReadingContext.SAMPLE_PERIODIC) -> Sample:
    return Sample(
        measurand=Measurand.POWER, value=watts, at=START + timedelta(seconds=second), context=context, phase=None
    )


def points(kept: Iterable[Kept]) -> list[Point]:
    return [((at - START) // timedelta(seconds=1), sample.value) for sample, at in kept]


class Filter:
    """Takes one reading a message and gathers what is kept."""

    def __init__(self, level: int = NORMAL) -> None:
        self.readings = Readings("tx", START)
        self.level = level
        self.kept: list[Point] = []

    def hear(self, *heard: Point, context: ReadingContext = ReadingContext.SAMPLE_PERIODIC) -> list[Point]:
        before = len(self.kept)
        for second, watts in heard:
            self.kept += points(self.readings.take((power(second, watts, context),), LATER, RULES, self.level))
        return self.kept[before:]

    def end(self) -> list[Point]:
        self.kept += points(self.readings.end())
        return self.kept


@pytest.mark.parametrize(
    ("second", "watts", "is_kept"),
    [
        (10, 1100, True),  # 100 W are news
        (10, 1099, False),
        (10, 901, False),
        (10, 900, True),
        (9, 22_000, False),  # too soon
        (299, 1000, False),
        (300, 1000, True),  # nothing was kept for long
    ],
)
def test_a_reading_is_kept_when_it_says_something_new(second: int, watts: int, is_kept: bool) -> None:
    telemetry = Filter()
    assert telemetry.hear((0, 1000)) == [(0, 1000)]
    assert telemetry.hear((second, watts)) == ([(second, watts)] if is_kept else [])
    assert telemetry.readings.give_up() == (not is_kept)


def test_a_change_is_measured_against_the_value_that_was_kept() -> None:
    telemetry = Filter()
    telemetry.hear((0, 50_000), (10, 50_999), (20, 49_001))
    assert telemetry.kept == [(0, 50_000)]  # 2 % of 50 kW are 1 kW
    telemetry.hear((30, 50_500), (40, 51_000), (50, 51_500))
    assert telemetry.kept == [(0, 50_000), (40, 51_000)]  # what creeps is seen once it has gone far enough


def test_phases_and_measurands_are_curves_of_their_own() -> None:
    readings = Readings(None, START)
    at = START + timedelta(seconds=1)
    samples = [
        Sample(measurand=measurand, value=5, at=at, phase=phase)
        for measurand in (Measurand.POWER, Measurand.ENERGY_REGISTER)
        for phase in (None, "L1", "L2")
    ]
    assert len(readings.take(samples, LATER, RULES, NORMAL)) == 6
    assert readings.take(samples, LATER, RULES, NORMAL) == []
    assert readings.dropped == 0


def test_the_memory_of_an_evse_is_bounded() -> None:
    readings = Readings(None, START)
    samples = [Sample(measurand=Measurand.POWER, value=5, at=START, phase=str(n)) for n in range(MAX_CURVES + 3)]
    assert len(readings.take(samples, START, RULES, NORMAL)) == MAX_CURVES
    assert (len(readings.curves), readings.dropped) == (MAX_CURVES, 3)
    many = [power(second, 5) for second in range(3 * REMEMBERED_STAMPS)]
    readings.take(many, LATER, RULES, NORMAL)
    assert len(readings.stamps) == REMEMBERED_STAMPS


def test_the_last_before_and_the_first_after_a_change_of_state_are_kept() -> None:
    telemetry = Filter()
    telemetry.hear((0, 1000), (1, 1001), (2, 1002))
    telemetry.readings.expect_change()
    telemetry.hear((3, 1003), (4, 1004))
    assert telemetry.kept == [(0, 1000), (2, 1002), (3, 1003)]


@pytest.mark.parametrize(
    "mark",
    [
        ReadingContext.TRANSACTION_BEGIN,
        ReadingContext.TRANSACTION_END,
        ReadingContext.INTERRUPTION_BEGIN,
        ReadingContext.INTERRUPTION_END,
    ],
)
@pytest.mark.parametrize("level", LEVELS)
def test_what_the_station_marks_is_kept_at_every_level_and_once(mark: ReadingContext, level: int) -> None:
    telemetry = Filter(level)
    telemetry.hear((0, 1000), (1, 1000))
    assert telemetry.hear((2, 1000), context=mark) == [(2, 1000)]
    assert telemetry.hear((2, 1000), context=mark) == []
    assert telemetry.hear((2, 1000)) == []
    telemetry.hear((3, 1000))
    assert telemetry.hear((3, 1000), context=mark) == [(3, 1000)]  # of a moment that was let go before
    assert telemetry.hear((3, 1000), context=mark) == []


def test_a_time_that_cannot_be_believed_becomes_the_time_of_receipt() -> None:
    readings = Readings(None, START)
    for second, wrong in enumerate((None, datetime.min.replace(tzinfo=START.tzinfo), START + timedelta(days=36_500))):
        now = START + timedelta(seconds=300 * second)
        sample = Sample(measurand=Measurand.POWER, value=5, at=wrong)
        assert readings.take((sample,), now, RULES, NORMAL) == [(sample, now)]


# --- thinning ---


def test_thinning_stretches_the_intervals_and_then_leaves_only_the_marks() -> None:
    heard = [(second, 1000 * (second // 60)) for second in range(0, 1_300, 20)]
    kept = {}
    for level in LEVELS:
        telemetry = Filter(level)
        telemetry.hear(*heard)
        telemetry.readings.expect_change()
        telemetry.hear((1_300, 0))
        kept[level] = telemetry.end()
        assert telemetry.readings.dropped == len(heard) + 1 - len(kept[level])
    assert [second for second, _ in kept[STRETCHED][:3]] == [0, 60, 120]
    assert kept[MARKS_ONLY] == [(0, 0), (1_280, 21_000), (1_300, 0)]
    quiet = Filter(STRETCHED)
    quiet.hear((0, 1000), (39, 5000), (40, 5000), (1_239, 5000), (1_240, 5000))
    assert quiet.kept == [(0, 1000), (40, 5000), (1_240, 5000)]
    assert (quiet.readings.dropped, quiet.readings.thinned) == (2, 2)


def test_only_what_the_usual_rules_would_keep_counts_as_thinned() -> None:
    telemetry = Filter(MARKS_ONLY)
    telemetry.hear((0, 1000), (20, 1050), (40, 5000))
    assert (telemetry.kept, telemetry.readings.give_up(), telemetry.readings.thinned) == ([(0, 1000)], 2, 1)
    telemetry.level = NORMAL
    assert telemetry.hear((60, 1000)) == []  # against what was kept, not against what was heard
    assert telemetry.hear((80, 5000)) == [(80, 5000)]


# --- repetitions and old queues ---


def test_an_old_queue_beside_the_present_is_a_stretch_of_its_own() -> None:
    telemetry = Filter()
    telemetry.hear((0, 1000), (10, 1001), (1_000, 1000))
    assert telemetry.kept == [(0, 1000), (1_000, 1000)]
    telemetry.hear((100, 1000), (110, 1001), (120, 1002), (130, 3000))
    assert telemetry.kept[2:] == [(100, 1000), (130, 3000)]
    telemetry.hear((140, 3001))
    telemetry.hear((1_010, 1000))
    assert telemetry.kept[4:] == [(140, 3001), (1_010, 1000)]  # the stretch ended with what was withheld
    for point in ((100, 1000), (120, 1002), (130, 3000), (1_000, 1000), (1_010, 1000)):
        assert telemetry.hear(point) == []
    assert telemetry.end() == telemetry.kept


series = st.lists(
    st.tuples(st.integers(1, 400), st.integers(0, 2_000)),
    min_size=1,
    max_size=30,
).map(lambda steps: [(sum(s for s, _ in steps[: i + 1]), watts) for i, (_, watts) in enumerate(steps)])


def assert_drawn(heard: Sequence[Point], kept: Sequence[Point]) -> None:
    """The kept points draw the curve: each that is not among them is old news of the one before."""
    assert len(set(kept)) == len(kept)
    assert set(kept) <= set(heard)
    kept_by_time = sorted(kept)
    assert kept_by_time[0] == min(heard)
    assert kept_by_time[-1] == max(heard)
    for second, watts in set(heard) - set(kept):
        before_second, before_watts = [point for point in kept_by_time if point[0] < second][-1]
        change, age_s = abs(watts - before_watts), second - before_second
        assert age_s < 300
        assert age_s < 10 or change < 100 or change * 100 < 2 * before_watts


@given(series)
def test_the_curve_can_be_drawn_from_what_is_kept(heard: list[Point]) -> None:
    telemetry = Filter()
    telemetry.hear(*heard)
    assert_drawn(heard, telemetry.end())
    assert telemetry.readings.dropped == len(heard) - len(telemetry.kept)


@given(series, st.data())
def test_what_is_said_again_adds_nothing(heard: list[Point], data: st.DataObject) -> None:
    plain, repeated = Filter(), Filter()
    plain.hear(*heard)
    for index in range(len(heard)):
        repeated.hear(heard[index])
        for again in data.draw(st.lists(st.integers(0, index), max_size=3)):
            repeated.hear(heard[again])
    repeated.hear(*heard)
    assert repeated.end() == plain.end()
    assert repeated.readings.dropped == plain.readings.dropped


@given(series, series, series, st.data())
def test_a_queue_handed_in_beside_the_present_loses_nothing(
    before: list[Point], queue: list[Point], present: list[Point], data: st.DataObject
) -> None:
    queue = [(before[-1][0] + second, watts) for second, watts in queue]
    present = [(queue[-1][0] + 300 + second, watts) for second, watts in present]
    telemetry = Filter()
    telemetry.hear(*before)
    old, new, heard = list(queue), list(present), list(before)
    while old or new:
        is_old = bool(old) and (not new or data.draw(st.booleans()))
        heard.append((old if is_old else new).pop(0))
        telemetry.hear(heard[-1])
    assert_drawn(heard, telemetry.end())
    assert telemetry.readings.dropped == len(heard) - len(telemetry.kept)
    told = list(telemetry.kept)
    telemetry.hear(*heard[-REMEMBERED_STAMPS:])
    assert telemetry.end() == told


@given(series, st.data())
def test_the_first_after_every_change_of_state_is_kept(heard: list[Point], data: st.DataObject) -> None:
    telemetry = Filter(data.draw(st.sampled_from(LEVELS)))
    for point in heard:
        is_change = data.draw(st.booleans())
        if is_change:
            telemetry.readings.expect_change()
        told = telemetry.hear(point)
        assert point in told or not is_change
    assert {heard[0], heard[-1]} <= set(telemetry.end())


# --- through the decisions ---


def meter_values(play: Play, *watts: int, evse: int = 1, transaction: str | None = None) -> list[MeterValuesSampled]:
    """Tell station A's power, a reading every minute, and what was kept of it."""
    before = len(play.readings)
    for value in watts:
        play.after(1)
        sample = Sample(measurand=Measurand.POWER, value=value, at=play.now)
        play.tell(
            MeterValuesReported(station_id="A", evse_id=evse, charger_transaction_id=transaction, samples=(sample,))
        )
    return play.readings[before:]


def told(play: Play) -> list[tuple[str | None, list[int], int]]:
    return [
        (body.transaction_id, [sample.value for sample in body.samples], body.dropped)
        for body in play.found(MeterValuesSampled)
    ]


@pytest.fixture
def play() -> Play:
    play = Play()
    play.connect()
    return play


def test_a_transaction_is_drawn_from_its_first_reading_to_its_last(play: Play) -> None:
    charger_id = play.start(1000).reply.charger_transaction_id  # type: ignore[union-attr]
    (transaction,) = play.site.transactions
    meter_values(play, 11_000, 11_001, 11_002, 7_000, 7_001, 7_002)
    play.after(1)
    play.stop(charger_id, 2000, samples=(register(2000, play.now),))
    assert told(play) == [
        (transaction, [11_000], 0),
        (transaction, [7_000], 2),
        (transaction, [2000], 1),  # the other one is withheld, and kept in the end
        (transaction, [7_002], 0),
    ]
    assert Stream.TELEMETRY not in {entry.stream for entry in play.entries}, "they wait to be packed"
    assert play.site.readings == {}
    assert (play.site.telemetry_kept, play.site.telemetry_dropped, play.site.telemetry_thinned) == (4, 3, 0)
    last = play.found(MeterValuesSampled)[-1]
    assert (last.station_id, last.evse_id, last.at, last.filter) == ("A", 1, START + timedelta(minutes=6), "deadband-1")


def test_a_whole_session_told_again_adds_nothing(play: Play) -> None:
    charger_id = play.start(1000).reply.charger_transaction_id  # type: ignore[union-attr]
    meter_values(play, 11_000, 5_000, 5_001, transaction=charger_id)
    play.stop(charger_id, 2000, samples=(register(2000, play.now),))
    recorded, before = list(play.recorded), (len(play.entries), len(play.readings))
    for event, _ in recorded[-5:]:
        play.tell(event)
    assert (len(play.entries), len(play.readings)) == before


def test_a_change_of_the_charging_state_is_drawn(play: Play) -> None:
    play.start(1000)
    meter_values(play, 11_000, 11_001)
    play.status("A", 1, ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EV)
    (entry,) = meter_values(play, 11_002)
    assert [(sample.value, sample.after_ms) for sample in entry.samples] == [(11_001, 0), (11_002, 60_000)]
    play.status("A", 1, ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EV)
    assert meter_values(play, 11_003) == []


def test_an_updated_transaction_of_ocpp_201_is_drawn(play: Play) -> None:
    def sample(watts: int) -> tuple[Sample, ...]:
        return (Sample(measurand=Measurand.POWER, value=watts, at=play.now),)

    play.began201(samples=sample(0))
    for watts, state in ((0, None), (10, ChargingState.SUSPENDED_EVSE), (20, None), (5_000, ChargingState.CHARGING)):
        play.after(0.1)
        play.updated201(samples=sample(watts), charging_state=state)
    assert [values for _, values, _ in told(play)] == [[0], [0, 10], [20, 5_000]]
    play.began201("T2", samples=sample(7))  # the station forgot to end the other
    assert [values for _, values, _ in told(play)][3:] == [[7]]
    assert len({transaction for transaction, *_ in told(play)}) == 2


def test_readings_outside_a_transaction_are_filtered_alike_and_forgotten(play: Play) -> None:
    assert len(meter_values(play, 500, 501, 502, evse=2)) == 1
    assert told(play) == [(None, [500], 0)]
    play.start(1000, evse=2)
    assert len(meter_values(play, 502, 503, evse=2)) == 1  # a transaction's first reading is kept, however little new
    assert told(play)[1][2] == 2
    meter_values(play, 1, evse=1)
    assert len(play.site.readings) == 2
    play.after(16)
    play.tell(Ticked())
    assert [ref.evse_id for ref in play.site.readings] == [2]


def test_the_main_meter_of_a_station_is_kept(play: Play) -> None:
    assert len(meter_values(play, 43_000, 43_001, evse=0)) == 1
    (body,) = play.found(MeterValuesSampled)
    assert (body.evse_id, body.transaction_id) == (0, None)
    assert 0 not in play.site.stations["A"].evse_ids


def test_a_transaction_that_changes_its_evse_takes_its_curve_along(play: Play) -> None:
    play.began201(evse_id=None, samples=(Sample(measurand=Measurand.POWER, value=5, at=play.now),))
    play.after(1)
    play.updated201(evse_id=2, samples=(Sample(measurand=Measurand.POWER, value=6, at=play.now),))
    assert [values for _, values, _ in told(play)] == [[5]]
    assert [ref.evse_id for ref in play.site.readings] == [2]


def test_a_transaction_that_is_handed_over_ends_its_curve_here() -> None:
    play = Play(new_site(peers=frozenset({"edge-2"})))
    play.connect()
    play.tell(ClaimAnswered(station_id="A", claim=1, is_complete=True))
    play.start(1000)
    meter_values(play, 11_000, 11_001, 11_002)
    play.tell(StationsClaimed(by_edge_id="edge-2", station_ids=("A",)))
    assert [values for _, values, _ in told(play)] == [[11_000], [11_002]]
    assert play.site.readings == {}


def test_a_long_message_becomes_several_entries(play: Play) -> None:
    play.start(1000)
    samples = tuple(power(second, 10_000 * (second % 20)) for second in range(0, 6_000, 10))
    play.after(100)
    play.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=None, samples=samples))
    assert [len(values) for _, values, _ in told(play)] == [250, 250, 100]


def test_the_filter_can_be_switched_off() -> None:
    play = Play(new_site(telemetry=TelemetryRules(is_enabled=False)))
    play.connect()
    play.start(1000)
    assert meter_values(play, 11_000, 500) == []
    assert play.site.readings == {}


def test_the_agent_sets_how_hard_the_filter_thins(play: Play) -> None:
    play.start(1000)
    play.site.telemetry_thinning = MARKS_ONLY
    assert len(meter_values(play, 11_000, 500, 11_000, 11_000)) == 1
    assert (play.site.telemetry_kept, play.site.telemetry_dropped, play.site.telemetry_thinned) == (1, 2, 1)
