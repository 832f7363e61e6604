"""A device in virtual time: its image, the bus in memory, and all that it told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from edge.chargers.modbus.device import Device, DeviceSettings
from protocols.charger.snapshot import DeviceEvent
from protocols.modbus import catalogue
from protocols.modbus.codec import Value
from protocols.modbus.reads import points
from tests.edge.chargers.modbus.foreign import Image
from tests.edge.chargers.modbus.virtual import MemoryBus, Mischief, image_answers, prompt

BEGIN = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
E = TypeVar("E")

IDENTITIES: dict[str, dict[str, Value]] = {
    "heidelberg_energy_control": {"status": 6, "standby": 4, "hw_max_current": 16_000, "watchdog_timeout": 15_000},
    "keba_p30_p40": {
        "product": 301_234,
        "cable_state": 7,
        "charging_state": 3,
        "max_supported_current": 32_000,
        "failsafe_timeout": 30_000,
    },
    "webasto_next": {"status": 3, "max_hw_current": 16_000, "min_hw_current": 6_000, "com_timeout": 60_000},
    "mennekes_amtron_compact": {"status": 5, "phase_options_hw": 2},
    "alfen_eve": {"number_of_sockets": 1, "status": "C2"},
    "alpitronic_hyc": {"station_state": 0, "state": 3, "connector_type": 2, "min_power_dc": 0},
}


def image_of(profile_id: str, evses: int = 1, **values: Value) -> Image:
    """A device of this model that is found."""
    profile = catalogue.load(profile_id)
    image = Image(profile).fill(evses=evses)
    for name, value in {**IDENTITIES[profile_id], **values}.items():
        image.put(name, value)
    for sign in profile.identify:
        (point, *_) = points(profile, [sign.register])
        table = image.table(sign.register)
        now = point.coding.decode([table[point.address + n] for n in range(point.words)]).value
        if not sign.holds(now):
            image.put(sign.register, (*sign.equals, *sign.starts_with, sign.at_least, sign.at_most)[0] or 0)
    return image


class Bench:
    """One device. `write_times_s` has when which address was written."""

    def __init__(
        self,
        image: Image,
        memory: MemoryBus | None = None,
        *,
        address: str = "tcp://memory:502",
        mischief: Mischief = prompt,
        answer_s: float = 1.0,
        device_id: str = "CP01",
        **settings: Any,
    ) -> None:
        self.image = image
        self.memory = memory or MemoryBus(image_answers(image), mischief, address=address, answer_s=answer_s)
        self.metrics = self.memory.metrics
        self.events: list[DeviceEvent] = []
        self.is_well = True
        self.write_times_s: list[tuple[float, int]] = []
        image.on_write = lambda unit, at, words: self.write_times_s.append((asyncio.get_running_loop().time(), at))
        self.device = Device(
            DeviceSettings(device_id=device_id, **settings),
            catalogue.parsed(image.profile.id),
            self.memory.bus,
            self.metrics,
            sink=self.events.append,
            clock=lambda: BEGIN + timedelta(seconds=asyncio.get_running_loop().time()),
            is_well=lambda: self.is_well,
            random=self.memory.random.random,
        )

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def times_of(self, name: str) -> list[float]:
        """When this register was written."""
        at = self.image.profile.address_of(self.image.profile.registers[name], 1)
        return [when_s for when_s, address in self.write_times_s if address == at]


@asynccontextmanager
async def running(*benches: Bench) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        tasks_of = [tasks.create_task(bench.device.run()) for bench in benches]
        yield
        for task in tasks_of:
            task.cancel()


async def until(is_so: Callable[[], object], timeout_s: float = 120.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not is_so():
            await asyncio.sleep(0.05)
