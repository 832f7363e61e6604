"""A site of OCPP 1.6, OCPP 2.0.1, four Modbus models and a feeder's meter, on a day on which much goes wrong: every
bill is exact, and the feeder's meter speaks for all of them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Final

from deploy.demo.feeder import HOUSE_W, METER_ID, Feeder, serving_feeder, status_of
from deploy.demo.polled import Bay
from deploy.demo.site import Site
from deploy.demo.verify import alarms_about_energy, compare_all, compare_with_chargers, compare_with_meters
from edge.domain.meters import METERS_DISAGREE
from edge.local.client import AgentUnreachable, local_client
from firmware_sim import scenario as scenarios
from firmware_sim.fleet import Fleet
from firmware_sim.modbus.bits import Raw
from firmware_sim.modbus.device import DeviceClock
from firmware_sim.modbus.misbehaviour import Kind
from firmware_sim.player import Player
from protocols.charger.operations.transactions import StartTransaction
from protocols.ocpi.cdr import Cdr
from protocols.site.requests import GetStations, OperateStation
from tests.journeys.harness import DRAIN_TIMEOUT_S, SCENARIOS, a_site, expect_none, fleet_at
from tests.kit import wait_until

SPEED: Final = 600.0
MODELS: Final = {
    "MB1": ("keba_p30_p40", 11, "ac"),
    "MB2": ("alfen_eve", 22, "ac"),
    "MB3": ("phoenix_charx", 11, "ac"),
    "MB4": ("alpitronic_hyc", 150, "dc"),
}
"""Profile, kW and tariff."""
READERS: Final = ("MB3", "MB4")
"""They show cards of seven bytes; at the others a driver charges by an app."""
DRIVERS: Final = {station_id: f"04A1B2C3D4E5{number:02}" for number, station_id in enumerate(MODELS, 9)}
NEW_SERIAL: Final = 777_777
DISAGREES: Final = f"{METERS_DISAGREE}:{METER_ID}"
PATIENCE_S: Final = 40.0
LOOK_S: Final = 0.05


@dataclass(slots=True)
class Lot:
    """The site as the agent shows it, and what happens at the chargers without OCPP."""

    site: Site
    bays: dict[str, Bay]
    feeder: Feeder
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The agent's stations a moment ago; none while it is down."""

    async def look(self) -> None:
        """Again and again, until cancelled."""
        edge = self.site.edge
        while True:
            with contextlib.suppress(AgentUnreachable):
                async with local_client("127.0.0.1", edge.local_port, edge.token_file) as client:
                    while True:
                        told = (await client.ask(GetStations(id="1"), PATIENCE_S)).result
                        self.shown = {station["station_id"]: station for station in told}
                        await asyncio.sleep(LOOK_S)
            self.shown = {}
            await asyncio.sleep(LOOK_S)

    def is_online(self, station_id: str) -> bool:
        return station_id in self.shown and bool(self.shown[station_id]["online"])

    def is_shown(self, station_id: str, state: str) -> bool:
        return self.is_online(station_id) and self.shown[station_id]["evses"][0]["state"] == state

    async def until_shown(self, station_id: str, state: str) -> None:
        await wait_until(partial(self.is_shown, station_id, state), PATIENCE_S)

    def bills(self, station_id: str) -> list[Cdr]:
        found = [cdr for cdr in self.site.edge.cdrs() if cdr.station_id == station_id]
        return sorted(found, key=lambda cdr: cdr.end_date_time)

    async def visit(self, station_id: str, energy_wh: int) -> None:
        """A driver comes, charges what the car wants, and goes."""
        bay, token_uid = self.bays[station_id], DRIVERS[station_id]
        await self.until_shown(station_id, "free")
        await wait_until(bay.is_paused, PATIENCE_S)
        began_wh = bay.arrive(energy_wh)
        await self.until_shown(station_id, "occupied")
        assert bay.register_wh == began_wh, "it charged before anybody was asked"
        if station_id in READERS:
            bay.device.present_card(token_uid)
        else:
            await self.start(station_id, token_uid)
        await wait_until(bay.is_full, PATIENCE_S)
        bay.leave(token_uid, began_wh)
        await wait_until(lambda: len(self.bills(station_id)) == len(bay.visits), PATIENCE_S)

    async def start(self, station_id: str, token_uid: str) -> None:
        edge, order = self.site.edge, StartTransaction(evse_id=1, token_uid=token_uid)
        async with local_client("127.0.0.1", edge.local_port, edge.token_file) as client:
            answer = await client.ask(OperateStation(id="1", station_id=station_id, operation=order), PATIENCE_S)
        assert answer.problem is None, answer

    async def lose_link(self, station_id: str) -> None:
        """In the middle of a session, which goes on by itself."""
        await self.until_shown(station_id, "charging")
        device = self.bays[station_id].device
        device.misbehave(Kind.SILENCE, times=None)
        await wait_until(lambda: not self.is_online(station_id), PATIENCE_S)
        device.behave()
        await wait_until(partial(self.is_online, station_id), PATIENCE_S)

    async def replace(self, station_id: str) -> None:
        """Another device of the model is put there: another serial number, and its meter shows something else."""
        bay = self.bays[station_id]
        await bay.close()
        await wait_until(lambda: not self.is_online(station_id), PATIENCE_S)
        await bay.serve(plate={"serial": Raw(NEW_SERIAL)}, odometer_wh=4_321)
        self.feeder.device.measure(bay.device)
        await wait_until(partial(self.is_online, station_id), PATIENCE_S)

    async def is_calm(self) -> bool:
        """Whether the site finds that it was given as much as its chargers tell."""
        return DISAGREES not in [alarm["id"] for alarm in (await status_of(self.site.edge))["alarms"]]

    def serials(self, station_id: str) -> list[str | None]:
        """What the journal knows of who was there, one after the other."""
        query = "SELECT body FROM entries WHERE stream = 'event' ORDER BY seq"
        with closing(sqlite3.connect(f"file:{self.site.edge.ledger}?mode=ro", uri=True)) as database:
            told = [json.loads(body)["body"] for (body,) in database.execute(query)]
        boots = [each for each in told if each["kind"] == "station_booted" and each["station_id"] == station_id]
        return [serial for serial, _ in itertools.groupby(each["serial_number"] for each in boots)]


@contextlib.asynccontextmanager
async def a_lot(folder: Path) -> AsyncIterator[tuple[Lot, Fleet, asyncio.Task[None]]]:
    """The site, its OCPP stations, whose half of the day is being played, and the others."""
    scenario = scenarios.load(str(SCENARIOS / "mixed.toml"))
    assert scenario.start is not None
    begin = scenario.start.astimezone(UTC)
    clock = DeviceClock(asyncio.get_running_loop().time, SPEED)
    bays = {
        station_id: Bay(station_id=station_id, profile=profile, max_power_kw=max_power_kw, tariff=tariff, clock=clock)
        for station_id, (profile, max_power_kw, tariff) in MODELS.items()
    }
    async with contextlib.AsyncExitStack() as stack:
        for number, bay in enumerate(bays.values(), 1):
            stack.push_async_callback(bay.close)
            await bay.serve(odometer_wh=1_111_111 * number)
        feeder = await stack.enter_async_context(serving_feeder(bays.values(), clock))
        blocks = "".join(bay.settings for bay in bays.values()) + feeder.settings
        origin = begin - timedelta(seconds=4 * SPEED)  # about what it takes to start
        site = await stack.enter_async_context(a_site(folder, speed=SPEED, origin=origin, polled=blocks))
        fleet = await stack.enter_async_context(fleet_at(site, scenario, folder / "chargers"))
        feeder.supply(fleet)
        await wait_until(partial(feeder.begin, site.edge), PATIENCE_S)
        lot = Lot(site, bays, feeder)
        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(lot.look())
            player = Player(scenario=scenario, fleet=fleet, begin=max(begin, site.now()))
            playing = tasks.create_task(player.play())
            yield lot, fleet, playing
            looking.cancel()
            playing.cancel()


async def test_every_bill_of_a_mixed_site_is_exact(tmp_path: Path) -> None:
    async with a_lot(tmp_path) as (lot, fleet, playing):
        async with asyncio.TaskGroup() as morning:
            for station_id in MODELS:
                morning.create_task(lot.visit(station_id, 8_000))
            for station_id in ("MB2", "MB3"):
                morning.create_task(lot.lose_link(station_id))
        await lot.replace("MB1")
        async with asyncio.TaskGroup() as afternoon:
            for station_id in MODELS:
                afternoon.create_task(lot.visit(station_id, 20_000))
            for station_id in MODELS:
                await lot.until_shown(station_id, "charging")
            await lot.site.edge.kill()
            so_far_wh = {station_id: bay.register_wh for station_id, bay in lot.bays.items()}
            for station_id, bay in lot.bays.items():
                await wait_until(partial(_has_counted, bay, so_far_wh[station_id] + 500), PATIENCE_S)
            await lot.site.edge.start()
        await playing
        await settle(lot, fleet)
        assert lot.serials("MB1") == ["1000001", str(NEW_SERIAL)]


async def test_chargers_that_tell_more_than_the_site_was_given_are_found(tmp_path: Path) -> None:
    """As with one whose meter counts too much; here something behind the feeder gives power that no meter shows."""
    async with a_lot(tmp_path) as (lot, _, playing):
        playing.cancel()  # a charger on Modbus has the site for itself
        lot.feeder.device.set_load(-15_000, -15_000, -15_000)
        await lot.visit("MB4", 60_000)
        assert not await lot.is_calm()
        (cdr,) = lot.bills("MB4")
        assert "the site was given" in cdr.quarantine[0]
        assert alarms_about_energy(lot.site.edge.ledger)
        lot.feeder.device.set_load(*HOUSE_W)
        await wait_until(lot.is_calm, PATIENCE_S)
        await lot.visit("MB4", 60_000)
        assert await lot.is_calm()
        assert [cdr.quarantine for cdr in lot.bills("MB4")[1:]] == [()]


def _has_counted(bay: Bay, register_wh: Fraction) -> bool:
    """The charger goes on by itself."""
    return bay.register_wh > register_wh


async def settle(lot: Lot, fleet: Fleet) -> None:
    """Wait until all have told each other everything, and compare the accounts: chargers, edge and hub."""
    assert await fleet.drain(DRAIN_TIMEOUT_S), "a charger could not deliver what it has to tell"
    problems: list[str] = []

    async def agree() -> bool:
        lot.site.edge.check()
        problems[:] = await compare_all(lot.site.edge, lot.site.hub)
        return not problems

    with contextlib.suppress(TimeoutError):
        await wait_until(agree, DRAIN_TIMEOUT_S)
    transactions = fleet.transactions()
    versions = {spec.ocpp for spec in (station.spec for station in fleet.stations.values())}
    assert len(versions) == 2
    assert len(transactions) > 10, "hardly anybody charged by OCPP"
    by_ocpp = [cdr for cdr in lot.site.edge.cdrs() if cdr.station_id not in lot.bays]
    by_meters = compare_with_meters(lot.bays.values(), lot.site.edge.cdrs())
    by_feeder = await lot.feeder.compare(lot.site.edge, lot.site.edge.cdrs())
    false_alarms = alarms_about_energy(lot.site.edge.ledger)
    expect_none([*problems, *compare_with_chargers(transactions, by_ocpp), *by_meters, *by_feeder, *false_alarms])
    await expect_a_lost_bill_found(lot)


async def expect_a_lost_bill_found(lot: Lot) -> None:
    """The comparisons by meters can fail: with one bill of several kWh left out, both do."""
    lost, *rest = sorted(lot.site.edge.cdrs(), key=lambda cdr: cdr.station_id not in lot.bays)
    assert lost.station_id in lot.bays
    assert compare_with_meters(lot.bays.values(), rest)
    assert await lot.feeder.compare(lot.site.edge, rest)
