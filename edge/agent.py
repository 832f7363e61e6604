"""The heartbeat of the edge: take what waits, decide each, commit once, act.

Nothing that was decided is seen outside before it is durable: replies, commands and what the screens show wait for the
commit. While a commit is on its way the next group gathers in the inbox, so the group grows with the load.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import structlog

from edge.domain import view
from edge.domain.decide import OF_NOW, decide, wanted
from edge.domain.decision import Decision
from edge.domain.events import DecisionFailed, Refused, Restarted, SiteEvent, SiteReply, Ticked
from edge.domain.meter_book import MeterRules
from edge.domain.pressure import NAMES as PRESSURE_NAMES
from edge.domain.pressure import Pressure
from edge.domain.site import Site
from edge.metrics import AgentMetrics
from edge.ports import Chargers, Clock, ClockWatch, Commit, Errands, Ledger, OnReply, Overloaded, Screens, Uplink
from protocols.charger.events import MeterValuesReported
from protocols.site.view import EvseView, SiteTotals, Snapshot
from protocols.sync.down import Command
from protocols.sync.present import Birth, Live
from protocols.sync.up import CommandFinished, Outcome
from protocols.terms import EvseRef

log = structlog.get_logger("agent")

INBOX_SIZE: Final = 65_536
"""More than three waiting requests for each station that an agent can hold. When it is full, `put` raises Overloaded at
once and `ask` after `PATIENCE_S`: nothing was taken in, and the station keeps what it has to say."""
GROUP_SIZE: Final = 1024
READINGS_AT_LEAST: Final = GROUP_SIZE // 8
"""Meter values yield to all else that waits, but so many of a group are theirs."""
STEP_SIZE: Final = 64
"""After so many decisions or replies of a group the others have their turn: heartbeats wait for no group."""
COMMIT_EVERY_S: Final = 0.010
"""At least so long from one commit to the next, so that what comes meanwhile shares it: a commit costs half a
millisecond of CPU, and a row alone wears the disk six times as much as one among others. After a pause the first
event goes at once."""
PATIENCE_S: Final = 5.0
TICK_S: Final = 10.0
UNWELL_AFTER_S: Final = 10.0
"""An event that waits so long for its decision: something is wrong with the agent."""
LAG_EVERY_S: Final = 0.25

Asked = tuple[SiteEvent, OnReply | None, float, Callable[[], bool] | None]
"""An event, who waits for the reply, when it came (monotonic seconds), and whether that still matters to anyone."""


@dataclass(slots=True)
class Agent:
    """Owns the site. Implements the ports Inbox, Commands and Window; `attach` gives it its adapters before `run`."""

    site: Site
    ledger: Ledger
    clock: Clock
    metrics: AgentMetrics
    restore: Callable[[], Awaitable[Site]] | None = None
    """Reads the site from the ledger; without it a decision that fails ends the agent."""
    watch: ClockWatch | None = None
    """Without it the clock is taken to be right."""
    _inbox: deque[Asked] = field(default_factory=deque)
    _readings: deque[Asked] = field(default_factory=deque)
    pressure: Pressure = field(default_factory=Pressure)
    _sleeper: asyncio.Future[None] | None = None
    _chargers: Chargers | None = None
    _errands: Errands | None = None
    _screens: Screens | None = None
    _uplink: Uplink | None = None
    _started_s: float = field(default_factory=time.monotonic)
    _committed_s: float = 0.0
    _waiting: dict[str, asyncio.Future[CommandFinished]] = field(default_factory=dict)
    """By command: who wants to hear how it ends."""
    _deciding: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.metrics.watch(
            {
                "inbox_events": lambda: len(self._inbox) + len(self._readings),
                "inbox_oldest_seconds": self._oldest_s,
                "stations_online": lambda: sum(station.is_online for station in self.site.stations.values()),
                "transactions_open": lambda: len(self.site.transactions),
                "power_watts": lambda: self.site.power_w,
                "alarms_open": lambda: len(self.site.alarms),
                "clock_offset_seconds": lambda: _seconds(self.site.clock.offset),
                "clock_is_bad": lambda: self.site.clock.is_bad,
            }
        )
        for rules in self.site.rules.meters.values():
            self.metrics.watch_meter(rules.meter_id, rules.role, partial(self._meter_power_w, rules))

    def attach(
        self, *, chargers: Chargers, screens: Screens | None, uplink: Uplink | None, errands: Errands | None = None
    ) -> None:
        self._chargers, self._screens, self._uplink, self._errands = chargers, screens, uplink, errands

    async def run(self, ready: asyncio.Event | None = None) -> None:
        """Until cancelled. An error of the ledger ends it: what cannot be kept must not be answered."""
        await self._work([(Restarted(), None, time.monotonic(), None)])
        if ready is not None:
            ready.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick(), name="tick")
            tasks.create_task(self._watch_lag(), name="lag")
            while True:
                await self._work(await self._gather())

    # --- port Inbox ---

    def put(self, event: SiteEvent, on_reply: OnReply | None = None, is_moot: Callable[[], bool] | None = None) -> None:
        if len(self._inbox) + len(self._readings) >= INBOX_SIZE:
            self.metrics.inbox_full.inc()
            raise Overloaded
        line = self._readings if type(event) is MeterValuesReported else self._inbox
        line.append((event, on_reply, time.monotonic(), is_moot))
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    async def ask(self, event: SiteEvent) -> SiteReply:
        future: asyncio.Future[SiteReply] = asyncio.get_running_loop().create_future()

        def on_reply(reply: SiteReply) -> None:
            if not future.done():
                future.set_result(reply)

        ends_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.put(event, on_reply)
            except Overloaded:
                if time.monotonic() > ends_s:
                    raise
                await asyncio.sleep(PATIENCE_S / 50)
            else:
                return await future

    async def carry_out(self, command: Command) -> CommandFinished:
        """See edge.ports.Commands."""
        future: asyncio.Future[CommandFinished] = asyncio.get_running_loop().create_future()
        self._waiting[command.id] = future
        try:
            reply = await self.ask(command)
            if isinstance(reply, Refused) and not future.done():
                return CommandFinished(command_id=command.id, outcome=Outcome.REJECTED, detail=reply.reason)
            return await future
        finally:
            del self._waiting[command.id]

    def _tell_outcome(self, outcome: CommandFinished) -> None:
        future = self._waiting.get(outcome.command_id)
        if future is not None and not future.done():
            future.set_result(outcome)

    def believed_time(self) -> datetime:
        """Site time, or another one while the clock is known to be wrong: for what is deleted by its age, or due."""
        return self.site.clock.believed(self.clock())

    # --- the way of an event ---

    async def _gather(self) -> list[Asked]:
        """What waits, oldest first; money and commands before meter values."""
        if not self._inbox and not self._readings:
            self._sleeper = asyncio.get_running_loop().create_future()
            await self._sleeper
        early_s = self._committed_s + COMMIT_EVERY_S - time.monotonic()
        if early_s > 0:
            await asyncio.sleep(early_s)
        inbox, readings = self._inbox, self._readings
        self._note_pressure()
        group = [inbox.popleft() for _ in range(min(len(inbox), GROUP_SIZE - min(len(readings), READINGS_AT_LEAST)))]
        group += [readings.popleft() for _ in range(min(len(readings), GROUP_SIZE - len(group)))]
        mattering = [asked for asked in group if asked[3] is None or not asked[3]()]
        if len(mattering) < len(group):
            self.metrics.moot_events.inc(len(group) - len(mattering))
        return mattering

    def is_well(self) -> bool:
        """Whether it still decides what comes in: chargers whose agent does not shall go to their fail-safe."""
        return self._oldest_s() < UNWELL_AFTER_S

    def _meter_power_w(self, rules: MeterRules) -> float:
        power = self.site.meters.look(rules).power(self.clock())
        return power.value if power is not None else math.nan

    def _oldest_s(self) -> float:
        """How long the oldest event has waited."""
        fronts = [line[0][2] for line in (self._inbox, self._readings) if line]
        return time.monotonic() - min(fronts) if fronts else 0.0

    def _note_pressure(self) -> None:
        before = self.pressure.level
        self.site.telemetry_thinning = level = self.pressure.note(self._oldest_s(), time.monotonic())
        if level != before:
            self.metrics.pressure.set(level)
            tell = log.warning if level > before else log.info
            tell("pressure_changed", pressure=PRESSURE_NAMES[level], inbox=len(self._inbox) + len(self._readings))

    async def _work(self, group: Sequence[Asked]) -> None:
        """Decide, commit once, act. An event that cannot be decided, a fault of ours, is refused and stops nothing."""
        while group:
            await self._recall(group)
            async with self._deciding:
                now = self.clock()
                if self.watch is not None and (looked := self.watch.look(now)) is not None:
                    group = [(looked, None, time.monotonic(), None), *group]  # before anything is decided by this time
                decisions, fault = await self._decide(group, now)
                commit = self._commit_of(decisions)
                if not commit.is_empty:
                    self._committed_s = time.monotonic()
                    with self.metrics.commit_seconds.time():
                        await self.ledger.commit(commit)
                    self.metrics.count_commit(commit)
                if fault is not None:
                    await self._read_back(group[len(decisions)], fault)
            site = self.site
            self.metrics.count_telemetry(site.telemetry_kept, site.telemetry_dropped, site.telemetry_thinned)
            await self._act(group[: len(decisions)], decisions, commit)
            if fault is not None:
                self._refuse(group[len(decisions)])
            group = group[len(decisions) + 1 :]

    async def _decide(self, group: Sequence[Asked], now: datetime) -> tuple[list[Decision], Exception | None]:
        """The decisions up to the first event that fails, and why it does."""
        decisions: list[Decision] = []
        for number, asked in enumerate(group, 1):
            try:
                decisions.append(decide(self.site, asked[0], now))
            except Exception as fault:
                return decisions, fault
            if number % STEP_SIZE == 0:
                await asyncio.sleep(0)
        return decisions, None

    async def _read_back(self, asked: Asked, fault: Exception) -> None:
        """What a decision left half done is forgotten: the ledger has the site as it was at the last commit."""
        event = asked[0]
        if self.restore is None or isinstance(event, Restarted):
            raise fault
        log.error("decision_failed", event_type=type(event).__name__, station_id=_station_of(event), exc_info=fault)
        self.metrics.failed_decisions.inc()
        before, self.site = self.site, await self.restore()
        self.site.keep_present_of(before)

    def _refuse(self, asked: Asked) -> None:
        event, on_reply, *_ = asked
        _tell(event, on_reply, Refused(reason="this could not be decided; the agent's log says why"))
        if not isinstance(event, DecisionFailed):
            with contextlib.suppress(Overloaded):
                self.put(DecisionFailed(event_type=type(event).__name__, station_id=_station_of(event)))

    async def _recall(self, group: Sequence[Asked]) -> None:
        site = self.site
        # The bulk of what comes wants nothing of the past: it is not even asked.
        keys = {key for asked in group if type(asked[0]) not in OF_NOW for key in wanted(site, asked[0])}
        if keys:
            for past in await self.ledger.recall(tuple(keys)):
                self.site.remember(past)

    def _commit_of(self, decisions: Sequence[Decision]) -> Commit:
        lasting = [d for d in decisions if d.entries or d.readings or d.checkpoints or d.acked or d.dead or d.packed]
        if not lasting:
            return Commit()
        checkpoints = {key: value for d in lasting for key, value in d.checkpoints.items()}
        return Commit(
            entries=[entry for d in lasting for entry in d.entries],
            readings=[reading for d in lasting for reading in d.readings],
            packed=[number for d in lasting for number in d.packed],
            checkpoints=list(checkpoints.values()),
            acked={stream: seq for d in lasting for stream, seq in d.acked.items()},
            dead=[dead for d in lasting for dead in d.dead],
            last_charger_number=self.site.last_charger_number,
        )

    async def _act(self, group: Sequence[Asked], decisions: Sequence[Decision], commit: Commit) -> None:
        shown: set[EvseRef] = set()
        for number, (asked, decision) in enumerate(zip(group, decisions, strict=True), 1):
            _tell(asked[0], asked[1], decision.reply)
            shown |= decision.shown
            for outcome in decision.outcomes:
                self._tell_outcome(outcome)
            for command in decision.commands:
                if self._chargers is not None:
                    self._chargers.send(command)
            for errand in decision.errands:
                if self._errands is not None:
                    self._errands.do(errand)
            if number % STEP_SIZE == 0:
                await asyncio.sleep(0)
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
            with contextlib.suppress(Overloaded):
                self.put(Ticked())

    async def _watch_lag(self) -> None:
        """How late the event loop is: the wait of whatever happens next."""
        while True:
            due_s = time.monotonic() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self.metrics.loop_lag_seconds.observe(max(0.0, time.monotonic() - due_s))

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

    def live(self, refs: Iterable[EvseRef], *, is_full: bool) -> Live:
        return view.live(self.site, refs, self.clock(), is_full=is_full)

    def active_evses(self) -> tuple[EvseRef, ...]:
        return tuple(transaction.ref for transaction in self.site.transactions.values())

    def birth(self) -> Birth:
        return view.birth(self.site, self.clock())

    def status(self) -> dict[str, Any]:
        return {
            **view.status(self.site, self.clock()),
            "uptime_s": int(time.monotonic() - self._started_s),
            "inbox": {
                "waiting": len(self._inbox) + len(self._readings),
                "oldest_s": round(self._oldest_s(), 3),
                "full": self.metrics.count_of_inbox_full(),
            },
            "pressure": {"level": self.pressure.level, "name": PRESSURE_NAMES[self.pressure.level]},
            "commits": self.metrics.commits(),
            "loop_lag_s": self.metrics.loop_lag(),
            "chargers": self._chargers.status() if self._chargers is not None else {},
        }

    def stations(self) -> list[dict[str, Any]]:
        return view.stations(self.site, self.clock())


def _tell(event: SiteEvent, on_reply: OnReply | None, reply: SiteReply) -> None:
    """Whoever fails to hear the reply harms nobody else."""
    if on_reply is None:
        return
    try:
        on_reply(reply)
    except Exception:
        log.exception("reply_failed", event_type=type(event).__name__)


def _seconds(offset: timedelta | None) -> float:
    return offset.total_seconds() if offset is not None else math.nan


def _station_of(event: SiteEvent) -> str | None:
    return getattr(event, "station_id", None)
