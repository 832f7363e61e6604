"""No fault of a line ever makes a wrong value, and none outlives its cause."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.chargers.modbus.bus import Bus, BusError, BusFault
from edge.chargers.modbus.frames import check_sum
from edge.chargers.modbus.turns import Turns, Urgency
from protocols.modbus.reads import Read
from protocols.modbus.register import Table
from tests.edge.chargers.modbus.virtual import MemoryBus, prompt, virtually


def read(address: int, count: int = 2, unit_id: int = 1) -> Read:
    return Read(unit_id=unit_id, table=Table.HOLDING, address=address, count=count, points=())


def addresses(request: tuple[int, int, bytes]) -> bytes:
    """A device in whose words their own address stands: a wrong answer shows."""
    unit_id, function, body = request
    address, count = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
    words = [(unit_id << 12) + address + offset for offset in range(count)]
    return bytes((function, 2 * count)) + b"".join(word.to_bytes(2, "big") for word in words)


FAULTS = st.sampled_from(["good", "lost", "late", "very late", "garbage before", "cut", "noise", "exception", "twice"])


def with_fault(fault: str, frame: bytes, is_rtu: bool, dice: random.Random) -> list[tuple[float, bytes]]:
    match fault:
        case "lost":
            return []
        case "late":
            return [(1.0 + dice.random() / 2, frame)]
        case "very late":
            return [(1.5 + 3 * dice.random(), frame)]
        case "garbage before":
            return [(0.01, dice.randbytes(5) + frame)]
        case "cut":
            return [(0.01, frame[: len(frame) // 2])]
        case "noise":
            return [(0.01, dice.randbytes(20))]
        case "exception" if is_rtu:
            exception = frame[:1] + bytes((frame[1] | 0x80, 4))
            return [(0.01, exception + check_sum(exception))]
        case "twice" if not is_rtu:  # a serial line answers once
            return [(0.01, frame), (0.3 * dice.random(), frame)]
        case _:
            return [(0.01, frame)]


@pytest.mark.parametrize("address", ["tcp://memory:502", "rtu+tcp://memory:502", "rtu:///dev/memory?baud=9600"])
@given(
    st.lists(st.tuples(FAULTS, st.integers(0, 9), st.integers(1, 3), st.integers(1, 2)), min_size=3, max_size=25),
    st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
def test_whatever_the_line_does_a_value_is_right_or_none(
    address: str, asked: list[tuple[str, int, int, int]], seed: int
) -> None:
    async def run() -> None:
        dice = random.Random(seed)
        faults = [fault for fault, _, _, _ in asked]
        is_rtu = address.startswith("rtu")

        def mischief(frame: bytes) -> list[tuple[float, bytes]]:
            return with_fault(faults.pop(0) if faults else "good", frame, is_rtu, dice)

        memory = MemoryBus(addresses, mischief, address=address)
        for _, start, count, unit_id in asked:
            try:
                words = await memory.bus.read(read(start, count, unit_id))
            except BusError:
                await asyncio.sleep(memory.bus.retry_wait_s())
                continue
            assert words == [(unit_id << 12) + start + offset for offset in range(count)]
        faults.clear()
        async with asyncio.timeout(60):  # and it is well again soon after the line is
            while True:
                try:
                    await memory.bus.read(read(3))
                    break
                except BusError:
                    await asyncio.sleep(memory.bus.retry_wait_s())

    virtually(run())


def test_a_late_rtu_answer_is_not_taken_for_the_next_one() -> None:
    async def run() -> list[int]:
        delays = [1.2, 0.05]
        memory = MemoryBus(
            addresses, lambda frame: [(delays.pop(0) if delays else 0.01, frame)], address="rtu+tcp://memory:1"
        )
        with pytest.raises(BusError, match="no answer"):
            await memory.bus.read(read(10))
        words = await memory.bus.read(read(20))
        assert memory.metrics.strays == 1
        return words

    assert virtually(run()) == [(1 << 12) + 20, (1 << 12) + 21]


def test_swapped_tcp_answers_are_told_apart_by_their_numbers() -> None:
    async def run() -> None:
        held: list[bytes] = []

        def swap(frame: bytes) -> list[tuple[float, bytes]]:
            held.append(frame)
            return [] if len(held) == 1 else [(0.01, held[0]), (0.02, held[1])]

        memory = MemoryBus(addresses, swap)
        with pytest.raises(BusError):
            await memory.bus.read(read(10))
        assert await memory.bus.read(read(20)) == [(1 << 12) + 20, (1 << 12) + 21]

    virtually(run())


def test_a_half_open_connection_is_made_anew() -> None:
    async def run() -> None:
        memory = MemoryBus(addresses)
        await memory.bus.read(read(1))
        memory.mischief = lambda frame: []
        for _ in range(3):
            with pytest.raises(BusError):
                await memory.bus.read(read(1))
        memory.mischief = prompt
        await asyncio.sleep(memory.bus.retry_wait_s())
        await memory.bus.read(read(1))
        assert memory.connections == 2

    virtually(run())


def test_a_bus_that_refuses_is_tried_seldom_and_asking_it_costs_nothing() -> None:
    async def run() -> None:
        memory = MemoryBus(addresses)
        memory.is_up = False
        loop = asyncio.get_running_loop()
        asked = 0
        while loop.time() < 600:
            with pytest.raises(BusError) as caught:
                await memory.bus.read(read(1))
            assert caught.value.fault is BusFault.UNREACHABLE
            asked += 1
            await asyncio.sleep(0.5)
        assert asked > 1000
        assert memory.attempts < 120

    virtually(run())


def test_a_gateway_s_word_that_nobody_is_there_counts_as_silence() -> None:
    async def run() -> None:
        memory = MemoryBus(lambda request: bytes((request[1] | 0x80, 11)), lambda frame: [(0.4, frame)])
        with pytest.raises(BusError) as caught:
            await memory.bus.read(read(1))
        assert not caught.value.is_refusal
        assert caught.value.lost_s >= 0.4

    virtually(run())


def test_a_cancelled_request_leaves_no_answer_for_the_next() -> None:
    async def run() -> None:
        memory = MemoryBus(addresses, lambda frame: [(0.5, frame)], address="rtu+tcp://memory:1")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await memory.bus.read(read(10))
        assert await memory.bus.read(read(20)) == [(1 << 12) + 20, (1 << 12) + 21]

    virtually(run())


def test_what_is_urgent_comes_first_and_all_else_in_order() -> None:
    async def run() -> list[str]:
        turns, order = Turns(), []

        async def ask(name: str, urgency: Urgency) -> None:
            async with turns.take(urgency):
                order.append(name)
                await asyncio.sleep(1)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ask("first", Urgency.POLL))
            await asyncio.sleep(0.1)
            tasks.create_task(ask("poll 1", Urgency.POLL))
            await asyncio.sleep(0.1)
            gone = tasks.create_task(ask("gone", Urgency.POLL))
            tasks.create_task(ask("poll 2", Urgency.POLL))
            await asyncio.sleep(0.1)
            tasks.create_task(ask("feed", Urgency.WRITE))
            await asyncio.sleep(0.1)
            gone.cancel()
        return order

    assert virtually(run()) == ["first", "feed", "poll 1", "poll 2"]


def test_a_turn_that_was_given_to_someone_who_left_is_passed_on() -> None:
    async def run() -> list[str]:
        turns, order = Turns(), []

        async def ask(name: str) -> None:
            async with turns.take(Urgency.POLL):
                order.append(name)

        async with asyncio.TaskGroup() as tasks:
            async with turns.take(Urgency.POLL):
                leaving = tasks.create_task(ask("leaving"))
                tasks.create_task(ask("staying"))
                await asyncio.sleep(0.1)
            leaving.cancel()  # in the same turn of the loop in which it was given to it
        return order

    assert virtually(run()) == ["staying"]


def test_a_bus_shares_its_time_among_its_devices() -> None:
    bus: Bus = MemoryBus(addresses).bus
    assert bus.share == 1.0
    for _ in range(4):
        bus.join()
    assert bus.share == pytest.approx(0.125)
