"""Each watchdog trips at its time-out and not a moment before, and only that feeds it which should; in virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firmware_sim.modbus.charger_model import ChargerModel
from firmware_sim.modbus.device import usual_vehicle
from firmware_sim.modbus.outlet import least_w
from firmware_sim.modbus.pdu import Refusal
from firmware_sim.modbus.simulated import SimulatedDevice, simulated
from protocols.modbus.catalogue import load, profile_ids
from protocols.modbus.profile import WatchdogKind
from protocols.modbus.setpoint import Write, allowed_limit, feed, limit_writes, write_raw, write_value
from tests.firmware_sim.modbus.asking import failing_safe, outlet, read_something, value, write

TIMEOUT_S = 20
MOMENT_S = 0.001
WITH_WATCHDOG = [each for each in profile_ids() if load(each).watchdog is not None]
WITHOUT = [each for each in profile_ids() if load(each).limit is not None and load(each).watchdog is None]


def led(profile_id: str, **settings: int) -> SimulatedDevice:
    """A charger with a vehicle, whose master has just set a limit at 0 s."""
    device = simulated(profile_id, watchdog_s=TIMEOUT_S, **settings)
    outlet(device, 0).plug(usual_vehicle())
    setpoint = setpoint_of(device)
    for each in (feed_of(device, setpoint), setpoint):
        assert write(device, each, 0) is None if each is not None else True
    return device


def setpoint_of(device: SimulatedDevice) -> Write:
    """As much as the charger gives."""
    return limit_writes(device.profile, allowed_limit(device.profile, outlet(device).highest))[0]


def feed_of(device: SimulatedDevice, setpoint: Write) -> Write | None:
    return feed(device.profile, setpoint, TIMEOUT_S)


def feed_once(device: SimulatedDevice, at_s: float) -> None:
    sign_of_life = feed_of(device, setpoint_of(device))
    if sign_of_life is None:
        read_something(device, at_s)
    else:
        assert write(device, sign_of_life, at_s) is None


@pytest.mark.parametrize("profile_id", WITH_WATCHDOG)
def test_it_trips_at_its_time_out_and_not_before(profile_id: str) -> None:
    device = led(profile_id)
    charged_w = outlet(device, 1).power_w
    assert charged_w > 0
    assert not failing_safe(device, TIMEOUT_S - MOMENT_S)
    assert outlet(device).power_w == charged_w
    assert failing_safe(device, TIMEOUT_S)
    assert outlet(device).power_w < charged_w
    assert outlet(device).offered_w <= least_w(3)


@pytest.mark.parametrize("profile_id", WITH_WATCHDOG)
def test_it_does_not_trip_while_it_is_fed(profile_id: str) -> None:
    device = led(profile_id)
    at_s = 0.0
    for _ in range(50):
        at_s += TIMEOUT_S - MOMENT_S
        assert not failing_safe(device, at_s)
        feed_once(device, at_s)
    assert trips(device) == 0
    assert outlet(device).power_w > least_w(3)


@pytest.mark.parametrize("profile_id", WITH_WATCHDOG)
def test_only_that_feeds_it_which_should(profile_id: str) -> None:
    device = led(profile_id)
    for at_s in range(1, TIMEOUT_S):
        read_something(device, at_s)
    assert failing_safe(device, TIMEOUT_S) is (device.profile.watchdog.kind is not WatchdogKind.ANY_READ)  # type: ignore[union-attr]


@pytest.mark.parametrize("profile_id", WITH_WATCHDOG)
def test_it_recovers_when_it_is_fed_again(profile_id: str) -> None:
    device = led(profile_id)
    assert failing_safe(device, TIMEOUT_S * 3)
    feed_once(device, TIMEOUT_S * 3)
    assert not failing_safe(device, TIMEOUT_S * 3 + 1)
    assert trips(device) == 1
    assert failing_safe(device, TIMEOUT_S * 4)
    assert trips(device) == 2


@pytest.mark.parametrize("profile_id", WITH_WATCHDOG)
def test_the_energy_until_it_trips_is_counted_and_after_it_what_the_fail_safe_lets_through(profile_id: str) -> None:
    device = led(profile_id)
    before_uj, before_w = outlet(device).total_uj, outlet(device).power_w
    late = outlet(device, TIMEOUT_S + 10)  # nobody looked in between
    after_w = late.power_w
    assert late.total_uj - before_uj == (before_w * TIMEOUT_S + after_w * 10) * 1_000_000


@pytest.mark.parametrize("profile_id", WITHOUT)
def test_a_charger_without_one_keeps_what_was_set(profile_id: str) -> None:
    device = simulated(profile_id)
    outlet(device, 0).plug(usual_vehicle())
    assert write(device, setpoint_of(device), 0) is None
    power_w = outlet(device, 1).power_w
    assert not failing_safe(device, 3600)
    assert outlet(device).power_w == power_w > 0


def test_nobody_was_ever_heard_and_it_does_not_run() -> None:
    device = simulated("abb_terra_ac")
    assert not failing_safe(device, 100_000)


def test_a_wrong_token_or_a_zero_is_no_sign_of_life() -> None:
    for profile_id, register, wrong in (
        ("mennekes_amtron_compact", "heartbeat", 0x55AB),
        ("webasto_next", "lifebit", 0),
        ("vestel_evc04_webasto_unite", "alive", 0),
    ):
        device = led(profile_id)
        assert write(device, write_raw(device.profile, register, wrong), TIMEOUT_S - 1) is None
        assert failing_safe(device, TIMEOUT_S)


def test_without_its_token_the_compact_takes_neither_setpoint_nor_release() -> None:
    device = simulated("mennekes_amtron_compact")
    outlet(device, 0).plug(usual_vehicle())
    full_w = outlet(device).power_w
    assert write(device, write_value(device.profile, "set_current", 8_000), 1) is None
    assert outlet(device).power_w == full_w
    assert write(device, write_raw(device.profile, "heartbeat", 0x55AA), 2) is None
    assert write(device, write_value(device.profile, "set_current", 8_000), 2) is None
    assert outlet(device).power_w == 8 * 230 * 3


def test_after_its_token_was_missed_the_compact_wants_to_be_released_again() -> None:
    device = led("mennekes_amtron_compact")
    assert failing_safe(device, TIMEOUT_S)
    feed_once(device, TIMEOUT_S + 1)
    assert outlet(device).power_w == 0
    assert value(device, "status", TIMEOUT_S + 1).value == 6
    assert write(device, write_raw(device.profile, "release", 1), TIMEOUT_S + 2) is None
    assert outlet(device).power_w > 0


def test_the_life_bit_is_taken_away_again() -> None:
    device = led("schneider_evlink_pro_ac")
    feed_once(device, 5)
    assert value(device, "lifebit", 5.1).value == 1
    assert value(device, "lifebit", 6).value == 0


def test_the_alfen_counts_down_to_its_safe_current_by_socket() -> None:
    device = simulated("alfen_eve", watchdog_s=60, fail_safe=8_000)
    for evse_id in (1, 2):
        outlet(device, 0, evse_id).plug(usual_vehicle())
    assert value(device, "setpoint_valid_time", 1).value == 0
    assert value(device, "set_current", 1).value == 0  # it was never set
    assert write(device, limit_writes(device.profile, 16_000, 2)[0], 10) is None
    assert value(device, "setpoint_valid_time", 30, 2).value == 40_000
    assert value(device, "setpoint_accounted", 30, 2).value == 1
    assert not failing_safe(device, 69.999, 2)
    assert failing_safe(device, 70, 2)
    assert outlet(device, None, 2).power_w == 8 * 230 * 3
    assert not failing_safe(device, 200, 1)  # its setpoint was never written


def test_a_time_out_that_is_set_holds_and_zero_switches_it_off() -> None:
    device = led("keba_p30_p40")
    assert write(device, write_value(device.profile, "heartbeat_set_failsafe_timeout", 60_000), 1) is None
    assert value(device, "failsafe_timeout", 2).value == 60_000
    assert not failing_safe(device, 60.999)
    assert failing_safe(device, 61)
    off = replace(write_value(device.profile, "heartbeat_set_failsafe_timeout", 1_000), words=(0,))
    assert write(device, off, 62) is None
    assert not failing_safe(device, 100_000)


def test_a_fail_safe_that_is_set_holds_and_one_that_means_stop_stops() -> None:
    device = led("abb_terra_ac")
    assert value(device, "fallback_limit_rb", 1).value == 255_000
    assert failing_safe(device, 30)
    assert outlet(device).power_w == 0
    feed_once(device, 31)
    assert write(device, write_value(device.profile, "set_fallback_limit", 10_000), 32) is None
    assert failing_safe(device, 60)
    assert outlet(device).power_w == 10 * 230 * 3


def test_a_time_out_beyond_what_the_device_allows_is_refused() -> None:
    device = led("delta_ac_max_slim")
    setting = write_value(device.profile, "comm_timeout", 600_000)
    beyond = replace(setting, words=(601,))
    assert write(device, setting, 1) is None
    assert write(device, beyond, 1) is Refusal.ILLEGAL_VALUE


def trips(device: SimulatedDevice) -> int:
    assert isinstance(device.model, ChargerModel)
    watchdog = device.model.watchdogs[0]
    assert watchdog is not None
    return watchdog.trips
