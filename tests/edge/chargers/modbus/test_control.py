"""What is written, when, and why; the other end is memory, the time virtual."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.chargers.modbus.desired import NOTHING, Desired
from protocols.charger.snapshot import DeviceFound, DeviceLost, EvseChanged, SetpointReported
from protocols.modbus.codec import BadValue
from tests.edge.chargers.modbus.harness import Bench, image_of, running, until
from tests.edge.chargers.modbus.virtual import virtually


async def found(bench: Bench) -> None:
    await until(lambda: bench.of(DeviceFound))


def test_nothing_is_written_that_nobody_asked_for() -> None:
    async def run() -> None:
        for profile_id in ("heidelberg_energy_control", "keba_p30_p40", "webasto_next", "mennekes_amtron_compact"):
            bench = Bench(
                image_of(profile_id), address="rtu+tcp://memory:1" if "mennekes" in profile_id else "tcp://m:1"
            )
            async with running(bench):
                await asyncio.sleep(150)
            assert bench.of(DeviceFound), profile_id
            assert bench.image.writes == []
            assert bench.metrics.polls["good"] > 100

    virtually(run())


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Desired(limit=6000), Desired(limit=11_111), Desired(limit=16_000), Desired(limit=5000),
                             Desired(is_paused=True), NOTHING]),
            st.floats(0.0, 20.0),
        ),
        max_size=8,
    )
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_a_setpoint_is_written_when_it_changes_and_not_again(wanted: list[tuple[Desired, float]]) -> None:
    """Reading alone feeds this charger's watchdog, so each write is a change."""

    async def run() -> None:
        bench = Bench(image_of("heidelberg_energy_control"), slow_s=5.0)
        async with running(bench):
            await found(bench)
            for desired, pause_s in wanted:
                bench.device.want(1, desired)
                await asyncio.sleep(pause_s)
            await asyncio.sleep(60)
        written = [words[0] for _, _, _, words in bench.image.writes]
        steps = {6000: 60, 11_111: 111, 16_000: 160, 5000: 0, None: 0}
        asked = [steps[desired.limit] for desired, _ in wanted if not desired.is_nothing]
        assert len(written) <= sum(a != b for a, b in pairwise([None, *asked]))
        assert all(a != b for a, b in pairwise(written))
        if wanted and not wanted[-1][0].is_nothing:
            assert written[-1:] == asked[-1:]
        assert set(written) <= set(asked)

    virtually(run())


def test_a_limit_is_rounded_down_and_below_the_minimum_it_pauses() -> None:
    async def run() -> None:
        bench = Bench(image_of("heidelberg_energy_control"))
        async with running(bench):
            await found(bench)
            for limit_ma, raw in ((13_799, 137), (32_000, 160), (5_999, 0)):
                bench.device.want(1, Desired(limit=limit_ma))
                await asyncio.sleep(5)
                assert bench.image.words("set_current") == [raw]

    virtually(run())


def test_a_hypercharger_is_never_told_0_w() -> None:
    async def run() -> None:
        bench = Bench(image_of("alpitronic_hyc"))
        async with running(bench):
            await found(bench)
            for limit_w in (50_000, 0, 1000):
                bench.device.want(1, Desired(limit=limit_w))
                await asyncio.sleep(10)
            bench.device.want(1, Desired(is_paused=True))
            await asyncio.sleep(10)
        values = [words[-1] + (words[0] << 16 if len(words) > 1 else 0) for _, _, _, words in bench.image.writes]
        assert values == [50_000, 1547]

    virtually(run())


def test_a_setpoint_that_does_not_show_is_written_again_and_reported() -> None:
    async def run() -> None:
        bench = Bench(image_of("heidelberg_energy_control"))

        def forget(unit: int, address: int, words: tuple[int, ...]) -> None:
            asyncio.get_running_loop().call_soon(bench.image.put, "set_current", 0)

        bench.image.on_write = forget
        async with running(bench):
            await found(bench)
            bench.device.want(1, Desired(limit=10_000))
            await until(lambda: bench.of(SetpointReported))
            assert len(bench.image.writes) == 3
            (report,) = bench.of(SetpointReported)
            assert (report.is_confirmed, report.wanted, report.shown) == (False, 10_000, 0)
            assert bench.metrics.unconfirmed == 1
            await asyncio.sleep(300)
            assert 4 <= len(bench.image.writes) <= 10  # it goes on, seldom

    virtually(run())


def test_a_charger_that_keeps_to_less_by_itself_is_told_three_times_and_left_alone() -> None:
    async def run() -> None:
        bench = Bench(image_of("heidelberg_energy_control"), slow_s=5.0)
        bench.image.on_write = lambda *_: asyncio.get_running_loop().call_soon(bench.image.put, "set_current", 10_000)
        async with running(bench):
            await found(bench)
            bench.device.want(1, Desired(limit=16_000))
            await asyncio.sleep(600)
        assert len(bench.image.writes) == 3
        (report,) = bench.of(SetpointReported)
        assert (report.is_confirmed, report.shown) == (False, 10_000)

    virtually(run())


def test_a_setpoint_that_the_device_lost_is_written_again() -> None:
    async def run() -> None:
        bench = Bench(image_of("heidelberg_energy_control"), slow_s=5.0)
        async with running(bench):
            await found(bench)
            bench.device.want(1, Desired(limit=10_000))
            await asyncio.sleep(20)
            bench.image.put("set_current", 16_000)  # somebody else
            await asyncio.sleep(20)
            assert bench.image.words("set_current") == [100]
            assert bench.metrics.writes["lost"] == 1

    virtually(run())


def test_a_setpoint_that_cannot_be_read_is_written_again_when_the_device_was_away() -> None:
    async def run() -> None:
        bench = Bench(image_of("webasto_next"))
        async with running(bench):
            await found(bench)
            bench.device.want(1, Desired(limit=10_000))
            await asyncio.sleep(20)
            bench.memory.mischief = lambda frame: []
            await until(lambda: bench.of(DeviceLost))
            bench.image.put("set_current", 0)
            bench.memory.mischief = lambda frame: [(0.01, frame)]
            await until(lambda: len(bench.of(DeviceFound)) == 2)
            await asyncio.sleep(5)
            assert bench.of(DeviceFound)[1].was_here
            assert bench.image.words("set_current") == [10]
            assert bench.metrics.writes["came_back"] == 1

    virtually(run())


def test_what_a_device_cannot_do_is_refused_at_once_or_reported_when_it_is_found() -> None:
    async def run() -> None:
        bench = Bench(image_of("alfen_eve"))
        bench.device.want(7, Desired(limit=10_000))
        async with running(bench):
            await found(bench)
            await asyncio.sleep(1)
            (report,) = bench.of(SetpointReported)
            assert "no EVSE 7" in report.detail
            other = Bench(image_of("webasto_next"))
            async with running(other):
                await found(other)
                with pytest.raises(BadValue):
                    other.device.want(1, Desired(phases=1))

    virtually(run())


def test_phases_are_switched_while_paused_where_the_charger_wants_it_so() -> None:
    async def run() -> None:
        bench = Bench(image_of("mennekes_amtron_compact"), address="rtu+tcp://memory:1")
        bench.image.put("requested_phases", 0)
        async with running(bench):
            await found(bench)
            bench.device.want(1, Desired(limit=10_000))
            await asyncio.sleep(5)
            bench.image.writes.clear()
            bench.device.want(1, Desired(limit=10_000, phases=1))
            await asyncio.sleep(10)
        profile = bench.image.profile
        names = {profile.registers[name].address: name for name in ("release", "requested_phases", "set_current")}
        done = [(names[at], words[-1]) for _, _, at, words in bench.image.writes if at in names]
        assert done == [("release", 0), ("requested_phases", 1), ("release", 1)]

    virtually(run())


# --- watchdogs ---


def half_lost(seed: int):
    """Half of all answers do not come."""
    dice = random.Random(seed)
    return lambda frame: [(0.02, frame)] if dice.random() > 0.5 else []


def longest_gap_s(times_s: list[float], end_s: float) -> float:
    return max(b - a for a, b in pairwise([*times_s, end_s]))


@pytest.mark.parametrize(
    ("profile_id", "register", "address", "timeout_s"),
    [
        ("alfen_eve", "set_current", "tcp://memory:1", 60),
        ("keba_p30_p40", "heartbeat_set_failsafe_timeout", "tcp://memory:1", 30),
        ("webasto_next", "lifebit", "tcp://memory:1", 60),
        ("mennekes_amtron_compact", "heartbeat", "rtu+tcp://memory:1", 15),
    ],
)
@pytest.mark.parametrize("seed", range(2))
def test_the_watchdog_is_fed_in_time_though_half_of_all_answers_are_lost(
    profile_id: str, register: str, address: str, timeout_s: float, seed: int
) -> None:
    async def run() -> None:
        bench = Bench(image_of(profile_id), address=address, answer_s=0.5)
        async with running(bench):
            await found(bench)
            bench.device.want(1, Desired(limit=10_000))
            await asyncio.sleep(10)
            bench.memory.mischief = half_lost(seed)
            await asyncio.sleep(900)
            now_s = asyncio.get_running_loop().time()
        times_s = bench.times_of(register)
        assert longest_gap_s(times_s, now_s) < timeout_s
        assert len(times_s) < 900 / timeout_s * 12  # and it is not a storm either

    virtually(run())


def test_a_watchdog_that_any_read_feeds_is_fed_while_half_is_lost() -> None:
    async def run() -> None:
        image = image_of("heidelberg_energy_control")
        bench = Bench(image, address="rtu+tcp://memory:1", answer_s=0.5)
        heard_s: list[float] = []
        answer = bench.memory.answer

        def note(request: tuple[int, int, bytes]) -> bytes | None:
            heard_s.append(asyncio.get_running_loop().time())
            return answer(request)

        bench.memory.answer = note
        async with running(bench):
            await found(bench)
            bench.device.want(1, Desired(limit=10_000))
            bench.memory.mischief = half_lost(5)
            await asyncio.sleep(900)
        assert longest_gap_s(heard_s, asyncio.get_running_loop().time()) < 15

    virtually(run())


@pytest.mark.parametrize("profile_id", ["alfen_eve", "keba_p30_p40", "webasto_next"])
def test_an_agent_that_is_not_well_feeds_nothing(profile_id: str) -> None:
    async def run() -> None:
        bench = Bench(image_of(profile_id))
        async with running(bench):
            await found(bench)
            bench.device.want(1, Desired(limit=10_000))
            await asyncio.sleep(120)
            bench.is_well = False
            await asyncio.sleep(1)  # what was on its way
            fed = len(bench.image.writes)
            await asyncio.sleep(600)
            assert len(bench.image.writes) == fed
            assert bench.of(EvseChanged)[-1].snapshot.readings  # it is read on
            bench.is_well = True
            await asyncio.sleep(5)
            assert len(bench.image.writes) > fed

    virtually(run())


def test_an_agent_that_is_not_well_does_not_even_read_what_reading_feeds() -> None:
    async def run() -> None:
        bench = Bench(image_of("heidelberg_energy_control"))
        async with running(bench):
            await found(bench)
            bench.device.want(1, Desired(limit=10_000))
            await asyncio.sleep(30)
            bench.is_well = False
            await asyncio.sleep(2)
            requests = bench.metrics.requests
            await asyncio.sleep(120)
            assert bench.metrics.requests == requests

    virtually(run())


def test_the_token_comes_before_the_setpoint() -> None:
    async def run() -> None:
        bench = Bench(image_of("mennekes_amtron_compact"), address="rtu+tcp://memory:1")
        async with running(bench):
            await found(bench)
            bench.device.want(1, Desired(limit=10_000))
            await asyncio.sleep(3)
        profile = bench.image.profile
        assert bench.image.writes[0][2:] == (profile.registers["heartbeat"].address, (0x55AA,))
        order = [at for _, _, at, _ in bench.image.writes]
        assert order.index(profile.registers["set_current"].address) < order.index(profile.registers["release"].address)

    virtually(run())


def test_a_watchdog_that_is_switched_off_is_not_switched_on() -> None:
    async def run() -> None:
        bench = Bench(image_of("keba_p30_p40", failsafe_timeout=0))
        async with running(bench):
            await found(bench)
            bench.device.want(1, Desired(limit=10_000))
            await asyncio.sleep(120)
        assert bench.times_of("heartbeat_set_failsafe_timeout") == []

    virtually(run())
