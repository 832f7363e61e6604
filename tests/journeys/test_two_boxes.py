"""A site on two boxes: one dies or is cut off, the other goes on at the same address, and nothing is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.journeys.two_boxes import DEAD_AFTER_S, a_pair
from tests.kit import has_namespaces, wait_until

pytestmark = [
    pytest.mark.skipif(not has_namespaces(), reason="needs root and network namespaces"),
    pytest.mark.timeout(180),
]
PATIENCE_S = DEAD_AFTER_S + 20


async def test_the_first_loses_its_power_and_comes_back_as_the_standby(tmp_path: Path) -> None:
    async with a_pair(tmp_path) as pair:
        pair.drive()
        await pair.goes_on()
        await pair.a.lose_power()
        await wait_until(pair.b.serves, PATIENCE_S)
        await pair.goes_on()
        pair.a.power_up()
        await pair.in_step(pair.b, pair.a)
        assert not pair.a.has_address()
        assert list((pair.a.folder / "data").glob("ledger.sqlite.deposed-*"))
        await pair.goes_on()
        await pair.b.lose_power()  # and all of it the other way round
        await wait_until(pair.a.serves, PATIENCE_S)
        await pair.goes_on()
        await pair.go_home()
        pair.judge(pair.a)


async def test_an_agent_that_is_killed_and_comes_back_is_no_reason_to_take_over(tmp_path: Path) -> None:
    async with a_pair(tmp_path, dead_after_s=20) as pair:
        pair.drive()
        for _ in range(3):
            await pair.goes_on()
            await pair.a.kill()
        await pair.goes_on()
        await pair.in_step(pair.a, pair.b)
        assert pair.a.status["term"] == 0
        assert pair.b.log.count("standby_takes_over") == 0
        await pair.go_home()
        pair.judge(pair.a)


async def test_a_first_box_that_is_cut_off_gives_up_before_the_other_takes_over(tmp_path: Path) -> None:
    """Its agent lives, and could be reached by whoever is cut off with it."""
    async with a_pair(tmp_path) as pair:
        pair.drive()
        await pair.goes_on()
        pair.a.cut_off()
        await wait_until(lambda: not pair.a.has_address(), DEAD_AFTER_S)
        assert not pair.b.has_address()
        assert "standing_down" in pair.a.log
        await wait_until(pair.b.serves, PATIENCE_S)
        await pair.goes_on()
        await wait_until(lambda: pair.a.starts > 1, PATIENCE_S)
        assert not pair.a.has_address(), "it cannot know what the other does, and waits"
        pair.a.join()
        await pair.in_step(pair.b, pair.a)
        await pair.goes_on()
        await pair.go_home()
        pair.judge(pair.b)


async def test_a_standby_that_is_cut_off_does_not_take_over_and_catches_up(tmp_path: Path) -> None:
    async with a_pair(tmp_path) as pair:
        pair.drive()
        await pair.goes_on()
        pair.b.cut_off()
        await pair.goes_on()
        await wait_until(lambda: "cut off" in str(pair.b.status["why_not"]), PATIENCE_S)
        await wait_until(lambda: "standby_behind" in pair.a.command("alarms", "list"))
        await asyncio.sleep(DEAD_AFTER_S)  # long enough to take over, did it
        assert not pair.b.has_address()
        pair.b.join()
        await pair.in_step(pair.a, pair.b)
        await wait_until(lambda: "standby_behind" not in pair.a.command("alarms", "list"))
        await pair.goes_on()
        await pair.go_home()
        pair.judge(pair.a)


async def test_a_standby_that_stands_still_holds_the_site_up_for_a_moment_and_is_made_to_take_over(
    tmp_path: Path,
) -> None:
    """It is behind then, and by itself does not; somebody makes it, and what was open waits for a person."""
    async with a_pair(tmp_path) as pair:
        pair.drive()
        await pair.goes_on()
        pair.b.stop()
        await pair.goes_on()
        await wait_until(lambda: pair.a.status["in_step"] is False)
        pair.b.cut_off()
        await pair.goes_on()
        await pair.a.lose_power()
        acknowledged = pair.acknowledged()
        pair.b.join()
        pair.b.go_on()
        await asyncio.sleep(2 * DEAD_AFTER_S)
        assert not pair.b.has_address()
        assert pair.b.status["in_step"] is False
        assert "asked" in pair.b.command("standby", "take-over")
        await wait_until(lambda: "standby_not_taken_over" in pair.b.log)
        assert not pair.b.has_address()
        assert "asked" in pair.b.command("standby", "take-over", "--force")
        await wait_until(pair.b.serves, PATIENCE_S)
        assert len(pair.b.cdrs()) < acknowledged, "it lacks what the first acknowledged alone"
        await pair.goes_on()
        pair.a.power_up()
        await pair.in_step(pair.b, pair.a)
        assert "ledger_had_more" in pair.a.log
        await wait_until(lambda: "standby_had_more" in pair.b.command("alarms", "list"))
        assert pair.both == []


async def test_a_first_box_that_stands_still_keeps_the_address_and_goes_on(tmp_path: Path) -> None:
    """Its kernel answers at the address, so it is not taken for dead; when it goes on it is the only one."""
    async with a_pair(tmp_path) as pair:
        pair.drive()
        await pair.goes_on()
        pair.a.stop()
        await wait_until(lambda: "somebody has" in str(pair.b.status["why_not"]), PATIENCE_S)
        pair.a.go_on()
        await pair.goes_on()
        await pair.in_step(pair.a, pair.b)
        assert not pair.b.has_address()
        await pair.go_home()
        pair.judge(pair.a)
