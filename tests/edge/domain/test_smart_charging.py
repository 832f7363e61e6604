"""Charging profiles: what is refused, kept, replaced, read back, compared with the meter; and how they merge."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.composite import InstalledProfile, Running, composite, limit_at
from edge.domain.events import Refused, Ticked
from edge.domain.smart_charging import NOT_APPLIED, NOT_OBEYED, limit_now
from protocols.charger.commands import Judged, Operation
from protocols.charger.events import (
    ChargingLimitCleared,
    ChargingLimitReported,
    ChargingNeedsReported,
    CommandAnswered,
    EvScheduleReported,
    MeterValuesReported,
    Sample,
)
from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    ClearChargingProfile,
    GetCompositeSchedule,
    SchedulePeriod,
    SetChargingProfile,
)
from protocols.charger.operations.transactions import StartTransaction
from protocols.sync.down import Command, Operate
from protocols.sync.up import AlarmCleared, AlarmRaised
from protocols.sync.upkeep import ChargingProfileCleared, ChargingProfileSet
from protocols.terms import EvseRef, Measurand
from tests.edge.domain.site_kit import START, Play

HOUR = timedelta(hours=1)


def profile(*limits: tuple[int, float], **more: Any) -> ChargingProfile:
    """Periods of (start_s, W)."""
    schedule = {name: more.pop(name) for name in ("start_at", "duration_s") if name in more}
    unit = more.pop("rate_unit", "W")
    periods = tuple(SchedulePeriod(start_s=start, limit=limit) for start, limit in limits or ((0, 6000.0),))
    more = {"purpose": "TxDefaultProfile"} | more
    return ChargingProfile(schedules=(ChargingSchedule(rate_unit=unit, periods=periods, **schedule),), **more)


def installed(evse_id: int, *limits: tuple[int, float], **more: Any) -> InstalledProfile:
    return InstalledProfile(evse_id=evse_id, profile=profile(*limits, **more), installed_at=START)


@pytest.fixture
def play() -> Play:
    play = Play()
    play.connect()
    return play


def ask(play: Play, operation: Operation, station: str = "A") -> Any:
    command_id = f"c{len(play.recorded)}"
    expires_at = play.now + timedelta(minutes=1)
    body = Operate(station_id=station, operation=operation)
    return play.tell(Command(id=command_id, issued_at=play.now, expires_at=expires_at, body=body))


def put(play: Play, what: ChargingProfile, evse_id: int = 1) -> Any:
    """Set it, and have the station accept it; the decision upon its answer."""
    (command,) = ask(play, SetChargingProfile(evse_id=evse_id, profile=what)).commands
    return play.tell(CommandAnswered(station_id="A", command_id=command.command_id, is_accepted=True))


def power(play: Play, watts: int) -> None:
    sample = Sample(measurand=Measurand.POWER, value=watts, at=play.now)
    play.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=None, samples=(sample,)))


@pytest.mark.parametrize(
    ("evse_id", "what", "reason"),
    [
        (9, profile(), "does not exist"),
        (1, profile(purpose="ChargingStationMaxProfile"), "evse_id 0"),
        (0, profile(purpose="TxProfile"), "not for evse_id 0"),
        (1, profile(purpose="TxProfile"), "running transaction"),
        (1, profile(kind="Recurring"), "recurrency"),
        (0, profile(purpose="ChargingStationMaxProfile", kind="Relative"), "cannot be Relative"),
        (1, profile((5, 1.0)), "begin at 0"),
        (1, profile((0, 1.0), (9, 2.0), (9, 3.0)), "follow each other"),
    ],
)
def test_what_no_station_could_make_sense_of_is_refused(
    play: Play, evse_id: int, what: ChargingProfile, reason: str
) -> None:
    decision = ask(play, SetChargingProfile(evse_id=evse_id, profile=what))
    assert isinstance(decision.reply, Refused)
    assert reason in decision.reply.reason
    assert decision.commands == []


def test_an_accepted_profile_is_kept_and_read_back(play: Play) -> None:
    asked = put(play, profile())
    (kept,) = play.found(ChargingProfileSet)
    assert kept.profile.profile_id is not None
    assert kept.profile.schedules[0].start_at == START
    assert limit_now(play.site, EvseRef("A", 1), play.now) == 6000
    assert limit_now(play.site, EvseRef("A", 2), play.now) is None
    (question,) = asked.commands
    assert isinstance(question.operation, GetCompositeSchedule)
    told = {"rate_unit": "A", "start_at": START.isoformat(), "periods": [{"start_s": 0, "limit": 32.0}]}
    answer = CommandAnswered(
        station_id="A", command_id=question.command_id, is_accepted=True, result={"schedule": told}
    )
    play.tell(answer)
    (alarm,) = play.found(AlarmRaised)
    assert alarm.alarm == NOT_APPLIED
    assert "22000 W, and 6000 W were asked for" in alarm.text


def test_a_station_that_does_what_it_was_told_raises_nothing(play: Play) -> None:
    (question,) = put(play, profile((0, 6000.0), (600, 11000.0))).commands
    periods = [{"start_s": 0, "limit": 8.7}, {"start_s": 600, "limit": 15.9}]
    told = {"rate_unit": "A", "start_at": START.isoformat(), "periods": periods}
    play.tell(
        CommandAnswered(station_id="A", command_id=question.command_id, is_accepted=True, result={"schedule": told})
    )
    assert play.found(AlarmRaised) == []


@pytest.mark.parametrize("result", [None, {}, {"schedule": None}, {"schedule": {"rate_unit": "V"}}])
def test_a_station_that_cannot_tell_is_not_judged(play: Play, result: dict[str, Any] | None) -> None:
    (question,) = put(play, profile()).commands
    play.tell(CommandAnswered(station_id="A", command_id=question.command_id, is_accepted=True, result=result))
    assert play.found(AlarmRaised) == []


def test_a_profile_takes_the_place_of_that_of_its_purpose_and_stack_level(play: Play) -> None:
    put(play, profile((0, 6000.0)))
    put(play, profile((0, 4000.0)))
    put(play, profile((0, 9000.0), stack_level=1))
    assert len(play.found(ChargingProfileCleared)) == 1
    assert limit_now(play.site, EvseRef("A", 1), play.now) == 9000
    (command,) = ask(play, ClearChargingProfile(stack_level=1)).commands
    play.tell(CommandAnswered(station_id="A", command_id=command.command_id, is_accepted=True))
    assert limit_now(play.site, EvseRef("A", 1), play.now) == 4000


def test_a_tx_profile_goes_with_its_transaction(play: Play) -> None:
    number = play.start().reply.charger_transaction_id  # type: ignore[union-attr]
    put(play, profile((0, 3000.0), purpose="TxProfile"))
    assert play.found(ChargingProfileSet)[0].profile.charger_transaction_id == number
    assert limit_now(play.site, EvseRef("A", 1), play.now) == 3000
    play.stop(number, 1500)
    assert play.site.profiles == {}
    assert len(play.found(ChargingProfileCleared)) == 1


def begin_with(play: Play, limit: float) -> None:
    """A remote start with a profile, which the station accepts."""
    what = profile((0, limit), purpose="TxProfile", kind="Relative")
    (command,) = ask(play, StartTransaction(evse_id=1, token_uid="GOOD", profile=what)).commands
    play.tell(CommandAnswered(station_id="A", command_id=command.command_id, is_accepted=True))


def test_the_profile_of_a_remote_start_is_of_the_transaction_that_begins(play: Play) -> None:
    """F01, K05; and of none that begins later."""
    begin_with(play, 5000.0)
    begin_with(play, 3000.0)
    assert limit_now(play.site, EvseRef("A", 1), play.now) is None
    number = play.start().reply.charger_transaction_id  # type: ignore[union-attr]
    assert limit_now(play.site, EvseRef("A", 1), play.now) == 3000
    assert [each.profile.charger_transaction_id for each in play.found(ChargingProfileSet)] == [None, None, number]
    play.stop(number, 1500)
    assert play.site.profiles == {}
    play.start()
    assert limit_now(play.site, EvseRef("A", 1), play.now) is None


def test_the_profile_of_a_remote_start_to_which_nobody_came_is_forgotten(play: Play) -> None:
    begin_with(play, 3000.0)
    play.after(9)
    play.tell(Ticked())
    assert len(play.site.profiles["A"]) == 1
    play.after(2)
    play.tell(Ticked())
    assert play.site.profiles == {}


def test_who_draws_more_than_it_may_for_long_is_an_alarm(play: Play) -> None:
    play.start()
    put(play, profile((0, 6000.0)))
    power(play, 11000)
    assert play.found(AlarmRaised) == []
    play.after(2)
    power(play, 11000)
    assert [alarm.alarm for alarm in play.found(AlarmRaised)] == [NOT_OBEYED]
    power(play, 6200)
    assert len(play.found(AlarmCleared)) == 1


def test_the_limits_of_others_count_until_they_are_cleared(play: Play) -> None:
    schedule = {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 4100.0}]}
    play.tell(ChargingLimitReported(station_id="B", source="EMS", schedules=({"x": 1}, schedule)))
    assert limit_now(play.site, EvseRef("B", 1), play.now) == 4100
    play.tell(ChargingLimitCleared(station_id="B", source="EMS"))
    assert limit_now(play.site, EvseRef("B", 1), play.now) is None


def test_a_vehicle_that_tells_its_needs_gets_a_profile_within_the_limits(play: Play) -> None:
    refused = play.tell(ChargingNeedsReported(station_id="A", evse_id=1, needs={}))
    assert refused.reply == Judged(is_accepted=False, reason="NoTransaction")
    play.start()
    put(play, profile((0, 6000.0)))
    decision = play.tell(ChargingNeedsReported(station_id="A", evse_id=1, needs={}))
    assert decision.reply == Judged(is_accepted=True)
    (command,) = decision.commands
    assert command.operation.profile.schedules[0].periods[0].limit == 6000.0
    for limit, is_accepted in ((6000.0, True), (9000.0, False)):
        plan = {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
        event = EvScheduleReported(station_id="A", evse_id=1, time_base=START, schedule=plan)
        assert play.tell(event).reply.is_accepted is is_accepted  # type: ignore[union-attr]
    broken = EvScheduleReported(station_id="A", evse_id=1, time_base=None, schedule={})
    assert play.tell(broken).reply.is_accepted is False  # type: ignore[union-attr]


RUNNING = Running(charger_transaction_id="7", started_at=START - timedelta(minutes=10))


@pytest.mark.parametrize(
    ("profiles", "running", "minutes", "expected"),
    [
        ((), None, 0, None),
        ((installed(0, (0, 5000.0)),), None, 0, 5000),  # for each EVSE
        ((installed(0, (0, 5000.0)), installed(1, (0, 7000.0))), None, 0, 7000),  # its own is nearer
        ((installed(0, (0, 5000.0), stack_level=1), installed(1, (0, 7000.0))), None, 0, 5000),
        (
            (installed(1, (0, 7000.0)), installed(0, (0, 5000.0), purpose="ChargingStationMaxProfile")),
            None,
            0,
            5000,
        ),
        ((installed(1, (0, 7000.0)), installed(1, (0, 9000.0), purpose="TxProfile")), RUNNING, 0, 9000),
        ((installed(1, (0, 7000.0)), installed(1, (0, 9000.0), purpose="TxProfile")), None, 0, 7000),
        ((installed(1, (0, 9000.0), purpose="TxProfile", charger_transaction_id="8"),), RUNNING, 0, None),
        ((installed(1, (0, 10.0), rate_unit="A"),), None, 0, 6900),
        ((installed(1, (0, 1.0), (1200, 2.0), kind="Relative"),), RUNNING, 9, 1),
        ((installed(1, (0, 1.0), (1200, 2.0), kind="Relative"),), RUNNING, 10, 2),
        ((installed(1, (0, 1.0), kind="Relative"),), None, 0, None),
        ((installed(1, (0, 1.0), duration_s=60),), None, 1, None),
        ((installed(1, (0, 1.0), valid_to=START + HOUR),), None, 60, None),
        ((installed(1, (0, 1.0), valid_from=START + HOUR),), None, 59, None),
        ((installed(1, (0, 1.0), start_at=START + HOUR),), None, 59, None),
        (
            (installed(1, (0, 1.0), (3600, 2.0), kind="Recurring", recurrency="Daily", start_at=START - 9 * HOUR),),
            None,
            15 * 60 + 30,
            1,
        ),
    ],
)
def test_the_limit_of_an_evse(
    profiles: tuple[InstalledProfile, ...], running: Running | None, minutes: int, expected: int | None
) -> None:
    assert limit_at(profiles, 1, running, START + timedelta(minutes=minutes)) == expected


periods = st.lists(st.tuples(st.integers(1, 7200), st.integers(0, 22000)), max_size=4)
some = st.builds(
    lambda evse, first, rest, **more: installed(
        evse, (0, float(first)), *((s, float(w)) for s, w in sorted(dict(rest).items())), **more
    ),
    st.sampled_from((0, 1)),
    st.integers(0, 22000),
    periods,
    purpose=st.sampled_from(("ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile")),
    stack_level=st.integers(0, 3),
    kind=st.sampled_from(("Absolute", "Relative", "Recurring")),
    start_at=st.none() | st.integers(-7200, 7200).map(lambda s: START + timedelta(seconds=s)),
    duration_s=st.none() | st.integers(1, 7200),
    valid_to=st.none() | st.integers(-100, 7200).map(lambda s: START + timedelta(seconds=s)),
)


@given(st.lists(some, max_size=5), st.integers(0, 7199))
def test_the_composite_is_the_limit_at_every_moment(profiles: list[InstalledProfile], second: int) -> None:
    at: datetime = START + timedelta(seconds=second)
    steps = composite(profiles, 1, RUNNING, START, START + 2 * HOUR)
    assert steps[0].at == START
    assert [step.at for step in steps] == sorted({step.at for step in steps})
    now = next(step for step in reversed(steps) if step.at <= at)
    assert now.limit_w == limit_at(profiles, 1, RUNNING, at)
