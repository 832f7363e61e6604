"""Stations that live: the pure charger, its clock, its memory and its connection, to be driven by a plan or by hand.

async with Fleet(specs, edge_url="ws://127.0.0.1:9000", timeline=Timeline(speed=60)) as fleet:
    station = fleet["CP01"]
    await station.connect()
    station.plug(1, Vehicle.at_percent(40, battery_wh=60_000))
    station.present(1, "04A1B2C3D4E501")
    await station.wait_for(lambda it: it.charger.evses[1].power_w > 0)
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from firmware_sim.clock import SiteClock
from firmware_sim.memory import Memory
from firmware_sim.settings import StationSpec
from firmware_sim.station import Pace, Station
from firmware_sim.station_flow import StationFlow
from firmware_sim.story import Teller, silent
from protocols.timeline import REAL_TIME, Timeline


class Fleet:
    """Stations under one roof; `async with` lets them live, `fleet["CP01"]` is one. All begin unpowered."""

    def __init__(
        self,
        specs: Iterable[StationSpec],
        *,
        edge_url: str,
        timeline: Timeline = REAL_TIME,
        seed: int = 0,
        state: Path | None = None,
        teller: Teller = silent,
        pace: Pace | None = None,
    ) -> None:
        self.clock = SiteClock(timeline)
        self.stations: Mapping[str, Station] = {
            spec.station_id: Station(
                spec,
                edge_url=edge_url,
                clock=self.clock,
                rng=random.Random(f"{seed}/{spec.station_id}"),
                memory=Memory(state, spec.station_id),
                teller=teller,
                pace=pace,
            )
            for spec in specs
        }
        self._tasks = asyncio.TaskGroup()
        self._lives: list[asyncio.Task[None]] = []

    def __getitem__(self, station_id: str) -> Station:
        return self.stations[station_id]

    async def __aenter__(self) -> Fleet:
        await self._tasks.__aenter__()
        self._lives = [self._tasks.create_task(station.run()) for station in self.stations.values()]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for life in self._lives:
            life.cancel()
        if isinstance(error, asyncio.CancelledError):
            await self._tasks.__aexit__(kind, error, trace)
        else:
            # The caller's own error goes on as it is, not wrapped into a group.
            await self._tasks.__aexit__(None, None, None)

    async def drain(self, timeout_s: float) -> bool:
        """Wait until every station has told all it has to tell; whether that came true within `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                for station in self.stations.values():
                    await station.wait_for(lambda it: it.is_drained, None)
        except TimeoutError:
            return False
        return True

    def flows(self) -> list[StationFlow]:
        """What each EVSE takes from now on, for a meter through which it flows."""
        return [
            StationFlow(station.charger, evse_id)
            for station in self.stations.values()
            for evse_id in station.charger.evses
        ]

    def transactions(self) -> list[dict[str, Any]]:
        """The account of every finished transaction, in the order they began."""
        told = [each for station in self.stations.values() for each in station.transactions()]
        return sorted(told, key=lambda each: (each["started_at"], each["station"], each["evse"]))
