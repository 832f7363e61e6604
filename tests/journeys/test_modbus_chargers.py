"""Chargers that speak Modbus: a real agent runs their transactions, and every one ends in one exact bill."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Final

from deploy.demo.processes import program
from deploy.demo.servers import steady_port
from deploy.demo.site import Edge, run_to_end
from edge.local.client import local_client
from firmware_sim.modbus.device import Device, serving
from firmware_sim.modbus.misbehaviour import Kind
from firmware_sim.vehicle import UJ_PER_WH
from protocols.charger.commands import Operation
from protocols.charger.operations.transactions import StartTransaction, StopTransaction
from protocols.ocpi.cdr import Cdr
from protocols.site.requests import GetStations, GetStatus, OperateStation
from protocols.timeline import Timeline
from tests.kit import wait_until

SPEED: Final = 60
WATCHDOG_S: Final = 3600
"""The agent feeds watchdogs in its own real time, and the devices live faster."""
CARD: Final = "04A1B2C3"
SITE: Final = """\
edge_id = "modbus"
data_dir = "edge"
currency = "EUR"
default_tariff = "ac"
timeline = "{timeline}"
location = {{ id = "L1", name = "Lot", time_zone = "Europe/Berlin" }}

[ocpp]
host = "127.0.0.1"
port = {ocpp_port}

[local]
port = {local_port}

[[tariffs]]
id = "ac"
last_updated = 2026-01-01T00:00:00Z
elements = [{{ price_components = [{{ type = "ENERGY", price = 0.5 }}] }}]
"""
DEVICE: Final = """
[[modbus]]
id = "{id}"
address = "tcp://127.0.0.1:{port}"
profile = "{profile}"
poll_s = 0.1
lost_after_s = 1
[[modbus.evses]]
id = 1
label = "{id} bay"
max_power_kw = 11
"""


@dataclass
class Lot:
    """The agent, and the devices that are polled."""

    edge: Edge
    devices: dict[str, Device]

    async def run(self, *arguments: str) -> str:
        return await run_to_end(program("ohmstead-edge"), *arguments, "-c", str(self.edge.config))

    async def stations(self) -> dict[str, dict[str, Any]]:
        found = (await self._ask(GetStations(id="1"))).result
        return {station["station_id"]: station for station in found}

    async def status(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self._ask(GetStatus(id="1"))).result
        return found

    async def start(self, station_id: str, token_uid: str) -> None:
        await self._operate(station_id, StartTransaction(evse_id=1, token_uid=token_uid))

    async def stop(self, station_id: str) -> None:
        running = (await self.bay(station_id))["charger_transaction_id"]
        await self._operate(station_id, StopTransaction(charger_transaction_id=running))

    async def _operate(self, station_id: str, operation: Operation) -> None:
        answer = await self._ask(OperateStation(id="1", station_id=station_id, operation=operation))
        assert answer.problem is None

    async def _ask(self, request: GetStations | GetStatus | OperateStation) -> Any:
        async with local_client("127.0.0.1", self.edge.local_port, self.edge.token_file) as client:
            return await client.ask(request, 60.0)

    async def bay(self, station_id: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.stations())[station_id]["evses"][0]
        return found

    async def is_online(self, station_id: str) -> bool:
        return bool((await self.stations())[station_id]["online"])

    async def is_occupied(self, station_id: str) -> bool:
        return str((await self.bay(station_id))["state"]) == "occupied"

    async def is_lost(self, station_id: str) -> bool:
        return not await self.is_online(station_id)

    async def charged(self, station_id: str, energy_wh: int) -> None:
        """Wait until so much has flowed into the transaction."""

        async def has_flowed() -> bool:
            self.edge.check()
            return ((await self.bay(station_id))["energy_wh"] or 0) >= energy_wh

        await wait_until(has_flowed, 30)

    def register_wh(self, station_id: str) -> Fraction:
        """What the device itself has counted."""
        return Fraction(self.devices[station_id].outlet().total_uj, UJ_PER_WH)

    async def bill(self, station_id: str) -> Cdr:
        """The one of that station, once it is there; and nothing is open there any more."""

        def mine() -> list[Cdr]:
            return [cdr for cdr in self.edge.cdrs() if cdr.station_id == station_id]

        await wait_until(mine, 20)
        assert (await self.bay(station_id))["transaction_id"] is None
        (cdr,) = mine()
        assert cdr.quarantine == ()
        return cdr


@contextlib.asynccontextmanager
async def a_lot(folder: Path, **profiles: str) -> AsyncIterator[Lot]:
    """An agent with devices of these profiles, all living `SPEED` times as fast as we do."""
    timeline = Timeline(
        origin=datetime(2026, 3, 2, 6, tzinfo=UTC),
        anchor_s=time.time(),  # noqa: TID251 - the anchor of this run
        speed=SPEED,
    )
    async with contextlib.AsyncExitStack() as stack:
        devices = {
            station_id: await stack.enter_async_context(serving(profile, speed=SPEED, watchdog_s=WATCHDOG_S))
            for station_id, profile in profiles.items()
        }
        blocks = [
            DEVICE.format(id=station_id, port=device.port, profile=profiles[station_id])
            for station_id, device in devices.items()
        ]
        config, ocpp_port, local_port = folder / "edge.toml", steady_port(), steady_port()
        site = SITE.format(timeline=timeline, ocpp_port=ocpp_port, local_port=local_port)
        config.write_text(site + "".join(blocks), encoding="utf-8")
        tokens = folder / "tokens.csv"
        tokens.write_text(f"uid,contract_id,group_id,valid,expires_at\n{CARD},C-1,,true,\nAPP-1,C-2,,true,\n")
        await run_to_end(program("ohmstead-edge"), "tokens", "import", str(tokens), "-c", str(config))
        edge = Edge(
            name="edge",
            command=(program("ohmstead-edge"), "run", "-c", str(config)),
            log=folder / "edge.log",
            environment={},
            config=config,
            data=folder / "edge",
            ocpp_port=ocpp_port,
            local_port=local_port,
        )
        stack.push_async_callback(edge.stop)
        await edge.start()
        lot = Lot(edge, devices)
        try:
            for station_id in devices:
                await wait_until(partial(lot.is_online, station_id), 20)
            yield lot
        except BaseException:
            print("\n".join(edge.log.read_text(errors="replace").splitlines()[-25:]))
            raise


def is_paused(device: Device) -> bool:
    return device.outlet().limit == 0


def expect_exact(cdr: Cdr, began_wh: Fraction, ended_wh: Fraction) -> None:
    """The device counts in tenths of a watt-hour, the bill in whole ones."""
    assert abs(cdr.meter_start_wh - began_wh) < 1
    assert abs(cdr.meter_stop_wh - ended_wh) < 1
    assert cdr.total_energy_wh == cdr.meter_stop_wh - cdr.meter_start_wh
    assert cdr.total_cost.excl_vat == (cdr.total_energy_wh * cdr.lines[0].price / 1000).quantize(
        cdr.total_cost.excl_vat
    )


async def test_plug_card_charge_unplug_is_one_exact_bill(tmp_path: Path) -> None:
    async with a_lot(tmp_path, KEBA1="keba_p30_p40") as lot:
        device, began_wh = lot.devices["KEBA1"], lot.register_wh("KEBA1")
        device.plug()
        device.present_card(CARD)
        await lot.charged("KEBA1", 300)
        station = (await lot.stations())["KEBA1"]
        assert (station["vendor"], station["modbus"]["profile"]) == ("KEBA", "keba_p30_p40")
        assert station["evses"][0]["state"] == "charging"
        assert (await lot.status())["chargers"]["modbus"]["devices"]["connected"] == 1
        device.unplug()
        cdr = await lot.bill("KEBA1")
        expect_exact(cdr, began_wh, lot.register_wh("KEBA1"))
        assert (cdr.token_uid, cdr.contract_id, cdr.stop_reason) == (CARD, "C-1", "EVDisconnected")
        assert (await lot.status())["alarms"] == []


async def test_nothing_flows_before_a_token_is_accepted(tmp_path: Path) -> None:
    async with a_lot(tmp_path, KEBA1="keba_p30_p40") as lot:
        device = lot.devices["KEBA1"]
        await wait_until(lambda: not device.outlet().enabled)
        began_wh = lot.register_wh("KEBA1")
        device.plug()
        await wait_until(lambda: device.core.reads > 200)
        assert lot.register_wh("KEBA1") == began_wh
        assert not lot.edge.cdrs()


async def test_start_and_stop_on_the_command_line_where_there_is_no_reader(tmp_path: Path) -> None:
    async with a_lot(tmp_path, ALFEN1="alfen_eve") as lot:
        device = lot.devices["ALFEN1"]
        await wait_until(partial(is_paused, device))
        began_wh = lot.register_wh("ALFEN1")
        device.plug()
        await wait_until(lambda: lot.is_occupied("ALFEN1"))
        told = await lot.run("start", "ALFEN1*1", "--token", "APP-1")
        transaction_id = (await lot.bay("ALFEN1"))["transaction_id"]
        assert told == f"transaction {transaction_id} has begun"
        await lot.charged("ALFEN1", 200)
        listed = await lot.run("chargers")
        assert "charging" in listed
        assert f"Modbus alfen_eve tcp://127.0.0.1:{device.port}" in listed
        told = await lot.run("stop", "ALFEN1 bay")
        cdr = await lot.bill("ALFEN1")
        assert told == f"ended with {cdr.total_energy_wh} Wh"
        expect_exact(cdr, began_wh, lot.register_wh("ALFEN1"))
        assert (cdr.token_uid, cdr.stop_reason) == ("APP-1", "Remote")


async def test_the_agent_is_killed_mid_session_and_it_is_one_exact_bill(tmp_path: Path) -> None:
    async with a_lot(tmp_path, KEBA1="keba_p30_p40", ABB1="abb_terra_ac") as lot:
        keba, abb = lot.devices["KEBA1"], lot.devices["ABB1"]
        await wait_until(lambda: not keba.outlet().enabled and abb.outlet().limit == 0)
        began_wh = {station_id: lot.register_wh(station_id) for station_id in lot.devices}
        keba.plug()
        keba.present_card(CARD)
        abb.plug()
        await lot.start("ABB1", "APP-1")
        for station_id in lot.devices:
            await lot.charged(station_id, 250)
        await lot.edge.kill()
        await asyncio.sleep(0.5)  # the chargers go on by themselves
        await lot.edge.start()
        for station_id in lot.devices:
            await wait_until(partial(lot.is_online, station_id), 20)
            so_far_wh = int(lot.register_wh(station_id) - began_wh[station_id])
            await lot.charged(station_id, so_far_wh + 100)
        keba.unplug()
        expect_exact(await lot.bill("KEBA1"), began_wh["KEBA1"], lot.register_wh("KEBA1"))
        await lot.stop("ABB1")
        cdr = await lot.bill("ABB1")
        assert abs(cdr.total_energy_wh - (lot.register_wh("ABB1") - began_wh["ABB1"])) <= 1
        assert len(lot.edge.cdrs()) == 2


async def test_a_link_that_is_lost_and_a_power_cut_cost_nothing_and_nobody(tmp_path: Path) -> None:
    async with a_lot(tmp_path, KEBA1="keba_p30_p40") as lot:
        device, began_wh = lot.devices["KEBA1"], lot.register_wh("KEBA1")
        device.plug()
        device.present_card(CARD)
        await lot.charged("KEBA1", 150)
        device.misbehave(Kind.SILENCE, times=None)
        await wait_until(lambda: lot.is_lost("KEBA1"), 20)
        device.behave()
        await wait_until(lambda: lot.is_online("KEBA1"), 20)
        await lot.charged("KEBA1", 300)
        device.reboot()
        await lot.charged("KEBA1", 450)
        device.unplug()
        expect_exact(await lot.bill("KEBA1"), began_wh, lot.register_wh("KEBA1"))
