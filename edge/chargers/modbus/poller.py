"""All Modbus devices of a site: one task each, so that none stops another; one bus for those that share a line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import structlog

from edge.chargers.modbus.bus import Bus, BusTimes
from edge.chargers.modbus.desired import Desired
from edge.chargers.modbus.device import Device, DeviceSettings, Sink
from edge.chargers.modbus.modbus_metrics import ModbusMetrics
from edge.ports import Clock
from protocols.charger.snapshot import EvseSnapshot
from protocols.errors import BadText
from protocols.modbus.bus_address import parse_address
from protocols.modbus.reader import Parsed

FAULT_PAUSE_S: Final = 10.0
"""After a fault of ours in one device's task; the others go on."""


class Poller:
    """`run` must be running. `is_well` tells whether the agent is: while it is not, no watchdog is fed."""

    def __init__(
        self, metrics: ModbusMetrics, *, sink: Sink, clock: Clock, is_well: Callable[[], bool] = lambda: True
    ) -> None:
        self._metrics = metrics
        self._sink = sink
        self._clock = clock
        self._is_well = is_well
        self._buses: dict[str, Bus] = {}
        self._devices: dict[str, Device] = {}
        self._log = structlog.get_logger()

    def add(self, address: str, parsed: Parsed, settings: DeviceSettings, times: BusTimes | None = None) -> Device:
        """A device on the bus at `address`; before `run`. Raises BadText for an address or device that cannot be."""
        bus_address = parse_address(address)
        if bus_address.transport not in parsed.profile.transports:
            raise BadText(f"{parsed.profile.id} is not reached by {bus_address.transport.value}")
        if settings.variant is not None and settings.variant not in parsed.variants:
            raise BadText(f"{parsed.profile.id} has no variant {settings.variant!r}")
        if settings.device_id in self._devices:
            raise BadText(f"there are two devices {settings.device_id!r}")
        bus = self._buses.get(str(bus_address))
        if bus is None:
            bus = self._buses[str(bus_address)] = Bus(bus_address, self._metrics, times=times)
        device = self._devices[settings.device_id] = Device(
            settings, parsed, bus, self._metrics, sink=self._sink, clock=self._clock, is_well=self._is_well
        )
        return device

    def want(self, device_id: str, evse_id: int, desired: Desired) -> None:
        """See Device.want. Raises KeyError for a device that is not there, BadValue for what it cannot do."""
        self._devices[device_id].want(evse_id, desired)

    def snapshots(self) -> tuple[EvseSnapshot, ...]:
        """What was last seen of all EVSEs, meters and inverters."""
        return tuple(snapshot for device in self._devices.values() for snapshot in device.snapshots())

    def status(self) -> dict[str, Any]:
        """JSON-able; counts since the start."""
        return self._metrics.status()

    async def run(self) -> None:
        """Read and control all devices until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for device in self._devices.values():
                    tasks.create_task(self._keep_running(device), name=f"modbus {device.device_id}")
        finally:
            for bus in self._buses.values():
                bus.close()

    async def _keep_running(self, device: Device) -> None:
        while True:
            async with asyncio.TaskGroup() as tasks:  # a task of its own: one that failed is not fit to go on in
                tasks.create_task(self._run_once(device))
            await asyncio.sleep(FAULT_PAUSE_S)

    async def _run_once(self, device: Device) -> None:
        try:
            await device.run()
        except Exception:
            self._log.exception("modbus_device_failed", device_id=device.device_id)
