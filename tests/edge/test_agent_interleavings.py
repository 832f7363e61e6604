"""Frames, commits, lost connections and crashes in any order: what a station was acknowledged is kept, once.

Real conversations, a real agent, and the real ledger in a file; only the sockets are lists, and a gate stands before
each commit. A crash leaves of the process what is in the file.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.demo.verify import check_ledger
from edge.ledger.reader import LedgerReader
from protocols.ocpp.version import Version
from tests.edge.interleaved_world import STEP, Station, World

GARBAGE: Final = (
    b"",
    b"[2",
    b'{"a":1}',
    b'[2,"g1","Nonsense",{}]',
    b'[2,"g2","StartTransaction",{"connectorId":"x"}]',
    b'[2,"g3","TransactionEvent",{"eventType":"Started"}]',
    b'[3,"g4",{}]',
    b'[4,"g5","InternalError","",{}]',
    b'[2,"g6","MeterValues",{"connectorId":1,"meterValue":[]}]',
)
_KINDS: Final = "SELECT json_extract(CAST(body AS TEXT), '$.body.kind') FROM entries"


Step = tuple[str, str | None, Any]
_OF_STATIONS: Final[list[tuple[str, Any]]] = [
    *[("say", what) for what in ("go", "go", "go", "go", "meter", "stop")],
    *[("chat", action) for action in ("Heartbeat", "StatusNotification")],
    *[("repeat", which) for which in ("same", "last", "start")],
    *[("connect", None), ("connect", None), ("disconnect", None)],
]
_OF_ALL: Final[list[tuple[str, Any]]] = [
    *[("hold", None)] * 3,
    *[("commit", None)] * 4,
    *[(what, None) for what in ("write", "open", "look")],
    *[("crash", is_written) for is_written in (True, False)],
]
_STEPS: Final = st.one_of(
    st.sampled_from([(what, who, how) for what, how in _OF_STATIONS for who in "AB"]),
    st.sampled_from([(what, who, how) for what, how in _OF_STATIONS for who in "AB"]),
    st.sampled_from([(what, None, how) for what, how in _OF_ALL]),
    st.sampled_from([("garbage", who, how) for how in GARBAGE for who in "AB"]),
)


async def play(folder: Path, steps: Sequence[Step]) -> World:
    """The schedule, and then a peaceful end: all come back, say what they have to say, and go."""
    world = World(folder)
    await world.start()
    for station in world.stations.values():
        station.connect()
    await world.settle()
    for what, who, how in steps:
        world.now += STEP
        await _do(world, what, world.stations[who] if who else None, how)
        await world.settle()
    world.gate.open()
    await world.settle()
    for station in world.stations.values():
        if station.wire is None or station.wire.is_dead:
            station.connect()
        for _ in range(4):
            await world.settle()
            world.now += STEP
            if station.session is not None:
                station.go_on("stop")
        await world.settle()
    return world


async def _do(world: World, what: str, station: Station | None, how: Any) -> None:
    if station is not None and station.wire is None and what in ("say", "repeat"):
        station.connect()
        await world.settle()
    match what, station:
        case "say", Station():
            station.go_on(how)
        case "chat", Station():
            payload: dict[str, Any] = {}
            if how == "StatusNotification" and station.version is Version.V16:
                payload = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": world.stamp()}
            elif how == "StatusNotification":
                payload = {"timestamp": world.stamp(), "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1}
            station.say(how, payload)
        case "repeat", Station():
            station.repeat(how)
        case "garbage", Station():
            station.spoil(how)
        case "connect", Station():
            station.connect()
        case "disconnect", Station():
            station.disconnect()
        case "hold", _:
            world.gate.is_open = False
        case "write", _:
            world.gate.write()
        case "commit", _:
            world.gate.let_through()
        case "open", _:
            world.gate.open()
        case "look", _:
            await world.look()
        case "crash", _:
            if how:
                world.gate.write()
                await world.settle()
            was_open = world.gate.is_open
            await world.crash()
            await world.start()
            world.gate.is_open = was_open


def judge(world: World) -> None:
    """Each transaction of the stations is in the ledger once and billed once, and there is no other."""
    for station in world.stations.values():
        assert station.pending is None, f"{station.pending} was never acknowledged"
        assert station.session is None
    with closing(sqlite3.connect(f"file:{world.path}?mode=ro", uri=True)) as database:
        held = Counter(database.execute("SELECT station_id, charger_transaction_id FROM past_transactions").fetchall())
        kinds = Counter(kind for (kind,) in database.execute(_KINDS))
    wanted = Counter((s.station_id, session.name) for s in world.stations.values() for session in s.done)
    assert held == wanted
    assert "unknown_stop_received" not in kinds
    ever = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
    bills = Counter(
        (cdr.station_id, cdr.meter_start_wh, cdr.meter_stop_wh, cdr.total_energy_wh, cdr.quarantine)
        for cdr in LedgerReader(world.path).cdrs(*ever)
    )
    assert bills == Counter(
        (station.station_id, each.start_wh, each.stop_wh, (each.stop_wh or 0) - each.start_wh, ())
        for station in world.stations.values()
        for each in station.done
    )
    assert check_ledger(world.path) == []


async def played(steps: Sequence[Step]) -> World:
    """A schedule played in a folder of its own, and judged."""
    folder = Path(tempfile.mkdtemp(prefix="interleavings-"))
    try:
        world = await play(folder, steps)
        await world.crash()
        judge(world)
        return world
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@settings(max_examples=100)
@given(st.lists(_STEPS, min_size=25, max_size=60))
def test_what_was_acknowledged_is_kept_once_whatever_happens(steps: list[Step]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge.agent.COMMIT_EVERY_S", 0.0)
        asyncio.run(played(steps))
