"""What a round makes of a snapshot: the house's words, times, doubts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from edge.chargers.modbus.plausibility import EnergyWatch
from edge.chargers.modbus.snapshots import SnapshotMaker
from protocols.charger.snapshot import Change
from protocols.modbus import catalogue
from protocols.modbus.codec import Decoded, Value
from protocols.terms import ChargingState, ConnectorStatus, Measurand

T0 = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def values(**named: Value | None) -> dict[tuple[int, str, int], Decoded]:
    return {(1, name, 0): Decoded(value, None if value is not None else "missing") for name, value in named.items()}


def keba() -> SnapshotMaker:
    return SnapshotMaker("CP01", catalogue.load("keba_p30_p40"), 1)


def test_status_card_and_fault_are_told_when_they_change() -> None:
    maker = keba()
    idle = values(charging_state=2, cable_state=1, error_code=0, rfid=b"\0\0\0\0")
    assert maker.take(idle, at(0)) == {Change.STATUS, Change.CARD, Change.FAULT}
    assert maker.take(idle, at(1)) == set()
    plugged = values(charging_state=3, cable_state=7, error_code=0, rfid=b"\x04\xa1\xb2\xc3")
    assert maker.take(plugged, at(2)) == {Change.STATUS, Change.CARD}
    assert maker.snapshot.card is not None
    assert maker.snapshot.card.text == "04A1B2C3"
    assert maker.snapshot.status is not None
    assert (maker.snapshot.status.status, maker.snapshot.status.charging_state, maker.snapshot.status.at) == (
        ConnectorStatus.OCCUPIED,
        ChargingState.CHARGING,
        at(2),
    )


def test_what_was_not_read_keeps_its_value_and_its_time() -> None:
    maker = keba()
    maker.take(values(power=4000, energy_total=1000), at(0))
    maker.take(values(power=4100), at(5))
    energy, power = maker.snapshot.value(Measurand.ENERGY_REGISTER), maker.snapshot.value(Measurand.POWER)
    assert energy is not None
    assert power is not None
    assert (energy.value, energy.at, power.value, power.at) == (1000, at(0), 4100, at(5))


def test_what_the_device_says_it_does_not_have_is_unknown() -> None:
    maker = keba()
    maker.take(values(power=4000), at(0))
    assert maker.take(values(power=None), at(1)) == {Change.READINGS}
    assert maker.snapshot.value(Measurand.POWER) is None
    assert maker.snapshot.doubts == {"power": "missing"}


def test_a_counter_that_leaps_is_not_believed_until_it_goes_on_from_there() -> None:
    maker = keba()
    maker.take(values(energy_total=1_000_000), at(0))
    maker.take(values(energy_total=0), at(1))
    energy = maker.snapshot.value(Measurand.ENERGY_REGISTER)
    assert energy is not None
    assert (energy.value, energy.at) == (1_000_000, at(0))
    assert "went back" in maker.snapshot.doubts["energy_total"]
    maker.take(values(energy_total=1_000_003), at(2))  # one bad answer, and all is as it was
    energy = maker.snapshot.value(Measurand.ENERGY_REGISTER)
    assert energy is not None
    assert energy.value == 1_000_003
    assert maker.snapshot.doubts == {}


def test_a_counter_that_began_anew_is_believed_at_the_second_look() -> None:
    watch = EnergyWatch()
    assert watch.doubt(1_000_000, at(0)) is None
    assert watch.doubt(5, at(1)) is not None
    assert watch.doubt(7, at(2)) is None
    assert watch.doubt(9, at(3)) is None


def test_a_counter_that_leaps_up_is_doubted() -> None:
    watch = EnergyWatch()
    watch.doubt(1000, at(0))
    assert watch.doubt(2**31, at(1)) is not None
    assert watch.doubt(1010, at(2)) is None


def test_a_counter_that_stands_still_while_power_flows_is_frozen() -> None:
    maker = keba()
    for second in range(0, 120, 2):
        maker.take(values(power=11_000, energy_total=5000), at(second))
    energy = maker.snapshot.value(Measurand.ENERGY_REGISTER)
    assert energy is not None
    assert energy.is_frozen
    assert all(sample.measurand is not Measurand.ENERGY_REGISTER for sample in maker.snapshot.samples())
    maker.take(values(power=11_000, energy_total=5400), at(121))
    energy = maker.snapshot.value(Measurand.ENERGY_REGISTER)
    assert energy is not None
    assert not energy.is_frozen


def test_a_counter_stands_still_without_power_and_is_not_frozen() -> None:
    maker = keba()
    for second in range(0, 4000, 10):
        maker.take(values(power=0, energy_total=5000), at(second))
    energy = maker.snapshot.value(Measurand.ENERGY_REGISTER)
    assert energy is not None
    assert not energy.is_frozen


def test_samples_are_those_of_the_readings() -> None:
    maker = SnapshotMaker("CP01", catalogue.load("heidelberg_energy_control"), 1)
    maker.take(values(power=4000) | {(1, "current_l1_l3", 1): Decoded(6000)}, at(3))
    found = {(s.measurand, s.phase): (s.value, s.at) for s in maker.snapshot.samples()}
    assert found == {(Measurand.POWER, None): (4000, at(3)), (Measurand.CURRENT, "L2"): (6000, at(3))}
    assert maker.snapshot.samples(since=at(4)) == ()


def test_a_station_s_values_belong_to_all_its_evses_but_its_meter_to_none() -> None:
    maker = SnapshotMaker("CP01", catalogue.load("alfen_eve"), 2, is_only=False)
    maker.take({(1, "number_of_sockets", 0): Decoded(2), (2, "power", 0): Decoded(3600)}, at(0))
    assert maker.number("number_of_sockets") == 2
    reading = maker.snapshot.value(Measurand.POWER)
    assert reading is not None
    assert reading.value == 3600
