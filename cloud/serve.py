"""The running hub: ingest and web server side by side over one database, from the first migration to the last drain."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable, Generator
from datetime import timedelta
from importlib.metadata import version
from typing import Final

import structlog
import uvicorn

from cloud import app as web
from cloud.clock import clock_of
from cloud.config import BrokerSettings, Settings
from cloud.ingest.broker_tls import BrokerTls
from cloud.ingest.brokers import BrokerAddress
from cloud.ingest.link import Ingest
from cloud.live import Bell, BrokerPresence
from cloud.metrics import Metrics
from cloud.rest.context import Hub
from cloud.rollouts.driver import Driver
from cloud.store.engine import Store, is_database_away
from cloud.store.migrate import migrate
from protocols.errors import BadText

DRAIN_TIMEOUT_S: Final = 5
MIGRATE_RETRY_S: Final = 2.0
MAX_MESSAGE_BYTES: Final = 64 * 1024
_log = structlog.stdlib.get_logger()


class WebServer(uvicorn.Server):
    """uvicorn without signal handlers of its own: the hub ends it in its turn."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(settings: Settings, stop: asyncio.Event, announce: Callable[[str], None]) -> None:
    """Run the hub until `stop` is set, then drain it. `announce` is told the URL as soon as it answers.

    Raises BadText where the address cannot be listened on.
    """
    async with contextlib.aclosing(Store.open(settings.store_url)) as store:
        with _listen(settings.http.host, settings.http.port) as listener:
            await _migrate_patiently(store)
            await _serve(settings, store, listener, stop, announce)


async def _serve(
    settings: Settings, store: Store, listener: socket.socket, stop: asyncio.Event, announce: Callable[[str], None]
) -> None:
    hub = Hub(
        store=store,
        clock=clock_of(settings.timeline),
        feed_bell=Bell(),
        down_bell=Bell(),
        broker_presence=BrokerPresence(),
        metrics=Metrics(),
    )
    ingest = Ingest(
        store=store,
        brokers=brokers_of(settings),
        clock=hub.clock,
        feed_bell=hub.feed_bell,
        down_bell=hub.down_bell,
        broker_presence=hub.broker_presence,
        metrics=hub.metrics,
        feed_keep=settings.feed_keep,
        telemetry_keep=timedelta(days=settings.telemetry_days),
        quarters_keep=timedelta(days=settings.quarters_days),
    )
    driver = Driver(store=store, clock=hub.clock, feed_bell=hub.feed_bell, down_bell=hub.down_bell, metrics=hub.metrics)
    server = WebServer(
        uvicorn.Config(
            web.build(hub, version("ohmstead")),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="websockets-sansio",
            ws_max_size=MAX_MESSAGE_BYTES,
            timeout_graceful_shutdown=DRAIN_TIMEOUT_S,
        )
    )
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    async with asyncio.TaskGroup() as tasks:
        ingesting = tasks.create_task(ingest.run(), name="ingest")
        driving = tasks.create_task(driver.run(stop), name="rollouts")
        serving = tasks.create_task(server.serve(sockets=[listener]), name="web")
        _log.info("listening", url=url, database=store.writer.dialect.name, timeline=str(settings.timeline))
        announce(url)
        await stop.wait()
        _log.info("draining")
        server.should_exit = True
        hub.down_bell.ring()
        await serving
        await driving
        async with ingest.at_rest():
            ingesting.cancel()
    _log.info("stopped")


def brokers_of(settings: Settings) -> tuple[BrokerAddress, ...]:
    """Settings stop here."""
    return tuple(
        BrokerAddress(
            host=each.host,
            port=each.port,
            username=each.username,
            password=each.password.get_secret_value() if each.password else None,
            password_file=each.password_file,
            tls=_tls_of(each) if each.tls else None,
            client_id=settings.mqtt.client_id,
        )
        for each in settings.mqtt.endpoints
    )


def broker_problems(settings: Settings) -> list[str]:
    """What is wrong with the files that the brokers' settings name."""
    return [problem for broker in brokers_of(settings) for problem in broker.problems()]


def _tls_of(chosen: BrokerSettings) -> BrokerTls:
    return BrokerTls(
        ca_file=chosen.ca_file,
        certificate_file=chosen.certificate_file,
        key_file=chosen.key_file,
        server_name=chosen.server_name,
    )


async def _migrate_patiently(store: Store) -> None:
    while True:
        try:
            _log.info("database_ready", schema=await migrate(store))
            return
        except Exception as error:
            if not is_database_away(error):
                raise
            _log.warning("database_away", reason=str(error).splitlines()[0])
        await asyncio.sleep(random.uniform(0, MIGRATE_RETRY_S))  # noqa: S311 - jitter


def _listen(host: str, port: int) -> socket.socket:
    """Bind before anything else starts, so that a taken port is a clear message."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise BadText(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return listener
