"""Every profile, read and controlled by the poller; behind the line is the simulator's device, in virtual time."""

from __future__ import annotations

import asyncio
import random

import pytest

from edge.chargers.modbus.desired import Desired
from edge.chargers.modbus.device import Device, DeviceSettings
from edge.chargers.modbus.modbus_metrics import ModbusMetrics
from firmware_sim.modbus.device import Device as SimulatedDevice
from firmware_sim.modbus.device import DeviceClock
from firmware_sim.modbus.simulated import simulated
from protocols.charger.snapshot import DeviceEvent, DeviceFound, DeviceLost, SetpointReported
from protocols.modbus.catalogue import load, parsed, profile_ids
from protocols.modbus.profile import DeviceKind, Transport
from protocols.terms import ChargingState, Measurand
from tests.edge.chargers.modbus.harness import BEGIN, running, until
from tests.edge.chargers.modbus.virtual import MemoryBus, virtually

CHARGERS = [each for each in profile_ids() if load(each).kind is DeviceKind.CHARGER]
LIMITED = [each for each in CHARGERS if load(each).limit is not None]
WATCHED = [each for each in LIMITED if load(each).watchdog is not None]


class Bench:
    """One device of the simulator, and ours that reads it. Must be made in the loop that it runs in."""

    def __init__(self, profile_id: str, **settings: object) -> None:
        loop = asyncio.get_running_loop()
        self.simulated = SimulatedDevice(simulated(profile_id, evses=1, **settings), DeviceClock(loop.time))
        address = "tcp://memory:1" if Transport.TCP in load(profile_id).transports else "rtu+tcp://memory:1"
        self.memory = MemoryBus(self._answer, address=address, answer_s=0.5)
        self.metrics: ModbusMetrics = self.memory.metrics
        self.events: list[DeviceEvent] = []
        self.is_well = True
        self.device = Device(
            DeviceSettings(device_id="CP01", slow_s=10.0),
            parsed(profile_id),
            self.memory.bus,
            self.metrics,
            sink=self.events.append,
            clock=lambda: BEGIN,
            is_well=lambda: self.is_well,
            random=self.memory.random.random,
        )

    def _answer(self, request: tuple[int, int, bytes]) -> bytes | None:
        unit_id, function, body = request
        if unit_id not in self.simulated.unit_ids:
            return None
        return self.simulated.take(unit_id, bytes((function,)) + body)

    @property
    def is_found(self) -> bool:
        return any(isinstance(event, DeviceFound) for event in self.events)

    @property
    def reports(self) -> list[SetpointReported]:
        return [event for event in self.events if isinstance(event, SetpointReported)]

    @property
    def limit(self) -> int:
        """One in the middle, in the unit of the device."""
        rule = self.device.profile.limit
        assert rule is not None
        unit = self.device.profile.registers[rule.register].base_unit
        return 10_000 if unit is not None and unit.name == "mA" else 5_000


@pytest.mark.parametrize("profile_id", profile_ids())
def test_every_device_is_found_and_read(profile_id: str) -> None:
    async def run() -> None:
        bench = Bench(profile_id)
        if profile_id in CHARGERS:
            bench.simulated.plug()
        async with running(bench):  # type: ignore[arg-type]
            await until(lambda: bench.is_found)
            await asyncio.sleep(60)
        assert not any(isinstance(event, DeviceLost) for event in bench.events)
        assert bench.metrics.polls["failed"] == 0
        (snapshot,) = bench.device.snapshots()
        if profile_id in CHARGERS:
            assert snapshot.status is not None
            assert snapshot.status.charging_state is not None
        else:
            measured = {measurand for measurand, _ in snapshot.readings}
            assert measured & {Measurand.POWER, Measurand.POWER_EXPORT}
        assert bench.metrics.writes.total() == bench.metrics.feeds == 0

    virtually(run())


@pytest.mark.parametrize("profile_id", LIMITED)
def test_every_charger_takes_a_limit_and_is_paused_and_goes_on(profile_id: str) -> None:
    async def run() -> None:
        bench = Bench(profile_id)
        bench.simulated.plug()
        async with running(bench):  # type: ignore[arg-type]
            await until(lambda: bench.is_found)
            bench.device.want(1, Desired(limit=bench.limit))
            await asyncio.sleep(90)
            outlet = bench.simulated.outlet()
            assert 0.9 * bench.limit <= outlet.applied <= bench.limit
            assert outlet.charging_state is ChargingState.CHARGING
            assert all(report.is_confirmed for report in bench.reports)
            bench.device.want(1, Desired(is_paused=True))
            await asyncio.sleep(90)
            assert bench.simulated.outlet().power_w == 0
            bench.device.want(1, Desired(limit=bench.limit))
            await asyncio.sleep(90)
            assert bench.simulated.outlet().power_w > 0
        assert all(report.is_confirmed for report in bench.reports)
        assert bench.metrics.writes["unconfirmed"] == bench.metrics.writes["lost"] == 0

    virtually(run())


@pytest.mark.parametrize("profile_id", WATCHED)
def test_no_watchdog_trips_while_half_of_all_answers_are_lost(profile_id: str) -> None:
    async def run() -> None:
        bench = Bench(profile_id)
        bench.simulated.plug()
        async with running(bench):  # type: ignore[arg-type]
            await until(lambda: bench.is_found)
            bench.device.want(1, Desired(limit=bench.limit))
            await asyncio.sleep(60)
            trips = bench.simulated.watchdog_trips()
            dice = random.Random(7)
            bench.memory.mischief = lambda frame: [(0.02, frame)] if dice.random() > 0.5 else []
            await asyncio.sleep(900)
            assert bench.simulated.watchdog_trips() == trips
            assert bench.metrics.feeds_late == 0

    virtually(run())


@pytest.mark.parametrize("profile_id", WATCHED)
def test_every_watchdog_trips_when_the_agent_is_not_well_and_recovers(profile_id: str) -> None:
    async def run() -> None:
        bench = Bench(profile_id)
        bench.simulated.plug()
        async with running(bench):  # type: ignore[arg-type]
            await until(lambda: bench.is_found)
            bench.device.want(1, Desired(limit=bench.limit))
            await asyncio.sleep(120)
            assert not bench.simulated.is_failing_safe()
            bench.is_well = False
            await asyncio.sleep(1200)
            assert bench.simulated.is_failing_safe()
            bench.is_well = True
            await asyncio.sleep(120)
            assert not bench.simulated.is_failing_safe()

    virtually(run())
