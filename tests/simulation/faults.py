"""What goes wrong in a run, and when: drawn from the seed before the run begins."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Final

from tests.simulation import edge_side, hub_side
from tests.simulation.broker import Noise

if TYPE_CHECKING:
    from tests.simulation.world import World

HOUR_S: Final = 3_600.0
DAY_S: Final = 86_400.0
FAULTS_IN_A_RUN: Final = (6, 16)
FOCUSED_EVERY: Final = 3
EDGE_PLACES: Final = ("disk:before", "disk:after", "publish:up", "publish:edge-1")
HUB_PLACES: Final = ("database:before", "database:after", "publish:ack")


def lasting(random: Random, shortest_s: float, longest_s: float) -> float:
    """As often a few minutes as a few hours as a few days."""
    return math.exp(random.uniform(math.log(shortest_s), math.log(longest_s)))


def noise(random: Random) -> Noise:
    return Noise(lose=random.choice([0.1, 0.3]), repeat=random.choice([0.0, 0.3]), overtake=random.choice([0, 0.3]))


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault of some kind, so many seconds after the start."""

    at_s: float
    kind: str


def focus_of(seed: int) -> str | None:
    """Every third seed is about one kind of trouble, each kind in turn; the others meet all of them."""
    kinds = list(FAULTS)
    return kinds[seed // FOCUSED_EVERY % len(kinds)] if seed % FOCUSED_EVERY == 0 else None


def plan(random: Random, lasts_s: float, focus: str | None = None) -> list[Planned]:
    """The faults of a run, in order; with a focus three of four are of that kind."""
    count = random.randint(*FAULTS_IN_A_RUN)
    kinds = list(FAULTS)
    favourites, share = random.sample(kinds, 3), 0.4  # some runs are all about a few troubles at once
    if focus is not None:
        favourites, share = [focus], 0.75
    drawn = [random.choice(favourites if random.random() < share else kinds) for _ in range(count)]
    return sorted((Planned(random.uniform(0, lasts_s), kind) for kind in drawn), key=lambda each: each.at_s)


async def wan_away(world: World, random: Random) -> None:
    """The edge alone, or both, have no way to the broker: for minutes, or for days."""
    away_s = lasting(random, 30, 5 * DAY_S)
    who = random.choice([{edge_side.CLIENT_ID}, {hub_side.CLIENT_ID}, {edge_side.CLIENT_ID, hub_side.CLIENT_ID}])
    world.network.isolate(who)
    await asyncio.sleep(away_s)
    world.network.join(who)
    if random.random() < 0.5:  # and when the way is back, with all that has gathered, it is a bad one
        world.network.disturb(noise(random))
        await asyncio.sleep(lasting(random, 60, HOUR_S))
        world.network.disturb(Noise())


async def half_open(world: World, random: Random) -> None:
    for broker in world.network.brokers:
        broker.cut(random.choice([edge_side.CLIENT_ID, hub_side.CLIENT_ID]))


async def reset(world: World, random: Random) -> None:
    """A line that breaks again and again."""
    who = random.choice([edge_side.CLIENT_ID, hub_side.CLIENT_ID])
    for _ in range(random.randint(1, 6)):
        for broker in world.network.brokers:
            broker.reset(who)
        await asyncio.sleep(random.uniform(0.1, 120))


async def broker_killed(world: World, random: Random) -> None:
    """It comes back with what it had a while ago, or empty."""
    broker = random.choice([world.network.brokers[0], random.choice(world.network.brokers)])
    if random.random() < 0.5:
        broker.save()
        await asyncio.sleep(random.uniform(0, 12 * HOUR_S))
    broker.die(is_emptied=random.random() < 0.5)
    await asyncio.sleep(lasting(random, 1, DAY_S))
    broker.is_up = True


async def broker_unreachable(world: World, random: Random) -> None:
    """One side or both cannot reach one of the brokers: they meet at another one, or do not meet."""
    broker = random.choice(world.network.brokers)
    who = random.choice([edge_side.CLIENT_ID, hub_side.CLIENT_ID])
    broker.away.add(who)
    broker.cut(who)
    await asyncio.sleep(lasting(random, 60, 2 * DAY_S))
    broker.away.discard(who)


async def broker_confused(world: World, random: Random) -> None:
    """After a while without it, in which entries have gathered, it loses, repeats and mixes up what it confirmed."""
    world.network.isolate({edge_side.CLIENT_ID})
    await asyncio.sleep(lasting(random, 12 * HOUR_S, 4 * DAY_S))
    world.network.join({edge_side.CLIENT_ID})
    world.network.disturb(noise(random))
    await asyncio.sleep(lasting(random, 600, 2 * DAY_S))
    world.network.disturb(Noise())


async def database_away(world: World, random: Random) -> None:
    world.hub.health.is_away = True
    await asyncio.sleep(lasting(random, 1, DAY_S))
    world.hub.health.is_away = False


async def database_troubled(world: World, random: Random) -> None:
    """Commits are slow, fail, or happen without anybody hearing of it."""
    health = world.hub.health
    health.slow_s, health.fails, health.loses_answer = random.choice([0.0, 3.0, 15.0]), 0.3, 0.3
    await asyncio.sleep(lasting(random, 600, DAY_S))
    health.slow_s = health.fails = health.loses_answer = 0.0


async def hub_killed(world: World, random: Random) -> None:
    """At any moment, or between a commit and its Ack."""
    process = world.hub.process
    if process is None:
        return
    if random.random() < 0.7:
        process.fuse = (random.choice(HUB_PLACES), random.randint(1, 4))
    else:
        process.kill("at any moment")


async def edge_killed(world: World, random: Random) -> None:
    """At any moment, or between a commit and its answer."""
    process = world.edge.process
    if process is None:
        return
    if random.random() < 0.7:
        process.fuse = (random.choice(EDGE_PLACES), random.randint(1, 4))
    else:
        process.kill("at any moment")


async def clock_steps(world: World, random: Random) -> None:
    world.edge.clock_off = timedelta(seconds=random.choice([-7_200, 7_200, -90, 34_560_000]))
    world.trace.note("edge", "clock", world.edge.clock_off)
    await asyncio.sleep(random.uniform(HOUR_S, DAY_S))
    world.edge.clock_off = timedelta()


async def poison(world: World, random: Random) -> None:
    """The next few entries of a stream are such that the hub cannot take one of them."""
    world.poison(random.choice(["money", "event", "telemetry"]), random.randint(1, 12))


async def restored(world: World, random: Random) -> None:
    """The ledger is copied, some time passes, the disk is lost and the copy put in its place."""
    if world.is_copied or not world.edge.is_running:
        return
    world.is_copied = True
    world.edge.back_up()
    await asyncio.sleep(random.uniform(0, DAY_S))
    world.wants_copy = True
    if world.edge.process is not None:
        world.edge.process.kill("its disk is lost")


FAULTS: Final[dict[str, Callable[[World, Random], Awaitable[None]]]] = {
    each.__name__: each
    for each in (
        wan_away,
        half_open,
        reset,
        broker_killed,
        broker_confused,
        broker_unreachable,
        database_away,
        database_troubled,
        hub_killed,
        edge_killed,
        clock_steps,
        poison,
        restored,
    )
}
