"""A device is found, read and controlled over TCP; the other end is pymodbus's server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry

from edge.chargers.modbus.bus import Bus, BusTimes
from edge.chargers.modbus.desired import Desired
from edge.chargers.modbus.device import Device, DeviceSettings
from edge.chargers.modbus.modbus_metrics import ModbusMetrics
from protocols.charger.snapshot import DeviceEvent, DeviceFound, EvseChanged, SetpointReported
from protocols.modbus import catalogue
from protocols.modbus.bus_address import parse_address
from protocols.terms import ChargingState, ConnectorStatus, Measurand
from tests.edge.chargers.modbus.foreign import Image, serving
from tests.edge.chargers.modbus.harness import image_of

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def heidelberg() -> Image:
    image = image_of("heidelberg_energy_control", power=4140, energy_total=123_456)
    for index, current_ma in enumerate((6000, 5900, 6100)):
        image.put("current_l1_l3", current_ma, index=index)
    return image


async def until(is_so: Callable[[], object], timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not is_so():
            await asyncio.sleep(0.01)


class Site:
    """A bus with one device, and all that it told."""

    def __init__(self, image: Image, port: int, **settings: float) -> None:
        self.events: list[DeviceEvent] = []
        self.metrics = ModbusMetrics(CollectorRegistry())
        self.is_well = True
        self.bus = Bus(parse_address(f"tcp://127.0.0.1:{port}"), self.metrics, times=BusTimes(answer_s=0.5))
        self.device = Device(
            DeviceSettings(device_id="CP01", **{"fast_s": 0.05, "slow_s": 0.2, **settings}),
            catalogue.parsed(image.profile.id),
            self.bus,
            self.metrics,
            sink=self.events.append,
            clock=lambda: NOW,
            is_well=lambda: self.is_well,
        )

    def of(self, kind: type) -> list[DeviceEvent]:
        return [event for event in self.events if isinstance(event, kind)]


@asynccontextmanager
async def site_with(image: Image, **settings: float) -> AsyncIterator[Site]:
    async with serving(image) as port:
        site = Site(image, port, **settings)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(site.device.run())
            yield site
            running.cancel()
        site.bus.close()


async def test_finds_and_reads_a_charger() -> None:
    async with site_with(heidelberg()) as site:
        await until(lambda: site.of(EvseChanged))
        (snapshot,) = site.device.snapshots()
    assert site.of(DeviceFound)[0].facts["hw_max_current"] == 16_000
    assert (snapshot.status.status, snapshot.status.charging_state) == (
        ConnectorStatus.OCCUPIED,
        ChargingState.CHARGING,
    )
    assert snapshot.value(Measurand.POWER).value == 4140
    assert snapshot.value(Measurand.POWER).is_estimated
    assert snapshot.value(Measurand.CURRENT, "L3").value == 6100
    assert snapshot.value(Measurand.ENERGY_REGISTER).value == 123_456


async def test_sets_a_limit_once_and_reads_it_back() -> None:
    image = heidelberg()
    async with site_with(image) as site:
        await until(lambda: site.of(DeviceFound))
        site.device.want(1, Desired(limit=13_777))
        await until(lambda: site.of(SetpointReported))
        await until(lambda: site.metrics.polls["good"] > 12)
    assert image.writes == [(16, 1, 261, (137,))]
    (report,) = site.of(SetpointReported)
    assert (report.wanted, report.shown, report.is_confirmed) == (13_700, 13_700, True)
