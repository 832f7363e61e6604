"""What a request handler is given: the parts of the hub, built once in `cloud.app`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from cloud.clock import Clock
from cloud.live import Bell, BrokerPresence
from cloud.metrics import Metrics
from cloud.store.engine import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """`feed_bell` rings when the feed grew; `down_bell` is rung when a command or a document waits to go down."""

    store: Store
    clock: Clock
    feed_bell: Bell
    down_bell: Bell
    broker_presence: BrokerPresence
    metrics: Metrics


def hub_of(connection: HTTPConnection) -> Hub:
    """The hub that serves this request or WebSocket."""
    hub: Hub = connection.app.state.hub
    return hub


TheHub = Annotated[Hub, Depends(hub_of)]
