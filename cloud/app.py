"""The web application: every slice's routes, the endpoints for machines, and the metrics of requests."""

from __future__ import annotations

import time
from functools import cache
from typing import Final

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.alarms import api as alarms
from cloud.cdrs import api as cdrs
from cloud.charging_stations import api as charging_stations
from cloud.commands import api as commands
from cloud.commands import job_commands, station_commands
from cloud.contracts import api as contracts
from cloud.customers import api as customers
from cloud.deviations import api as deviations
from cloud.device_model import api as device_model
from cloud.dunning import api as dunning
from cloud.edges import api as edges
from cloud.edges import sync_api
from cloud.filters import api as filters
from cloud.jobs import api as jobs
from cloud.local_lists import api as local_lists
from cloud.locations import api as locations
from cloud.meter_values import api as meter_values
from cloud.meters import api as meters
from cloud.metrics import Metrics
from cloud.monitor_events import api as monitor_events
from cloud.payments import api as payments
from cloud.postings import api as postings
from cloud.receipts import api as receipts
from cloud.reservations import api as reservations
from cloud.rest import problems
from cloud.rest.context import Hub, TheHub
from cloud.rest.problems import Problem
from cloud.rollouts import api as rollouts
from cloud.security import api as security
from cloud.sessions import api as sessions
from cloud.staff import api as staff
from cloud.store.engine import is_database_away
from cloud.stream import api as stream
from cloud.tariffs import api as tariffs
from cloud.tokens import api as tokens

SLICES: Final = (
    locations,
    meters,
    meter_values,
    device_model,
    reservations,
    local_lists,
    monitor_events,
    charging_stations,
    sessions,
    cdrs,
    customers,
    contracts,
    postings,
    payments,
    receipts,
    dunning,
    staff,
    filters,
    tariffs,
    tokens,
    commands,
    station_commands,
    jobs,
    job_commands,
    rollouts,
    alarms,
    deviations,
    security,
    edges,
    sync_api,
    stream,
)
_ABOUT: Final = """
Watch all sites, read bills, hand out tokens, send commands.

Send an API key with every request: `Authorization: Bearer osk_…`. A key sees the data of its one domain and nothing
else. Money is text and exact, times are ISO 8601 in UTC, energy is in Wh. Lists are paged: follow `next_cursor`.
Errors are RFC 9457 problem documents with a stable `code`.
"""


def build(hub: Hub, version: str) -> FastAPI:
    """The application over a hub."""
    app = FastAPI(title="Ohmstead hub", version=version, description=_ABOUT, redirect_slashes=False)
    app.state.hub = hub
    problems.install(app)
    app.router.routes.extend(_routes())
    app.get("/", include_in_schema=False)(to_docs)
    app.get("/healthz", tags=["Operations"])(is_alive)
    app.get("/readyz", tags=["Operations"])(is_ready)
    app.get("/metrics", tags=["Operations"], response_class=Response)(show_metrics)
    app.add_middleware(RequestGuard, metrics=hub.metrics)
    return app


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """Of all slices. They know no hub, so they are made once: hundreds of schemas, which are most of a hub's start. A
    router that is included would be made twice."""
    return tuple(route for resource in SLICES for route in resource.routes().routes)


async def to_docs() -> RedirectResponse:
    return RedirectResponse("/docs")


async def is_alive() -> dict[str, str]:
    """The process runs."""
    return {"status": "ok"}


async def is_ready(hub: TheHub) -> Response:
    """The hub can do its work: its database answers and its broker is connected; 503 says which is missing."""
    missing = [] if hub.broker_presence.is_connected else ["broker"]
    try:
        await hub.store.ping()
    except Exception as error:
        if not is_database_away(error):
            raise
        missing.append("database")
    body = {"status": "unavailable" if missing else "ok", "missing": missing}
    return JSONResponse(body, 503 if missing else 200)


async def show_metrics(hub: TheHub) -> Response:
    """Prometheus metrics."""
    return Response(generate_latest(hub.metrics.registry), media_type=CONTENT_TYPE_LATEST)


class RequestGuard:
    """Times each request under its route's template, and refuses what no database can hold."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        since = time.perf_counter()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
                refusal = Problem(400, "bad_character", "A NUL character is no part of any name.").response()
                await refusal(scope, receive, watch)
            else:
                await self._app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            labels = (scope["method"] if route != "unmatched" else "other", route, str(status))
            self._metrics.request_s.labels(*labels).observe(time.perf_counter() - since)
