"""Chargers on a serial line, and behind a gateway that carries one over TCP: a real agent, a transaction, its bill."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from firmware_sim.modbus.device import Device, DeviceClock, serving_line
from firmware_sim.modbus.simulated import simulated
from protocols.modbus.profile import Transport
from tests.journeys.lot import CARD, SPEED, WATCHDOG_S, lot_of
from tests.kit import has_serial_lines, wait_until

BLOCK = """
[[modbus]]
id = "{id}"
address = "{address}"
profile = "abb_terra_ac"
unit = {unit}
poll_s = 0.2
lost_after_s = 5
[[modbus.evses]]
id = 1
label = "{id} bay"
max_power_kw = 11
"""


@pytest.mark.parametrize(
    "transport",
    [
        pytest.param(
            Transport.RTU,
            marks=pytest.mark.skipif(not has_serial_lines(), reason="this machine gives out no pseudo-terminals"),
        ),
        Transport.RTU_OVER_TCP,
    ],
)
async def test_two_chargers_on_one_line_and_a_bill_of_each(tmp_path: Path, transport: Transport) -> None:
    clock = DeviceClock(asyncio.get_running_loop().time, SPEED)
    devices = {
        f"ABB{unit}": Device(simulated("abb_terra_ac", unit_id=unit, watchdog_s=WATCHDOG_S), clock) for unit in (1, 2)
    }
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serving_line(list(devices.values()), transport))
        first = devices["ABB1"]
        serial = f"rtu://{first.path}?baud=19200&parity=N"  # a pseudo-terminal has no parity
        address = serial if transport is Transport.RTU else f"rtu+tcp://{first.host}:{first.port}"
        blocks = [BLOCK.format(id=f"ABB{unit}", address=address, unit=unit) for unit in (1, 2)]
        lot = await stack.enter_async_context(lot_of(tmp_path, devices, blocks, devices))
        for device in devices.values():
            await wait_until(lambda device=device: device.outlet().limit == 0, 20)  # type: ignore[misc]
        began_wh = {name: lot.register_wh(name) for name in devices}
        for name, device in devices.items():
            device.plug()
            await lot.start(name, "APP-1" if name == "ABB1" else CARD)
        for name in devices:
            await lot.charged(name, 300)
        await lot.stop("ABB1")
        devices["ABB2"].unplug()
        for name in devices:
            cdr = await lot.bill(name)
            assert abs(cdr.total_energy_wh - (lot.register_wh(name) - began_wh[name])) <= 1
            assert cdr.token_uid == ("APP-1" if name == "ABB1" else CARD)
        assert (await lot.status())["alarms"] == []
