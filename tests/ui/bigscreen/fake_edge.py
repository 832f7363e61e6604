"""An edge's local WebSocket as the screens see it: checks the token, answers Watch with a snapshot, sends patches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request as Upgrade
from websockets.http11 import Response

from protocols.site.requests import REQUEST, Watch
from protocols.site.view import SHOWN, EvseView, Patch, SiteTotals, Snapshot
from protocols.terms import EvseState

TOKEN = "a-token-of-the-edge"
AT = datetime(2026, 3, 3, 13, 32, 8, tzinfo=UTC)


def totals(**changes: Any) -> SiteTotals:
    """A calm site."""
    calm = SiteTotals(
        at=AT,
        power_w=42_300,
        is_uplink_online=True,
        uplink_since=AT,
        backlog=0,
        open_alarms=0,
        allows_unknown_stations=False,
    )
    return replace(calm, **changes)


def evse(number: int, state: EvseState | None = None, **changes: Any) -> EvseView:
    """EVSE number n; the states take turns."""
    state = state or list(EvseState)[number % len(EvseState)]
    view = EvseView(station_id=f"CS-{number:03}", evse_id=1, label=f"B{number:03}", state=state, max_power_w=22_000)
    if state is EvseState.CHARGING:
        view = replace(
            view,
            power_w=7_000 + 100 * number,
            energy_wh=12_350,
            duration_s=42 * 60,
            cost=Decimal("5.43"),
            state_of_charge_percent=64 if number % 2 else None,
        )
    if state is EvseState.FAULTED:
        view = replace(view, error="GroundFailure")
    return replace(view, **changes)


def site(count: int = 7, **changes: Any) -> Snapshot:
    """A site with `count` EVSEs in all states."""
    snapshot = Snapshot(
        location_id="LOC-1",
        name="Harbour Street",
        time_zone="Europe/Berlin",
        currency="EUR",
        totals=totals(),
        evses=tuple(evse(number) for number in range(1, count + 1)),
    )
    return replace(snapshot, **changes)


class FakeEdge:
    """Serves `snapshot`; `send` reaches all that watch. `beat_s` is how often an empty patch is sent."""

    def __init__(self, snapshot: Snapshot, *, token: str = TOKEN, beat_s: float = 0.1) -> None:
        self.snapshot = snapshot
        self.token = token
        self.beat_s = beat_s
        self.is_silent = False
        self.attempts = 0
        self._watchers: set[ServerConnection] = set()

    async def send(self, message: Snapshot | Patch | str) -> None:
        """Send to all that watch."""
        frame = message if isinstance(message, str) else SHOWN.dump_json(message).decode()
        for watcher in tuple(self._watchers):
            await watcher.send(frame)

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[int]:
        """Listen on loopback; yields the port."""
        async with serve(self._talk, "127.0.0.1", port, process_request=self._check) as server:
            yield _port_of(server)

    def _check(self, connection: ServerConnection, upgrade: Upgrade) -> Response | None:
        self.attempts += 1
        if upgrade.headers.get("Authorization") != f"Bearer {self.token}":
            return connection.respond(HTTPStatus.UNAUTHORIZED, "no\n")
        return None

    async def _talk(self, connection: ServerConnection) -> None:
        request = REQUEST.validate_json(await connection.recv())
        assert isinstance(request, Watch)
        await connection.send(SHOWN.dump_json(self.snapshot).decode())
        self._watchers.add(connection)
        try:
            async with asyncio.TaskGroup() as tasks:
                beat = tasks.create_task(self._beat(connection))
                await connection.wait_closed()
                beat.cancel()
        finally:
            self._watchers.discard(connection)

    async def _beat(self, connection: ServerConnection) -> None:
        while True:
            await asyncio.sleep(self.beat_s)
            if not self.is_silent:
                await connection.send(SHOWN.dump_json(Patch(totals=self.snapshot.totals)).decode())


def _port_of(server: Server) -> int:
    port = next(iter(server.sockets)).getsockname()[1]
    assert isinstance(port, int)
    return port
