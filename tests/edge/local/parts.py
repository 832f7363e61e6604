"""A local server with a site made for the test."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter
from websockets.asyncio.client import ClientConnection, connect

from edge.domain.events import Done, Refused, SiteEvent, SiteReply, TokenBlocked
from edge.local.doorkeeper import Doorkeeper
from edge.local.requests import Desk
from edge.local.server import LocalServer
from edge.local.settings import LocalSettings
from edge.ports import CallFailed, OnReply, Overloaded
from protocols.charger.commands import ChargerCommand
from protocols.charger.operations.transactions import UnlockConnector
from protocols.charger.operations.variables import Reset
from protocols.site.view import SHOWN, Answer, EvseView, Patch, SiteTotals, Snapshot
from protocols.sync.down import CancelJob, Command, Operate, StartJob
from protocols.sync.present import Birth, Live
from protocols.sync.up import CommandFinished, Outcome
from protocols.terms import EvseRef, EvseState
from tests.kit import wait_until

TOKEN = "t" * 43
NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
TOTALS = SiteTotals(
    at=NOW,
    power_w=0,
    is_uplink_online=True,
    uplink_since=None,
    backlog=0,
    open_alarms=0,
    allows_unknown_stations=False,
)
QUICK = LocalSettings(port=0, patch_interval_s=0.1, patch_at_least_s=0.4)


@dataclass
class FakeWindow:
    """Some EVSEs whose power can be set."""

    power_w: dict[EvseRef, int] = field(default_factory=lambda: {EvseRef("S1", 1): 0, EvseRef("S2", 1): 0})
    active: tuple[EvseRef, ...] = ()
    label: str = "Bay"

    @contextlib.asynccontextmanager
    async def still(self) -> AsyncIterator[None]:
        yield

    def snapshot(self) -> Snapshot:
        evses = self.evse_views(self.power_w)
        return Snapshot(
            location_id="L1", name="Lot", time_zone="Europe/Berlin", currency="EUR", totals=TOTALS, evses=evses
        )

    def totals(self) -> SiteTotals:
        return replace(TOTALS, power_w=sum(self.power_w.values()))

    def evse_views(self, refs: Iterable[EvseRef]) -> tuple[EvseView, ...]:
        return tuple(
            EvseView(
                station_id=ref.station_id,
                evse_id=ref.evse_id,
                label=self.label,
                state=EvseState.CHARGING,
                max_power_w=22_000,
                power_w=self.power_w[ref],
            )
            for ref in refs
        )

    def live(self, refs: Iterable[EvseRef], *, is_full: bool) -> Live:
        raise NotImplementedError

    def active_evses(self) -> tuple[EvseRef, ...]:
        return self.active

    def birth(self) -> Birth:
        raise NotImplementedError

    def status(self) -> dict[str, Any]:
        return {"uptime_s": 5}

    def stations(self) -> list[dict[str, Any]]:
        return [{"station_id": "S1"}]


@dataclass
class FakeChargers:
    """One station that answers `Echo`, hangs on `Hang` until `hangs_up` and fails on everything else."""

    hangs_up: asyncio.Event = field(default_factory=asyncio.Event)
    hanging: int = 0

    def send(self, command: ChargerCommand) -> None:
        raise NotImplementedError

    async def call(self, station_id: str, action: str, payload: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        match action:
            case "Echo":
                return payload
            case "Hang":
                self.hanging += 1
                try:
                    await self.hangs_up.wait()
                finally:
                    self.hanging -= 1
                return {}
            case _:
                raise CallFailed("NotSupported", f"{station_id} knows no {action}", {"action": action})


@dataclass
class FakeInbox:
    events: list[SiteEvent] = field(default_factory=list)
    is_overloaded: bool = False

    def put(self, event: SiteEvent, on_reply: OnReply | None = None, is_moot: Any = None) -> None:
        self.events.append(event)

    async def ask(self, event: SiteEvent) -> SiteReply:
        if self.is_overloaded:
            raise Overloaded
        self.events.append(event)
        if isinstance(event, TokenBlocked) and event.uid == "unknown":
            return Refused(reason="no such token")
        return Done(text="done")


class FakeCommands:
    """Carries out what resets, refuses what unlocks, and never ends with anything else."""

    async def carry_out(self, command: Command) -> CommandFinished:
        match command.body:
            case StartJob() as start:
                told = {"job_id": "j-1", "stations": len(start.station_ids), "job": start.job.job}
                return CommandFinished(command_id=command.id, outcome=Outcome.ACCEPTED, result=dict(told))
            case CancelJob(job_id=job_id):
                return CommandFinished(command_id=command.id, outcome=Outcome.REJECTED, detail=f"{job_id} is not open")
        assert isinstance(command.body, Operate)
        match command.body.operation:
            case Reset():
                return CommandFinished(command_id=command.id, outcome=Outcome.ACCEPTED, result={"at": "once"})
            case UnlockConnector():
                return CommandFinished(command_id=command.id, outcome=Outcome.REJECTED, detail="not connected")
            case _:
                await asyncio.Event().wait()
                raise AssertionError


@dataclass
class Site:
    server: LocalServer
    window: FakeWindow
    chargers: FakeChargers
    inbox: FakeInbox

    def connect(self, **options: Any) -> Any:
        options = {"additional_headers": {"Authorization": f"Bearer {TOKEN}"}, "proxy": None, "ping_interval": None} | (
            options
        )
        return connect(f"ws://127.0.0.1:{self.server.port}/", **options)

    async def http(self, path: str, token: str | None = TOKEN) -> tuple[int, str]:
        """Status and body of a plain GET."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        authorization = f"Authorization: Bearer {token}\r\n" if token is not None else ""
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{authorization}Connection: close\r\n\r\n".encode())
        async with asyncio.timeout(5):
            head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
        return int(head.split()[1]), body


class FakeReports:
    """Implements the port Reports."""

    async def deviations(self) -> list[dict[str, Any]]:
        return [{"vendor": "V", "model": "M", "count": 3}]

    async def jobs(self) -> list[dict[str, Any]]:
        return [{"job_id": "j-1"}]

    async def job(self, job_id: str) -> dict[str, Any] | None:
        return {"job_id": job_id, "steps": []} if job_id == "j-1" else None

    async def variables(self, station_id: str) -> list[dict[str, Any]]:
        return [{"component": "C", "variable": "V", "value": station_id}]

    async def customer(self, customer_id: str) -> dict[str, Any] | None:
        return {"id": customer_id, "contracts": []} if customer_id == "K1" else None

    async def balance(self, contract_id: str, postings: int) -> dict[str, Any] | None:
        return {"id": contract_id, "balance": "1.00", "postings": [{}] * postings} if contract_id == "C1" else None

    async def report(self, station_id: str, kind: str) -> dict[str, Any] | None:
        return {"station_id": station_id, "report": kind, "items": []} if kind == "monitors" else None


@contextlib.asynccontextmanager
async def local_site(
    settings: LocalSettings = QUICK, window: FakeWindow | None = None, staff: Path = Path("/nonexistent/staff.toml")
) -> AsyncIterator[Site]:
    registry = CollectorRegistry()
    Counter("ohmstead_test", "A counter", registry=registry).inc()
    site_window, chargers, inbox = window or FakeWindow(), FakeChargers(), FakeInbox()
    desk = Desk(site_window, chargers, inbox, FakeCommands(), lambda: NOW, FakeReports())
    server = LocalServer(settings, TOKEN, site_window, desk, registry, Doorkeeper(staff, inbox))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(server.run())
        await wait_until(lambda: server.port)
        try:
            yield Site(server, site_window, chargers, inbox)
        finally:
            task.cancel()


async def hear(connection: ClientConnection, timeout_s: float = 5) -> Snapshot | Patch | Answer:
    async with asyncio.timeout(timeout_s):
        return SHOWN.validate_json(await connection.recv())
