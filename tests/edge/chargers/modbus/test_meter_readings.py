"""What meters and inverters show, as events: each reading once, with the time at which it was read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest

from edge.chargers.modbus.meter_readings import MeterReadings
from protocols.charger.events import MeterFound, MeterLost, MeterRead
from protocols.charger.snapshot import DeviceFound, DeviceLost, EvseChanged, EvseSnapshot, Phase, Reading
from protocols.terms import Measurand

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
Values = dict[tuple[Measurand, Phase], tuple[int, float]]


def changed(values: Values) -> EvseChanged:
    """By measurand and phase: the value, and the second at which it was read."""
    readings = {key: Reading(value=value, at=NOW + timedelta(seconds=at_s)) for key, (value, at_s) in values.items()}
    return EvseChanged(snapshot=EvseSnapshot(device_id="M", readings=MappingProxyType(readings)), changes=frozenset())


def told(readings: MeterReadings, values: Values) -> Values:
    events = readings.translate(changed(values))
    return {
        (sample.measurand, sample.phase): (sample.value, (sample.at - NOW).total_seconds())
        for event in events
        if isinstance(event, MeterRead)
        for sample in event.samples
        if sample.at is not None
    }


def test_a_reading_is_told_once_and_with_its_own_time() -> None:
    readings = MeterReadings("M")
    power, energy = (Measurand.POWER, "L1"), (Measurand.ENERGY_REGISTER, None)
    assert told(readings, {power: (230, 0), energy: (1000, 0)}) == {power: (230, 0), energy: (1000, 0)}
    assert told(readings, {power: (230, 1), energy: (1000, 0)}) == {power: (230, 1)}
    assert readings.translate(changed({power: (230, 1), energy: (1000, 0)})) == []


@pytest.mark.parametrize(
    ("measurand", "other"),
    [
        (Measurand.POWER, Measurand.POWER_EXPORT),
        (Measurand.CURRENT, Measurand.CURRENT_EXPORT),
        (Measurand.ENERGY_REGISTER, Measurand.ENERGY_EXPORT_REGISTER),
        (Measurand.VOLTAGE, Measurand.VOLTAGE),
    ],
)
def test_what_a_meter_counts_that_is_wired_the_other_way(measurand: Measurand, other: Measurand) -> None:
    readings = MeterReadings("M", is_reversed=True)
    assert told(readings, {(measurand, None): (7, 0), (other, "L2"): (8, 0)}) == {
        (other, None): (7, 0),
        (measurand, "L2"): (8, 0),
    }


def test_it_is_found_and_lost() -> None:
    readings = MeterReadings("M")
    facts: MappingProxyType[str, int | str] = MappingProxyType(
        {"manufacturer": "SunCo  ", "model": "X1", "serial_number": 77}
    )
    found = DeviceFound(device_id="M", profile_id="sunspec_inverter", variant=None, evse_ids=(1,), facts=facts)
    assert readings.translate(found) == [MeterFound(meter_id="M", vendor="SunCo", model="X1", serial_number="77")]
    bare = DeviceFound(
        device_id="M", profile_id="siemens_pac2200", variant=None, evse_ids=(1,), facts=MappingProxyType({})
    )
    assert readings.translate(bare) == [MeterFound(meter_id="M", vendor="Siemens", model="SENTRON PAC2200")]
    assert readings.translate(DeviceLost(device_id="M", reason="silent")) == [MeterLost(meter_id="M", reason="silent")]
