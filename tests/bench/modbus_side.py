"""One who reads Modbus devices: our poller, or a plain loop of single reads as pymodbus's documentation shows it.

python -m tests.bench.modbus_side PLAN      prints a report of its window, as JSON
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry
from pymodbus.client import AsyncModbusTcpClient

from edge.chargers.modbus.device import DeviceSettings
from edge.chargers.modbus.modbus_metrics import ModbusMetrics
from edge.chargers.modbus.poller import Poller
from protocols.charger.snapshot import DeviceEvent, EvseChanged
from protocols.modbus.reader import Parsed, parse
from protocols.modbus.reads import points
from protocols.terms import Measurand

BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
START_TIMEOUT_S: Final = 120.0
_POLL_S: Final = 0.02


def bench_meter() -> Parsed:
    """The model that all of them are."""
    return parse((Path(__file__).parent / "modbus_meter.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SidePlan:
    """Devices are at `addresses`, each with its unit, and read every `every_s`. Every device is read `settled` times
    before the window begins."""

    side: str
    addresses: list[tuple[str, int]]
    every_s: float
    window_s: float
    settled: int = 2


@dataclass(slots=True)
class Rounds:
    """When each device's rounds were over, and how long they took; `errors` are reads without a good answer."""

    ended_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    took_s: list[float] = field(default_factory=list)
    errors: Callable[[], dict[str, int]] = dict

    def note(self, device_id: str, began_s: float) -> None:
        now_s = asyncio.get_running_loop().time()
        self.ended_s[device_id].append(now_s)
        self.took_s.append(now_s - began_s)


@asynccontextmanager
async def ours(plan: SidePlan, rounds: Rounds) -> AsyncIterator[None]:
    """The poller of the agent, with a sink that takes note."""
    loop = asyncio.get_running_loop()

    def sink(event: DeviceEvent) -> None:
        if isinstance(event, EvseChanged):
            power = event.snapshot.readings[Measurand.POWER, None]
            rounds.note(event.snapshot.device_id, (power.at - BEGIN).total_seconds())

    metrics = ModbusMetrics(CollectorRegistry())
    rounds.errors = lambda: dict(metrics.errors)
    poller = Poller(metrics, sink=sink, clock=lambda: BEGIN + timedelta(seconds=loop.time()))
    meter = bench_meter()
    for number, (address, unit_id) in enumerate(plan.addresses):
        settings = DeviceSettings(
            device_id=f"M{number}", unit_id=unit_id, fast_s=plan.every_s, slow_s=1e6, lost_after_s=60.0
        )
        poller.add(address, meter, settings)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(poller.run())
        yield
        running.cancel()


@asynccontextmanager
async def plain(plan: SidePlan, rounds: Rounds) -> AsyncIterator[None]:
    """https://pymodbus.readthedocs.io, "Client": a client a device, a read a value, one after the other."""
    profile = bench_meter().profile
    addresses = [point.address for point in points(profile, profile.registers)]
    errors: dict[str, int] = defaultdict(int)
    rounds.errors = lambda: dict(errors)
    over = asyncio.Event()  # a client of pymodbus that is cancelled in a read may go on

    async def read(number: int, address: str, unit_id: int) -> None:
        host, _, port = address.removeprefix("tcp://").partition(":")
        client = AsyncModbusTcpClient(host, port=int(port))
        await client.connect()
        loop = asyncio.get_running_loop()
        due_s = loop.time() + number * plan.every_s / len(plan.addresses)  # not all in the same moment
        try:
            while not over.is_set():
                await asyncio.sleep(max(0.0, due_s - loop.time()))
                began_s, due_s = loop.time(), due_s + plan.every_s
                for at in addresses:
                    answer = await client.read_holding_registers(at, count=2, device_id=unit_id)
                    if answer.isError():
                        errors["bad answer"] += 1
                    client.convert_from_registers(answer.registers, client.DATATYPE.FLOAT32)
                rounds.note(f"M{number}", began_s)
        finally:
            client.close()

    async with asyncio.TaskGroup() as tasks:
        for number, place in enumerate(plan.addresses):
            tasks.create_task(read(number, *place))
        yield
        over.set()


async def measured(plan: SidePlan) -> dict[str, Any]:
    """A window in which every device is read again and again."""
    rounds = Rounds()
    side = ours if plan.side == "ours" else plain
    loop = asyncio.get_running_loop()
    async with side(plan, rounds):
        async with asyncio.timeout(START_TIMEOUT_S):
            while not _is_settled(plan, rounds):
                await asyncio.sleep(_POLL_S)
        rounds.took_s.clear()
        before_errors, before_s, cpu_s = rounds.errors(), loop.time(), time.process_time()
        await asyncio.sleep(plan.window_s)
        cpu_s, passed_s = time.process_time() - cpu_s, loop.time() - before_s
        errors = {kind: count - before_errors.get(kind, 0) for kind, count in rounds.errors().items()}
        took_ms = sorted(1000 * each for each in rounds.took_s)
    return {
        "core_share": cpu_s / passed_s,
        "rounds_per_s": len(took_ms) / passed_s,
        "cpu_us_per_round": 1e6 * cpu_s / max(1, len(took_ms)),
        "p50_ms": took_ms[len(took_ms) // 2] if took_ms else 0.0,
        "p99_ms": took_ms[min(len(took_ms) - 1, int(len(took_ms) * 0.99))] if took_ms else 0.0,
        "cycle_s": _cycle_s(rounds),
        "errors": {kind: count for kind, count in errors.items() if count},
    }


def _is_settled(plan: SidePlan, rounds: Rounds) -> bool:
    ended = rounds.ended_s.values()
    return len(ended) == len(plan.addresses) and all(len(each) >= plan.settled for each in ended)


def _cycle_s(rounds: Rounds) -> float:
    """From one round of a device to its next, over all devices. The first rounds, when it is looked for, are none."""
    whole = [ended[1:] for ended in rounds.ended_s.values() if len(ended) > 2]
    gaps = sum(len(ended) - 1 for ended in whole)
    return sum(ended[-1] - ended[0] for ended in whole) / gaps if gaps else 0.0


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measured(SidePlan(**json.loads(sys.argv[1]))))), flush=True)
