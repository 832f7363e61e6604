"""A site of OCPP 1.6, OCPP 2.0.1 and four Modbus models, on a day on which much goes wrong: every bill is exact."""

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

from deploy.demo.servers import steady_port
from deploy.demo.site import Site
from deploy.demo.verify import compare_all, compare_with_chargers
from edge.local.client import AgentUnreachable, local_client
from firmware_sim import scenario as scenarios
from firmware_sim.fleet import Fleet
from firmware_sim.modbus.bits import Raw
from firmware_sim.modbus.device import Device, serving
from firmware_sim.modbus.misbehaviour import Kind
from firmware_sim.player import Player
from firmware_sim.vehicle import UJ_PER_WH, Vehicle
from protocols.charger.operations.transactions import StartTransaction
from protocols.ocpi.cdr import Cdr
from protocols.site.requests import GetStations, OperateStation
from tests.journeys.harness import DRAIN_TIMEOUT_S, SCENARIOS, a_site, expect_none, fleet_at
from tests.kit import wait_until

SPEED: Final = 600.0
WATCHDOG_S: Final = 60_000
"""The agent feeds watchdogs in its own real time, and the devices live faster: a minute and a half are meant."""
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
PATIENCE_S: Final = 40.0
LOOK_S: Final = 0.05
POLLED: Final = """
[[modbus]]
id = "{id}"
address = "tcp://127.0.0.1:{port}"
profile = "{profile}"
poll_s = 0.1
lost_after_s = 1
end_after_min = 1440 # a second of the machine is ten minutes here
[[modbus.evses]]
id = 1
label = "{id}"
max_power_kw = {max_power_kw}
tariff = "{tariff}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One driver's, by the charger's own meter."""

    token_uid: str
    began_wh: Fraction
    ended_wh: Fraction


@dataclass(slots=True)
class Bay:
    """A charger without OCPP; `lives` holds its line."""

    station_id: str
    port: int = field(default_factory=steady_port)
    lives: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    visits: list[Visit] = field(default_factory=list)
    device: Device = field(init=False)

    async def serve(self, **settings: Any) -> None:
        profile, *_ = MODELS[self.station_id]
        line = serving(profile, port=self.port, speed=SPEED, watchdog_s=WATCHDOG_S, evses=1, **settings)
        self.device = await self.lives.enter_async_context(line)

    @property
    def block(self) -> str:
        profile, max_power_kw, tariff = MODELS[self.station_id]
        return POLLED.format(
            id=self.station_id, port=self.port, profile=profile, max_power_kw=max_power_kw, tariff=tariff
        )

    @property
    def register_wh(self) -> Fraction:
        return Fraction(self.device.outlet().total_uj, UJ_PER_WH)

    def is_paused(self) -> bool:
        return self.device.outlet().offered_w == 0

    def is_full(self) -> bool:
        vehicle = self.device.outlet().vehicle
        return vehicle is not None and vehicle.missing_uj == 0


@dataclass(slots=True)
class Lot:
    """The site as the agent shows it, and what happens at the chargers without OCPP."""

    site: Site
    bays: dict[str, Bay]
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
        began_wh = bay.register_wh
        bay.device.plug(Vehicle.at_percent(20, battery_wh=80_000, energy_wh=energy_wh, max_dc_power_w=50_000))
        await self.until_shown(station_id, "occupied")
        assert bay.register_wh == began_wh, "it charged before anybody was asked"
        if station_id in READERS:
            bay.device.present_card(token_uid)
        else:
            await self.start(station_id, token_uid)
        await wait_until(bay.is_full, PATIENCE_S)
        bay.device.unplug()
        bay.visits.append(Visit(token_uid=token_uid, began_wh=began_wh, ended_wh=bay.register_wh))
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
        await bay.lives.aclose()
        await wait_until(lambda: not self.is_online(station_id), PATIENCE_S)
        await bay.serve(plate={"serial": Raw(NEW_SERIAL)}, odometer_wh=4_321)
        await wait_until(partial(self.is_online, station_id), PATIENCE_S)

    def serials(self, station_id: str) -> list[str | None]:
        """What the journal knows of who was there, one after the other."""
        query = "SELECT body FROM entries WHERE stream = 'event' ORDER BY seq"
        with closing(sqlite3.connect(f"file:{self.site.edge.ledger}?mode=ro", uri=True)) as database:
            told = [json.loads(body)["body"] for (body,) in database.execute(query)]
        boots = [each for each in told if each["kind"] == "station_booted" and each["station_id"] == station_id]
        return [serial for serial, _ in itertools.groupby(each["serial_number"] for each in boots)]

    def problems(self) -> list[str]:
        """Every way in which the bills of the chargers without OCPP differ from what their own meters counted."""
        return [
            f"{station_id}: {len(bay.visits)} drivers, bills {[_short(cdr) for cdr in self.bills(station_id)]},"
            f" its meter {[(float(visit.began_wh), float(visit.ended_wh)) for visit in bay.visits]}"
            for station_id, bay in self.bays.items()
            if len(self.bills(station_id)) != len(bay.visits)
            or not all(map(_is_of, self.bills(station_id), bay.visits))
        ]


def _is_of(cdr: Cdr, visit: Visit) -> bool:
    """A bill counts in whole watt-hours."""
    return (
        cdr.token_uid == visit.token_uid
        and cdr.quarantine == ()
        and abs(cdr.meter_start_wh - visit.began_wh) < 1
        and abs(cdr.meter_stop_wh - visit.ended_wh) < 1
        and cdr.total_energy_wh == cdr.meter_stop_wh - cdr.meter_start_wh
    )


def _short(cdr: Cdr) -> tuple[str | None, int, int, tuple[str, ...]]:
    return cdr.token_uid, cdr.meter_start_wh, cdr.meter_stop_wh, tuple(str(each) for each in cdr.quarantine)


@contextlib.asynccontextmanager
async def a_lot(folder: Path) -> AsyncIterator[tuple[Lot, Fleet, asyncio.Task[None]]]:
    """The site, its OCPP stations, whose half of the day is being played, and the others."""
    scenario = scenarios.load(str(SCENARIOS / "mixed.toml"))
    assert scenario.start is not None
    begin = scenario.start.astimezone(UTC)
    bays = {station_id: Bay(station_id) for station_id in MODELS}
    async with contextlib.AsyncExitStack() as stack:
        for number, bay in enumerate(bays.values(), 1):
            stack.push_async_callback(bay.lives.aclose)
            await bay.serve(odometer_wh=1_111_111 * number)
        blocks = "".join(bay.block for bay in bays.values())
        origin = begin - timedelta(seconds=4 * SPEED)  # about what it takes to start
        site = await stack.enter_async_context(a_site(folder, speed=SPEED, origin=origin, polled=blocks))
        fleet = await stack.enter_async_context(fleet_at(site, scenario, folder / "chargers"))
        lot = Lot(site, bays)
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
    expect_none([*problems, *compare_with_chargers(transactions, by_ocpp), *lot.problems()])
