"""Merged reads bring what single reads bring, whatever the profile; a device that refuses them is read all the same."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.chargers.modbus.rounds import Rounds
from edge.chargers.modbus.sunspec_walk import walk_device
from protocols.modbus import catalogue
from protocols.modbus.profile import Profile
from protocols.modbus.register import Group, Table
from tests.edge.chargers.modbus.foreign import Image
from tests.edge.chargers.modbus.virtual import MemoryBus, image_answers, virtually

GROUPS = (Group.FAST, Group.SLOW)
PLAIN = [p.id for p in catalogue.all_profiles() if p.sunspec is None]


def random_image(profile: Profile, seed: int) -> Image:
    dice = random.Random(seed)
    image = Image(profile).fill(evses=min(2, profile.evses.at_most))
    for table in image.tables.values():
        for address in table:
            table[address] = dice.choice((0, 1, dice.randrange(65536), dice.randrange(100)))
    return image


@pytest.mark.parametrize("profile_id", PLAIN)
@given(st.integers(0, 10_000))
@settings(max_examples=5, deadline=None)
def test_merged_reads_equal_single_reads(profile_id: str, seed: int) -> None:
    async def run() -> None:
        profile = catalogue.load(profile_id)
        evse_ids = tuple(range(1, min(2, profile.evses.at_most) + 1))
        image = random_image(profile, seed)
        memory = MemoryBus(image_answers(image))
        merged = await Rounds(memory.bus, profile, evse_ids).read_groups(*GROUPS)
        assert merged.error is None
        singly = Rounds(memory.bus, profile, evse_ids)
        for (evse_id, name, index), found in merged.values.items():
            alone = await singly.read_names([name], evse_id)
            assert alone.values[evse_id, name, index] == found

    virtually(run())


def test_a_merged_read_that_is_refused_is_read_value_by_value_from_then_on() -> None:
    async def run() -> None:
        profile = catalogue.load("heidelberg_energy_control")
        image = Image(profile).fill()
        image.put("voltage_l1_l3", 230_000)
        del image.table("voltage_l1_l3")[11]  # the second phase is not there
        memory = MemoryBus(image_answers(image))
        rounds = Rounds(memory.bus, profile, (1,))
        first = await rounds.read_groups(*GROUPS)
        requests = memory.metrics.requests
        second = await rounds.read_groups(*GROUPS)
        assert first.error is second.error is None
        assert first.values == second.values
        assert (1, "voltage_l1_l3", 0) in first.values
        assert (1, "voltage_l1_l3", 1) not in first.values
        assert memory.metrics.requests - requests < requests
        assert memory.metrics.errors["exception"] == 2  # the merged one and the one that is not there, once

    virtually(run())


def test_after_a_failure_a_round_begins_behind_the_read_that_failed() -> None:
    async def run() -> None:
        profile = catalogue.load("heidelberg_energy_control")
        memory = MemoryBus(image_answers(Image(profile).fill()))
        rounds = Rounds(memory.bus, profile, (1,))
        good = await rounds.read_groups(*GROUPS)
        lost = {"input": True}

        def mischief(frame: bytes) -> list[tuple[float, bytes]]:
            return [] if frame[7] == 4 and lost["input"] else [(0.01, frame)]

        memory.mischief = mischief
        seen: set[tuple[int, str, int]] = set()
        for _ in range(12):
            seen |= (await rounds.read_groups(*GROUPS)).values.keys()
            await asyncio.sleep(5)
        holding = {key for key in good.values if profile.registers[key[1]].table is Table.HOLDING}
        assert seen == holding

    virtually(run())


def test_what_is_asked_twice_is_taken_from_the_second_answer() -> None:
    async def run() -> None:
        profile = catalogue.load("abl_emh1")
        image = Image(profile).fill()
        answer, count = image_answers(image), 0

        def drowsy(request: tuple[int, int, bytes]) -> bytes | None:
            nonlocal count
            count += 1
            image.put_words("status", 0xC2 if count % 2 == 0 else 0x00)
            return answer(request) if count % 2 == 0 else None

        memory = MemoryBus(drowsy)
        outcome = await Rounds(memory.bus, profile, (1,)).read_names(["status"])
        assert outcome.values[1, "status", 0].value == 0xC2

    virtually(run())


def test_a_sunspec_device_is_walked_and_read_where_its_models_are() -> None:
    async def run() -> None:
        profile = catalogue.load("sunspec_inverter")
        words: dict[int, int] = dict.fromkeys(range(40000, 40260), 0)
        words[40000], words[40001] = 0x5375, 0x6E53
        words[40002], words[40003] = 1, 66
        words[40070], words[40071] = 103, 50
        words[40072 + 12], words[40072 + 13] = 512, 1
        words[40122] = 0xFFFF
        image = Image(profile)
        image.tables[1, Table.HOLDING] = words
        memory = MemoryBus(image_answers(image))
        placed = await walk_device(memory.bus, profile)
        outcome = await Rounds(memory.bus, placed, (1,)).read_groups(Group.FAST)
        assert outcome.values[1, "power", 0].value == 5120

    virtually(run())
