"""The heartbeat of the edge: take what waits, decide each, commit once, act.

Nothing that was decided is seen outside before it is durable: replies, commands and what the screens show wait for the
commit. While a commit is on its way the next group gathers in the inbox, so the group grows with the load.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from edge.domain import view
from edge.domain.decide import decide, wanted
from edge.domain.decision import Decision
from edge.domain.events import Restarted, SiteEvent, SiteReply, Ticked
from edge.domain.site import Site
from edge.metrics import AgentMetrics
from edge.ports import Chargers, Clock, Commit, Ledger, Overloaded, Screens, Uplink
from protocols.site.view import EvseView, SiteTotals, Snapshot
from protocols.sync.topics import Stream
from protocols.sync.up import Birth, EvseLive
from protocols.terms import EvseRef

log = structlog.get_logger("agent")

INBOX_SIZE: Final = 20_000
"""When it is full, `ask` waits `PATIENCE_S` for a place and then raises Overloaded: the charger will say it again."""
GROUP_SIZE: Final = 512
COMMIT_EVERY_S: Final = 0.005
"""At least so long from one commit to the next, so that what comes meanwhile shares it: a commit costs half a
millisecond of CPU, and a row alone wears the disk six times as much as one among others. After a pause the first
event goes at once."""
PATIENCE_S: Final = 5.0
TICK_S: Final = 10.0

Asked = tuple[SiteEvent, "asyncio.Future[SiteReply] | None"]


@dataclass(slots=True)
class Agent:
    """Owns the site. Implements the ports Inbox and Window; `attach` gives it its adapters before `run`."""

    site: Site
    ledger: Ledger
    clock: Clock
    metrics: AgentMetrics
    _inbox: asyncio.Queue[Asked] = field(default_factory=lambda: asyncio.Queue(INBOX_SIZE))
    _chargers: Chargers | None = None
    _screens: Screens | None = None
    _uplink: Uplink | None = None
    _started_s: float = field(default_factory=time.monotonic)
    _committed_s: float = 0.0
    _deciding: asyncio.Lock = field(default_factory=asyncio.Lock)

    def attach(self, *, chargers: Chargers, screens: Screens | None, uplink: Uplink | None) -> None:
        self._chargers, self._screens, self._uplink = chargers, screens, uplink

    async def run(self, ready: asyncio.Event | None = None) -> None:
        """Until cancelled. An error of the ledger ends it: what cannot be kept must not be answered."""
        await self._work([(Restarted(), None)])
        if ready is not None:
            ready.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick(), name="tick")
            while True:
                await self._work(await self._gather())

    # --- port Inbox ---

    async def ask(self, event: SiteEvent) -> SiteReply:
        future: asyncio.Future[SiteReply] = asyncio.get_running_loop().create_future()
        try:
            self._inbox.put_nowait((event, future))
        except asyncio.QueueFull:
            self.metrics.inbox_full.inc()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._inbox.put((event, future))
            except TimeoutError as error:
                raise Overloaded from error
        return await future

    # --- the way of an event ---

    async def _gather(self) -> list[Asked]:
        group = [await self._inbox.get()]
        early_s = self._committed_s + COMMIT_EVERY_S - time.monotonic()
        if early_s > 0:
            await asyncio.sleep(early_s)
        while len(group) < GROUP_SIZE and not self._inbox.empty():
            group.append(self._inbox.get_nowait())
        return group

    async def _work(self, group: Sequence[Asked]) -> None:
        await self._recall(group)
        async with self._deciding:
            now = self.clock()
            decisions = [decide(self.site, event, now) for event, _ in group]
            commit = self._commit_of(decisions)
            if not commit.is_empty:
                self._committed_s = time.monotonic()
                with self.metrics.commit_seconds.time():
                    await self.ledger.commit(commit)
                self.metrics.count_commit(commit)
        self._act(group, decisions, commit)

    async def _recall(self, group: Sequence[Asked]) -> None:
        keys = {key for event, _ in group if (key := wanted(self.site, event)) is not None}
        if keys:
            for past in await self.ledger.recall(tuple(keys)):
                self.site.remember(past)

    def _commit_of(self, decisions: Sequence[Decision]) -> Commit:
        if not any(d.entries or d.checkpoints or d.acked or d.dead for d in decisions):
            return Commit()
        checkpoints = {key: value for d in decisions for key, value in d.checkpoints.items()}
        return Commit(
            entries=[entry for d in decisions for entry in d.entries],
            checkpoints=list(checkpoints.values()),
            acked={stream: seq for d in decisions for stream, seq in d.acked.items()},
            dead=[dead for d in decisions for dead in d.dead],
            last_charger_number=self.site.last_charger_number,
        )

    def _act(self, group: Sequence[Asked], decisions: Sequence[Decision], commit: Commit) -> None:
        shown: set[EvseRef] = set()
        for (_, future), decision in zip(group, decisions, strict=True):
            if future is not None and not future.done():
                future.set_result(decision.reply)
            shown |= decision.shown
            for command in decision.commands:
                if self._chargers is not None:
                    self._chargers.send(command)
        if self._screens is not None and shown:
            self._screens.changed(shown)
        if self._uplink is not None:
            if shown:
                self._uplink.changed(shown)
            if commit.entries:
                self._uplink.journal_grew()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            if not self._inbox.full():
                self._inbox.put_nowait((Ticked(), None))

    # --- port Window ---

    @contextlib.asynccontextmanager
    async def still(self) -> AsyncIterator[None]:
        async with self._deciding:
            yield

    def snapshot(self) -> Snapshot:
        return view.snapshot(self.site, self.clock())

    def totals(self) -> SiteTotals:
        return view.totals(self.site, self.clock())

    def evse_views(self, refs: Iterable[EvseRef]) -> tuple[EvseView, ...]:
        now = self.clock()
        return tuple(view.evse_view(self.site, self.site.evses[ref], now) for ref in refs if ref in self.site.evses)

    def evse_lives(self, refs: Iterable[EvseRef]) -> tuple[EvseLive, ...]:
        return view.lives(self.site, refs, self.clock())

    def active_evses(self) -> tuple[EvseRef, ...]:
        return tuple(transaction.ref for transaction in self.site.transactions.values())

    def birth(self) -> Birth:
        return view.birth(self.site, self.clock())

    def status(self) -> dict[str, Any]:
        site, now = self.site, self.clock()
        return {
            "edge_id": site.rules.edge_id,
            "location": site.rules.location.name,
            "epoch": site.epoch,
            "software_version": site.rules.software_version,
            "site_time": now.isoformat(),
            "uptime_s": int(time.monotonic() - self._started_s),
            "stations": len(site.stations),
            "stations_online": sum(station.is_online for station in site.stations.values()),
            "allow_unknown": site.rules.allows_unknown_stations,
            "evses": len(site.evses),
            "transactions_open": len(site.transactions),
            "power_w": site.power_w,
            "tokens": len(site.tokens),
            "alarms": [
                {"alarm": alarm.alarm, "severity": alarm.severity, "text": alarm.text} for alarm in site.alarms.values()
            ],
            "inbox": self._inbox.qsize(),
            "uplink": {
                "configured": site.rules.has_uplink,
                "online": site.is_uplink_online,
                "since": site.uplink_since.isoformat() if site.uplink_since else None,
            },
            "streams": {
                stream: {"last_seq": site.last_seq[stream], "acked_seq": site.acked_seq[stream]} for stream in Stream
            },
        }

    def stations(self) -> list[dict[str, Any]]:
        site, now = self.site, self.clock()
        return [
            {
                "station_id": station.station_id,
                "online": station.is_online,
                "known": station.is_known,
                "ocpp": station.abilities.ocpp_version if station.abilities else None,
                "vendor": station.vendor,
                "model": station.model,
                "firmware": station.firmware_version,
                "evses": [
                    {
                        "evse_id": ref.evse_id,
                        "label": site.evses[ref].evse.label,
                        "state": view.evse_state(site, site.evses[ref]),
                        "power_w": site.evses[ref].power_w,
                        "energy_wh": running.energy_wh if (running := site.at_evse(ref)) else None,
                        "transaction_id": running.transaction_id if running else None,
                        "reading_is_old": site.is_silent(site.evses[ref], now),
                    }
                    for ref in site.refs_of(station.station_id)
                ],
            }
            for station in site.stations.values()
        ]
