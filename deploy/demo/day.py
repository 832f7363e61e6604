"""The day that is played at the demo's site: eight OCPP stations, two chargers on Modbus, and all their drivers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from deploy.demo.drivers import Polled, Tell, drive
from deploy.demo.feeder import status_of
from deploy.demo.site import Site
from deploy.demo.verify import alarms_about_energy, compare_all, compare_with_chargers, compare_with_meters
from edge.status_board import flows_text
from firmware_sim import scenario as scenarios
from firmware_sim.fleet import Fleet
from firmware_sim.player import Player
from firmware_sim.scenario import Scenario
from firmware_sim.story import Teller
from protocols.ocpi.cdr import Cdr

DRAIN_TIMEOUT_S: Final = 30.0
BALANCE_EVERY: Final = timedelta(hours=1)
_POLL_S: Final = 0.1


def scenario_of_the_day() -> Scenario:
    return scenarios.load("day")


def day_start(scenario: Scenario) -> datetime:
    """When it is to begin. Raises ValueError for a scenario that may begin at any time."""
    if scenario.start is None:
        raise ValueError(f"{scenario.name} has no start")
    return scenario.start.astimezone(UTC)


@dataclass(slots=True, kw_only=True)
class Day:
    """`playing` ends when the last driver has left."""

    site: Site
    polled: Polled
    fleet: Fleet
    begin: datetime
    playing: asyncio.Task[None] = field(init=False)

    async def play(self, scenario: Scenario, tell: Tell) -> None:
        """All drivers come and go, and the agent is asked again and again what flows where."""
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(self._tell_balance(tell))
            async with asyncio.TaskGroup() as drivers:
                drivers.create_task(Player(scenario=scenario, fleet=self.fleet, begin=self.begin).play())
                drivers.create_task(drive(self.site, self.polled, self.begin, tell))
            asking.cancel()

    async def _tell_balance(self, tell: Tell) -> None:
        at = self.begin
        while True:
            at += BALANCE_EVERY
            await self.site.sleep_until(at)
            flows = (await status_of(self.site.edge))["balance"]
            tell(self.site.now(), "feeder", f"the agent's balance: {flows_text(flows)}")

    async def problems(self) -> list[str]:
        """Every way in which the accounts of the day differ: chargers, meters, feeder, edge and hub."""
        if not await self.fleet.drain(DRAIN_TIMEOUT_S):
            return ["a charger could not deliver what it has to tell"]
        problems = await self._compare()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                while problems:
                    await asyncio.sleep(_POLL_S)
                    problems = await self._compare()
        return problems

    @property
    def transactions(self) -> int:
        """How many there were, by the chargers' account."""
        return len(self.fleet.transactions()) + sum(len(bay.visits) for bay in self.polled.bays)

    async def _compare(self) -> list[str]:
        cdrs = self.site.edge.cdrs()
        return [
            *await compare_all(self.site.edge, self.site.hub),
            *compare_with_chargers(self.fleet.transactions(), self._by_ocpp(cdrs)),
            *compare_with_meters(self.polled.bays, cdrs),
            *await self.polled.feeder.compare(self.site.edge, cdrs),
            *alarms_about_energy(self.site.edge.ledger),
        ]

    def _by_ocpp(self, cdrs: list[Cdr]) -> list[Cdr]:
        polled = {bay.station_id for bay in self.polled.bays}
        return [cdr for cdr in cdrs if cdr.station_id not in polled]


@contextlib.asynccontextmanager
async def a_day(site: Site, polled: Polled, scenario: Scenario, teller: Teller, tell: Tell) -> AsyncIterator[Day]:
    """The day from its beginning on, until the block ends; `teller` hears the OCPP stations, `tell` all else.

    Raises TimeoutError when the agent does not read the feeder's meter.
    """
    async with asyncio.timeout(DRAIN_TIMEOUT_S):
        while not await polled.feeder.begin(site.edge):
            site.edge.check()
            await asyncio.sleep(_POLL_S)
    fleet = Fleet(
        scenario.stations,
        edge_url=site.edge.ocpp_url,
        timeline=site.timeline,
        seed=scenario.seed,
        teller=teller,
    )
    polled.feeder.supply(fleet)
    async with fleet, asyncio.TaskGroup() as tasks:
        day = Day(site=site, polled=polled, fleet=fleet, begin=max(day_start(scenario), site.now()))
        day.playing = tasks.create_task(day.play(scenario, tell))
        yield day
        day.playing.cancel()
