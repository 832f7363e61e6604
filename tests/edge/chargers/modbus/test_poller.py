"""Devices are put on their buses, and what cannot be is refused."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from edge.chargers.modbus.bus import BusTimes
from edge.chargers.modbus.desired import Desired
from edge.chargers.modbus.device import DeviceSettings
from edge.chargers.modbus.modbus_metrics import ModbusMetrics
from edge.chargers.modbus.poller import Poller
from protocols.charger.snapshot import DeviceEvent, DeviceFound, SetpointReported
from protocols.errors import BadText
from protocols.modbus import catalogue
from tests.edge.chargers.modbus.foreign import serving
from tests.edge.chargers.modbus.harness import image_of
from tests.edge.chargers.modbus.test_device import until

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def poller(events: list[DeviceEvent] | None = None) -> tuple[Poller, CollectorRegistry]:
    registry = CollectorRegistry()
    sink = (events if events is not None else []).append
    return Poller(ModbusMetrics(registry), sink=sink, clock=lambda: NOW), registry


def test_what_cannot_be_is_refused() -> None:
    ours, _ = poller()
    keba = catalogue.parsed("keba_p30_p40")
    ours.add("tcp://10.0.0.5", keba, DeviceSettings(device_id="CP01"))
    with pytest.raises(BadText, match="two devices"):
        ours.add("tcp://10.0.0.6", keba, DeviceSettings(device_id="CP01"))
    with pytest.raises(BadText, match="rtu"):
        ours.add("rtu+tcp://10.0.0.6:1", keba, DeviceSettings(device_id="CP02"))
    with pytest.raises(BadText, match="no variant"):
        ours.add("tcp://10.0.0.6", keba, DeviceSettings(device_id="CP02", variant="p50"))
    with pytest.raises(KeyError):
        ours.want("CP09", 1, Desired(limit=6000))


async def test_two_devices_on_two_ports_are_read_and_one_is_controlled_and_counted() -> None:
    images = [image_of("keba_p30_p40"), image_of("webasto_next")]
    events: list[DeviceEvent] = []
    ours, registry = poller(events)
    async with serving(images[0]) as first, serving(images[1]) as second:
        for image, port, device_id in zip(images, (first, second), ("CP01", "CP02"), strict=True):
            ours.add(
                f"tcp://127.0.0.1:{port}",
                catalogue.parsed(image.profile.id),
                DeviceSettings(device_id=device_id, fast_s=0.05),
                BusTimes(answer_s=0.5),
            )
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(ours.run())
            await until(lambda: len([event for event in events if isinstance(event, DeviceFound)]) == 2)
            ours.want("CP01", 1, Desired(limit=10_000))
            await until(lambda: len([event for event in events if isinstance(event, SetpointReported)]) == 2)
            counted = generate_latest(registry).decode()
            running.cancel()
    assert images[0].words("set_current") == [10_000]
    assert images[0].words("enable") == [1]
    assert images[1].writes == []
    assert {snapshot.device_id for snapshot in ours.snapshots()} == {"CP01", "CP02"}
    assert 'ohmstead_modbus_devices{state="connected"} 2.0' in counted
    assert 'ohmstead_modbus_writes_total{reason="changed"} 2.0' in counted
    assert 'ohmstead_modbus_watchdog_feeds_total{outcome="fed"}' in counted
    assert ours.status()["devices"] == {"lost": 0, "connected": 0}
