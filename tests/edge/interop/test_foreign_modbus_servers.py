"""Devices that we did not write, with maps of ours: what stands in their registers is what is shown, and they are told.

The registers' numbers come from the profiles; the values are made here, from words that were written out by hand.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from edge.chargers.modbus.desired import Desired
from edge.chargers.modbus.device import DeviceSettings
from edge.chargers.modbus.modbus_metrics import ModbusMetrics
from edge.chargers.modbus.poller import Poller
from protocols.charger.snapshot import DeviceEvent, DeviceFound, SetpointReported
from protocols.modbus import catalogue
from protocols.terms import ChargingState, Measurand
from tests.edge.chargers.modbus.foreign import Image
from tests.edge.chargers.modbus.harness import image_of
from tests.edge.interop.modbus_servers import npm_server, pymodbus_server
from tests.edge.interop.pymodbus_simulator import pymodbus_simulator
from tests.kit import wait_until

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MAKERS = {"pymodbus": pymodbus_server, "simulator": pymodbus_simulator, "npm": npm_server}
Words = Mapping[str, tuple[int, ...]]


def words_of(layout: str, *values: float) -> tuple[int, ...]:
    """As `struct` packs them, big-endian, in words."""
    packed = struct.pack(f">{layout}", *values)
    return struct.unpack(f">{len(packed) // 2}H", packed)


KEBA: Words = {
    "energy_total": words_of("I", 12_345_670),  # tenths of a watt-hour
    "power": words_of("I", 10_921_000),  # milliwatts
    "current_l1_l3": words_of("III", 15_840, 15_850, 15_860),
}
ALFEN: Words = {
    "energy_total": words_of("d", 7_654_321.0),
    "power": words_of("f", 7_321.0),
}
HYC: Words = {"energy_total": words_of("q", 5_000_000_123), "power": words_of("I", 49_750)}
ENERGY, POWER, CURRENT = Measurand.ENERGY_REGISTER, Measurand.POWER, Measurand.CURRENT
CASES: Mapping[str, tuple[Words, Mapping[tuple[Measurand, str | None], int], int]] = {
    "keba_p30_p40": (KEBA, {(ENERGY, None): 1_234_567, (POWER, None): 10_921, (CURRENT, "L2"): 15_850}, 10_000),
    "alfen_eve": (ALFEN, {(ENERGY, None): 7_654_321, (POWER, None): 7_321}, 13_000),
    "alpitronic_hyc": (HYC, {(ENERGY, None): 5_000_000_123, (POWER, None): 49_750}, 25_000),
}
"""By profile: what stands in its registers, what is to be shown of it, and a limit, in mA or W."""
SETPOINTS = {
    "keba_p30_p40": ("set_current", (10_000,)),
    "alfen_eve": ("set_current", words_of("f", 13.0)),
    "alpitronic_hyc": ("set_power", words_of("I", 25_000)),
}


@pytest.mark.parametrize("profile_id", CASES)
@pytest.mark.parametrize("maker", MAKERS)
async def test_a_foreign_server_is_read_and_controlled(maker: str, profile_id: str) -> None:
    words, shown, limit = CASES[profile_id]
    image = image_of(profile_id)
    for name, each in words.items():
        image.put_words(name, *each)
    events: list[DeviceEvent] = []
    poller = Poller(ModbusMetrics(CollectorRegistry()), sink=events.append, clock=lambda: NOW)
    async with MAKERS[maker](image) as port, asyncio.TaskGroup() as tasks:
        address, settings = f"tcp://127.0.0.1:{port}", DeviceSettings(device_id="CP01", evses=1, fast_s=0.05)
        poller.add(address, catalogue.parsed(profile_id), settings)
        running = tasks.create_task(poller.run())
        await wait_until(lambda: [event for event in events if isinstance(event, DeviceFound)])
        (snapshot,) = poller.snapshots()
        assert {key: snapshot.readings[key].value for key in shown} == shown
        assert snapshot.status is not None
        assert snapshot.status.charging_state is ChargingState.CHARGING
        poller.want("CP01", 1, Desired(limit=limit))
        name, wanted = SETPOINTS[profile_id]
        await wait_until(lambda: tuple(image.words(name)) == wanted)
        await wait_until(lambda: _reported(events, name, limit))
        running.cancel()
    assert not snapshot.doubts
    _expect_only_written(image, name)


def _reported(events: list[DeviceEvent], name: str, limit: int) -> bool:
    reports = [event for event in events if isinstance(event, SetpointReported) and event.name == name]
    return bool(reports) and reports[-1].wanted == limit


def _expect_only_written(image: Image, name: str) -> None:
    """What is written is the setpoint and what releases the charger or feeds its watchdog."""
    allowed = {name, "enable", "heartbeat_set_failsafe_timeout", "phases"}
    registers = image.profile.registers.items()
    at = {image.profile.address_of(register, 1) for each, register in registers if each in allowed}
    assert {address for _, _, address, _ in image.writes} <= at
