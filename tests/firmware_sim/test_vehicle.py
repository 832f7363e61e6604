from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.vehicle import UJ_PER_WH, Vehicle

vehicles = st.builds(
    Vehicle.at_percent,
    st.integers(0, 100),
    battery_wh=st.integers(5_000, 120_000),
    target_percent=st.integers(0, 100),
    max_ac_power_w=st.integers(2_300, 22_000),
    ac_phases=st.sampled_from((1, 3)),
    max_dc_power_w=st.integers(0, 350_000),
)
offers = st.integers(0, 400_000)
phases = st.sampled_from((0, 1, 3))


@settings(deadline=None)
@given(vehicles, offers, phases)
def test_never_draws_more_than_offered_or_than_it_can(vehicle: Vehicle, offered_w: int, phases: int) -> None:
    power_w = vehicle.power_w(offered_w=offered_w, phases=phases)
    own_w = vehicle.max_ac_power_w if phases else vehicle.max_dc_power_w
    assert 0 <= power_w <= min(offered_w, own_w)


@settings(deadline=None)
@given(vehicles, st.integers(0, 100_000))
def test_tapers_and_never_rises_again(vehicle: Vehicle, more_wh: int) -> None:
    later = vehicle.charged(more_wh * UJ_PER_WH)
    assert later.power_w(offered_w=400_000, phases=0) <= vehicle.power_w(offered_w=400_000, phases=0)


def test_full_power_below_the_knee_a_tenth_when_full() -> None:
    def draws(soc_percent: int) -> int:
        vehicle = Vehicle.at_percent(soc_percent, battery_wh=100_000, max_dc_power_w=100_000)
        # The target lies above what the battery holds, so that only the taper limits.
        return vehicle.power_w(offered_w=400_000, phases=0)

    assert draws(80) == 100_000
    assert draws(90) == 55_000
    assert 14_000 <= draws(99) <= 15_000
    assert draws(100) == 0


def test_takes_nothing_at_its_target() -> None:
    vehicle = Vehicle.at_percent(50, battery_wh=50_000, target_percent=50)
    assert vehicle.power_w(offered_w=11_000, phases=3) == 0


def test_one_phase_vehicle_takes_a_third_of_a_three_phase_offer() -> None:
    vehicle = Vehicle.at_percent(10, battery_wh=36_000, max_ac_power_w=7_400, ac_phases=1)
    assert vehicle.power_w(offered_w=11_000, phases=3) == 11_000 // 3
    assert vehicle.power_w(offered_w=22_000, phases=3) == 22_000 // 3
    assert vehicle.power_w(offered_w=7_400, phases=1) == 7_400


def test_below_six_amperes_it_waits() -> None:
    vehicle = Vehicle.at_percent(10, battery_wh=36_000)
    assert vehicle.power_w(offered_w=3 * 6 * 230 - 3, phases=3) == 0
    assert vehicle.power_w(offered_w=3 * 6 * 230, phases=3) == 3 * 6 * 230


def test_wants_no_more_energy_than_fits() -> None:
    vehicle = Vehicle.at_percent(90, battery_wh=10_000, energy_wh=5_000)
    assert vehicle.missing_uj == 1_000 * UJ_PER_WH
