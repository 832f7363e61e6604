"""What profiles allow: the composite schedule says at every second what the reckoning says at that second."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.blocks.charging_profiles import ChargingProfile, Kind, Period, Profiles, Purpose, Schedule
from firmware_sim.blocks.schedules import Outlet, composite, limit_w, next_change
from tests.firmware_sim.playbook import T0, at

OUTLET = Outlet(evse_id=1, phases=3, max_power_w=22_000, charging_since=T0, sharing=2)


@st.composite
def profiles(draw: st.DrawFn) -> ChargingProfile:
    kind = draw(st.sampled_from(list(Kind)))
    starts = [0, *sorted(draw(st.sets(st.integers(1, 2_000), max_size=3)))]
    periods = tuple(Period(start_s=start, limit=float(draw(st.integers(0, 25_000)))) for start in starts)
    start = at(draw(st.integers(-1_000, 1_000)))
    return ChargingProfile(
        profile_id=draw(st.integers(1, 5)),
        evse_id=draw(st.sampled_from([0, 1, 2])),
        stack_level=draw(st.integers(0, 2)),
        purpose=draw(st.sampled_from(list(Purpose))),
        kind=kind,
        recurrency="Daily" if kind is Kind.RECURRING else None,
        valid_to=draw(st.sampled_from([None, at(700)])),
        schedule=Schedule(
            unit=draw(st.sampled_from(["A", "W"])),
            start=start,
            duration_s=draw(st.sampled_from([None, 900])),
            periods=periods,
        ),
    )


@given(st.lists(profiles(), max_size=5), st.integers(-500, 2_500))
def test_composite_is_the_reckoning_at_every_change(given_profiles: list[ChargingProfile], start_s: int) -> None:
    limits = composite(given_profiles, OUTLET, at(start_s), 3_000)
    assert [each.start_s for each in limits] == sorted({each.start_s for each in limits})
    for second in range(0, 3_000, 37):
        told = limit_w(given_profiles, OUTLET, at(start_s + second))
        expected = OUTLET.max_power_w if told is None else min(told, OUTLET.max_power_w)
        assert [each for each in limits if each.start_s <= second][-1].power_w == expected


@given(st.lists(profiles(), max_size=5), st.integers(-500, 2_500))
def test_nothing_changes_between_two_changes(given_profiles: list[ChargingProfile], start_s: int) -> None:
    now = at(start_s)
    change = next_change(given_profiles, OUTLET, now)
    until = now + timedelta(seconds=600) if change is None else change - timedelta(seconds=1)
    if until > now:
        assert limit_w(given_profiles, OUTLET, until) == limit_w(given_profiles, OUTLET, now)


@given(st.lists(profiles(), max_size=8))
def test_one_profile_for_each_place_purpose_and_level(given_profiles: list[ChargingProfile]) -> None:
    kept = Profiles()
    for profile in given_profiles:
        kept.put(profile)
    places = [(each.evse_id, each.purpose, each.stack_level) for each in kept.all]
    assert len(places) == len(set(places))
    if given_profiles:
        assert given_profiles[-1] in kept.all
