"""A bad way between edge, broker and hub: messages are late, doubled, out of order, lost after they were confirmed, and
connections break or fall silent in one direction. What the edge kept is at the hub once, as it was."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.journeys.chaos import Direction, Weather
from tests.journeys.fault_site import a_fault_site
from tests.kit import wait_until

pytestmark = pytest.mark.timeout(300)  # on a machine with other work

SEED = 20260302


async def test_messages_are_late_doubled_and_out_of_order(tmp_path: Path) -> None:
    """By the rules of QoS 1: what is doubled says so, and nothing is confirmed that did not arrive."""
    async with a_fault_site(tmp_path, seed=SEED) as site:
        await site.load.more(5)
        for way in site.ways:
            way.weather = Weather(delay_s=(0.0, 0.02), repeated=0.3, overtaken=0.2, stalled=0.05)
        await site.load.more(80)
        assert await site.heal_and_judge() > 80
        counted = site.counted()
        assert min(counted["repeated"], counted["overtaken"], counted["stalled"]) > 0
        assert (await site.hub.client.get("edges/demo-site"))["status"] == "online"


async def test_what_was_confirmed_is_lost_and_connections_break(tmp_path: Path) -> None:
    """Against the rules: a broker's word counts for nothing, the hub's Ack alone does."""
    async with a_fault_site(tmp_path, seed=SEED + 1) as site:
        await site.load.more(5)
        for way in site.ways:
            way.weather = Weather(repeated=0.1, overtaken=0.1, lost=0.2)
        for _ in range(3):
            await site.load.more(15)
            for way in site.ways:
                way.reset()
        assert await site.heal_and_judge() > 45
        assert site.counted()["lost"] > 3


async def test_one_direction_is_silent(tmp_path: Path) -> None:
    """Half open, either way: the edge finds out within one and a half keepalives, and what was lost is sent again."""
    log = tmp_path / "edge.log"
    async with a_fault_site(tmp_path, seed=SEED + 2) as site:
        await site.load.more(5)
        for direction in Direction:
            broken = partial(_breaks_more_than, log, _breaks(log))
            site.edge_ways[0].weather = Weather(swallows=frozenset({direction}))
            await wait_until(broken, 30)
            await site.load.more(10)
            site.edge_ways[0].heal()
            await site.more_at_hub(5)
        assert await site.heal_and_judge() > 20
        assert site.counted()["swallowed"] > 0


def _breaks_more_than(log: Path, count: int) -> bool:
    return _breaks(log) > count


def _breaks(log: Path) -> int:
    return log.read_text().count("uplink_lost")
