"""What a device refuses, and with which exception; units, strides and blocks."""

from __future__ import annotations

import pytest

from firmware_sim.modbus.pdu import Refusal
from firmware_sim.modbus.simulated import SimulatedDevice, simulated
from protocols.errors import BadText
from protocols.modbus.catalogue import load, profile_ids
from protocols.modbus.register import Register, Table
from protocols.modbus.setpoint import write_raw
from tests.firmware_sim.modbus.asking import outlet, read_pdu, refusal, send, value, write, write_pdu


def asked(
    device: SimulatedDevice, table: Table, address: int, count: int, unit_id: int | None = None
) -> Refusal | None:
    unit = device.profile.unit_id if unit_id is None else unit_id
    return refusal(send(device, unit, read_pdu(table, address, count), 1))


@pytest.mark.parametrize("profile_id", profile_ids())
def test_an_address_that_is_not_there_is_an_illegal_address(profile_id: str) -> None:
    device = simulated(profile_id)
    assert asked(device, Table.HOLDING, 65_000, 1) is Refusal.ILLEGAL_ADDRESS
    assert asked(device, Table.COIL, 65_000, 1) is Refusal.ILLEGAL_ADDRESS
    assert refusal(send(device, device.profile.unit_id, write_pdu(6, 65_000, (1,)), 1)) is Refusal.ILLEGAL_ADDRESS


@pytest.mark.parametrize("profile_id", profile_ids())
def test_too_many_words_and_unknown_functions_are_refused(profile_id: str) -> None:
    device = simulated(profile_id)
    assert asked(device, Table.HOLDING, 0, 126) is Refusal.ILLEGAL_VALUE
    assert asked(device, Table.HOLDING, 0, 0) is Refusal.ILLEGAL_VALUE
    assert refusal(send(device, device.profile.unit_id, bytes([43, 14, 1, 0]), 1)) is Refusal.ILLEGAL_FUNCTION
    assert refusal(send(device, device.profile.unit_id, b"\x03\x00", 1)) is Refusal.ILLEGAL_VALUE


@pytest.mark.parametrize("profile_id", profile_ids())
def test_what_cannot_be_written_is_refused(profile_id: str) -> None:
    device = simulated(profile_id)
    for name, register in device.profile.registers.items():
        if not register.is_writable and register.table is Table.HOLDING and not is_shared(device, register):
            address = device.profile.address_of(register, 1)
            unit_id = device.profile.unit_of(register.scope, 1)
            zeros = (0,) * register.form.words
            assert refusal(send(device, unit_id, write_pdu(16, address, zeros), 1)) is Refusal.ILLEGAL_ADDRESS, name


def is_shared(device: SimulatedDevice, register: Register) -> bool:
    """Whether another register that may be written stands at the same address."""
    here = (register.table, register.address, register.scope)
    others = device.profile.registers.values()
    return any((each.table, each.address, each.scope) == here and each.is_writable for each in others)


def test_a_keba_gives_one_value_at_a_time() -> None:
    device = simulated("keba_p30_p40")
    assert asked(device, Table.HOLDING, 1000, 2) is None
    assert asked(device, Table.HOLDING, 1000, 1) is Refusal.ILLEGAL_ADDRESS
    assert asked(device, Table.HOLDING, 1008, 6) is Refusal.ILLEGAL_ADDRESS
    assert asked(device, Table.HOLDING, 1010, 2) is None


def test_an_abl_answers_what_it_is_asked_twice() -> None:
    device = simulated("abl_emh1")
    pdu = read_pdu(Table.HOLDING, 4, 1)
    woken, answered = device.answer(1, pdu, 0), device.answer(1, pdu, 0)
    assert woken == b"\x03\x02\x00\x00"
    assert answered == b"\x03\x02\x00\xa1"
    assert (device.first_tries, device.reads) == (1, 1)
    setpoint = write_pdu(16, 20, (160,))
    device.answer(1, setpoint, 0)
    assert outlet(device).limit is None
    device.answer(1, setpoint, 0)
    assert outlet(device).limit == 9_600
    assert asked(device, Table.HOLDING, 46, 4) is Refusal.ILLEGAL_ADDRESS
    assert asked(device, Table.HOLDING, 46, 5) is None


def test_an_alfen_has_a_unit_for_each_socket_and_one_for_the_station() -> None:
    device = simulated("alfen_eve")
    assert device.unit_ids == {1, 2, 200}
    assert value(device, "number_of_sockets", 1).value == 2
    assert asked(device, Table.HOLDING, 1201, 5, 1) is None
    assert asked(device, Table.HOLDING, 1201, 5, 200) is Refusal.ILLEGAL_ADDRESS
    assert asked(device, Table.HOLDING, 1105, 1, 1) is Refusal.ILLEGAL_ADDRESS
    assert asked(device, Table.HOLDING, 300, 125, 2) is None
    assert asked(device, Table.HOLDING, 300, 126, 2) is Refusal.ILLEGAL_VALUE
    assert simulated("alfen_eve", evses=1).unit_ids == {1, 200}


def test_phases_of_an_alfen_are_written_with_function_16_only() -> None:
    device = simulated("alfen_eve")
    phases = write_raw(device.profile, "phases", 1)
    assert phases.function == 16
    assert refusal(send(device, 1, write_pdu(6, phases.address, (1,)), 1)) is Refusal.ILLEGAL_FUNCTION
    assert write(device, phases, 1) is None


def test_half_a_value_is_not_written() -> None:
    device = simulated("abb_terra_ac")
    assert refusal(send(device, 1, write_pdu(16, 16640, (0,)), 1)) is Refusal.ILLEGAL_ADDRESS
    assert refusal(send(device, 1, write_pdu(16, 16641, (0, 0)), 1)) is Refusal.ILLEGAL_ADDRESS
    assert refusal(send(device, 1, write_pdu(6, 16640, (0,)), 1)) is Refusal.ILLEGAL_ADDRESS
    assert refusal(send(device, 1, write_pdu(16, 16640, (0, 6000)), 1)) is None


def test_connectors_stand_their_stride_apart_and_end_with_the_last() -> None:
    for profile_id, table, address in (
        ("phoenix_charx", Table.HOLDING, 299),
        ("alpitronic_hyc", Table.INPUT, 0),
        ("delta_ac_max_slim", Table.INPUT, 0),
        ("compleo_ebox_pro", Table.INPUT, 1),
    ):
        device = simulated(profile_id, evses=2)
        evses = device.profile.evses
        assert asked(device, table, evses.base + address, 1) is None
        assert asked(device, table, evses.base + evses.stride + address, 1) is None
        assert asked(device, table, evses.base + 2 * evses.stride + address, 1) is Refusal.ILLEGAL_ADDRESS
        if evses.count_register is not None:
            assert value(device, evses.count_register, 1).value == 2


def test_a_coil_releases() -> None:
    device = simulated("phoenix_em_eth")
    assert refusal(send(device, 180, write_pdu(5, 400, (0,)), 1)) is None
    assert not outlet(device).enabled
    assert value(device, "enable", 1).value == 0
    assert refusal(send(device, 180, write_pdu(15, 400, (1,)), 1)) is None
    assert outlet(device).enabled
    assert refusal(send(device, 180, b"\x05\x01\x90\x12\x34", 1)) is Refusal.ILLEGAL_VALUE


def test_an_optional_register_may_be_missing() -> None:
    device = simulated("phoenix_ev_cc_eth", absent=("rfid",))
    assert asked(device, Table.HOLDING, 606, 16) is Refusal.ILLEGAL_ADDRESS


def test_a_variant_has_its_own_limits() -> None:
    device = simulated("eastron_sdm630", variant="sdm72")
    assert asked(device, Table.INPUT, 0, 10) is None
    assert asked(device, Table.INPUT, 0, 12) is Refusal.ILLEGAL_VALUE


def test_another_unit_than_the_usual() -> None:
    assert simulated("em2go", unit_id=7).unit_ids == {7}


def test_what_there_is_not_is_told() -> None:
    for settings in ({"profile_id": "none"}, {"profile_id": "em2go", "variant": "none"}):
        with pytest.raises(BadText):
            simulated(**settings)  # type: ignore[arg-type]
    with pytest.raises(BadText):
        simulated("alfen_eve", evses=3)
    assert load("alfen_eve").evses.at_most == 2
