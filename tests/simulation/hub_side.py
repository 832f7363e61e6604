"""The hub of the simulation: cloud/ingest as it is over SQLite, with a database that goes away, fails and forgets to
say that it has committed."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest.brokers import BrokerAddress
from cloud.ingest.link import Ingest
from cloud.live import Bell, BrokerPresence
from cloud.metrics import Metrics
from cloud.store.engine import Store
from cloud.store.migrate import migrate
from protocols.sync.topics import Stream
from tests.simulation.ambient import inline_aiosqlite
from tests.simulation.process import Process

CLIENT_ID: Final = "ohmstead-hub"
COMMIT_S: Final = (0.001, 0.03)


@dataclass(slots=True)
class Health:
    """Of the hub's database. The last two are probabilities: of a commit that does not happen, and of one that happens
    while the connection breaks, so that nobody hears of it."""

    is_away: bool = False
    slow_s: float = 0.0
    fails: float = 0.0
    loses_answer: float = 0.0


class Database:
    """A file that all runs of this interpreter use, one after the other: engines that have compiled their statements
    are worth keeping."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "hub.db"
        self._template = folder / "hub-template.db"
        self.engines = Store.open(f"sqlite+aiosqlite:///{self.path}")
        asyncio.run(self._make_template())

    async def _make_template(self) -> None:
        with inline_aiosqlite():
            await migrate(self.engines)
            await self.engines.aclose()
        self.path.replace(self._template)

    def renew(self) -> None:
        """An empty database; nobody may have it open."""
        for ending in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                self.path.with_name(self.path.name + ending).unlink()
        shutil.copy(self._template, self.path)


class TroubledStore(Store):
    """The product's store over a database that is not always there."""

    def __init__(self, engines: Store, health: Health, random: Random, process: Process) -> None:
        super().__init__(engines.writer, engines.reader)
        self._health = health
        self._random = random
        self._process = process

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        await asyncio.sleep(self._random.uniform(*COMMIT_S) + self._health.slow_s)
        self._raise_if_away()
        async with super().write() as connection:
            yield connection
            await self._process.may_die("database:before")
            if self._happens(self._health.fails):
                raise ConnectionResetError("the database did not commit")
        await self._process.may_die("database:after")
        if self._happens(self._health.loses_answer):
            raise ConnectionResetError("the database committed, and the connection broke")
        await asyncio.sleep(self._random.uniform(*COMMIT_S))

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:  # type: ignore[override]
        self._raise_if_away()
        async with super().read() as connection:
            yield connection

    def _raise_if_away(self) -> None:
        if self._health.is_away:
            raise ConnectionRefusedError("the database is away")

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self._random.random() < probability


class HubSide:
    """Starts and stops the hub's process."""

    def __init__(
        self,
        database: Database,
        brokers: tuple[str, ...],
        random: Random,
        now: Callable[[], datetime],
        sends: Callable[[str, bytes], None],
        new_process: Callable[[str, Callable[[str, bytes], None]], Process],
    ) -> None:
        self.health = Health()
        self.process: Process | None = None
        self.metrics = Metrics()
        self._database = database
        self._brokers = brokers
        self._random = random
        self._now = now
        self._sends = sends
        self._new_process = new_process

    @property
    def is_running(self) -> bool:
        return self.process is not None and not self.process.is_dead

    def start(self) -> None:
        process = self.process = self._new_process("hub", self._sends)
        ingest = Ingest(
            store=TroubledStore(self._database.engines, self.health, self._random, process),
            brokers=[BrokerAddress(host=name, port=1883, client_id=CLIENT_ID) for name in self._brokers],
            clock=self._now,
            feed_bell=Bell(),
            down_bell=Bell(),
            broker_presence=BrokerPresence(),
            metrics=self.metrics,
            feed_keep=1_000,
            telemetry_keep=timedelta(days=1_000),
            quarters_keep=timedelta(days=1_000),
        )
        process.start(ingest.run())

    async def stop(self) -> None:
        if self.process is not None:
            self.process.kill("power")
            await self.process.ended()

    def met(self) -> dict[str, int]:
        """What its metrics say of troubles."""
        value = self.metrics.registry.get_sample_value
        of_streams = ("gaps", "duplicate_entries", "dead_letters")
        counts = {
            name: sum(value(f"ohmstead_cloud_{name}_total", {"stream": stream}) or 0 for stream in Stream)
            for name in of_streams
        }
        counts["database_retries"] = value("ohmstead_cloud_database_retries_total") or 0
        return {name: int(count) for name, count in counts.items()}

    def look(self) -> sqlite3.Connection:
        """A connection of the witness's own, that sees what is committed."""
        return sqlite3.connect(f"file:{self._database.path}?mode=ro", uri=True, isolation_level=None)
