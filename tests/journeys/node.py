"""A node: several edge agents, each with its own ledger, behind nginx with the configuration of deploy/nginx."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from deploy.demo.processes import Child, program, spawn
from deploy.demo.servers import is_listening, steady_port
from deploy.demo.site import import_tokens, run_to_end
from edge.ledger.reader import LedgerReader
from edge.local.client import AgentUnreachable, local_client
from firmware_sim.load.edge_config import write_configs, write_tokens
from firmware_sim.load.plan import Identities
from protocols.ocpi.cdr import Cdr
from protocols.site.requests import GetStations, GetStatus
from protocols.timeline import Timeline
from tests.kit import wait_until

CONFIG: Final = Path(__file__).parents[2] / "deploy" / "nginx" / "nginx.conf"
_EVER: Final = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))


def nginx_program() -> str | None:
    """Debian keeps it in sbin, which is not on everyone's path."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@dataclass(slots=True, kw_only=True)
class NodeAgent:
    """One agent; it keeps its ports over a restart."""

    number: int
    folder: Path
    environment: Mapping[str, str]
    ocpp_port: int = field(default_factory=steady_port)
    local_port: int = field(default_factory=steady_port)
    running: Child | None = None

    @property
    def edge_id(self) -> str:
        return f"node-{self.number}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def configure(self, identities: Identities, peers: Sequence[NodeAgent]) -> None:
        """Write edge.toml, as an operator would write it for this node."""
        self.folder.mkdir(exist_ok=True)
        config = self.folder / "edge.toml"
        write_configs(config, identities, ports=[self.ocpp_port], evses=1, heartbeat_s=15)
        text = config.read_text().replace('edge_id = "fleet"', f'edge_id = "{self.edge_id}"')
        text = text.replace("[local]\nport = 0", f"[local]\nport = {self.local_port}")
        text = text.replace("[ocpp]\n", '[ocpp]\ntrusted_proxies = ["127.0.0.1"]\n')
        for peer in peers:
            if peer is not self:
                url, token = f"ws://127.0.0.1:{peer.local_port}/", peer.data / "local.token"
                text += f'\n[[peers]]\nedge_id = "{peer.edge_id}"\nurl = "{url}"\ntoken_file = "{token}"\n'
        config.write_text(text)

    async def bring_cards(self, cards: Path) -> None:
        await import_tokens(self.folder / "edge.toml", cards)

    async def start(self) -> None:
        listening = self.data / "listening.json"
        listening.unlink(missing_ok=True)
        command = (program("ohmstead-edge"), "run", "--config", str(self.folder / "edge.toml"))
        log = self.folder / "log"
        self.running = child = await spawn(self.edge_id, *command, log=log, environment=self.environment)
        await wait_until(lambda: listening.exists() or child.has_ended, 40)
        child.check()

    async def stop(self) -> None:
        if self.running is not None:
            await self.running.stop()

    async def kill(self) -> None:
        if self.running is not None:
            await self.running.kill()

    async def status(self) -> dict[str, Any]:
        async with local_client("127.0.0.1", self.local_port, self.data / "local.token") as client:
            return dict((await client.ask(GetStatus(id="1"))).result)

    async def online(self) -> set[str]:
        """The stations that are connected to it."""
        async with local_client("127.0.0.1", self.local_port, self.data / "local.token") as client:
            told = (await client.ask(GetStations(id="1"))).result
        return {station["station_id"] for station in told if station["online"]}

    async def is_settled(self) -> bool:
        """Nothing is open here, and nothing is expected from the others."""
        with contextlib.suppress(AgentUnreachable):
            status = await self.status()
            waiting = sum(peer["stations_waiting"] for peer in status["peers"])
            return status["transactions_open"] == 0 and waiting == 0 and not status["alarms"]
        return False

    def bills(self) -> list[Cdr]:
        return list(LedgerReader(self.data / "ledger.sqlite").cdrs(*_EVER))


@dataclass(slots=True, kw_only=True)
class Nginx:
    """The proxy, from the configuration that is shipped, with other ports and folders."""

    folder: Path
    port: int = field(default_factory=steady_port)
    running: Child | None = None

    def configure(self, agents: Sequence[NodeAgent], *, drain_s: float = 1.0) -> None:
        text = CONFIG.read_text()
        servers = "".join(f"server 127.0.0.1:{agent.ocpp_port} max_fails=0;\n" for agent in agents)
        temporary = "".join(
            f"{kind}_temp_path {self.folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        for pattern, replacement in (
            (r"worker_processes auto;", "worker_processes 1;"),
            (r"worker_rlimit_nofile \d+;", ""),
            (r"worker_connections \d+;", "worker_connections 4096;"),
            (r"worker_shutdown_timeout \w+;", f"worker_shutdown_timeout {int(drain_s * 1000)}ms;"),
            (r"pid [^;]+;", f"pid {self.folder}/pid;"),
            (r"error_log [^;]+;", f"error_log {self.folder}/error.log info;"),
            (r"(?m)^http \{", f"http {{\n{temporary}"),
            (r"(server 127\.0\.0\.1:\d+[^;]*;\s*)+", servers),
            (r"listen 9000 ", f"listen 127.0.0.1:{self.port} "),
        ):
            text, count = re.subn(pattern, lambda _match, new=replacement: new, text, count=1)
            assert count == 1, f"{pattern} is not in {CONFIG}"
        (self.folder / "nginx.conf").write_text(text)

    async def start(self) -> None:
        self.running = child = await spawn("nginx", *self._command(), "-g", "daemon off;", log=self.folder / "log")
        await wait_until(lambda: is_listening(self.port) or child.has_ended, 20)
        child.check()

    async def reload(self) -> None:
        await run_to_end(*self._command(), "-t")
        await run_to_end(*self._command(), "-s", "reload")

    async def stop(self) -> None:
        if self.running is not None and not self.running.has_ended:
            self.running.process.send_signal(signal.SIGTERM)
            await self.running.process.wait()

    def _command(self) -> tuple[str, ...]:
        program = nginx_program()
        assert program is not None
        return (program, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"))


@dataclass(slots=True, kw_only=True)
class Node:
    """The parts, and a fleet that charges through the door."""

    folder: Path
    identities: Identities
    environment: Mapping[str, str]
    agents: list[NodeAgent]
    nginx: Nginx
    fleet: Child | None = None

    def new_agent(self) -> NodeAgent:
        number = len(self.agents) + 1
        agent = NodeAgent(number=number, folder=self.folder / str(number), environment=self.environment)
        self.agents.append(agent)
        return agent

    async def charge(self, session_s: float) -> None:
        """Start the fleet: every station charges, one session after the other, until the end."""
        options = {
            "--stations": self.identities.stations, "--charging": 1, "--mix": "1.6=0.5,2.0.1=0.5", "--ramp": 1,
            "--heartbeat": 1, "--meter-interval": 0.4, "--session": session_s, "--duration": 600,
            "--timeout": 8, "--drain": 40, "--transactions": self.account, "--edge": f"ws://127.0.0.1:{self.nginx.port}",
        }  # fmt: skip
        flat = [str(part) for option in options.items() for part in option]
        command = (program("ohmstead-sim"), "fleet", *flat, "--json")
        self.fleet = await spawn("fleet", *command, log=self.folder / "fleet.log", environment=self.environment)

    @property
    def account(self) -> Path:
        return self.folder / "transactions.jsonl"

    async def where(self) -> dict[str, int]:
        """At which agent each station is connected."""
        return {station: agent.number for agent in self.agents for station in await agent.online()}

    async def all_are_in(self) -> bool:
        with contextlib.suppress(AgentUnreachable):
            return len(await self.where()) == self.identities.stations
        return False

    async def end(self) -> None:
        """Wait until the fleet has said everything, and the agents have explained everything to each other."""
        assert self.fleet is not None
        await wait_until(self.all_are_in, 30)  # who is not connected just then has nothing ended
        self.fleet.process.send_signal(signal.SIGINT)  # it ends all sessions before it leaves
        async with asyncio.timeout(90):
            await self.fleet.process.wait()
        for agent in self.agents:
            await wait_until(agent.is_settled, 30)

    def expect_each_billed_once(self) -> int:
        """All ledgers together hold one bill for each transaction that a station was told is kept. Returns how many."""
        bills = [bill for agent in self.agents for bill in agent.bills()]
        sessions = [bill.session_id for bill in bills]
        assert len(sessions) == len(set(sessions)), "a transaction is billed twice"
        told = [json.loads(line) for line in self.account.read_text().splitlines()]
        assert sorted((bill.station_id, bill.meter_start_wh, bill.total_energy_wh) for bill in bills) == sorted(
            (each["station"], each["meter_start_wh"], each["energy_wh"]) for each in told
        )
        assert not [bill.quarantine for bill in bills if bill.quarantine]
        return len(told)

    def moved_and_billed(self) -> int:
        """How many transactions were billed by another agent than the one that began them."""
        return sum(
            not bill.session_id.startswith(f"{agent.edge_id}-") for agent in self.agents for bill in agent.bills()
        )


@contextlib.asynccontextmanager
async def a_node(folder: Path, *, agents: int, stations: int, speed: float) -> AsyncIterator[Node]:
    """Agents that know each other, and nginx before them; the ends of the logs are printed when a journey fails."""
    anchor_s = time.time()  # noqa: TID251 - the clock of whoever plays with the node
    timeline = Timeline(origin=datetime(2026, 3, 2, 6, tzinfo=UTC), anchor_s=anchor_s, speed=speed)
    environment = {"OHMSTEAD_TIMELINE": str(timeline)}
    (folder / "nginx").mkdir()
    identities = Identities(stations=stations, charging=1.0, share_201=0.5)
    write_tokens(folder / "cards.csv", identities)
    nginx = Nginx(folder=folder / "nginx")
    node = Node(folder=folder, identities=identities, environment=environment, agents=[], nginx=nginx)
    try:
        for _ in range(agents):
            node.new_agent()
        for agent in node.agents:
            agent.configure(identities, node.agents)
            await agent.bring_cards(folder / "cards.csv")
            await agent.start()
        nginx.configure(node.agents)
        await nginx.start()
        yield node
    except BaseException:
        for log in sorted([*folder.glob("*/log"), *folder.glob("*.log"), *folder.glob("nginx/error.log")]):
            print(f"--- the end of {log}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-25:]))
        raise
    finally:
        if node.fleet is not None:
            await node.fleet.stop()
        await nginx.stop()
        for agent in node.agents:
            await agent.stop()
