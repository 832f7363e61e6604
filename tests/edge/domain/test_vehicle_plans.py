"""Vehicles with ISO 15118: what they are offered, what of their plans is accepted, and what is offered anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.domain.decision import Decision
from edge.domain.smart_charging import NOT_APPLIED, limit_now
from edge.domain.vehicle_plans import MOST_REFUSALS
from protocols.charger.commands import ChargerCommand, Judged
from protocols.charger.events import (
    ChargingLimitCleared,
    ChargingLimitReported,
    ChargingNeedsReported,
    CommandAnswered,
    EvScheduleReported,
)
from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    ClearChargingProfile,
    GetCompositeSchedule,
    SchedulePeriod,
    SetChargingProfile,
)
from protocols.sync.down import Command, Operate
from protocols.sync.up import AlarmRaised
from protocols.sync.upkeep import ChargingProfileSet
from protocols.terms import EvseRef
from tests.edge.domain.site_kit import START, Play

REF = EvseRef("A", 1)
SPLIT_SECOND = timedelta(milliseconds=730)


def schedule(*limits: tuple[int, float], **more: Any) -> ChargingSchedule:
    """Periods of (start_s, W)."""
    periods = tuple(SchedulePeriod(start_s=start, limit=limit) for start, limit in limits)
    return ChargingSchedule(rate_unit="W", periods=periods, **more)


def profile(*schedules: ChargingSchedule, **more: Any) -> ChargingProfile:
    return ChargingProfile(schedules=schedules, **({"purpose": "TxDefaultProfile"} | more))


@pytest.fixture
def play() -> Play:
    """A transaction runs at A*1, and no time that is looked at is a whole second."""
    play = Play()
    play.connect()
    play.now += SPLIT_SECOND
    play.start()
    return play


def ask(play: Play, operation: SetChargingProfile | ClearChargingProfile) -> ChargerCommand:
    """Somebody's command, which the station has not answered yet."""
    command = Command(
        id=f"c{len(play.recorded)}",
        issued_at=play.now,
        expires_at=play.now + timedelta(minutes=1),
        body=Operate(station_id="A", operation=operation),
    )
    (asked,) = play.tell(command).commands
    return asked


def operate(play: Play, operation: SetChargingProfile | ClearChargingProfile) -> Decision:
    """Somebody's command, accepted by the station; the decision upon that."""
    return accept(play, ask(play, operation))


def put(play: Play, what: ChargingProfile, evse_id: int = 1) -> Decision:
    return operate(play, SetChargingProfile(evse_id=evse_id, profile=what))


def accept(play: Play, asked: ChargerCommand) -> Decision:
    return play.tell(CommandAnswered(station_id="A", command_id=asked.command_id, is_accepted=True))


def tell_back(play: Play, question: ChargerCommand, told: dict[str, Any]) -> None:
    """The station answers with its composite schedule."""
    result = {"schedule": told}
    play.tell(CommandAnswered(station_id="A", command_id=question.command_id, is_accepted=True, result=result))


def offered(decision: Decision) -> list[ChargingProfile]:
    return [each.operation.profile for each in decision.commands if isinstance(each.operation, SetChargingProfile)]


def needs(play: Play, tuples: int | None = None, *, is_accepted: bool = True) -> ChargingProfile:
    """The vehicle says what it needs; what it is offered, which the station accepts."""
    decision = play.tell(ChargingNeedsReported(station_id="A", evse_id=1, needs={}, max_schedule_tuples=tuples))
    assert decision.reply == Judged(is_accepted=True)
    (command,) = decision.commands
    if is_accepted:
        accept(play, command)
    (found,) = offered(decision)
    return found


def plan(play: Play, *limits: tuple[int, float], at: datetime | None = None, **more: Any) -> Decision:
    """The vehicle tells its plan, `at` being its time base."""
    told = {
        "id": 1,
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": start, "limit": limit} for start, limit in limits],
        **more,
    }
    return play.tell(EvScheduleReported(station_id="A", evse_id=1, time_base=at or play.now, schedule=told))


def is_accepted(decision: Decision) -> bool:
    assert isinstance(decision.reply, Judged)
    return decision.reply.is_accepted


def periods(what: ChargingProfile) -> list[tuple[int, float]]:
    return [(period.start_s, period.limit) for period in what.schedules[0].periods]


# --- what is offered ---


def test_who_does_not_charge_is_offered_nothing(play: Play) -> None:
    decision = play.tell(ChargingNeedsReported(station_id="A", evse_id=2, needs={}))
    assert decision.reply == Judged(is_accepted=False, reason="NoTransaction")
    assert decision.commands == []


def test_an_offer_is_for_the_transaction_and_begins_on_a_whole_second(play: Play) -> None:
    offer = needs(play)
    assert (offer.purpose, offer.schedules[0].start_at) == ("TxProfile", START)
    assert offer.charger_transaction_id == next(iter(play.site.transactions.values())).charger_transaction_id
    assert periods(offer) == [(0, 22_000.0)]


def test_an_offer_follows_the_profiles_that_hold_until_tomorrow(play: Play) -> None:
    put(play, profile(schedule((0, 11_000.0), (3600, 6_000.0), (7200, 50_000.0), start_at=START)))
    assert periods(needs(play)) == [(0, 11_000.0), (3600, 6_000.0), (7200, 22_000.0)]


@pytest.mark.parametrize(
    ("tuples", "expected"),
    [
        (-1, [(0, 2_000.0)]),
        (1, [(0, 2_000.0)]),
        (3, [(0, 5_000.0), (60, 4_000.0), (120, 2_000.0)]),
        (4, [(0, 5_000.0), (60, 4_000.0), (120, 2_000.0), (180, 3_000.0)]),
    ],
)
def test_who_takes_few_periods_is_offered_the_least_of_the_rest(
    play: Play, tuples: int, expected: list[tuple[int, float]]
) -> None:
    limits = ((0, 5_000.0), (60, 4_000.0), (120, 2_000.0), (180, 3_000.0))
    put(play, profile(schedule(*limits, start_at=START)))
    assert periods(needs(play, tuples)) == expected


def test_who_asks_again_is_offered_what_may_be_now_and_not_what_was_offered_before(play: Play) -> None:
    """K17; the limit of somebody else has come and gone."""
    limit = {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 4_000.0}]}
    play.tell(ChargingLimitReported(station_id="A", source="EMS", schedules=(limit,)))
    first = needs(play)
    assert periods(first) == [(0, 4_000.0)]
    play.tell(ChargingLimitCleared(station_id="A", source="EMS"))
    second = needs(play)
    assert periods(second) == [(0, 22_000.0)]
    assert second.profile_id == first.profile_id
    assert len(play.site.profiles["A"]) == 1


def test_what_was_set_for_the_transaction_is_offered_again(play: Play) -> None:
    """K16.FR.12: the operator's profile is not undone by a vehicle that asks once more."""
    needs(play)
    put(play, profile(schedule((0, 6_000.0), start_at=START), purpose="TxProfile"))
    for _ in range(2):
        assert periods(needs(play)) == [(0, 6_000.0)]
    assert limit_now(play.site, REF, play.now) == 6_000


def test_a_default_that_changes_is_offered_anew(play: Play) -> None:
    """K16: the offer stands above it, so the vehicle would never hear of it."""
    needs(play)
    (lower,) = offered(put(play, profile(schedule((0, 8_000.0)))))
    assert periods(lower) == [(0, 8_000.0)]
    (free,) = offered(operate(play, ClearChargingProfile(purpose="TxDefaultProfile")))
    assert periods(free) == [(0, 22_000.0)]
    assert offered(put(play, profile(schedule((0, 8_000.0)), purpose="TxProfile"))) == []


def test_an_offer_that_was_cleared_or_not_accepted_is_not_repeated(play: Play) -> None:
    offer = needs(play)
    assert offered(operate(play, ClearChargingProfile(profile_id=offer.profile_id))) == []
    needs(play, is_accepted=False)
    assert offered(put(play, profile(schedule((0, 8_000.0))))) == []


# --- what is planned ---


def test_a_plan_within_the_offer_is_accepted_and_one_beyond_is_offered_anew(play: Play) -> None:
    put(play, profile(schedule((0, 6_000.0))))
    offer = needs(play)
    assert is_accepted(plan(play, (0, 6_000.0)))
    refused = plan(play, (0, 9_000.0))
    assert refused.reply == Judged(is_accepted=False, reason="LimitExceeded")
    assert offered(refused) == [offer]


def test_who_plans_beyond_again_and_again_is_refused_and_not_offered_for_ever(play: Play) -> None:
    needs(play)
    answers = [plan(play, (0, 40_000.0)) for _ in range(MOST_REFUSALS + 2)]
    assert not any(is_accepted(answer) for answer in answers)
    assert sum(len(offered(answer)) for answer in answers) == MOST_REFUSALS


def test_a_plan_is_looked_at_as_long_as_it_lasts(play: Play) -> None:
    """A limit that falls while the plan goes on, also where the plan has no step there."""
    put(play, profile(schedule((0, 11_000.0), (3600, 6_000.0), start_at=START)))
    needs(play)
    assert not is_accepted(plan(play, (0, 11_000.0)))
    assert is_accepted(plan(play, (0, 11_000.0), duration=3600))
    assert is_accepted(plan(play, (0, 11_000.0), (3590, 6_000.0)))


@pytest.mark.parametrize("late_ms", [-999, -270, 0, 270, 999])
def test_parts_of_a_second_are_no_difference(play: Play, late_ms: int) -> None:
    """Time bases have them, and what the site says has not."""
    put(play, profile(schedule((0, 11_000.0), (3600, 6_000.0), start_at=START)))
    needs(play)
    at = START + timedelta(milliseconds=late_ms)
    assert is_accepted(plan(play, (0, 11_000.0), (3600, 6_000.0), at=at))
    assert is_accepted(plan(play, (0, 11_000.0), (3600, 6_000.0), startSchedule=at.isoformat()))


def test_what_the_station_answered_is_compared_so_too(play: Play) -> None:
    """It speaks in whole seconds, by a clock that is a little ahead."""
    (question,) = put(play, profile(schedule((0, 11_000.0), (600, 6_000.0)))).commands
    assert isinstance(question.operation, GetCompositeSchedule)
    told = {
        "rate_unit": "W",
        "start_at": (START + timedelta(seconds=2)).isoformat(),
        "periods": [{"start_s": 0, "limit": 11_000.0}, {"start_s": 597, "limit": 6_000.0}],
    }
    tell_back(play, question, told)
    assert play.found(AlarmRaised) == []


@pytest.mark.parametrize(
    "more",
    [
        {"duration": 10**15},
        {"startSchedule": "9999-12-31T23:00:00Z"},
        {"chargingSchedulePeriod": [{"startPeriod": 10**15, "limit": 1.0}]},
    ],
)
def test_a_plan_beyond_the_calendar_is_refused(play: Play, more: dict[str, Any]) -> None:
    needs(play)
    assert not is_accepted(plan(play, (0, 1.0), **more))


def test_a_plan_that_began_long_ago_is_held_to_what_holds_now(play: Play) -> None:
    needs(play)
    ages_ago = datetime(1970, 1, 1, tzinfo=UTC)
    assert not is_accepted(plan(play, (0, 40_000.0), at=ages_ago))
    assert is_accepted(plan(play, (0, 20_000.0), at=ages_ago))


def test_a_station_whose_answer_goes_beyond_the_calendar_is_not_judged(play: Play) -> None:
    (question,) = put(play, profile(schedule((0, 11_000.0)))).commands
    tell_back(play, question, {"rate_unit": "W", "periods": [{"start_s": 10**15, "limit": 1.0}]})
    assert play.found(AlarmRaised) == []


def test_a_plan_that_cannot_be_read_is_refused(play: Play) -> None:
    for broken in ({}, {"chargingSchedulePeriod": []}, {"chargingRateUnit": "A", "chargingSchedulePeriod": [{}]}):
        event = EvScheduleReported(station_id="A", evse_id=1, time_base=None, schedule=broken)
        assert not is_accepted(play.tell(event))


# --- several schedules ---


def three() -> ChargingProfile:
    slow, fast, later = schedule((0, 4_000.0)), schedule((0, 11_000.0)), schedule((0, 0.0), (3600, 20_000.0))
    return profile(slow, fast, later, purpose="TxProfile")


def test_a_vehicle_chooses_one_of_three_schedules_and_the_others_hold_no_more(play: Play) -> None:
    put(play, three())
    told = play.found(ChargingProfileSet)[-1].profile
    assert [each.schedule_id for each in told.schedules] == [1, 2, 3]
    assert [each.start_at for each in told.schedules] == [START] * 3
    assert limit_now(play.site, REF, play.now) == 11_000
    assert not is_accepted(plan(play, (0, 11_000.0), id=3))
    assert is_accepted(plan(play, (0, 11_000.0), id=2))
    assert [each.schedule_id for each in play.found(ChargingProfileSet)[-1].profile.schedules] == [2]
    play.after(90)
    assert limit_now(play.site, REF, play.now) == 11_000


def test_before_it_has_chosen_it_may_do_any_of_them(play: Play) -> None:
    (question,) = put(play, three()).commands
    told = {"rate_unit": "W", "start_at": START.isoformat(), "periods": [{"start_s": 0, "limit": 4_000.0}]}
    tell_back(play, question, told)
    assert NOT_APPLIED not in [alarm.alarm for alarm in play.found(AlarmRaised)]
    assert is_accepted(plan(play, (0, 11_000.0), (3600, 20_000.0), id=9))
    assert len(play.site.profiles["A"][next(iter(play.site.profiles["A"]))].profile.schedules) == 3


# --- a plan that crosses with the station's answer ---


def asked_for(play: Play, what: ChargingProfile) -> ChargerCommand:
    return ask(play, SetChargingProfile(evse_id=1, profile=what))


def test_a_plan_may_come_before_the_stations_answer(play: Play) -> None:
    needs(play, is_accepted=False)
    assert not is_accepted(plan(play, (0, 40_000.0)))
    asked = asked_for(play, profile(schedule((0, 6_000.0)), purpose="TxProfile"))
    assert not is_accepted(plan(play, (0, 22_000.0)))
    assert is_accepted(plan(play, (0, 6_000.0)))
    accept(play, asked)
    assert limit_now(play.site, REF, play.now) == 6_000
    assert play.site.profiles_asked == {}


def test_what_a_station_did_not_take_limits_no_plan(play: Play) -> None:
    asked = asked_for(play, profile(schedule((0, 6_000.0)), purpose="TxProfile"))
    play.tell(CommandAnswered(station_id="A", command_id=asked.command_id, is_accepted=False, detail="Rejected"))
    assert is_accepted(plan(play, (0, 22_000.0)))
    asked_for(play, profile(schedule((0, 6_000.0)), purpose="TxProfile"))
    play.after(6)
    assert is_accepted(plan(play, (0, 22_000.0)))


def test_a_choice_before_the_stations_answer_is_kept(play: Play) -> None:
    asked = asked_for(play, three())
    assert is_accepted(plan(play, (0, 4_000.0), id=1))
    accept(play, asked)
    assert limit_now(play.site, REF, play.now) == 4_000


# --- whatever the operator has set ---

rest = st.dictionaries(st.integers(1, 100_000), st.integers(0, 40_000), max_size=6)
some = st.builds(
    lambda first, later, station, start_s, duration_s, **more: (
        0 if station else 1,
        profile(
            schedule(
                (0, float(first)),
                *((start, float(limit)) for start, limit in sorted(later.items())),
                start_at=START + timedelta(seconds=start_s),
                duration_s=duration_s,
            ),
            purpose="ChargingStationMaxProfile" if station else "TxDefaultProfile",
            **more,
        ),
    ),
    st.integers(0, 40_000),
    rest,
    st.booleans(),
    st.integers(-90_000, 90_000),
    st.none() | st.integers(1, 90_000),
    kind=st.sampled_from(("Absolute", "Recurring")),
    recurrency=st.sampled_from(("Daily", "Weekly")),
    stack_level=st.integers(0, 2),
)


@given(st.lists(some, max_size=4), st.integers(1, 12), st.integers(0, 90_000_000), st.integers(-999, 999))
@settings(max_examples=60, deadline=None)
def test_who_plans_what_was_offered_is_accepted_whatever_holds(
    profiles: list[tuple[int, ChargingProfile]], tuples: int, later_ms: int, late_ms: int
) -> None:
    play = Play()
    play.connect()
    play.start()
    for evse_id, each in profiles:
        put(play, each, evse_id)
    play.now += timedelta(milliseconds=later_ms)
    offer = needs(play, tuples)
    told = periods(offer)
    starts = [start for start, _ in told]
    assert starts == sorted(set(starts))
    assert (starts[0], len(told) <= tuples) == (0, True)
    assert all(limit <= 22_000 for _, limit in told)
    begin = offer.schedules[0].start_at
    assert begin is not None
    assert is_accepted(plan(play, *told, at=begin + timedelta(milliseconds=late_ms)))
    assert not is_accepted(plan(play, *((start, limit + 3_000) for start, limit in told), at=begin))
