"""Thirty devices on a line, some of them dead: the others do not notice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest

from edge.chargers.modbus.desired import Desired
from edge.chargers.modbus.patience import Patience
from edge.chargers.modbus.poller import Poller
from protocols.charger.snapshot import DeviceFound, DeviceLost, EvseChanged
from tests.edge.chargers.modbus.foreign import Image
from tests.edge.chargers.modbus.harness import Bench, image_of, running
from tests.edge.chargers.modbus.virtual import MemoryBus, image_answers, virtually


def at_unit(unit_id: int, profile_id: str = "mennekes_amtron_compact") -> Image:
    image = image_of(profile_id)
    moved = Image(replace(image.profile, unit_id=unit_id))
    moved.tables = {(unit_id, table): words for (_, table), words in image.tables.items()}
    return moved


def line_of(alive: int, dead: int) -> tuple[MemoryBus, list[Bench]]:
    images = [at_unit(unit_id) for unit_id in range(1, alive + dead + 1)]
    memory = MemoryBus(image_answers(*images[:alive]), address="rtu+tcp://memory:1", answer_s=0.5)
    benches = [
        Bench(image, memory, device_id=f"CP{unit_id}", unit_id=unit_id, fast_s=2.0)
        for unit_id, image in enumerate(images, 1)
    ]
    return memory, benches


def test_dead_devices_do_not_starve_the_others() -> None:
    async def run() -> None:
        _, benches = line_of(alive=8, dead=4)
        async with running(*benches):
            await asyncio.sleep(60)
            before = [len(bench.of(EvseChanged)) for bench in benches]
            await asyncio.sleep(200)
            rounds = [len(b.of(EvseChanged)) - n for b, n in zip(benches, before, strict=True)]
        assert all(count >= 90 for count in rounds[:8]), rounds  # of 100
        assert rounds[8:] == [0, 0, 0, 0]
        assert all(len(bench.of(DeviceLost)) == 1 for bench in benches[8:])

    virtually(run())


def test_a_dead_device_that_is_to_be_fed_does_not_starve_the_others_either() -> None:
    async def run() -> None:
        memory, benches = line_of(alive=6, dead=0)
        async with running(*benches):
            await asyncio.sleep(30)
            for bench in benches:
                bench.device.want(1, Desired(limit=10_000))
            await asyncio.sleep(30)
            memory.answer = image_answers(*(bench.image for bench in benches[:4]))
            before_s = asyncio.get_running_loop().time()
            await asyncio.sleep(200)
        for bench in benches[:4]:
            times_s = [t for t in bench.times_of("heartbeat") if t > before_s]
            assert max(b - a for a, b in pairwise(times_s)) < 8

    virtually(run())


def test_a_device_that_was_dead_is_found_again() -> None:
    async def run() -> None:
        memory, benches = line_of(alive=3, dead=1)
        async with running(*benches):
            await asyncio.sleep(300)
            memory.answer = image_answers(*(bench.image for bench in benches))
            await asyncio.sleep(90)
            assert benches[3].of(DeviceFound)

    virtually(run())


def test_patience_bounds_what_a_dead_device_costs() -> None:
    patience = Patience(lambda: 0.0, lambda: 0.05)
    now_s = lost_s = 0.0
    while now_s < 10_000:
        now_s += max(patience.feed_wait_s(now_s), 0.001) + 0.5
        patience.failed(now_s, 0.5)
        lost_s += 0.5
    assert lost_s / now_s == pytest.approx(0.05, rel=0.1)


def test_polls_leave_half_of_the_patience_to_feeds() -> None:
    patience = Patience(lambda: 0.0, lambda: 0.1, allowance_s=4.0)
    patience.failed(0.0, 3.0)
    assert patience.poll_wait_s(0.0) == pytest.approx(10.0)
    assert patience.feed_wait_s(0.0) == 0.0


def test_a_fault_of_ours_in_one_device_stops_no_other() -> None:
    async def run() -> None:
        memory, benches = line_of(alive=2, dead=0)
        poller = Poller(memory.metrics, sink=lambda event: None, clock=lambda: None)  # type: ignore[arg-type]
        poller._devices = {bench.device.device_id: bench.device for bench in benches}

        def fail(event: object) -> None:
            raise ZeroDivisionError

        benches[0].device._sink = fail
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(poller.run())
            await asyncio.sleep(100)
            task.cancel()
        assert len(benches[1].of(EvseChanged)) > 40

    virtually(run())
