"""A limit, a pause, a release and phases take effect on what the vehicle draws; what is wrong is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firmware_sim.modbus.device import usual_vehicle
from firmware_sim.modbus.pdu import Refusal
from firmware_sim.modbus.simulated import SimulatedDevice, simulated
from firmware_sim.vehicle import Vehicle
from protocols.modbus.catalogue import load, profile_ids
from protocols.modbus.codec import Coding
from protocols.modbus.profile import WatchdogKind
from protocols.modbus.setpoint import allowed_limit, feed, limit_writes, write_raw, write_value
from tests.firmware_sim.modbus.asking import outlet, refusal, send, value, write, write_pdu

CHARGERS = [each for each in profile_ids() if load(each).limit is not None]
SWITCHING = [each for each in profile_ids() if load(each).phase_switch is not None]


def occupied(profile_id: str, vehicle: Vehicle | None = None) -> SimulatedDevice:
    device = simulated(profile_id)
    outlet(device, 0).plug(vehicle or usual_vehicle())
    prove(device, 0)
    return device


def prove(device: SimulatedDevice, at_s: float) -> None:
    """Write the token where nobody is obeyed without it."""
    watchdog = device.profile.watchdog
    if watchdog is not None and watchdog.kind is WatchdogKind.TOKEN:
        token = feed(device.profile, None)
        assert token is not None
        assert write(device, token, at_s) is None


def set_limit(device: SimulatedDevice, limit: int | None, at_s: float) -> None:
    for each in limit_writes(device.profile, limit):
        assert write(device, each, at_s) is None, each


@pytest.mark.parametrize("profile_id", CHARGERS)
def test_power_follows_the_limit_the_pause_and_the_limit_again(profile_id: str) -> None:
    device = occupied(profile_id)
    counts_watts = outlet(device).counts_watts
    for at_s, wanted in enumerate((9_000, 10_800, 7_000), 1):
        limit = allowed_limit(device.profile, wanted)
        assert limit is not None
        set_limit(device, limit, at_s)
        if counts_watts and device.profile.phases:
            expected = limit // 3 * 3
        else:
            expected = limit if counts_watts else limit * 230 * 3 // 1000 // 3 * 3
        assert outlet(device).power_w == pytest.approx(expected, abs=3)
        set_limit(device, None, at_s)
        assert outlet(device).power_w == 0
    assert outlet(device).vehicle is not None


@pytest.mark.parametrize("profile_id", CHARGERS)
def test_what_was_set_is_read_back(profile_id: str) -> None:
    device = occupied(profile_id)
    rule = device.profile.limit
    assert rule is not None
    limit = allowed_limit(device.profile, 10_000)
    assert limit is not None
    set_limit(device, limit, 1)
    names = [rule.register, rule.readback] if device.profile.registers[rule.register].is_readable else [rule.readback]
    for name in names:
        if name is not None:
            assert value(device, name, 1).value == limit
    if rule.applied is not None:
        assert value(device, rule.applied, 1).value == limit


@pytest.mark.parametrize("profile_id", CHARGERS)
def test_the_least_limit_charges_and_what_lies_between_it_and_zero_does_not(profile_id: str) -> None:
    one_phase = Vehicle.at_percent(20, battery_wh=60_000, max_ac_power_w=7_360, ac_phases=1, max_dc_power_w=50_000)
    device = occupied(profile_id, one_phase)
    rule = device.profile.limit
    assert rule is not None
    set_limit(device, allowed_limit(device.profile, rule.minimum + 59), 1)
    assert outlet(device).power_w >= 1_380
    coding = Coding(device.profile.registers[rule.register])
    between = coding.round_down(rule.minimum // 2)
    setpoint = limit_writes(device.profile, rule.minimum)[0]
    pdu = write_pdu(setpoint.function, setpoint.address, coding.encode(between))
    if refusal(send(device, setpoint.unit_id, pdu, 2)) is None:
        assert outlet(device).power_w == 0
    else:
        assert outlet(device).power_w >= 1_380


@pytest.mark.parametrize("profile_id", SWITCHING)
def test_one_phase_and_three(profile_id: str) -> None:
    device = occupied(profile_id)
    switch = device.profile.phase_switch
    assert switch is not None
    set_limit(device, 10_000, 1)
    for raw, phases in ((switch.one, 1), (switch.three, 3)):
        if switch.only_while_paused:
            assert write(device, write_raw(device.profile, switch.register, raw), 2) is Refusal.DEVICE_FAILURE
            set_limit(device, None, 2)
        assert write(device, write_raw(device.profile, switch.register, raw), 2) is None
        set_limit(device, 10_000, 2)
        assert outlet(device).power_w == 2_300 * phases
        if switch.state is not None:
            shown = value(device, switch.state, 2).value
            one = switch.one if switch.state_one is None else switch.state_one
            assert (shown == one) is (phases == 1)
    if device.profile.registers[switch.register].is_readable:
        assert value(device, switch.register, 2).value == switch.three


def test_alpitronic_ends_the_session_at_zero_watts() -> None:
    device = occupied("alpitronic_hyc")
    setpoint = limit_writes(device.profile, 20_000)[0]
    assert write(device, setpoint, 1) is None
    assert outlet(device).power_w == 20_000
    zero = write_pdu(setpoint.function, setpoint.address, (0, 0))
    assert refusal(send(device, setpoint.unit_id, zero, 2)) is None
    assert value(device, "state", 2).value == 8
    assert write(device, setpoint, 3) is None
    assert outlet(device).power_w == 0


def test_a_cable_is_not_unlocked_while_it_charges() -> None:
    device = occupied("abb_terra_ac")
    assert value(device, "lock_state", 1).value == 0x111
    assert write(device, write_raw(device.profile, "lock_cable", 0), 1) is Refusal.DEVICE_FAILURE
    set_limit(device, None, 2)
    assert write(device, write_raw(device.profile, "lock_cable", 0), 2) is None
    assert value(device, "lock_state", 2).value == 0x101


def test_nothing_above_the_maximum_is_given() -> None:
    device = simulated("webasto_next", highest=12_000)
    outlet(device, 0).plug(Vehicle.at_percent(20, battery_wh=60_000, max_ac_power_w=22_000))
    set_limit(device, 16_000, 1)
    assert outlet(device).power_w == 12 * 230 * 3
    heidelberg = occupied("heidelberg_energy_control")
    too_much = write_value(heidelberg.profile, "set_current", 16_000)
    above = replace(too_much, words=(161,))
    assert write(heidelberg, too_much, 1) is None
    assert write(heidelberg, above, 1) is Refusal.ILLEGAL_VALUE


def test_a_session_begins_anew_with_each_car_but_not_where_it_does_not() -> None:
    for profile_id, begins_anew in (("abb_terra_ac", True), ("keba_p30_p40", False)):
        device = occupied(profile_id)
        register = device.profile.energy.session
        assert register is not None
        first = value(device, register, 20).value
        assert isinstance(first, int)
        assert first > 0
        outlet(device).unplug()
        assert value(device, register, 21).value == first
        outlet(device).plug(usual_vehicle())
        second = value(device, register, 21).value
        assert (second == 0) is begins_anew


def test_a_total_rolls_over_where_its_register_ends() -> None:
    device = simulated("vestel_evc04_webasto_unite", odometer_wh=(2**32 - 1) * 100)
    outlet(device, 0).plug(usual_vehicle())
    assert value(device, "energy_total", 1).value == (2**32 - 1) * 100
    assert value(device, "energy_total", 60).value == 0


def test_a_full_vehicle_takes_no_more() -> None:
    device = occupied("phoenix_charx", Vehicle.at_percent(50, battery_wh=60_000, energy_wh=1_000))
    assert value(device, "status", 1).value == "C2"
    assert outlet(device, 3600).power_w == 0
    assert value(device, "session_energy", 3600).value == 1_000
    assert value(device, "status", 3600).value == "B2"
    charge_time = value(device, "charge_time", 3600).value
    assert isinstance(charge_time, int)
    assert charge_time == pytest.approx(1_000 / 11_000 * 3_600_000, rel=0.02)
