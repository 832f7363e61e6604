"""Sixty days that a site was away: how long they take to the hub, what both sides need for it, and how fresh the
present is meanwhile. The agent, mosquitto and the hub are the processes that people run."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from websockets import ConnectionClosed, Subprotocol
from websockets.sync.client import ClientConnection, connect

from deploy.demo.servers import start_broker
from edge.ledger.ledger import Ledger
from edge.ledger.packing import QUARTER, quarter_of
from edge.ports import Commit
from firmware_sim.load.edge_config import write_configs
from firmware_sim.load.plan import Identities
from protocols.sync.topics import Stream
from protocols.sync.up import Entry
from tests.bench import machine
from tests.bench.curves import charging
from tests.bench.hub_batches import ENTRIES_PER_TRANSACTION, block_of
from tests.bench.ledger_maker import LedgerSizes, make_ledger
from tests.bench.processes import ROOT, end, pin, pinned_process, run_folder, wait_for
from tests.bench.result import Result
from tests.bench.throughput import say

_EDGE: Final = str(Path(sys.executable).with_name("ohmstead-edge"))
_HUB: Final = str(Path(sys.executable).with_name("ohmstead-cloud"))
_EDGE_ID: Final = "fleet"
_KEPT_EVERY_S: Final = 225
_VALUE_TIMEOUT_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.02
_MEMORY_EVERY_S: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainSizes:
    """Ten transactions a day at each EVSE, and a block of filtered readings for each of `blocks` quarters a day."""

    days: int = 6
    evses: int = 40
    blocks: int = 60
    values_every_s: float = 0.5
    quiet_s: float = 5.0
    timeout_s: float = 1_800.0

    @property
    def ledger(self) -> LedgerSizes:
        transactions = 10 * self.evses * self.days
        return LedgerSizes(
            entries=transactions * ENTRIES_PER_TRANSACTION,
            transactions=transactions,
            open_transactions=0,
            stations=self.evses,
            days=float(self.days),
        )


@dataclass(slots=True)
class _Seen:
    """How long each value took from the charger's socket to the hub's database; `places` mark when things happened."""

    took_ms: list[tuple[float, float]] = field(default_factory=list)
    resident_kb: list[int] = field(default_factory=list)

    def between(self, begun_s: float, ended_s: float) -> list[float]:
        return sorted(took for at_s, took in self.took_ms if begun_s <= at_s < ended_s)


def drain_60_days(sizes: DrainSizes) -> Result:
    """How fresh live values are while the backlog goes up, beside the same when it is gone."""
    cores, seen = machine.choose_cores(), _Seen()
    identities = Identities(stations=sizes.evses)
    with run_folder() as folder, start_broker() as broker:
        made = _make(folder, identities, sizes, broker.port)
        database, stop = folder / "hub" / "hub.db", threading.Event()
        with _hub(folder, cores) as hub:
            wait_for(database.exists, hub, folder / "hub.log")
            with _agent(folder, cores) as (agent, started_s, birth_s):
                begun_s, hub_cpu_s, agent_cpu_s = birth_s, machine.cpu_s(hub.pid), machine.cpu_s(agent.pid)
                lives = threading.Thread(target=_live, args=(folder, identities, database, sizes, seen, stop))
                lives.start()
                try:
                    drained_s = _until_drained(database, sizes, made, agent, hub, seen)
                    used = {"hub": machine.cpu_s(hub.pid) - hub_cpu_s, "edge": machine.cpu_s(agent.pid) - agent_cpu_s}
                    time.sleep(sizes.quiet_s)
                    _wait_for_value(seen, drained_s)
                    ended_s, after_kb = time.monotonic(), machine.resident_kb(agent.pid)
                finally:
                    stop.set()
                    lives.join()
            with _agent(folder, cores) as (_, again_s, _):
                pass
    took_s = drained_s - begun_s
    after = seen.between(drained_s, ended_s)
    during = seen.between(begun_s, drained_s) or after  # a small backlog is gone before anything is measured
    say(f"drain_60_days: {made} entries in {took_s:.1f} s, live values p99 {_p99(during):.0f} ms")
    return Result(
        name="drain_60_days",
        value=_p99(during),
        unit="ms from the charger's socket to the hub's database, p99 of live values while the backlog drains",
        baseline="the same when it is drained",
        baseline_value=_p99(after),
        ratio=_p99(during) / _p99(after),
        is_better="lower",
        details={
            "drained_s": took_s,
            "entries": made,
            "entries_per_s": made / took_s,
            "cpu_s": used,
            "live_values": {"during": len(during), "after": len(after), "p50_ms": during[len(during) // 2]},
            "edge_resident_kb": {"at_first": seen.resident_kb[0], "most": max(seen.resident_kb), "drained": after_kb},
            "edge_listens_s": {"with_the_backlog": started_s, "without": again_s},
        },
        conditions=machine.describe()
        | {
            "load": f"{sizes.days} days of {sizes.evses} EVSEs: {sizes.ledger.transactions} transactions, in all {made}"
            f" entries; one charger measures every {sizes.values_every_s} s",
            "processes": "the hub with SQLite on one core, the agent, mosquitto and the charger on the other",
        },
    )


def _wait_for_value(seen: _Seen, since_s: float) -> None:
    """Until one was seen. Raises TimeoutError."""
    deadline_s = time.monotonic() + _VALUE_TIMEOUT_S
    while not seen.between(since_s, deadline_s):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"no live value within {_VALUE_TIMEOUT_S} s")
        time.sleep(_LOOK_EVERY_S)


def _p99(took: list[float]) -> float:
    return took[min(len(took) - 1, int(len(took) * 0.99))]


def _make(folder: Path, identities: Identities, sizes: DrainSizes, port: int) -> int:
    config = folder / "edge.toml"
    write_configs(config, identities, ports=[0], evses=1, heartbeat_s=60.0)
    with config.open("a") as text:
        text.write(f'\n[[uplink.brokers]]\nhost = "127.0.0.1"\nport = {port}\n')
    (folder / "data").mkdir()
    make_ledger(folder / "data" / "ledger.sqlite", _EDGE_ID, sizes.ledger, datetime.now(UTC))  # noqa: TID251 - until now
    blocks = _make_telemetry(folder / "data" / "ledger.sqlite", sizes)
    (folder / "hub").mkdir()
    hub = f'data_dir = "{folder / "hub"}"\n[http]\nport = 0\n[mqtt]\nhost = "127.0.0.1"\nport = {port}\n'
    (folder / "hub.toml").write_text(hub)
    return sizes.ledger.entries + blocks


def _make_telemetry(path: Path, sizes: DrainSizes) -> int:
    """Four messages a block, about what the filter keeps of an EVSE that charges."""
    until = quarter_of(datetime.now(UTC))  # noqa: TID251 - the newest entry is of now
    curves = [charging(random.Random(evse), 1_000_000, _KEPT_EVERY_S) for evse in range(sizes.evses)]
    quarters = [
        until - timedelta(days=day, minutes=15 * quarter)
        for day in range(sizes.days, 0, -1)
        for quarter in range(sizes.blocks, 0, -1)
    ]

    async def commit(ledger: Ledger) -> int:
        seq = 0
        for begins_at in quarters:
            blocks = [block_of(evse, curve, begins_at, _KEPT_EVERY_S) for evse, curve in enumerate(curves, 1)]
            at = begins_at + QUARTER
            entries = [
                Entry(stream=Stream.TELEMETRY, seq=number, at=at, body=block)
                for number, block in enumerate(blocks, seq + 1)
            ]
            await ledger.commit(Commit(entries=entries))
            seq += len(entries)
        return seq

    with Ledger(path, _EDGE_ID) as ledger:
        return asyncio.run(commit(ledger))


@contextmanager
def _hub(folder: Path, cores: machine.Cores) -> Iterator[subprocess.Popen[bytes]]:
    command = [_HUB, "run", "--config", str(folder / "hub.toml")]
    with pinned_process(command, cores.server, folder / "hub.log", {}) as process:
        yield process


@contextmanager
def _agent(folder: Path, cores: machine.Cores) -> Iterator[tuple[subprocess.Popen[bytes], float, float]]:
    """The agent, how long it took to listen, and when it did."""
    listening = folder / "data" / "listening.json"
    listening.unlink(missing_ok=True)
    begun_s = time.monotonic()
    with (folder / "edge.log").open("wb") as log:
        process = subprocess.Popen(
            [_EDGE, "run", "--config", str(folder / "edge.toml")],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=pin(cores.load),
        )
    try:
        wait_for(listening.exists, process, folder / "edge.log")
        listening_s = time.monotonic()
        yield process, listening_s - begun_s, listening_s
    finally:
        process.send_signal(signal.SIGTERM)
        end(process)


def _until_drained(
    database: Path,
    sizes: DrainSizes,
    made: int,
    agent: subprocess.Popen[bytes],
    hub: subprocess.Popen[bytes],
    seen: _Seen,
) -> float:
    """When all that was made is at the hub. Raises TimeoutError, or RuntimeError where a side has ended."""
    deadline_s = time.monotonic() + sizes.timeout_s
    query = "SELECT coalesce(sum(seq), 0) FROM stream_positions"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as reading:
        while reading.execute(query).fetchone()[0] < made:
            if agent.poll() is not None or hub.poll() is not None:
                raise RuntimeError("the agent or the hub has ended")
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{reading.execute(query).fetchone()} of {made}")
            seen.resident_kb.append(machine.resident_kb(agent.pid))
            time.sleep(_MEMORY_EVERY_S)
    return time.monotonic()


def _live(
    folder: Path, identities: Identities, database: Path, sizes: DrainSizes, seen: _Seen, stop: threading.Event
) -> None:
    """A charger that measures another power each time, and an eye on the hub's row of its EVSE."""
    station = identities.traits(1).station_id
    told_at_s: dict[int, float] = {}
    reading = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    query = "SELECT power_w FROM evses WHERE edge_id = ? AND station_id = ? AND power_w IS NOT NULL"
    last: int | None = None
    with closing(reading), _connected(folder, identities, station) as charger:
        powers, next_s = itertools.count(1_000), time.monotonic()
        while not stop.is_set():
            now_s = time.monotonic()
            if now_s >= next_s:
                power_w = next(powers)
                told_at_s[power_w] = time.monotonic()
                _tell(charger, power_w)
                next_s += sizes.values_every_s
            row = reading.execute(query, (_EDGE_ID, station)).fetchone()
            if row is not None and row[0] != last and row[0] in told_at_s:
                last = row[0]
                seen.took_ms.append((time.monotonic(), 1000 * (time.monotonic() - told_at_s[row[0]])))
            time.sleep(_LOOK_EVERY_S)


@contextmanager
def _connected(folder: Path, identities: Identities, station: str) -> Iterator[ClientConnection]:
    port = json.loads((folder / "data" / "listening.json").read_text())["ocpp"]
    account = b64encode(f"{station}:{identities.password_of(station)}".encode()).decode()
    with connect(
        f"ws://127.0.0.1:{port}/{station}",
        subprotocols=[Subprotocol("ocpp1.6")],
        additional_headers={"Authorization": f"Basic {account}"},
        compression=None,
    ) as charger:
        boot = {"chargePointVendor": "bench", "chargePointModel": "bench"}
        charger.send(json.dumps([2, "boot", "BootNotification", boot]))
        yield charger


def _tell(charger: ClientConnection, power_w: int) -> None:
    """What the agent says meanwhile is read and left; its calls time out."""
    stamp = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"  # noqa: TID251 - a charger's clock
    sampled: dict[str, Any] = {"value": str(power_w), "measurand": "Power.Active.Import", "unit": "W"}
    values = {"connectorId": 1, "meterValue": [{"timestamp": stamp, "sampledValue": [sampled]}]}
    try:
        charger.send(json.dumps([2, f"m{power_w}", "MeterValues", values]))
        while True:
            charger.recv(timeout=0)
    except TimeoutError:
        pass
    except ConnectionClosed as error:
        raise RuntimeError(f"the agent closed the charger's connection: {error}") from error
