"""Words as devices send them, by the maps and manuals that the profiles name, and what they mean."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from protocols.modbus.catalogue import load
from protocols.modbus.profile import Card
from protocols.modbus.reads import singles
from protocols.modbus.status import EvseStatus, read_card, read_fault, read_status
from protocols.terms import ChargingState, ConnectorStatus
from tests.protocols.modbus.device import Memory


def floats(*numbers: float) -> tuple[int, ...]:
    return struct.unpack(f">{2 * len(numbers)}H", struct.pack(f">{len(numbers)}f", *numbers))


def doubles(*numbers: float) -> tuple[int, ...]:
    return struct.unpack(f">{4 * len(numbers)}H", struct.pack(f">{len(numbers)}d", *numbers))


def text(letters: str, words: int) -> tuple[int, ...]:
    return struct.unpack(f">{words}H", letters.encode().ljust(words * 2, b"\0"))


CASES = [
    # Big end first throughout; mA and 0.1 V in 32 bits.
    ("abb_terra_ac", "current_l1_l3", (0, 15_980, 0, 16_010, 0, 0), [15_980, 16_010, 0]),
    ("abb_terra_ac", "voltage_l1_l3", (0, 2301, 0, 2298, 0, 2305), [230_100, 229_800, 230_500]),
    ("abb_terra_ac", "power", (0, 11_040), [11_040]),
    ("abb_terra_ac", "session_energy", (1, 0), [65_536]),
    ("abb_terra_ac", "status", (0x0000, 0x0400), [4]),
    ("abb_terra_ac", "status", (0x0000, 0x8400), [4]),
    ("abb_terra_ac", "firmware", (0x0108, 0x1F00), [b"\x01\x08\x1f\x00"]),
    ("abb_terra_ac", "fallback_limit_rb", (0xFF,), [255_000]),
    # IEEE floats; the energy in 64 bits; NaN is not there; the state as five words of text.
    ("alfen_eve", "voltage_l1_l3", floats(230.1, 229.875, 231.0), [230_100, 229_875, 231_000]),
    ("alfen_eve", "current_l1_l3", (0x4180, 0, 0xFFFF, 0xFFFF, 0x7FC0, 0), [16_000, None, None]),
    ("alfen_eve", "power", floats(11_050.5), [11_050]),
    ("alfen_eve", "energy_total", doubles(12_345_678.0), [12_345_678]),
    ("alfen_eve", "status", text("C2", 5), ["C2"]),
    ("alfen_eve", "setpoint_valid_time", (0xFFFF, 0xFFFF), [None]),
    ("alfen_eve", "setpoint_valid_time", (0, 57), [57_000]),
    # mA, mW, 0.1 Wh.
    ("keba_p30_p40", "current_l1_l3", (0, 15_900, 0, 15_800, 0, 15_850), [15_900, 15_800, 15_850]),
    ("keba_p30_p40", "power", (0x00A8, 0x7A80), [11_041]),
    ("keba_p30_p40", "energy_total", (0x0012, 0xD687), [123_457]),
    ("keba_p30_p40", "rfid", (0x04A1, 0xB2C3), [b"\x04\xa1\xb2\xc3"]),
    ("keba_p30_p40", "product", (0x0004, 0xC4B4), [312_500]),
    # Low word first.
    ("phoenix_ev_cc_eth", "energy_total", (0x5678, 0x0012), [0x0012_5678]),
    ("phoenix_ev_cc_eth", "power", (11_000, 0), [11_000]),
    ("phoenix_ev_cc_eth", "status", (0x0043,), ["C"]),
    ("phoenix_em_eth", "power", (1104, 0), [11_040]),
    ("phoenix_em_eth", "voltage_l1_l3", (23_012, 0, 22_990, 0, 0, 0), [230_120, 229_900, 0]),
    ("phoenix_em_eth", "energy_total", (0x86A0, 0x0001), [1_000_000]),
    ("phoenix_ev_cc_serial", "status", (0x4300,), ["C"]),
    ("mennekes_amtron_hcc3", "session_energy", (0x1234, 0x0001), [0x0001_1234]),
    ("schneider_evlink_pro_ac", "current_l1_l3", (0x0000, 0x4180, 0, 0, 0, 0), [16_000, 0, 0]),
    ("schneider_evlink_pro_ac", "energy_total", (0x0001, 0x0002, 0, 0), [0x0002_0001]),
    ("carlo_gavazzi_em340_em540", "power", (0xFC18, 0xFFFF), [-100]),
    ("carlo_gavazzi_em340_em540", "energy_import", (0x86A0, 0x0001), [10_000_000]),
    ("carlo_gavazzi_em340_em540", "current_l1_l3", (1_500, 0, 0xFA24, 0xFFFF, 0, 0), [1_500, -1_500, 0]),
    ("carlo_gavazzi_em340_em540", "frequency", (500,), [50_000]),
    ("carlo_gavazzi_em340_em540", "frequency", (5_000,), [None]),
    ("carlo_gavazzi_em24", "power_factor", (0xFC4F,), [-945]),
    # All floats, in kWh.
    ("eastron_sdm630", "voltage_l1_l3", (0x4366, 0x3333, 0x4365, 0xE666, 0x4366, 0x8000), [230_200, 229_900, 230_500]),
    ("eastron_sdm630", "energy_import", (0x449A, 0x522B), [1_234_568]),
    ("eastron_sdm630", "power_l1_l3", floats(-1500.0, 20.5, 21.5), [-1500, 20, 22]),
    ("eastron_sdm630", "frequency", floats(499.8), [None]),
    ("abb_b23", "energy_import", (0, 0, 0x0001, 0xE240), [1_234_560]),
    ("abb_b23", "energy_export", (0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF), [None]),
    ("abb_b23", "power", (0xFFFF, 0xF830), [-20]),
    ("abb_b23", "power_factor", (0x7FFF,), [None]),
    ("janitza_umg", "energy_import", floats(8_388_608.0), [8_388_608]),
    ("siemens_pac2200", "energy_import", doubles(987_654_321.0), [987_654_321]),
    ("schneider_iem3155", "power", floats(11.04), [11_040]),
    ("schneider_iem3155", "energy_import", (0, 0, 0x000F, 0x4240), [1_000_000]),
    ("bender_cc612", "power", (0xFFFF, 0xFFFF), [None]),
    ("bender_cc612", "set_current_deci", (65,), [6_500]),
    ("heidelberg_energy_control", "watchdog_timeout", (15_000,), [15_000]),
    ("heidelberg_energy_control", "temperature", (0xFFF6,), [-1_000]),
    ("alpitronic_hyc", "voltage", (0x0001, 0x0D88), [690_000]),
    ("alpitronic_hyc", "session_energy", (1_234,), [12_340]),
    ("compleo_ebox_pro", "power", (110,), [11_000]),
    ("compleo_ebox_pro", "charge_time", (0x100E, 0x0000), [3_600_000]),
    ("siemens_versicharge", "power_l1_l3", (2_300, 0xFFFF, 0xFFFF), [2_300, None, None]),
    ("siemens_versicharge", "status_text", (0x4332,), ["C2"]),
    ("vestel_evc04_webasto_unite", "energy_total", (0, 12_345), [1_234_500]),
    ("abl_emh1", "current_l3_l1", (158, 1_000, 1), [15_800, None, None]),
    ("abl_emh1", "state_letter", (0x00C2,), [12]),
    ("abl_emh1", "set_current_rb", (0xF10B,), [16_020]),
    ("mennekes_amtron_hcc3", "name", (0x4D41, 0x5254, 0x4E4F), ["AMTRON"]),
]


@pytest.mark.parametrize(("profile_id", "name", "words", "expected"), CASES)
def test_what_words_mean(profile_id: str, name: str, words: tuple[int, ...], expected: list[object]) -> None:
    profile, memory = load(profile_id), Memory()
    memory.put_words(profile, name, *words)
    values = memory.values(profile, [name])
    assert [values[1, name, index].value for index in range(len(expected))] == expected
    assert all(values[1, name, index].reason for index, value in enumerate(expected) if value is None)


A, B, C = (
    EvseStatus(ConnectorStatus.AVAILABLE),
    EvseStatus(ConnectorStatus.OCCUPIED, ChargingState.EV_CONNECTED),
    EvseStatus(ConnectorStatus.OCCUPIED, ChargingState.CHARGING),
)
SUSPENDED_EV = EvseStatus(ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EV)
SUSPENDED_EVSE = EvseStatus(ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EVSE)
FAULTED = EvseStatus(ConnectorStatus.FAULTED)
UNAVAILABLE = EvseStatus(ConnectorStatus.UNAVAILABLE)


@pytest.mark.parametrize(
    ("profile_id", "shown", "expected"),
    [
        ("abb_terra_ac", {"status": 0}, A),
        ("abb_terra_ac", {"status": 3}, SUSPENDED_EVSE),
        ("abb_terra_ac", {"status": 5}, None),
        ("abb_terra_ac", {"status": 5, "lock_state": 0x111}, B),
        ("abb_terra_ac", {"status": 5, "lock_state": 0x001}, A),
        ("abb_terra_ac", {"status": 4, "lock_state": 0x001}, C),
        ("abb_terra_ac", {}, None),
        ("alfen_eve", {"status": "B2"}, SUSPENDED_EV),
        ("alfen_eve", {"status": "D1"}, SUSPENDED_EVSE),
        ("alfen_eve", {"status": "E"}, A),
        ("alfen_eve", {"status": "F"}, FAULTED),
        ("keba_p30_p40", {"charging_state": 3, "cable_state": 7}, C),
        ("keba_p30_p40", {"charging_state": 5, "cable_state": 7}, SUSPENDED_EVSE),
        ("keba_p30_p40", {"charging_state": 5, "cable_state": 0}, A),
        ("keba_p30_p40", {"charging_state": 4, "cable_state": 0}, FAULTED),
        ("keba_p30_p40", {"charging_state": 1, "cable_state": 5}, B),
        ("keba_p30_p40", {"charging_state": 3}, C),
        ("vestel_evc04_webasto_unite", {"charging_state": 1, "cable_state": 0}, A),
        ("vestel_evc04_webasto_unite", {"charging_state": 1, "cable_state": 3}, C),
        ("vestel_evc04_webasto_unite", {"charging_state": 0, "cable_state": 2}, B),
        ("compleo_ebox_pro", {"status": 3}, C),
        ("abl_emh1", {"status": 0xE0, "state_letter": 14}, UNAVAILABLE),
        ("abl_emh1", {"status": 0xC4, "state_letter": 12}, C),
        ("heidelberg_energy_control", {"status": 10}, UNAVAILABLE),
        ("alpitronic_hyc", {"state": 7}, EvseStatus(ConnectorStatus.RESERVED)),
    ],
)
def test_what_an_evse_does(profile_id: str, shown: dict[str, int | str], expected: EvseStatus | None) -> None:
    assert read_status(load(profile_id), shown) == expected


def test_a_fault_is_told_in_words_where_there_are_any() -> None:
    abb = load("abb_terra_ac")
    assert read_fault(abb.faults, {"error_code": 0}) is None
    assert read_fault(abb.faults, {}) is None
    assert read_fault(abb.faults, {"error_code": 16384}) == "Modbus communication lost"
    assert read_fault(abb.faults, {"error_code": 7}) == "7"
    assert read_fault(load("alfen_eve").faults, {"error_code": 7}) is None


def test_the_card_at_the_reader() -> None:
    keba, charx = load("keba_p30_p40"), load("phoenix_charx")
    memory = Memory()
    memory.put_words(keba, "rfid", 0x04A1, 0xB2C3)
    memory.put_words(charx, "rfid", *text("04A1B2C3", 10), evse_id=2)
    assert read_card(keba, singles(memory.values(keba, ["rfid"]))) == "04A1B2C3"
    assert read_card(charx, singles(memory.values(charx, ["rfid"], 2), 2)) == "04A1B2C3"
    assert read_card(charx, singles(memory.values(charx, ["rfid"], 1))) is None
    assert read_card(keba, singles(Memory().values(keba, ["rfid"]))) is None
    assert read_card(load("abb_terra_ac"), {}) is None
    no_card = replace(charx, card=Card(register="rfid", none=("NONE",)))
    assert read_card(no_card, {"rfid": "NONE"}) is None
    assert read_card(no_card, {"rfid": "NONE2"}) == "NONE2"
