"""The chain of an inverter is walked, its models are read, and its controls take effect."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from firmware_sim.modbus.device import serving
from firmware_sim.modbus.meter_model import InverterModel
from firmware_sim.modbus.simulated import SimulatedDevice, simulated
from protocols.modbus.catalogue import load
from protocols.modbus.profile import Transport
from protocols.modbus.register import Table
from protocols.modbus.setpoint import write_raw
from protocols.modbus.sunspec import Found, place, walk
from tests.firmware_sim.modbus.asking import read_pdu, refusal, send, value, write
from tests.firmware_sim.modbus.master import connected

PROFILE = load("sunspec_inverter")


def walked(device: SimulatedDevice) -> tuple[Found, ...]:
    assert PROFILE.sunspec is not None
    steps = walk(PROFILE.sunspec)
    answer: Sequence[int] | None = None
    try:
        ask = next(steps)
        while True:
            raw = send(device, 1, read_pdu(Table.HOLDING, ask.address, ask.words), 1)
            answer = None if refusal(raw) else struct.unpack(f">{ask.words}H", raw[2:])
            ask = steps.send(answer)
    except StopIteration as end:
        found: tuple[Found, ...] = end.value
        return found


@pytest.mark.parametrize("base", [40000, 0, 50000])
@pytest.mark.parametrize("models", [(1, 103, 123), (1, 113), (1, 103, 113, 123)])
def test_the_walk_finds_the_models_and_their_values(base: int, models: tuple[int, ...]) -> None:
    device = simulated("sunspec_inverter", sunspec_base=base, sunspec_models=models)
    chain = walked(device)
    assert tuple(each.model for each in chain) == models
    placed = place(PROFILE, chain)
    power = "power_float" if 113 in models else "power"
    assert {name: each.address for name, each in placed.registers.items()}[power] == device.profile.registers[
        power
    ].address
    assert value(device, power, 10).value == 6_000
    assert value(device, "manufacturer", 10).value == "any (SunSpec)"


async def test_a_master_reads_the_inverter() -> None:
    async with serving("sunspec_inverter", transport=Transport.TCP, speed=0) as device, connected(device) as master:
        device.shine(4_200)
        device.pass_time(3600)
        assert await master.value("power") == 4_200
        assert await master.value("frequency") == 50_000
        energy_wh = await master.value("energy_total")
        assert energy_wh == 123_456 + 4_200


def test_the_limit_holds_for_its_time() -> None:
    device = simulated("sunspec_inverter")
    assert isinstance(device.model, InverterModel)
    for name, raw in (("power_limit", 3_000), ("power_limit_revert", 60), ("power_limit_enable", 1)):
        assert write(device, write_raw(device.profile, name, raw), 10) is None
    assert value(device, "power", 10).value == 3_000
    assert value(device, "power_limit", 10).value == 30
    assert value(device, "power", 69.999).value == 3_000
    assert value(device, "power", 70).value == 6_000
    assert write(device, write_raw(device.profile, "connect", 0), 71) is None
    assert value(device, "power", 71).value == 0
