"""A whole site and its hub on this machine: broker, hub, wide-area network and edge, each a part that can be broken.

Used by the demo and by the journeys of the tests. Every part keeps its port over a restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cloud.clock import clock_of
from cloud.store import keys
from cloud.store.engine import Store
from cloud.store.keys import Scope
from deploy.demo.hub_client import HubClient
from deploy.demo.processes import Child, ChildFailed, program, spawn
from deploy.demo.servers import Broker, start_broker, steady_port
from deploy.demo.wan import Wan, wan_link
from edge.alone import decide_alone
from edge.config import load
from edge.domain.token_list import parse_tokens
from edge.ledger.reader import LedgerReader
from protocols.errors import BadText
from protocols.ocpi.cdr import Cdr
from protocols.site.requests import ImportTokens
from protocols.timeline import Timeline

HERE: Final = Path(__file__).parent
ONE_BROKER: Final = 'host = "127.0.0.1"\nport = 1883\n'
"""What stands in edge.toml for whoever starts the agent by hand."""
START_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 0.02
_EVER: Final = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))


@dataclass(slots=True, kw_only=True)
class Part:
    """A process of the site, its log, and how one finds out that it is ready."""

    name: str
    command: tuple[str, ...]
    log: Path
    environment: Mapping[str, str]
    running: Child | None = None

    async def start(self) -> None:
        """Start it, until it is ready. Raises ChildFailed with the end of its log."""
        self.running = await spawn(self.name, *self.command, log=self.log, environment=self.environment)
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while not await self.is_ready():
                    self.check()
                    await asyncio.sleep(_POLL_S)
        except TimeoutError as error:
            raise ChildFailed(f"{self.name} is not ready:\n{self.running.tail()}") from error

    async def is_ready(self) -> bool:
        raise NotImplementedError

    async def stop(self) -> None:
        if self.running is not None:
            await self.running.stop()

    async def kill(self) -> None:
        """SIGKILL."""
        if self.running is not None:
            await self.running.kill()

    def check(self) -> None:
        """Raises ChildFailed when it does not run."""
        if self.running is None:
            raise ChildFailed(f"{self.name} was never started")
        self.running.check()


@dataclass(slots=True, kw_only=True)
class Hub(Part):
    """The hub on its embedded database. `client` has a key after `start` and `make_key`."""

    config: Path
    data: Path
    client: HubClient

    async def is_ready(self) -> bool:
        return await self.client.is_ready()

    async def make_key(self) -> None:
        """Make an API key; needed once for every database."""
        now = clock_of(Timeline.parse(self.environment["OHMSTEAD_TIMELINE"]))()
        url = f"sqlite+aiosqlite:///{self.database}"
        async with contextlib.aclosing(Store.open(url)) as store, store.write() as connection:
            key = await keys.create(connection, domain=0, scope=Scope.OPERATE, name="demo", now=now)
        self.client.use_key(key)

    @property
    def database(self) -> Path:
        return self.data / "hub.db"

    def forget(self) -> None:
        """Lose the database, as with the disk it was on; only while the hub is down."""
        shutil.rmtree(self.data)


@dataclass(slots=True, kw_only=True)
class Edge(Part):
    """The agent with its ledger."""

    config: Path
    data: Path
    ocpp_port: int
    local_port: int

    async def start(self) -> None:
        (self.data / "listening.json").unlink(missing_ok=True)  # a killed agent leaves it behind
        await Part.start(self)

    async def is_ready(self) -> bool:
        return (self.data / "listening.json").exists()

    @property
    def ledger(self) -> Path:
        return self.data / "ledger.sqlite"

    @property
    def token_file(self) -> Path:
        return self.data / "local.token"

    @property
    def ocpp_url(self) -> str:
        return f"ws://127.0.0.1:{self.ocpp_port}"

    @property
    def local_url(self) -> str:
        return f"ws://127.0.0.1:{self.local_port}"

    def cdrs(self) -> list[Cdr]:
        """The bills in the ledger, quarantined ones too."""
        return list(LedgerReader(self.ledger).cdrs(*_EVER))


@dataclass(slots=True, kw_only=True)
class Site:
    """The running parts."""

    folder: Path
    timeline: Timeline
    broker: Broker
    backup: Broker | None
    hub: Hub
    wan: Wan
    edge: Edge

    def now(self) -> datetime:
        return self.timeline.at(time.time())  # noqa: TID251 - the clock of whoever plays with the site

    async def sleep_until(self, at: datetime) -> None:
        """Wait for a time of the site."""
        await asyncio.sleep(max(0.0, self.timeline.real_s((at - self.now()).total_seconds())))


@contextlib.asynccontextmanager
async def running_site(
    folder: Path,
    *,
    origin: datetime,
    speed: float,
    settings: Mapping[str, str] | None = None,
    polled: str = "",
    has_backup: bool = False,
) -> AsyncIterator[Site]:
    """Start broker, hub, wide-area network and edge, each ready before the next one starts; stop all with the block.

    The site's clock shows `origin` now and runs `speed` times as fast as the machine's. `settings` are the agent's, as
    environment variables; `polled` are the blocks of its configuration for chargers without OCPP. With `has_backup`
    there is a second broker, to which the edge has a way of its own.
    """
    timeline = Timeline(origin=origin, anchor_s=time.time(), speed=speed)  # noqa: TID251 - the anchor of this run
    environment = {"OHMSTEAD_TIMELINE": str(timeline)}
    async with contextlib.AsyncExitStack() as stack:
        broker = stack.enter_context(start_broker(folder=folder / "broker"))
        backup = stack.enter_context(start_broker(folder=folder / "backup")) if has_backup else None
        ports = [broker.port] if backup is None else [broker.port, backup.port]
        hub = _hub(folder, ports, environment)
        stack.push_async_callback(hub.client.close)
        stack.push_async_callback(hub.stop)
        await hub.start()
        await hub.make_key()
        wan = await stack.enter_async_context(wan_link("127.0.0.1", broker.port))
        edge = await _edge(folder, [wan.port, *ports[1:]], environment | dict(settings or {}), polled)
        stack.push_async_callback(edge.stop)
        await edge.start()
        yield Site(folder=folder, timeline=timeline, broker=broker, backup=backup, hub=hub, wan=wan, edge=edge)


def _hub(folder: Path, broker_ports: Sequence[int], environment: Mapping[str, str]) -> Hub:
    config, data, port = folder / "hub.toml", folder / "hub", steady_port()
    brokers = "".join(f"[[mqtt.brokers]]\nport = {each}\n" for each in broker_ports)
    config.write_text(f'data_dir = "{data}"\n{brokers}[http]\nport = {port}\n', encoding="utf-8")
    return Hub(
        name="hub",
        command=(program("ohmstead-cloud"), "run", "-c", str(config)),
        log=folder / "hub.log",
        environment=environment,
        config=config,
        data=data,
        client=HubClient(f"http://127.0.0.1:{port}"),
    )


async def _edge(folder: Path, broker_ports: Sequence[int], environment: Mapping[str, str], polled: str) -> Edge:
    config, ocpp_port, local_port = folder / "edge.toml", steady_port(), steady_port()
    brokers = "".join(f'[[uplink.brokers]]\nhost = "127.0.0.1"\nport = {each}\n' for each in broker_ports)
    text = (HERE / "edge.toml").read_text(encoding="utf-8").replace(ONE_BROKER, "") + polled + brokers
    config.write_text(text, encoding="utf-8")
    await import_tokens(config, HERE / "tokens.csv")
    ports = {"OCPP__PORT": ocpp_port, "LOCAL__PORT": local_port}
    return Edge(
        name="edge",
        command=(program("ohmstead-edge"), "run", "-c", str(config)),
        log=folder / "edge.log",
        environment={**environment, **{f"OHMSTEAD_EDGE_{name}": str(port) for name, port in ports.items()}},
        config=config,
        data=folder / "edge",
        ocpp_port=ocpp_port,
        local_port=local_port,
    )


async def import_tokens(config: Path, file: Path) -> None:
    """What `tokens import` does before the agent runs, without the second that a process takes to begin. Raises BadText
    for a list that cannot be read."""
    await asyncio.to_thread(_import_tokens, config, file)


def _import_tokens(config: Path, file: Path) -> None:
    tokens, problems = parse_tokens(file.read_text(encoding="utf-8"))
    if problems:
        raise BadText(f"{file}: {problems[0]}")
    decide_alone(load(config), ImportTokens(id="1", tokens=tokens))


async def run_to_end(*command: str) -> str:
    """Run a command and return what it printed. Raises ChildFailed."""
    done = await asyncio.to_thread(
        subprocess.run, command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ChildFailed(f"{' '.join(command)} ended with status {done.returncode}: {done.stderr}")
    return done.stdout.strip()
