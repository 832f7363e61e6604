"""A site under load for the faults of docs/faults.md: an agent, brokers, a hub over SQLite or PostgreSQL, and between
them ways that may be bad.

Four stations charge all the time, session after session. When all is healed, edge and hub must have the same entries,
and every bill that a station was told of must be there once.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select
from websockets.exceptions import WebSocketException

from cloud.store import keys
from cloud.store.engine import Store
from cloud.store.keys import Scope
from cloud.store.tables import alarms, dead_letters, entries, stream_positions
from cloud.store.telemetry_tables import entry_of, telemetry_blocks
from deploy.demo.hub_client import HubClient
from deploy.demo.processes import program
from deploy.demo.servers import steady_port
from deploy.demo.site import HERE, ONE_BROKER, Edge, Hub, import_tokens
from deploy.demo.verify import check_ledger, compare_sessions, compare_with_hub
from edge.ledger.journal import last_seq, read_entries
from protocols.sync.codec import MAX_SEQ
from protocols.sync.topics import Stream
from protocols.timeline import Timeline
from tests.journeys.chaos import Way, a_way
from tests.journeys.harness import SETTINGS, expect_none
from tests.journeys.wire import CallError, Wire, stamp, wire
from tests.kit import Broker, start_broker, wait_until

STATIONS: Final = ("CP01", "CP02", "CP05", "CP06")
CARD: Final = "04A1B2C3D4E5{:02}".format
ORIGIN: Final = datetime(2026, 3, 2, 6, tzinfo=UTC)
SPEED: Final = 600.0
"""A session of a fifth of a second is two minutes, in which the weakest outlet gives 366 Wh."""
PAUSE_S: Final = 0.2
ENERGY_WH: Final = 150
DRAIN_S: Final = 60.0
PATIENCE_S: Final = 60.0
"""Seconds where there is other work on the machine; in quiet it takes two or three."""
ANSWER_S: Final = 20.0


@dataclass(slots=True, kw_only=True)
class Load:
    """Drivers at all stations. `ended` is what the stations were told is kept."""

    edge: Edge
    timeline: Timeline
    ended: list[tuple[str, int, int]] = field(default_factory=list)
    is_over: bool = False
    _all_left: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        await self._all_charge()
        self._all_left.set()

    async def leave(self) -> None:
        """The drivers end their sessions and go."""
        self.is_over = True
        await self._all_left.wait()

    async def _all_charge(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number, station_id in enumerate(STATIONS, 1):
                tasks.create_task(self._charge(station_id, CARD(number)))

    def now(self) -> datetime:
        return self.timeline.at(time.time())  # noqa: TID251 - the clock of whoever plays with the site

    async def more(self, sessions: int, timeout_s: float = PATIENCE_S) -> None:
        """Wait until so many more sessions have ended."""
        wanted = len(self.ended) + sessions
        await wait_until(lambda: len(self.ended) >= wanted, timeout_s)

    async def _charge(self, station_id: str, card: str) -> None:
        """Sessions one after the other; a station that loses its socket says what was not answered once more."""
        visit = _Visit(station_id, card)
        while not self.is_over or visit.is_open:
            with contextlib.suppress(OSError, WebSocketException, TimeoutError, CallError):
                async with asyncio.timeout(ANSWER_S), wire(self.edge, station_id) as charger:
                    await charger.boot()
                    while not self.is_over or visit.is_open:
                        async with asyncio.timeout(ANSWER_S):
                            await self._visit(charger, visit)
            await asyncio.sleep(PAUSE_S)

    async def _visit(self, charger: Wire, visit: _Visit) -> None:
        """One session, from where it was broken off."""
        if visit.began_at is None:
            visit.began_at = self.now()
        if visit.number is None:
            visit.number = await charger.start(1, visit.card, visit.register_wh, visit.began_at)
        await asyncio.sleep(PAUSE_S)
        await charger.call("MeterValues", **visit.reading(self.now()))
        await asyncio.sleep(PAUSE_S)
        visit.ends_at = visit.ends_at or self.now()
        await charger.stop(visit.number, visit.register_wh + ENERGY_WH, visit.ends_at)
        self.ended.append((visit.station_id, visit.register_wh, visit.register_wh + ENERGY_WH))
        visit.register_wh += ENERGY_WH
        visit.number = visit.began_at = visit.ends_at = None


@dataclass(slots=True)
class _Visit:
    station_id: str
    card: str
    register_wh: int = 1_000
    number: int | None = None
    began_at: datetime | None = None
    ends_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.began_at is not None

    def reading(self, at: datetime) -> dict[str, Any]:
        sampled = [{"value": str(self.register_wh + ENERGY_WH // 2), "measurand": "Energy.Active.Import.Register"}]
        values = [{"timestamp": stamp(at), "sampledValue": sampled}]
        return {"connectorId": 1, "transactionId": self.number, "meterValue": values}


@dataclass(slots=True, kw_only=True)
class FaultSite:
    """The parts. `edge_ways` and `hub_ways` lead to the brokers, in their order; `doors` are further ports of those."""

    edge: Edge
    hub: Hub
    url: str
    brokers: Sequence[Broker]
    doors: Sequence[int]
    edge_ways: Sequence[Way]
    hub_ways: Sequence[Way]
    load: Load
    charging: asyncio.Task[None]

    @property
    def ways(self) -> list[Way]:
        return [*self.edge_ways, *self.hub_ways]

    def counted(self) -> Counter[str]:
        """What all ways have done."""
        return sum((way.counts for way in self.ways), Counter())

    def billed(self) -> int:
        return len(self.edge.cdrs())

    async def at_hub(self) -> int:
        """How many entries the hub has committed."""
        async with contextlib.aclosing(Store.open(self.url)) as store, store.read() as connection:
            rows = await connection.execute(select(stream_positions.c.seq))
            return sum(rows.scalars())

    async def more_at_hub(self, count: int = 1, timeout_s: float = PATIENCE_S) -> None:
        wanted = await self.at_hub() + count

        async def is_there() -> bool:
            return await self.at_hub() >= wanted

        await wait_until(is_there, timeout_s)

    async def hub_alarms(self) -> set[str]:
        async with contextlib.aclosing(Store.open(self.url)) as store, store.read() as connection:
            return set((await connection.execute(select(alarms.c.alarm))).scalars())

    async def heal_and_judge(self, *, has_dead: bool = False, has_sessions: bool = True) -> int:
        """Good weather everywhere; the drivers leave; then nothing may be missing, double or different. With `has_dead`
        an entry may be a dead letter instead, of which the journey sees to the rest; without `has_sessions` what the
        hub shows of sessions is not held against their bills. Returns how many sessions there were."""
        for way in self.ways:
            way.heal()
        await self.load.leave()
        problems: list[str] = ["not compared yet"]

        async def agree() -> bool:
            self.edge.check()
            self.hub.check()
            problems[:] = self._unheard() or await self._differences(has_dead, has_sessions)
            return not problems

        with contextlib.suppress(TimeoutError):
            await wait_until(agree, DRAIN_S)
        expect_none(problems)
        assert self.load.ended, "nobody charged: the journey shows nothing"
        return len(self.load.ended)

    def _unheard(self) -> list[str]:
        """Streams of which the edge still waits for an Ack: soon asked, before all is compared."""
        with closing(sqlite3.connect(f"file:{self.edge.ledger}?mode=ro", uri=True)) as ledger:
            acked = dict(ledger.execute("SELECT stream, seq FROM acked").fetchall())
            last = {each.value: last_seq(ledger, each) for each in Stream}
        behind = [each for each, seq in last.items() if acked.get(each, 0) < seq]
        return [f"{each} is acknowledged up to {acked.get(each, 0)} of {last[each]}" for each in behind]

    async def _differences(self, has_dead: bool, has_sessions: bool) -> list[str]:
        bills = self.edge.cdrs()
        told = Counter(self.load.ended)
        made = Counter((bill.station_id, bill.meter_start_wh, bill.meter_stop_wh) for bill in bills)
        unlike = [each for each in told | made if told[each] != made[each]]
        problems = [f"{each} was told {told[each]} times and billed {made[each]} times" for each in unlike]
        problems += check_ledger(self.edge.ledger)
        problems += await self._journal_differences(has_dead)
        if not problems:  # pages of REST are asked for when the rest is there
            problems += compare_with_hub(bills, await self.hub.client.all("cdrs"))
            if has_sessions:
                problems += compare_sessions(bills, await self.hub.client.all("sessions"))
        return problems

    async def _journal_differences(self, has_dead: bool) -> list[str]:
        """Entry by entry, and the position of each stream."""
        with closing(sqlite3.connect(f"file:{self.edge.ledger}?mode=ro", uri=True)) as ledger:
            rows = [(each.value, *row) for each in Stream for row in read_entries(ledger, each, 0, MAX_SEQ)]
            acked = dict(ledger.execute("SELECT stream, seq FROM acked").fetchall())
            (epoch,) = ledger.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
        mine = {(stream, seq): bytes(body).decode() for stream, seq, body in rows}
        async with contextlib.aclosing(Store.open(self.url)) as store, store.read() as connection:
            query = select(entries.c.stream, entries.c.seq, entries.c.raw).where(entries.c.epoch == epoch)
            theirs = {(row.stream, row.seq): row.raw for row in await connection.execute(query)}
            blocks = select(telemetry_blocks.c.seq, telemetry_blocks.c.head, telemetry_blocks.c.data)
            for row in await connection.execute(blocks.where(telemetry_blocks.c.epoch == epoch)):
                theirs[Stream.TELEMETRY.value, row.seq] = entry_of(row.head, row.data)
            query = select(dead_letters.c.stream, dead_letters.c.seq)
            dead = {(row.stream, row.seq) for row in await connection.execute(query)}
            query = select(stream_positions.c.stream, stream_positions.c.seq).where(stream_positions.c.epoch == epoch)
            positions = {row.stream: row.seq for row in await connection.execute(query)}
        problems = [f"entry {each} is not at the hub" for each in sorted(mine.keys() - theirs.keys() - dead)]
        problems += [f"the hub has {each}, which the edge never made" for each in sorted(theirs.keys() - mine.keys())]
        both = mine.keys() & theirs.keys()
        problems += [f"entry {each} is another one at the hub" for each in both if mine[each] != theirs[each]]
        if dead and not has_dead:
            problems.append(f"{len(dead)} dead letters: {sorted(dead)[:5]}")
        problems += [
            f"{stream}: the hub is at {positions.get(stream, 0)}, the edge heard of {seq}"
            for stream, seq in acked.items()
            if seq != positions.get(stream, 0)
        ]
        return problems


def has_journaled(ledger: Path, word: str) -> bool:
    """Whether an agent's journal says something, an alarm above all."""
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as database:
        query = "SELECT EXISTS (SELECT 1 FROM entries WHERE instr(body, ?))"
        return bool(database.execute(query, (f'"{word}"',)).fetchone()[0])


@contextlib.asynccontextmanager
async def a_fault_site(
    folder: Path,
    *,
    database_url: str | None = None,
    broker_count: int = 1,
    seed: int = 1,
    speed: float = SPEED,
    has_doors: bool = False,
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[FaultSite]:
    """All parts running and drivers charging; the ends of the logs are printed when a journey fails.

    `settings` are the agent's, as environment variables. With `has_doors` the agent is connected to its brokers
    directly, at ports that nobody else uses.
    """
    timeline = Timeline(origin=ORIGIN, anchor_s=time.time(), speed=speed)  # noqa: TID251 - the anchor of this run
    environment = {"OHMSTEAD_TIMELINE": str(timeline)}
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(_logs_shown(folder))
        doors = [steady_port() for _ in range(broker_count)]
        brokers = [
            stack.enter_context(start_broker(0, f"listener {door} 127.0.0.1", folder / f"broker-{number}"))
            for number, door in enumerate(doors)
        ]
        edge_ways = [await stack.enter_async_context(a_way(each.host, each.port, seed)) for each in brokers]
        hub_ways = [await stack.enter_async_context(a_way(each.host, each.port, seed + 1)) for each in brokers]
        url = database_url or f"sqlite+aiosqlite:///{folder / 'hub' / 'hub.db'}"
        hub = a_hub(folder, [way.port for way in hub_ways], environment, database_url)
        stack.push_async_callback(hub.client.close)
        stack.push_async_callback(hub.stop)
        await hub.start()
        await make_key(hub, url, timeline)
        ports = doors if has_doors else [way.port for way in edge_ways]
        edge = await an_edge(folder, ports, environment | SETTINGS | dict(settings or {}))
        stack.push_async_callback(edge.stop)
        await edge.start()
        load = Load(edge=edge, timeline=timeline)
        async with asyncio.TaskGroup() as tasks:
            charging = tasks.create_task(load.run())
            yield FaultSite(
                edge=edge,
                hub=hub,
                url=url,
                brokers=brokers,
                doors=doors,
                edge_ways=edge_ways,
                hub_ways=hub_ways,
                load=load,
                charging=charging,
            )
            charging.cancel()


@contextlib.contextmanager
def _logs_shown(folder: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for log in sorted(folder.glob("*.log")):
            print(f"--- the end of {log}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-25:]))
        raise


def a_hub(folder: Path, ports: Sequence[int], environment: dict[str, str], database_url: str | None) -> Hub:
    """Not started yet."""
    config, data, port = folder / "hub.toml", folder / "hub", steady_port()
    database = f'database_url = "{database_url}"\n' if database_url is not None else ""
    brokers = "".join(f"[[mqtt.brokers]]\nport = {each}\n" for each in ports)
    config.write_text(f'data_dir = "{data}"\n{database}{brokers}[http]\nport = {port}\n', encoding="utf-8")
    return Hub(
        name="hub",
        command=(program("ohmstead-cloud"), "run", "-c", str(config)),
        log=folder / "hub.log",
        environment=environment,
        config=config,
        data=data,
        client=HubClient(f"http://127.0.0.1:{port}"),
    )


async def make_key(hub: Hub, url: str, timeline: Timeline) -> None:
    """An API key for the hub's client."""
    now = timeline.at(time.time())  # noqa: TID251 - the clock of whoever plays with the site
    async with contextlib.aclosing(Store.open(url)) as store, store.write() as connection:
        hub.client.use_key(await keys.create(connection, domain=0, scope=Scope.ADMIN, name="journey", now=now))


async def an_edge(folder: Path, ports: Sequence[int], environment: dict[str, str]) -> Edge:
    """Not started yet, with the demo's cards."""
    config, ocpp_port, local_port = folder / "edge.toml", steady_port(), steady_port()
    brokers = "".join(f'[[uplink.brokers]]\nhost = "127.0.0.1"\nport = {each}\n' for each in ports)
    text = (HERE / "edge.toml").read_text(encoding="utf-8").replace(ONE_BROKER, "") + brokers
    config.write_text(text, encoding="utf-8")
    await import_tokens(config, HERE / "tokens.csv")
    own = {"OHMSTEAD_EDGE_OCPP__PORT": str(ocpp_port), "OHMSTEAD_EDGE_LOCAL__PORT": str(local_port)}
    return Edge(
        name="edge",
        command=(program("ohmstead-edge"), "run", "-c", str(config)),
        log=folder / "edge.log",
        environment=environment | own,
        config=config,
        data=folder / "edge",
        ocpp_port=ocpp_port,
        local_port=local_port,
    )
