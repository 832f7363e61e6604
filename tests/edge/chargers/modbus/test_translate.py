"""What a polled charger shows becomes what an OCPP station would have said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest

from edge.chargers.modbus.snapshots import SnapshotMaker
from edge.chargers.modbus.translate import Translator, polled
from protocols.charger.abilities import EnergySource
from protocols.charger.events import (
    BootReported,
    ChargerEvent,
    IdTokenPresented,
    MeterValuesReported,
    StationConnected,
    StationDisconnected,
    StatusReported,
)
from protocols.charger.snapshot import DeviceFound, DeviceLost, EvseChanged
from protocols.modbus import catalogue
from protocols.modbus.codec import Decoded, Value
from protocols.modbus.profile import DeviceKind
from protocols.terms import ChargingState, ConnectorStatus, Measurand

T0 = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
IDLE: Mapping[str, Value | None] = MappingProxyType(
    {"charging_state": 2, "cable_state": 1, "error_code": 0, "rfid": b"\0\0\0\0", "power": 0, "energy_total": 5000}
)


class Charger:
    """One that is read round by round; `tell` gives the events of a round."""

    def __init__(self, profile_id: str = "keba_p30_p40") -> None:
        self.maker = SnapshotMaker("CP1", catalogue.load(profile_id), 1)
        self.translator = Translator("CP1", {1: 1})
        self.profile_id = profile_id

    def find(self, *, was_here: bool = False, **facts: int | str) -> list[ChargerEvent]:
        return self.translator.translate(
            DeviceFound(
                device_id="CP1",
                profile_id=self.profile_id,
                variant=None,
                evse_ids=(1,),
                facts=facts,
                was_here=was_here,
            )
        )

    def tell(self, seconds: float, named: Mapping[str, Value | None], **more: Value | None) -> list[ChargerEvent]:
        values = {
            (1, name, 0): Decoded(value, None if value is not None else "missing")
            for name, value in {**named, **more}.items()
        }
        changes = self.maker.take(values, T0 + timedelta(seconds=seconds))
        return self.translator.translate(EvseChanged(snapshot=self.maker.snapshot, changes=changes))


def test_a_device_that_is_found_connects_and_boots() -> None:
    connected, boot = Charger().find(serial=123, firmware=10201)
    assert isinstance(connected, StationConnected)
    assert connected.abilities.ocpp_version is None
    assert connected.abilities.polled == polled(catalogue.load("keba_p30_p40"))
    assert boot == BootReported(
        station_id="CP1",
        vendor="KEBA",
        model="KeContact P30, P40",
        serial_number="123",
        firmware_version="10201",
    )


def test_the_first_round_tells_meter_then_status() -> None:
    charger = Charger()
    charger.find()
    meter, status = charger.tell(0, IDLE)
    assert isinstance(meter, MeterValuesReported)
    assert {(s.measurand, s.value) for s in meter.samples} == {
        (Measurand.POWER, 0),
        (Measurand.ENERGY_REGISTER, 5000),
    }
    assert isinstance(status, StatusReported)
    assert (status.status, status.charging_state, status.error_code) == (ConnectorStatus.AVAILABLE, None, None)


def test_a_round_with_a_card_and_a_vehicle_tells_meter_card_status_in_this_order() -> None:
    charger = Charger()
    charger.find()
    charger.tell(0, IDLE)
    events = charger.tell(1, IDLE, charging_state=5, cable_state=7, rfid=b"\x04\xa1\xb2\xc3")
    assert [type(event) for event in events] == [MeterValuesReported, IdTokenPresented, StatusReported]
    assert events[1] == IdTokenPresented(station_id="CP1", token_uid="04A1B2C3", evse_id=1)
    assert isinstance(events[2], StatusReported)
    assert events[2].charging_state is ChargingState.SUSPENDED_EVSE


def test_a_card_that_was_there_at_the_first_look_is_old() -> None:
    charger = Charger()
    charger.find()
    events = charger.tell(0, IDLE, rfid=b"\x04\xa1\xb2\xc3")
    assert IdTokenPresented(station_id="CP1", token_uid="04A1B2C3", evse_id=1, is_old=True) in events


def test_what_is_the_same_is_told_every_five_seconds_and_what_was_not_read_again_never() -> None:
    charger = Charger()
    charger.find()
    charger.tell(0, IDLE, voltage_l1_l3=230_000)
    assert charger.tell(1, IDLE) == []
    (meter,) = charger.tell(5, IDLE)
    assert isinstance(meter, MeterValuesReported)
    assert {sample.measurand for sample in meter.samples} == {Measurand.POWER, Measurand.ENERGY_REGISTER}
    assert all(sample.at == T0 + timedelta(seconds=5) for sample in meter.samples)


def test_what_changed_is_told_at_once() -> None:
    charger = Charger()
    charger.find()
    charger.tell(0, IDLE)
    (meter,) = charger.tell(1, IDLE, power=11_000)
    assert isinstance(meter, MeterValuesReported)


def test_a_device_that_came_back_says_its_status_again_and_no_boot() -> None:
    charger = Charger()
    charger.find()
    charger.tell(0, IDLE)
    assert charger.translator.translate(DeviceLost(device_id="CP1", reason="silent")) == [
        StationDisconnected(station_id="CP1")
    ]
    (connected,) = charger.find(was_here=True)
    assert isinstance(connected, StationConnected)
    assert [type(event) for event in charger.tell(1, IDLE)] == [MeterValuesReported, StatusReported]


def test_a_fault_is_told_with_its_code() -> None:
    charger = Charger()
    charger.find()
    charger.tell(0, IDLE)
    events = charger.tell(1, IDLE, charging_state=4, error_code=17)
    assert isinstance(events[-1], StatusReported)
    assert (events[-1].status, events[-1].error_code) == (ConnectorStatus.FAULTED, "17")


def test_a_session_register_stands_in_for_a_meter() -> None:
    charger = Charger("mennekes_amtron_hcc3")
    (connected, _) = charger.find()
    assert isinstance(connected, StationConnected)
    assert connected.abilities.polled is not None
    assert connected.abilities.polled.energy is EnergySource.SESSION
    (meter, *_) = charger.tell(0, {"status": 5, "session_energy": 4200})
    assert isinstance(meter, MeterValuesReported)
    assert [(s.measurand, s.value) for s in meter.samples] == [(Measurand.ENERGY_REGISTER, 4200)]


def test_where_power_is_not_measured_the_currents_make_it() -> None:
    charger = Charger("abl_emh1")
    charger.find()
    maker = charger.maker
    name = next(n for n, r in catalogue.load("abl_emh1").registers.items() if r.measurand is Measurand.CURRENT)
    values = {(1, name, index): Decoded(10_000) for index in range(3)}
    changes = maker.take(values, T0)
    (meter,) = charger.translator.translate(EvseChanged(snapshot=maker.snapshot, changes=changes))
    assert isinstance(meter, MeterValuesReported)
    assert [s.value for s in meter.samples if s.measurand is Measurand.POWER] == [6900]


@pytest.mark.parametrize(
    ("profile_id", "source", "rolls_over_at_wh"),
    [
        ("alfen_eve", EnergySource.TOTAL, None),
        ("vestel_evc04_webasto_unite", EnergySource.TOTAL, None),
        ("abb_terra_ac", EnergySource.SESSION, None),
        ("abl_emh1", EnergySource.POWER, None),
        ("evse_din", EnergySource.NONE, None),
    ],
)
def test_by_what_energy_is_counted(profile_id: str, source: EnergySource, rolls_over_at_wh: int | None) -> None:
    found = polled(catalogue.load(profile_id))
    assert found.energy is source
    assert found.is_estimated == (source in (EnergySource.POWER, EnergySource.NONE))


def test_every_charger_says_how_it_counts() -> None:
    chargers = [profile for profile in catalogue.all_profiles() if profile.kind is DeviceKind.CHARGER]
    counted = {profile.id: polled(profile) for profile in chargers}
    integers = counted["em2go"]
    assert integers.rolls_over_at_wh is not None
    assert integers.rolls_over_at_wh >= 2**32
    assert all(each.profile_id == name for name, each in counted.items())


def test_an_evse_that_is_not_configured_is_not_told_of() -> None:
    charger = Charger()
    charger.translator = Translator("CP1", {2: 1})
    charger.find()
    assert charger.tell(0, IDLE) == []
