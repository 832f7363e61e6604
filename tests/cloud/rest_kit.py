"""The hub's web application over a database, without sockets, and keys to ask it with."""

from __future__ import annotations

import httpx

from cloud import app as web
from cloud.clock import Clock
from cloud.live import Bell, BrokerPresence
from cloud.metrics import Metrics
from cloud.rest.context import Hub
from cloud.store import keys
from cloud.store.engine import Store
from cloud.store.keys import Scope
from tests.cloud.samples import EDGE, minute

OWN, FOREIGN = EDGE.domain, 0x81


def clock() -> Clock:
    return lambda: minute(120)


def hub_over(store: Store) -> Hub:
    return Hub(
        store=store,
        clock=clock(),
        feed_bell=Bell(),
        down_bell=Bell(),
        broker_presence=BrokerPresence(),
        metrics=Metrics(),
    )


def client_over(store: Store) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(web.build(hub_over(store), "0"), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://hub")


async def as_key(store: Store, domain: int, scope: Scope) -> dict[str, str]:
    async with store.write() as connection:
        key = await keys.create(connection, domain=domain, scope=scope, name="", now=minute(0))
    return {"Authorization": f"Bearer {key}"}


async def items(api: httpx.AsyncClient, path: str) -> list[dict[str, object]]:
    """All of a list that fits on a page."""
    answer = await api.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.json()["next_cursor"] is None
    return list(answer.json()["items"])


def shown(number: float) -> str:
    """A minute as REST writes it."""
    return minute(number).isoformat().replace("+00:00", "Z")
