"""Full load, and the agent killed with SIGKILL again and again: nothing that it has acknowledged is lost or doubled.

The stations are those of `ohmstead-sim fleet`: transactions, readings and heartbeats as fast as is sensible; what was
not acknowledged they say again, unchanged, once they are back. Their account is held against the ledger.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import signal
import sqlite3
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from deploy.demo.processes import program
from deploy.demo.servers import steady_port
from deploy.demo.site import Edge, import_tokens
from deploy.demo.verify import check_ledger, compare_with_chargers
from firmware_sim.load.edge_config import write_configs, write_tokens
from firmware_sim.load.plan import Identities
from protocols.timeline import Timeline
from tests.journeys.harness import expect_none
from tests.journeys.wire import wire
from tests.kit import wait_until

KILLS = 20
STATIONS = 500
PROBE = STATIONS + 1
"""One more, which only asks whether the agent answers."""
SEED = 20260302
SPEED = 120.0
RECONNECT_S = 1.0
READY_LIMIT_S = 15.0
LOSSES = {
    "closed by the server",
    "connection failed",
    "Connection refused",
    "Connection reset by peer",
    "connect: Connection refused",
    "receive: Connection reset by peer",
    "send: Broken pipe",
    "send: Connection reset by peer",
}
"""How a station sees that its server is gone."""
IDENTITIES = Identities(stations=PROBE, charging=0.8, share_201=0.5)


@dataclass(slots=True, kw_only=True)
class Load:
    """The running fleet, and what it has last told of itself."""

    process: Process
    progress: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("connected", "ready", "answered"), 0))

    async def listen(self) -> None:
        """Read its progress until it ends."""
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            for count, what in re.findall(r"(\d+) (connected|ready|in transaction|answered)", line.decode()):
                self.progress[what] = int(count)

    async def summary(self) -> dict[str, Any]:
        """End its sessions, and have its account."""
        assert self.process.stdout is not None
        self.process.send_signal(signal.SIGINT)
        body: dict[str, Any] = json.loads(await self.process.stdout.read())
        await self.process.wait()
        return body


@pytest.mark.timeout(240)
async def test_twenty_kills_at_full_load(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    timeline = Timeline(origin=datetime(2026, 3, 2, 6, tzinfo=UTC), anchor_s=time.time(), speed=SPEED)  # noqa: TID251
    edge = await an_edge(tmp_path, timeline)
    listening_s: list[float] = []
    answering_s: list[float] = []
    busy_kills = 0
    try:
        await edge.start()
        async with a_fleet(tmp_path, edge, timeline) as load:
            await wait_until(lambda: load.progress["ready"] == STATIONS, 30)
            for _ in range(KILLS):
                answered = load.progress["answered"]
                await asyncio.sleep(rng.uniform(0.05, 1.2))
                await edge.kill()
                killed_s = time.monotonic()
                await edge.start()
                listening_s.append(time.monotonic() - killed_s)
                await first_answer(edge)
                answering_s.append(time.monotonic() - killed_s)
                busy_kills += load.progress["answered"] > answered
            back_s = time.monotonic()
            await wait_until(lambda: load.progress["ready"] == STATIONS, 30)
            back_s = time.monotonic() - back_s
            body = await load.summary()
    finally:
        await edge.stop()
    print(
        f"listening {told(listening_s)} and answering {told(answering_s)} after a kill; all {STATIONS} stations back"
        f" {back_s:.1f} s after the last first answer; {body['transactions']} {body['errors']}"
    )
    told_all = [json.loads(line) for line in (tmp_path / "transactions.jsonl").read_text().splitlines()]
    expect_none(
        [
            *reconcile(told_all, body["transactions"], edge.ledger),
            *compare_with_chargers(told_all, edge.cdrs()),
            *check_ledger(edge.ledger),
            *(
                f"{count} x {error}"
                for error, count in body["errors"].items()
                if error.partition(": ")[2] not in LOSSES
            ),
        ]
    )
    assert body["ready"] == STATIONS
    assert (body["unanswered"], body["unfinished_stations"], body["transactions"]["open"]) == (0, 0, 0)
    assert len(told_all) > 5 * STATIONS, "that was no full load"
    assert busy_kills > KILLS // 2, "the stations were busy between the kills"
    assert max(answering_s) < READY_LIMIT_S
    # A second passes between two looks of the fleet at itself; each station tries again within RECONNECT_S.
    assert back_s < 2 + 5 * RECONNECT_S, "the stations came back in time"
    attempts = body["reconnects"] / STATIONS / KILLS
    assert attempts < 2 + max(answering_s) / (0.1 * RECONNECT_S), "and did not knock each other out"


def reconcile(transactions: Sequence[dict[str, Any]], counts: dict[str, int], ledger: Path) -> list[str]:
    """Every way in which the ledger's transactions are not those that the stations have been acknowledged."""
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as database:
        ended = database.execute("SELECT station_id, charger_transaction_id FROM past_transactions").fetchall()
        running = database.execute("SELECT station_id, charger_transaction_id FROM open_transactions").fetchall()
    held = Counter(ended)
    wanted = {(each["station"], each["transaction_id"]) for each in transactions}
    problems = [f"transaction {key} is there {held[key]} times" for key in wanted if held[key] != 1]
    problems += [f"transaction {key} is no station's" for key in held.keys() - wanted]
    problems += [f"transaction {key} has not ended" for key in running]
    problems += [f"start of {each} was not acknowledged" for each in transactions if not each["acknowledged_start"]]
    for what in ("acknowledged_starts", "acknowledged_stops"):
        if counts[what] != len(transactions):
            problems.append(f"{what}: {counts[what]} of {len(transactions)}")
    return problems


def told(times_s: Sequence[float]) -> str:
    return f"{median(times_s):.2f} s (at most {max(times_s):.2f} s)"


async def first_answer(edge: Edge) -> None:
    station_id = IDENTITIES.traits(PROBE).station_id
    async with wire(edge, station_id, password=IDENTITIES.password_of(station_id)) as socket:
        await socket.boot()


async def an_edge(folder: Path, timeline: Timeline) -> Edge:
    """An agent for the fleet and the one station more, with its cards."""
    config, ports = folder / "edge.toml", (steady_port(), steady_port())
    write_configs(config, IDENTITIES, ports=ports[:1], evses=1, heartbeat_s=1)
    write_tokens(folder / "tokens.csv", IDENTITIES)
    await import_tokens(config, folder / "tokens.csv")
    return Edge(
        name="edge",
        command=(program("ohmstead-edge"), "run", "-c", str(config)),
        log=folder / "edge.log",
        environment={"OHMSTEAD_TIMELINE": str(timeline), "OHMSTEAD_EDGE_LOCAL__PORT": str(ports[1])},
        config=config,
        data=folder / "data",
        ocpp_port=ports[0],
        local_port=ports[1],
    )


@contextlib.asynccontextmanager
async def a_fleet(folder: Path, edge: Edge, timeline: Timeline) -> AsyncIterator[Load]:
    """Every station that charges does so for a second, reports three times and begins anew."""
    process = await asyncio.create_subprocess_exec(
        *(program("ohmstead-sim"), "fleet", "--edge", edge.ocpp_url, "--stations", str(STATIONS)),
        *("--charging", str(IDENTITIES.charging), "--session", "1", "--meter-interval", "0.3", "--heartbeat", "1"),
        *("--ramp", "1", "--duration", "600", "--reconnect", str(RECONNECT_S), "--processes", "1"),
        *("--transactions", str(folder / "transactions.jsonl"), "--timeline", str(timeline)),
        stdout=PIPE,
        stderr=PIPE,
    )
    load = Load(process=process)
    try:
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(load.listen())
            yield load
            listening.cancel()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.communicate()
