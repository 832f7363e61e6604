"""Both databases, a broker, and a hub that serves them."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx
import pytest

from cloud.config import BrokerSettings, HttpSettings, MqttSettings, Settings
from cloud.serve import serve
from cloud.store import feed, keys
from cloud.store.engine import Store
from cloud.store.keys import Scope
from cloud.store.migrate import migrate
from protocols.timeline import Timeline
from tests.cloud.rest_kit import OWN, as_key, client_over
from tests.cloud.samples import minute
from tests.kit import Broker, Postgres, postgres_binaries, start_broker, start_postgres

DATABASES: Final = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    if postgres_binaries() is None:
        pytest.skip("no PostgreSQL binaries on this machine (apt-get install postgresql)")
    with start_postgres() as server:
        yield server


@pytest.fixture(params=DATABASES)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'hub.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of SQLite that was migrated, to be copied: that is a fifth of the work."""
    path = tmp_path_factory.mktemp("migrated") / "hub.db"
    asyncio.run(_migrate(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Postgres) -> str:
    """The same at PostgreSQL."""
    url = postgres.new_database()
    asyncio.run(_migrate(url))
    return url


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated database of either kind."""
    if request.param == "sqlite":
        copied = shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "hub.db")
        return f"sqlite+aiosqlite:///{copied}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database(request.getfixturevalue("migrated_postgres"))


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """The open database."""
    async with contextlib.aclosing(Store.open(database_url)) as opened:
        yield opened


@pytest.fixture
async def api(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    """The application over an empty database, asked with a key that may read."""
    async with client_over(store) as client:
        client.headers.update(await as_key(store, OWN, Scope.READ))
        yield client


@pytest.fixture(scope="session")
def shared_broker() -> Iterator[Broker]:
    with start_broker() as running:
        yield running


@pytest.fixture
def broker() -> Iterator[Broker]:
    """A broker of the test's own, which it may kill."""
    with start_broker() as running:
        yield running


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningHub:
    """A hub in this process over real sockets."""

    url: str
    settings: Settings

    async def key(self, domain: int = 0, scope: Scope = Scope.ADMIN) -> str:
        async with contextlib.aclosing(Store.open(self.settings.store_url)) as store, store.write() as connection:
            return await keys.create(connection, domain=domain, scope=scope, name="test", now=minute(0))

    async def client(self, domain: int = 0, scope: Scope = Scope.ADMIN) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {await self.key(domain, scope)}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=10)

    async def revoke_all_keys(self) -> None:
        async with contextlib.aclosing(Store.open(self.settings.store_url)) as store, store.write() as connection:
            for row in await keys.list_all(connection):
                await keys.revoke(connection, row["id"], minute(0))

    async def first_cursor(self) -> str:
        """The place before everything."""
        async with contextlib.aclosing(Store.open(self.settings.store_url)) as store, store.read() as connection:
            return f"{(await feed.head(connection)).identity}-0"

    async def is_subscribed(self) -> None:
        """Wait until the broker has the hub's subscriptions, and keeps what comes in from then on."""
        async with httpx.AsyncClient(base_url=self.url) as client:
            while (await client.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.02)

    @property
    def stream_url(self) -> str:
        return self.url.replace("http://", "ws://") + "/v1/stream"


async def _migrate(url: str) -> None:
    async with contextlib.aclosing(Store.open(url)) as opened:
        await migrate(opened)


StartHub = Callable[..., AbstractAsyncContextManager[RunningHub]]
"""With the broker, or with several."""


@pytest.fixture
def start_hub(database_url: str, tmp_path: Path) -> StartHub:
    """Starts a hub on this test's database; may be used again after the first has ended."""

    @contextlib.asynccontextmanager
    async def start(*brokers: Broker) -> AsyncIterator[RunningHub]:
        settings = settings_for(brokers, database_url, tmp_path)
        stop, ready = asyncio.Event(), asyncio.Queue[str](maxsize=1)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(serve(settings, stop, ready.put_nowait))
            try:
                async with asyncio.timeout(20):
                    hub = RunningHub(url=await ready.get(), settings=settings)
                    await hub.is_subscribed()
                yield hub
            finally:
                stop.set()

    return start


def settings_for(brokers: Sequence[Broker], database_url: str, folder: Path) -> Settings:
    """The site's clock stands near the samples' times."""
    endpoints = tuple(BrokerSettings(host=broker.host, port=broker.port) for broker in brokers)
    return Settings(
        data_dir=folder,
        database_url=database_url,
        mqtt=MqttSettings(brokers=endpoints, client_id=f"hub-{folder.name}"),
        http=HttpSettings(port=0),
        timeline=Timeline(origin=minute(120), anchor_s=_now_s(), speed=1.0),
    )


def _now_s() -> float:
    import time

    return time.time()  # noqa: TID251 - the anchor of this test's own timeline


async def eventually(read: Callable[[], Awaitable[object]], expected: object, timeout_s: float = 10.0) -> None:
    """Wait until `read` returns what is expected; on time-out the difference is shown."""
    seen: object = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while (seen := await read()) != expected:
                await asyncio.sleep(0.02)
    assert seen == expected


HOUR = timedelta(hours=1)
