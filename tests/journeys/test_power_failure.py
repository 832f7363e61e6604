"""The power of charging stations fails in the middle of a session; some end it afterwards, some go on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from firmware_sim import scenario as scenarios
from firmware_sim.settings import AfterPowerLoss
from firmware_sim.vehicle import Vehicle
from protocols.terms import EvseRef, EvseState
from tests.journeys.harness import SCENARIOS, a_site, expect_none, fleet_at, settle, told
from tests.journeys.wall import Watcher, watching

STATIONS = ("CP01", "CP02", "CP03", "CP04")
"""Two of OCPP 1.6, two of 2.0.1."""
SPEED = 300.0


@pytest.mark.parametrize("after", list(AfterPowerLoss))
async def test_the_power_fails_in_the_middle_of_a_session(tmp_path: Path, after: AfterPowerLoss) -> None:
    day = scenarios.load(str(SCENARIOS / "busy.toml")).only(frozenset(STATIONS))
    day = replace(day, stations=tuple(replace(each, after_power_loss=after) for each in day.stations))
    async with a_site(tmp_path, speed=SPEED) as site:
        wall = Watcher(site)
        with told(tmp_path / "chargers.log", wall) as tell:
            async with fleet_at(site, day, tmp_path / "chargers", tell) as fleet, watching(wall, fleet):
                for number, name in enumerate(STATIONS, start=1):
                    await fleet[name].connect()
                    fleet[name].plug(1, Vehicle.at_percent(20, battery_wh=60_000))
                    fleet[name].present(1, f"04A1B2C3D4E5{number:02}")
                await wall.see(lambda evse: evse.state is EvseState.CHARGING and (evse.energy_wh or 0) > 500, STATIONS)
                for name in STATIONS:
                    fleet[name].power_cut()
                await wall.see(lambda evse: evse.state is EvseState.OFFLINE and evse.is_reading_old, STATIONS)
                before = {name: wall.tile(EvseRef(name, 1)).energy_wh or 0 for name in STATIONS}
                await asyncio.sleep(site.timeline.real_s(600))
                for name in STATIONS:
                    await fleet[name].connect()
                if after is AfterPowerLoss.RESUME:
                    await wall.see(lambda evse: (evse.energy_wh or 0) > before[evse.station_id] + 500, STATIONS)
                for name in STATIONS:
                    fleet[name].unplug(1)
                await settle(site, fleet)
                await wall.see(lambda evse: evse.state is EvseState.FREE, STATIONS)
                expect_none(wall.untruths(fleet))
                bills = site.edge.cdrs()
                assert sorted(cdr.station_id for cdr in bills) == sorted(STATIONS)
                wanted = {"PowerLoss"} if after is AfterPowerLoss.STOP else {"EVDisconnected"}
                assert {cdr.stop_reason for cdr in bills} == wanted
                assert all(cdr.total_energy_wh >= before[cdr.station_id] > 500 for cdr in bills)
