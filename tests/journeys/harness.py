"""What all journeys share: a running site, a day that is played on it, and the judgement when it is over."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from deploy.demo.site import Site, running_site
from deploy.demo.verify import alarms_about_energy, compare_all, compare_with_chargers
from firmware_sim import scenario as scenarios
from firmware_sim.fleet import Fleet
from firmware_sim.messages import Note
from firmware_sim.player import Player
from firmware_sim.scenario import Scenario
from firmware_sim.station import Pace
from firmware_sim.story import Teller, plain_line, silent
from tests.journeys.wall import Watcher, watching
from tests.kit import wait_until

SCENARIOS: Final = Path(__file__).parent / "scenarios"
ORIGIN: Final = datetime(2026, 3, 2, 6, tzinfo=UTC)
SETTINGS: Final = {
    "OHMSTEAD_EDGE_UPLINK__KEEPALIVE_S": "2",
    "OHMSTEAD_EDGE_UPLINK__RECONNECT_MIN_S": "0.1",
    "OHMSTEAD_EDGE_UPLINK__RECONNECT_MAX_S": "0.5",
    "OHMSTEAD_EDGE_UPLINK__ACK_TIMEOUT_S": "1",
    "OHMSTEAD_EDGE_UPLINK__SILENT_AFTER_S": "3",
}
"""An agent that finds out soon what has happened to it: the journeys play hours in seconds."""
PACE: Final = Pace(backoff_min_s=0.1, backoff_max_s=0.4)
DRAIN_TIMEOUT_S: Final = 45.0


@dataclass(slots=True, kw_only=True)
class Day:
    """A day that is being played; `over` when the last driver has left."""

    site: Site
    scenario: Scenario
    fleet: Fleet
    begin: datetime
    wall: Watcher
    playing: asyncio.Task[None] = field(init=False)

    async def until(self, site_s: float) -> None:
        """Wait for a moment of the day, or see that playing it failed."""
        await self.site.sleep_until(self.begin + timedelta(seconds=site_s))
        if self.playing.done():
            self.playing.result()

    def charging(self) -> int:
        """How many transactions run, by the chargers' account."""
        evses = [evse for station in self.fleet.stations.values() for evse in station.charger.evses.values()]
        return sum(evse.transaction_id is not None for evse in evses)

    async def break_off(self) -> None:
        """Send all drivers home now."""
        self.playing.cancel()
        await asyncio.wait([self.playing])
        for station in self.fleet.stations.values():
            station.power_up()
            station.link_up()
            for evse_id in station.charger.evses:
                station.unplug(evse_id)

    async def end(self) -> None:
        """Wait until the day is over and everything has arrived; then everything must be true."""
        if not self.playing.cancelled():
            await self.playing
        await settle(self.site, self.fleet)
        await self.wall.see_now()
        expect_none(self.wall.untruths(self.fleet))


@contextlib.asynccontextmanager
async def a_site(
    folder: Path,
    *,
    speed: float,
    origin: datetime = ORIGIN,
    polled: str = "",
    has_backup: bool = False,
    **settings: str,
) -> AsyncIterator[Site]:
    """A running site; the ends of its logs are printed when a journey fails."""
    agents = {**SETTINGS, **settings}
    try:
        running = running_site(
            folder, origin=origin, speed=speed, settings=agents, polled=polled, has_backup=has_backup
        )
        async with running as site:
            yield site
    except BaseException:
        for log in sorted(folder.glob("*.log")):
            print(f"--- the end of {log}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-25:]))
        raise


@contextlib.asynccontextmanager
async def a_day(
    folder: Path, name: str, *, speed: float, has_backup: bool = False, **settings: str
) -> AsyncIterator[Day]:
    """A site on which a scenario of this folder is being played, and somebody who watches the wall display."""
    scenario = scenarios.load(str(SCENARIOS / f"{name}.toml"))
    begin = (scenario.start or ORIGIN).astimezone(UTC)
    origin = begin - timedelta(seconds=4 * speed)  # about what it takes to start
    async with a_site(folder, speed=speed, origin=origin, has_backup=has_backup, **settings) as site:
        begin = max(begin, site.now() + timedelta(seconds=speed / 2))
        wall = Watcher(site)
        with told(folder / "chargers.log", wall) as tell:
            async with fleet_at(site, scenario, folder / "chargers", tell) as fleet, watching(wall, fleet):
                day = Day(site=site, scenario=scenario, fleet=fleet, begin=begin, wall=wall)
                async with asyncio.TaskGroup() as tasks:
                    day.playing = tasks.create_task(Player(scenario=scenario, fleet=fleet, begin=begin).play())
                    yield day
                    day.playing.cancel()


@contextlib.contextmanager
def told(log: Path, wall: Watcher) -> Iterator[Teller]:
    """The chargers' story for the watcher, and written down for whoever must find out what went wrong."""
    with log.open("w", encoding="utf-8") as file:

        def tell(station_id: str, note: Note) -> None:
            wall.note(station_id, note)
            print(plain_line(station_id, note), file=file, flush=True)

        yield tell


def fleet_at(site: Site, scenario: Scenario, state: Path | None = None, teller: Teller = silent) -> Fleet:
    """The scenario's stations, which connect to the site's edge once they have power."""
    return Fleet(
        scenario.stations,
        edge_url=site.edge.ocpp_url,
        timeline=site.timeline,
        seed=scenario.seed,
        state=state,
        teller=teller,
        pace=PACE,
    )


async def settle(site: Site, fleet: Fleet | None, timeout_s: float = DRAIN_TIMEOUT_S) -> None:
    """Wait until chargers, edge and hub have told each other everything, and compare their accounts.

    Nothing is wrong with anybody's energy or meters here, so no alarm may ever have said so.
    """
    if fleet is not None:
        assert await fleet.drain(timeout_s), "a charger could not deliver what it has to tell"
    problems: list[str] = ["not compared yet"]

    async def agree() -> bool:
        site.edge.check()
        problems[:] = await compare_all(site.edge, site.hub)
        return not problems

    with contextlib.suppress(TimeoutError):
        await wait_until(agree, timeout_s)
    expect_none([*problems, *alarms_about_energy(site.edge.ledger)])
    if fleet is not None:
        transactions = fleet.transactions()
        assert transactions, "nobody charged: the journey shows nothing"
        expect_none(compare_with_chargers(transactions, site.edge.cdrs()))


def expect_none(problems: list[str]) -> None:
    """Fail with every problem."""
    if problems:
        pytest.fail(f"{len(problems)} problems:\n" + "\n".join(problems[:20]), pytrace=False)
