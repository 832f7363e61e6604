"""The wide-area network is away: charging and billing go on, the display says so, and nothing is missing afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path

from deploy.demo.verify import compare_with_chargers
from tests.journeys.harness import a_day, expect_none
from tests.kit import wait_until


async def test_a_whole_day_without_the_wan(tmp_path: Path) -> None:
    async with a_day(tmp_path, "whole_day", speed=3600) as day:
        await day.wall.see_uplink(is_online=True)
        await day.until(3_600)
        day.site.wan.cut()
        await day.wall.see_uplink(is_online=False)
        cut_s = asyncio.get_running_loop().time()
        await day.playing
        assert await day.fleet.drain(20)
        expect_none(compare_with_chargers(day.fleet.transactions(), day.site.edge.cdrs()))
        billed = len(day.site.edge.cdrs())
        # Of 90 drivers some leave before a slow machine has read their cards: a second is an hour of this day.
        assert billed >= 60, "the site billed a day alone"
        assert len(await day.site.hub.client.all("cdrs")) < 10, "the hub heard nothing of it"
        assert day.wall.banner_between(cut_s, asyncio.get_running_loop().time())[True] == 0
        day.site.wan.heal()
        await day.end()
        await day.wall.see_uplink(is_online=True)
        assert len(await day.site.hub.client.all("cdrs")) == billed


async def test_a_silent_cut(tmp_path: Path) -> None:
    """The connection stays open and swallows everything: found by what is not answered, and again after it healed."""
    async with a_day(tmp_path, "afternoon", speed=1800) as day:
        await day.wall.see_uplink(is_online=True)
        await day.until(3_600)
        billed = len(day.site.edge.cdrs())
        day.site.wan.cut(silent=True)
        await day.wall.see_uplink(is_online=False)
        cut_s = asyncio.get_running_loop().time()
        await day.until(21_600)
        # A second is half an hour of this day: a slow machine bills what was charged until then later, but all of it.
        await wait_until(lambda: len(day.site.edge.cdrs()) > billed + 20, 30)
        assert day.wall.banner_between(cut_s, asyncio.get_running_loop().time())[True] == 0
        assert day.site.wan.traffic.swallowed > 0
        day.site.wan.heal()
        await day.wall.see_uplink(is_online=True)
        await day.end()
