"""A node of several agents behind nginx: wherever a station comes, each of its transactions is billed once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from edge.local.client import AgentUnreachable
from tests.journeys.node import Node, NodeAgent, a_node, nginx_program
from tests.kit import wait_until

STATIONS = 60
SPEED = 120.0
KILLS = 12

pytestmark = pytest.mark.skipif(
    nginx_program() is None, reason="no nginx on this machine (apt-get install nginx-light)"
)


@pytest.mark.timeout(200)
async def test_a_fourth_agent_takes_its_share_while_all_stations_charge(tmp_path: Path) -> None:
    async with a_node(tmp_path, agents=3, stations=STATIONS, speed=SPEED) as node:
        await node.charge(session_s=6)
        await wait_until(node.all_are_in, 20)
        before = await node.where()
        assert len(set(before.values())) == 3

        await add_an_agent(node)
        node.nginx.configure(node.agents)
        await node.nginx.reload()  # the old worker closes its sockets a second later
        await wait_until(lambda: is_spread_over_four(node), 30)
        after = await node.where()
        moved = {station for station in before if after[station] != before[station]}
        assert {after[station] for station in moved} == {4}
        assert 0 < len(moved) <= 0.4 * STATIONS, Counter(after.values())

        await node.end()
        assert node.expect_each_billed_once() > 2 * STATIONS
        assert node.moved_and_billed() > 0


async def add_an_agent(node: Node) -> None:
    """As the runbook says: the new one first, which knows the others; then they learn of it, one by one."""
    added = node.new_agent()
    added.configure(node.identities, node.agents)
    await added.bring_cards(node.folder / "cards.csv")
    await added.start()
    for agent in node.agents[:-1]:
        agent.configure(node.identities, node.agents)
        await agent.stop()
        await agent.start()


async def is_spread_over_four(node: Node) -> bool:
    """Every station is somewhere, some at the fourth, and that has not changed for a second."""
    if not await node.all_are_in():
        return False
    first = await node.where()
    await asyncio.sleep(1.0)
    return 4 in first.values() and await node.all_are_in() and await node.where() == first


@pytest.mark.timeout(200)
async def test_an_agent_is_killed_and_comes_back_later(tmp_path: Path) -> None:
    async with a_node(tmp_path, agents=3, stations=STATIONS, speed=SPEED) as node:
        await node.charge(session_s=4)
        await wait_until(node.all_are_in, 20)
        await asyncio.sleep(2)
        victim, *others = node.agents
        was_there = await victim.online()
        assert was_there
        await victim.kill()
        billed_before = len(victim.bills())  # not earlier: it bills until it is dead
        await wait_until(lambda: are_at(others, STATIONS), 20)
        await wait_until(lambda: knows_of(others, "peer_unreachable"), 20)
        served = Counter(bill.station_id for agent in others for bill in agent.bills())
        await wait_until(lambda: charged_elsewhere(others, was_there, served), 20)
        assert len(victim.bills()) == billed_before

        await victim.start()
        await node.end()  # which waits until nobody has an alarm
        assert node.expect_each_billed_once() > 2 * STATIONS
        assert node.moved_and_billed() > 0


@pytest.mark.timeout(200)
async def test_agents_are_killed_again_and_again(tmp_path: Path) -> None:
    """At any moment, also while one claims from another: whatever was under way is billed once in the end."""
    rng = random.Random(20260302)
    async with a_node(tmp_path, agents=3, stations=STATIONS, speed=SPEED) as node:
        await node.charge(session_s=2)
        await wait_until(node.all_are_in, 20)
        for _ in range(KILLS):
            victim = rng.choice(node.agents)
            await victim.kill()
            await asyncio.sleep(rng.uniform(0.0, 0.8))
            await victim.start()
            await asyncio.sleep(rng.uniform(0.0, 0.8))
        await node.end()
        assert node.expect_each_billed_once() > 2 * STATIONS
        assert node.moved_and_billed() > 0


async def are_at(agents: list[NodeAgent], count: int) -> bool:
    return sum([len(await agent.online()) for agent in agents]) == count


async def knows_of(agents: list[NodeAgent], name: str) -> bool:
    try:
        told = [alarm["alarm"] for agent in agents for alarm in (await agent.status())["alarms"]]
    except AgentUnreachable:
        return False
    return name in told


def charged_elsewhere(agents: list[NodeAgent], stations: set[str], before: Counter[str]) -> bool:
    """Every station that lost its agent has since begun and ended a session at another one."""
    now = Counter(bill.station_id for agent in agents for bill in agent.bills())
    return all(now[station] > before[station] for station in stations)
