"""What a device measures, as every charger and meter tells it."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import pytest

from protocols.modbus.catalogue import load
from protocols.modbus.codec import Decoded
from protocols.modbus.reads import names_of
from protocols.modbus.samples import is_estimated, samples
from protocols.terms import Measurand, ReadingContext
from tests.protocols.modbus.device import Memory

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def told(profile_id: str, memory: Memory, evse_id: int = 1) -> dict[tuple[str, str | None], int]:
    profile = load(profile_id)
    values = memory.values(profile, names_of(profile), evse_id)
    return {(s.measurand.value, s.phase): s.value for s in samples(profile, values, AT, evse_id)}


def test_a_charger_tells_power_current_voltage_and_energy() -> None:
    profile, memory = load("alfen_eve"), Memory(empty=0xFFFF)
    memory.put_words(profile, "power", *struct.unpack(">2H", struct.pack(">f", 11_000)), evse_id=2)
    memory.put_words(profile, "energy_total", *struct.unpack(">4H", struct.pack(">d", 1_000)), evse_id=2)
    memory.put_words(profile, "current_l1_l3", *struct.unpack(">6H", struct.pack(">3f", 16, 15.5, 0)), evse_id=2)
    assert told("alfen_eve", memory, 2) == {
        ("Power.Active.Import", None): 11_000,
        ("Energy.Active.Import.Register", None): 1_000,
        ("Current.Import", "L1"): 16_000,
        ("Current.Import", "L2"): 15_500,
        ("Current.Import", "L3"): 0,
    }
    assert told("alfen_eve", memory, 1) == {}


def test_a_sample_has_its_time_and_context() -> None:
    (sample,) = samples(load("phoenix_charx"), {(3, "power", 0): Decoded(7)}, AT, 3, ReadingContext.TRANSACTION_END)
    assert (sample.value, sample.at, sample.context) == (7, AT, ReadingContext.TRANSACTION_END)


@pytest.mark.parametrize(
    ("watts", "total"),
    [((2_300, 2_290, 2_310), 6_900), ((2_300, 0, 0), 2_300), ((2_300, 2_290, 0xFFFF), None)],
)
def test_the_sum_is_made_of_all_phases_or_not_at_all(watts: tuple[int, int, int], total: int | None) -> None:
    memory = Memory(empty=0)
    memory.put_words(load("siemens_versicharge"), "power_l1_l3", *watts)
    assert told("siemens_versicharge", memory).get(("Power.Active.Import", None)) == total


def test_the_order_of_phases_is_the_devices() -> None:
    memory = Memory()
    memory.put_words(load("abl_emh1"), "current_l3_l1", 30, 20, 10)
    found = told("abl_emh1", memory)
    assert [found["Current.Import", phase] for phase in ("L1", "L2", "L3")] == [1_000, 2_000, 3_000]


def test_a_sum_that_the_device_tells_is_not_made_again() -> None:
    profile, memory = load("carlo_gavazzi_em24"), Memory()
    memory.put_words(profile, "power", 0x2710, 0)
    memory.put_words(profile, "power_l1_l3", 10, 0, 10, 0, 10, 0)
    values = memory.values(profile, names_of(profile))
    totals = [s for s in samples(profile, values, AT) if s.measurand is Measurand.POWER and s.phase is None]
    assert [total.value for total in totals] == [1_000]


def test_apparent_energy_is_told_as_estimated() -> None:
    assert is_estimated(load("heidelberg_energy_control"), Measurand.ENERGY_REGISTER)
    assert is_estimated(load("heidelberg_energy_control"), Measurand.POWER)
    assert not is_estimated(load("alfen_eve"), Measurand.POWER)
