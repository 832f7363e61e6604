"""Every charger model through the whole edge: vehicle, token, energy, unplugged, and one bill of what has flowed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from prometheus_client import CollectorRegistry

from edge.agent import Agent
from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.fleet import Fleet
from edge.chargers.hardware import Hardware
from edge.chargers.modbus.device import DeviceSettings
from edge.chargers.modbus.modbus_metrics import ModbusMetrics
from edge.chargers.modbus.polled_stations import PolledEvse, PolledStation, PolledStations
from edge.chargers.modbus.translate import polled
from edge.domain.rules import StationRules
from edge.domain.run_book import RunRules
from edge.ledger.ledger import Ledger
from edge.ledger.reader import LedgerReader
from edge.ledger.restore import restore
from edge.metrics import AgentMetrics
from firmware_sim.modbus.device import Device, serving
from firmware_sim.vehicle import UJ_PER_WH
from protocols.charger.abilities import EnergySource
from protocols.modbus import catalogue
from protocols.modbus.codec import Coding
from protocols.modbus.profile import DeviceKind, Profile, Transport
from protocols.ocpi.cdr import Cdr
from protocols.ocpi.location import Evse
from protocols.ocpi.token import Token
from protocols.sync.down import Command, RemoteStart
from protocols.sync.up import Outcome
from protocols.terms import ConnectorStatus, EvseRef
from tests.edge.domain.site_kit import START, new_site
from tests.kit import wait_until

SPEED: Final = 60
ENERGY_WH: Final = 400
STATION: Final = "CP1"
CHARGERS: Final = [profile for profile in catalogue.all_profiles() if profile.kind is DeviceKind.CHARGER]

TOGETHER: Final = [CHARGERS[first::6] for first in range(6)]
"""Most of a session is waiting: some sites at a time leave the machine idle enough for exact energies."""


@dataclass
class Bay:
    """One charger, one vehicle, one agent."""

    agent: Agent
    ledger: LedgerReader
    device: Device

    def status(self, evse_id: int = 1) -> ConnectorStatus | None:
        site = self.agent.site
        station = site.stations[STATION]
        return site.evses[EvseRef(STATION, evse_id)].status if station.is_online else None

    async def start(self, evse_id: int, token_uid: str) -> None:
        now = self.agent.clock()
        order = RemoteStart(station_id=STATION, evse_id=evse_id, token_uid=token_uid)
        expires_at = now + timedelta(minutes=5)
        command = Command(id=f"c{evse_id}", issued_at=now, expires_at=expires_at, body=order)
        finished = await self.agent.carry_out(command)
        assert finished.outcome is Outcome.ACCEPTED, finished.detail

    def flowed_wh(self, evse_id: int = 1) -> Fraction:
        return Fraction(self.device.outlet(evse_id).total_uj, UJ_PER_WH)

    def bills(self) -> list[Cdr]:
        return list(self.ledger.cdrs(START - timedelta(days=1), START + timedelta(days=1)))


@contextlib.asynccontextmanager
async def a_bay(folder: Path, profile: Profile, evses: int = 1) -> AsyncIterator[Bay]:
    """Site and device live `SPEED` times as fast as we do."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()

    def clock() -> datetime:
        return START + timedelta(seconds=(loop.time() - began_s) * SPEED)

    max_power_w = 150_000 if profile.phases == 0 else 22_000
    numbers = range(1, evses + 1)
    bays = tuple(Evse(station_id=STATION, evse_id=n, label=str(n), max_power_w=max_power_w) for n in numbers)
    rules = new_site().rules
    rules = replace(
        rules,
        stations={STATION: StationRules(station_id=STATION)},
        location=replace(rules.location, evses=bays),
        runs={STATION: RunRules(end_after=timedelta(minutes=30))},
        estimating_tariffs=frozenset({"standard"}),
    )
    transport = Transport.TCP if Transport.TCP in profile.transports else Transport.RTU
    async with contextlib.AsyncExitStack() as stack:
        ledger = stack.enter_context(Ledger(folder / "ledger.sqlite", rules.edge_id))
        device = await stack.enter_async_context(
            serving(profile.id, transport=transport, speed=SPEED, watchdog_s=3000, evses=evses)
        )
        address = f"tcp://{device.host}:{device.port}" if device.port else f"rtu://{device.path}?baud=115200"
        agent = Agent(restore(ledger, rules), ledger, clock, AgentMetrics(CollectorRegistry()))
        agent.site.tokens.site |= {uid: Token(uid=uid, contract_id=f"C-{uid}") for uid in ("GOOD", "OTHER")}
        stations = PolledStations(agent, ModbusMetrics(CollectorRegistry()), clock=clock, is_well=agent.is_well)
        stations.add(
            PolledStation(
                address=address,
                parsed=catalogue.parsed(profile.id),
                settings=DeviceSettings(device_id=STATION, evses=evses, fast_s=0.1, slow_s=0.5, lost_after_s=5),
                evses=tuple(PolledEvse(evse_id=n, number=n, max_power_w=max_power_w) for n in numbers),
            )
        )
        fleet = Fleet(agent, ChargerMetrics(CollectorRegistry()))
        agent.attach(chargers=Hardware(fleet, stations), screens=None, uplink=None)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(agent.run()), tasks.create_task(stations.run())]
            yield Bay(agent, LedgerReader(folder / "ledger.sqlite"), device)
            for task in running:
                task.cancel()


@pytest.mark.parametrize("profiles", TOGETHER, ids=lambda profiles: "-".join(each.id for each in profiles))
async def test_one_session_is_one_bill_of_what_has_flowed(tmp_path: Path, profiles: list[Profile]) -> None:
    async with asyncio.TaskGroup() as sites:
        for profile in profiles:
            (tmp_path / profile.id).mkdir()
            sites.create_task(one_session(tmp_path / profile.id, profile))


async def one_session(folder: Path, profile: Profile) -> None:
    """Raises AssertionError and TimeoutError, with the model's name."""
    try:
        await charge_and_compare(folder, profile)
    except (AssertionError, TimeoutError) as error:
        error.add_note(f"charger {profile.id}")
        raise


async def charge_and_compare(folder: Path, profile: Profile) -> None:
    counts = polled(profile)
    async with a_bay(folder, profile) as bay:
        await wait_until(lambda: bay.status() is ConnectorStatus.AVAILABLE)
        await wait_until(lambda: bay.device.outlet().offered_w == 0)
        before_wh = bay.flowed_wh()
        bay.device.plug()
        await wait_until(lambda: bay.status() is ConnectorStatus.OCCUPIED)
        assert bay.flowed_wh() == before_wh, "it charged without a transaction"
        await bay.start(1, "GOOD")
        await wait_until(lambda: bay.flowed_wh() - before_wh > ENERGY_WH, 20)
        bay.device.unplug()
        await wait_until(bay.bills, 15)
        (cdr,) = bay.bills()
        flowed_wh = bay.flowed_wh() - before_wh
        assert not bay.agent.site.transactions
        if counts.energy is EnergySource.NONE:
            assert cdr.total_energy_wh == 0
            return
        assert cdr.quarantine == ()
        assert abs(cdr.total_energy_wh - flowed_wh) <= _off_by_at_most_wh(profile, counts.energy)


async def test_the_bays_of_one_device_are_billed_each_for_itself(tmp_path: Path) -> None:
    async with a_bay(tmp_path, catalogue.load("alfen_eve"), evses=2) as bay:
        tokens = {1: "GOOD", 2: "OTHER"}
        await wait_until(lambda: all(bay.device.outlet(evse_id).offered_w == 0 for evse_id in tokens))
        before_wh = {evse_id: bay.flowed_wh(evse_id) for evse_id in tokens}
        for evse_id, token_uid in tokens.items():
            bay.device.plug(evse_id=evse_id)
            await bay.start(evse_id, token_uid)
            await wait_until(partial(has_flowed, bay, evse_id, before_wh[evse_id] + 200), 20)
        for evse_id in tokens:
            bay.device.unplug(evse_id)
        await wait_until(lambda: len(bay.bills()) == 2, 15)
        for cdr in bay.bills():
            assert cdr.token_uid == tokens[cdr.evse_id]
            assert abs(cdr.total_energy_wh - (bay.flowed_wh(cdr.evse_id) - before_wh[cdr.evse_id])) <= 2


def has_flowed(bay: Bay, evse_id: int, energy_wh: Fraction) -> bool:
    return bay.flowed_wh(evse_id) > energy_wh


def _off_by_at_most_wh(profile: Profile, energy: EnergySource) -> int:
    """A register that counts for ever is off by its step at either end. One that begins anew when the vehicle goes was
    read a round before, and power is added up from round to round: here a round may be half a minute of site time."""
    if energy is EnergySource.TOTAL and profile.energy.total is not None:
        return int(2 * Coding(profile.registers[profile.energy.total]).step) + 1
    return 250
