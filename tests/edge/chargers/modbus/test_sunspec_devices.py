"""SunSpec devices whose chains begin elsewhere and hold their models in another order are found, read and probed."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from edge.chargers.modbus.bus import Bus, BusTimes
from edge.chargers.modbus.device import Device, DeviceSettings
from edge.chargers.modbus.modbus_metrics import ModbusMetrics
from edge.chargers.modbus.probe import Answering, Probe
from firmware_sim.modbus.device import serving
from protocols.charger.snapshot import DeviceEvent, DeviceFound, DeviceLost, EvseChanged
from protocols.modbus import catalogue
from protocols.modbus.bus_address import parse_address
from protocols.modbus.catalogue import Fit
from protocols.modbus.profile import Transport
from protocols.terms import Measurand
from tests.kit import wait_until

BASES = (40000, 0, 50000)
ORDERS = ((1, 103, 123), (1, 123, 103), (1, 113), (1, 123, 113, 103), (103, 1))
SUNSPEC = catalogue.parsed("sunspec_inverter")


@contextlib.asynccontextmanager
async def polled(port: int) -> AsyncIterator[list[DeviceEvent]]:
    """What the poller tells of the device there."""
    events: list[DeviceEvent] = []
    metrics = ModbusMetrics(CollectorRegistry())
    bus = Bus(parse_address(f"tcp://127.0.0.1:{port}"), metrics, times=BusTimes(answer_s=1.0))
    device = Device(
        DeviceSettings(device_id="ROOF", fast_s=0.05, slow_s=0.1),
        SUNSPEC,
        bus,
        metrics,
        sink=events.append,
        clock=lambda: datetime.now(UTC),  # noqa: TID251 - a test of real reads
        is_well=lambda: True,
        random=random.Random(1).random,
    )
    task = asyncio.create_task(device.run())  # noqa: TID251 - ended below
    try:
        yield events
    finally:
        task.cancel()
        await asyncio.wait([task])
        bus.close()


def power_w(events: list[DeviceEvent]) -> int | None:
    readings = [event.snapshot.readings for event in events if isinstance(event, EvseChanged)]
    found = readings[-1].get((Measurand.POWER_EXPORT, None)) if readings else None
    return found.value if found is not None else None


async def probed(port: int) -> tuple[Answering, list[str]]:
    lines: list[str] = []
    profiles = [catalogue.parsed(profile_id) for profile_id in catalogue.profile_ids()]
    bus = Bus(parse_address(f"tcp://127.0.0.1:{port}"), ModbusMetrics(CollectorRegistry()))
    try:
        (found,) = await Probe(bus, profiles, lines.append).look_at([1], 60.0)
        return found, lines
    finally:
        bus.close()


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("models", ORDERS, ids=str)
async def test_it_is_read_wherever_its_models_are(base: int, models: tuple[int, ...]) -> None:
    transport = Transport.TCP
    async with serving("sunspec_inverter", transport=transport, sunspec_base=base, sunspec_models=models) as device:
        device.shine(4_321)
        async with polled(device.port) as events:
            await wait_until(lambda: power_w(events), 10)
        assert abs((power_w(events) or 0) - 4_321) <= 1
        (found,) = [event for event in events if isinstance(event, DeviceFound)]
        assert found.facts["manufacturer"] == "any (SunSpec)"
        assert not [event for event in events if isinstance(event, DeviceLost)]


@pytest.mark.parametrize("base", BASES)
async def test_the_probe_says_which_models_stand_where(base: int) -> None:
    async with serving(
        "sunspec_inverter", transport=Transport.TCP, sunspec_base=base, sunspec_models=(1, 123, 103)
    ) as device:
        found, _ = await probed(device.port)
    (match, *_) = found.matches
    assert (match.profile_id, match.fit) == ("sunspec_inverter", Fit.PROVEN)
    assert match.values["manufacturer"] == "any (SunSpec)"
    assert match.values["sunspec_models"] == f"1 at {base + 4}, 123 at {base + 72}, 103 at {base + 98}"


async def test_a_device_without_a_model_that_is_read_is_not_taken_for_one_that_is() -> None:
    async with serving("sunspec_inverter", transport=Transport.TCP, sunspec_models=(1, 123)) as device:
        found, lines = await probed(device.port)
        async with polled(device.port) as events:
            await wait_until(lambda: [event for event in events if isinstance(event, DeviceLost)], 10)
    assert "sunspec_inverter" not in [match.profile_id for match in found.matches]
    said = "its SunSpec models are 1, 123; sunspec_inverter reads one of 113, 103"
    assert any(said in line for line in lines)
    (lost, *_) = [event for event in events if isinstance(event, DeviceLost)]
    assert said in lost.reason
