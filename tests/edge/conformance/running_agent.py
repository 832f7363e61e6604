"""`ohmstead-edge run` as a process of its own, with the stations and tokens of the certification cases."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from deploy.demo.processes import program
from deploy.demo.servers import block_until, die_with_parent
from edge.chargers.credentials import hash_password
from edge.ledger.reader import LedgerReader
from edge.local.client import local_client
from protocols.charger.commands import Operation
from protocols.ocpi.cdr import Cdr
from protocols.site.requests import CallStation, GetStations, OperateStation
from protocols.site.view import Answer

PASSWORD = "a-station-secret"
BLOCKED, EXPIRED, UNKNOWN = "TAG-BLOCKED", "TAG-EXPIRED", "TAG-UNKNOWN"
PATIENCE_S = 15.0
_EVER = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))

_SITE = """\
edge_id = "conformance"
data_dir = "edge"
currency = "EUR"
default_tariff = "ac"

[location]
id = "L1"
name = "Certification Lot"
time_zone = "Europe/Berlin"

[ocpp]
host = "127.0.0.1"
port = 0
heartbeat_interval_s = 300
trusted_proxies = ["127.0.0.1"]
proxy_tls = true

[local]
port = 0

[[tariffs]]
id = "ac"
last_updated = 2026-01-01T00:00:00Z

[[tariffs.elements]]
price_components = [{ type = "ENERGY", price = 0.49, vat = 19, step_size = 1 }]
"""
_STATION = """
[[stations]]
id = "{id}"
password_hash = "{password_hash}"
evses = [{{ id = 1, label = "{id} left" }}, {{ id = 2, label = "{id} right" }}]
{more}
"""


def token_of(station_id: str) -> str:
    """The card of the driver who comes to this station alone: nobody charges in two places."""
    return f"TAG-{station_id}"


@dataclass(frozen=True)
class Told:
    """What a command of the command line came to."""

    status: int
    output: str
    errors: str


@dataclass(frozen=True)
class RunningAgent:
    """The agent, and what its operator may ask of it."""

    config: Path
    data: Path
    ocpp_port: int
    local_port: int

    async def call(self, station_id: str, action: str, payload: dict[str, Any]) -> Answer:
        """A raw call, as `ohmstead-edge call` makes it; the result is what the station answered."""
        asked = CallStation(id="1", station_id=station_id, action=action, payload=payload, timeout_s=PATIENCE_S)
        return await self._ask(asked)

    async def operate(self, station_id: str, operation: Operation) -> Answer:
        """An operation, as `ohmstead-edge command` has it done."""
        asked = OperateStation(id="1", station_id=station_id, operation=operation, timeout_s=PATIENCE_S)
        return await self._ask(asked)

    async def run(self, *arguments: str) -> Told:
        """`ohmstead-edge` with a command of the operator's."""
        process = await asyncio.create_subprocess_exec(
            *(program("ohmstead-edge"), *arguments, "-c", str(self.config)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        output, errors = await process.communicate()
        return Told(status=process.returncode or 0, output=output.decode(), errors=errors.decode())

    async def station(self, station_id: str) -> dict[str, Any]:
        """What the site knows of a station."""
        found = (await self._ask(GetStations(id="1"))).result
        station: dict[str, Any] = next(station for station in found if station["station_id"] == station_id)
        return station

    async def transaction(self, station_id: str, evse_id: int = 1) -> str | None:
        """What runs at an EVSE, by the site's account."""
        evses = (await self.station(station_id))["evses"]
        found: str | None = next(evse["transaction_id"] for evse in evses if evse["evse_id"] == evse_id)
        return found

    def bills(self, station_id: str) -> list[Cdr]:
        """The bills of a station."""
        return [cdr for cdr in LedgerReader(self.data / "ledger.sqlite").cdrs(*_EVER) if cdr.station_id == station_id]

    async def _ask(self, request: CallStation | OperateStation | GetStations) -> Answer:
        async with local_client("127.0.0.1", self.local_port, self.data / "local.token") as client:
            return await client.ask(request, PATIENCE_S + 5)


@contextlib.contextmanager
def running_agent(
    folder: Path, station_ids: Iterable[str], more: str = "", of_station: Mapping[str, str] = MappingProxyType({})
) -> Iterator[RunningAgent]:
    """An agent with these stations, which share a password, and a token for each; `more` settings in TOML, and those
    of single stations."""
    config, stations = folder / "edge.toml", sorted(station_ids)
    password_hash = hash_password(PASSWORD)
    blocks = [
        _STATION.format(id=station_id, password_hash=password_hash, more=of_station.get(station_id, ""))
        for station_id in stations
    ]
    config.write_text(_SITE + more + "".join(blocks), encoding="utf-8")
    tokens = folder / "tokens.csv"
    tokens.write_text(
        "uid,contract_id,group_id,valid,expires_at\n"
        + "".join(f"{token_of(station_id)},C-{station_id},FLEET,true,\n" for station_id in stations)
        + f"{BLOCKED},C-BLOCKED,,false,\n{EXPIRED},C-EXPIRED,,true,2020-01-01T00:00:00Z\n",
        encoding="utf-8",
    )
    command = program("ohmstead-edge")
    for prepared in (("tokens", "import", str(tokens)), ("ca", "init", "--organization", "Certification Lot")):
        subprocess.run([command, *prepared, "-c", str(config)], check=True, capture_output=True)
    listening = folder / "edge" / "listening.json"
    with (folder / "edge.log").open("ab") as log:
        process = subprocess.Popen(
            [command, "run", "-c", str(config)], stdout=log, stderr=log, preexec_fn=die_with_parent
        )
    try:
        block_until(lambda: listening.exists() or process.poll() is not None, 30)
        if process.poll() is not None:
            raise RuntimeError((folder / "edge.log").read_text(encoding="utf-8")[-2000:])
        ports = json.loads(listening.read_text(encoding="utf-8"))
        yield RunningAgent(config=config, data=folder / "edge", ocpp_port=ports["ocpp"], local_port=ports["local"])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
