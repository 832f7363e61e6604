"""A site of devices that speak Modbus: a real agent, and simulators that live as fast as its time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Final

from deploy.demo.processes import program
from deploy.demo.servers import steady_port
from deploy.demo.site import Edge, import_tokens, run_to_end
from edge.local.client import local_client
from firmware_sim.modbus.device import Device
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
        assert (await self.operate(station_id, StartTransaction(evse_id=1, token_uid=token_uid)))[
            "outcome"
        ] == "accepted"

    async def stop(self, station_id: str) -> None:
        running = (await self.bay(station_id))["charger_transaction_id"]
        assert (await self.operate(station_id, StopTransaction(charger_transaction_id=running)))[
            "outcome"
        ] == "accepted"

    async def operate(self, station_id: str, operation: Operation) -> dict[str, Any]:
        """How it ended: outcome, detail, result; also where it is refused."""
        answer = await self._ask(OperateStation(id="1", station_id=station_id, operation=operation))
        return dict(answer.result) if answer.problem is None else {"outcome": "rejected", "detail": answer.problem}

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
        assert cdr.quarantine == (), cdr.quarantine
        return cdr


@contextlib.asynccontextmanager
async def lot_of(
    folder: Path, devices: Mapping[str, Device], blocks: Iterable[str], chargers: Iterable[str]
) -> AsyncIterator[Lot]:
    """An agent with these devices, each set up by a block of its settings, once all `chargers` are online."""
    timeline = Timeline(
        origin=datetime(2026, 3, 2, 6, tzinfo=UTC),
        anchor_s=time.time(),  # noqa: TID251 - the anchor of this run
        speed=SPEED,
    )
    config, ocpp_port, local_port = folder / "edge.toml", steady_port(), steady_port()
    site = SITE.format(timeline=timeline, ocpp_port=ocpp_port, local_port=local_port)
    config.write_text(site + "".join(blocks), encoding="utf-8")
    tokens = folder / "tokens.csv"
    tokens.write_text(f"uid,contract_id,group_id,valid,expires_at\n{CARD},C-1,,true,\nAPP-1,C-2,,true,\n")
    await import_tokens(config, tokens)
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
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(edge.stop)
        await edge.start()
        lot = Lot(edge, dict(devices))
        try:
            for station_id in chargers:
                await wait_until(partial(lot.is_online, station_id), 20)
            yield lot
        except BaseException:
            print("\n".join(edge.log.read_text(errors="replace").splitlines()[-25:]))
            raise
