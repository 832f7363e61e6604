"""A real serial line, as far as a pty is one: pymodbus's serial server on the other end."""

from __future__ import annotations

import asyncio
import os
import pty
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from prometheus_client import CollectorRegistry
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer

from edge.chargers.modbus.bus import Bus, BusError, BusFault, BusTimes
from edge.chargers.modbus.modbus_metrics import ModbusMetrics
from edge.chargers.modbus.rounds import Rounds
from protocols.modbus.bus_address import parse_address
from protocols.modbus.register import Group
from protocols.modbus.setpoint import write_value
from tests.edge.chargers.modbus.foreign import Image, devices_of
from tests.edge.chargers.modbus.harness import image_of
from tests.kit import has_serial_lines

pytestmark = pytest.mark.skipif(not has_serial_lines(), reason="this machine gives out no pseudo-terminals")


@asynccontextmanager
async def cable() -> AsyncIterator[tuple[str, str]]:
    """Two serial ends, joined: what is written to the one is read from the other."""
    loop = asyncio.get_running_loop()
    pairs = [pty.openpty(), pty.openpty()]
    for master, end in pairs:
        tty.setraw(end)
        os.set_blocking(master, False)
    (left, _), (right, _) = pairs

    def pass_on(source: int, target: int) -> None:
        with suppress(OSError):
            os.write(target, os.read(source, 1024))

    loop.add_reader(left, pass_on, left, right)
    loop.add_reader(right, pass_on, right, left)
    try:
        yield os.ttyname(pairs[0][1]), os.ttyname(pairs[1][1])
    finally:
        for master, end in pairs:
            loop.remove_reader(master)
            os.close(master)
            os.close(end)


@asynccontextmanager
async def line_with(image: Image) -> AsyncIterator[Bus]:
    async with cable() as (ours, theirs):
        server = ModbusSerialServer(
            devices_of(image), framer=FramerType.RTU, port=theirs, baudrate=19200, ignore_missing_devices=True
        )
        await server.serve_forever(background=True)
        bus = Bus(
            parse_address(f"rtu://{ours}?baud=19200"),
            ModbusMetrics(CollectorRegistry()),
            times=BusTimes(answer_s=0.3),
        )
        try:
            yield bus
        finally:
            bus.close()
            await server.shutdown()


async def test_reads_and_writes_over_a_serial_line() -> None:
    image = image_of("heidelberg_energy_control", power=3680)
    async with line_with(image) as bus:
        outcome = await Rounds(bus, image.profile, (1,)).read_groups(Group.FAST)
        await bus.write(write_value(image.profile, "set_current", 10_000))
    assert outcome.error is None
    assert outcome.values[1, "power", 0].value == 3680
    assert image.words("set_current") == [100]


async def test_a_line_that_cannot_be_set_so_is_unreachable() -> None:
    async with cable() as (ours, _):  # a pty knows no parity
        bus = Bus(parse_address(f"rtu://{ours}?baud=19200&parity=E"), ModbusMetrics(CollectorRegistry()))
        with pytest.raises(BusError) as caught:
            await bus.write(write_value(image_of("heidelberg_energy_control").profile, "set_current", 10_000))
    assert caught.value.fault is BusFault.UNREACHABLE


async def test_a_line_that_is_not_there_is_unreachable() -> None:
    bus = Bus(parse_address("rtu:///dev/no-such-line"), ModbusMetrics(CollectorRegistry()))
    with pytest.raises(BusError) as caught:
        await bus.write(write_value(image_of("heidelberg_energy_control").profile, "set_current", 10_000))
    assert caught.value.fault is BusFault.UNREACHABLE
