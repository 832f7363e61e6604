"""A meter counts what flows through it, in and out, with what is behind it."""

from __future__ import annotations

import pytest

from firmware_sim.modbus.device import Device, DeviceClock
from firmware_sim.modbus.simulated import simulated
from firmware_sim.vehicle import UJ_PER_WH, Vehicle


class Hand:
    """A clock that is moved by hand."""

    at_s = 0.0

    def __call__(self) -> float:
        return self.at_s


def site(*profile_ids: str) -> list[Device]:
    clock = DeviceClock(Hand())
    return [Device(simulated(each), clock) for each in profile_ids]


def test_what_a_charger_takes_flows_through_the_feeder() -> None:
    feeder, charger = site("janitza_umg", "webasto_next")
    feeder.set_load(0, 0, 0)
    feeder.measure(charger)
    before_wh = feeder.meter().import_uj / UJ_PER_WH
    charger.plug(Vehicle.at_percent(20, battery_wh=60_000, max_ac_power_w=7_360, ac_phases=1))
    feeder.pass_time(3600)
    charged_wh = charger.outlet().session_uj / UJ_PER_WH
    assert charged_wh == pytest.approx(3_680, rel=1e-3)
    assert feeder.meter().import_uj / UJ_PER_WH - before_wh == pytest.approx(charged_wh, abs=1e-3)
    assert feeder.meter().power_w(0) == charger.outlet().power_w
    assert feeder.meter().power_w(1) == 0


def test_the_sun_feeds_the_car_and_the_rest_goes_out() -> None:
    feeder, charger, inverter = site("siemens_pac2200", "webasto_next", "sunspec_inverter")
    feeder.set_load(300, 300, 300)
    feeder.measure(charger)
    feeder.measure(inverter)
    inverter.shine(9_000)
    before = feeder.meter().import_uj, feeder.meter().export_uj
    feeder.pass_time(100)
    meter = feeder.meter()
    assert meter.power_w() == 900 - 9_000
    assert (meter.import_uj, meter.export_uj) == (before[0], before[1] + 8_100 * 100 * 1_000_000)
    charger.plug()
    feeder.pass_time(100)
    assert feeder.meter().power_w() == 900 - 9_000 + charger.outlet().power_w
    assert feeder.meter().import_uj > before[0]


def test_a_watchdog_trips_in_time_also_when_only_the_meter_is_asked() -> None:
    feeder, charger = site("janitza_umg", "webasto_next")
    feeder.set_load(0, 0, 0)
    feeder.measure(charger)
    charger.plug()
    charger.take(255, b"\x03\x03\xe8\x00\x01")
    feeder.pass_time(100)
    assert charger.is_failing_safe()
    assert charger.outlet().session_uj == (10_998 * 30 + 4_140 * 70) * 1_000_000


def test_a_house_moves_about_its_mean() -> None:
    (feeder,) = site("janitza_umg")
    before_uj = feeder.meter().import_uj
    feeder.set_load(1_000, 1_000, 1_000, is_steady=False)
    seen = set()
    for _ in range(8):
        feeder.pass_time(1)
        seen.add(feeder.meter().power_w(0))
    assert len(seen) > 2
    assert feeder.meter().import_uj - before_uj == 3_000 * 8 * 1_000_000


def test_what_is_measured_twice_or_in_another_time_is_refused() -> None:
    feeder, charger = site("janitza_umg", "webasto_next")
    feeder.measure(charger)
    with pytest.raises(ValueError, match="already"):
        feeder.measure(charger)
    (stranger,) = site("webasto_next")
    with pytest.raises(ValueError, match="different times"):
        feeder.measure(stranger)
    with pytest.raises(TypeError):
        charger.set_load(1, 1, 1)
    with pytest.raises(TypeError):
        feeder.plug()
