"""Each benchmark runs and says what it must; how fast it is no test's business."""

from __future__ import annotations

import json
import os
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from edge.disk_plan import Usage
from protocols.timeline import REAL_TIME
from tests.bench.agents import FleetLoad
from tests.bench.big_ledger import BigLedgerSizes
from tests.bench.boot import BootSizes
from tests.bench.catalogue import Suite, catalogue
from tests.bench.device import DeviceSizes
from tests.bench.drain import DrainSizes
from tests.bench.fleets import FleetSizes
from tests.bench.hub_batches import JournalSizes, ReadingSizes
from tests.bench.ingest import IngestSizes
from tests.bench.ledger_maker import LedgerSizes
from tests.bench.load import Load, Plan
from tests.bench.memory import MemorySizes, is_flat, slope_per_min
from tests.bench.modbus import LineSizes, PollSizes
from tests.bench.money import FindSizes
from tests.bench.money_ledger import MoneySizes
from tests.bench.pairs import PacedSizes
from tests.bench.prices import PriceSizes
from tests.bench.processes import ROOT
from tests.bench.retention import RetentionSizes
from tests.bench.scale import ScaleSizes
from tests.bench.scripts import Stamps, meter_values_16, transaction_event, voice
from tests.bench.storage import StorageSizes
from tests.bench.storm import StormSizes
from tests.bench.throughput import Sizes
from tests.bench.wire import WireSizes

KEYS = {"name", "value", "unit", "baseline", "baseline_value", "ratio", "conditions"}
FEW = FleetLoad(stations=12, heartbeat_s=0.2, charging=0.5, meter_interval_s=0.2, session_s=1.0, ramp_s=0.3, hold_s=1.0)
TINY = catalogue(
    Suite(
        throughput=Sizes(stations=4, pairing_stations=6, rounds=1, warm_s=0.05, window_s=0.2),
        paced=PacedSizes(stations=6, pairs_per_s=50, rounds=1, warm_s=0.05, window_s=0.3),
        scale=ScaleSizes(stations=(2, 6), rate=100, rounds=1, warm_s=0.05, window_s=0.2),
        storm=StormSizes(stations=5, rounds=1),
        boot=BootSizes(
            load=replace(FEW, charging=0.0, hold_s=0.0, storm_s=0.3, queued=12, heartbeat_s=15.0), baseline_stations=3
        ),
        fleet=FleetSizes(load=FEW, agents=2, baseline_stations=6, baseline_hold_s=0.5),
        large_fleet=FleetSizes(load=FEW, agents=3, baseline_stations=6, baseline_hold_s=0.5),
        memory=MemorySizes(load=replace(FEW, hold_s=2.0), calibrate_s=0.5, sample_every_s=0.2, wanted_share=0.1),
        big_ledger=BigLedgerSizes(
            ledger=LedgerSizes(entries=900, transactions=30, open_transactions=5, stations=6), rounds=1
        ),
        retention=RetentionSizes(
            ledger=LedgerSizes(entries=1500, transactions=50, open_transactions=0, days=2),
            commit_entries=5,
            every_s=0.01,
            window_s=0.3,
        ),
        storage=StorageSizes(usage=Usage(evses=2, sessions=2, session_h=1, is_filtered=False), days=1),
        money=MoneySizes(bills=40, stations=3),
        month_rounds=1,
        prices=PriceSizes(bills=2, sessions=3, rounds=1),
        find=FindSizes(customers=60, looks=5),
        poll=PollSizes(devices=4, every_s=0.2, rounds=1, window_s=0.6),
        line=LineSizes(devices=2, window_s=1.0),
        ingest=IngestSizes(
            journal=JournalSizes(transactions=20, stations=4, batch_entries=50),
            readings=ReadingSizes(evses=3, hours=2, batch_blocks=2),
            plain_batches=3,
            rounds=1,
        ),
        drain=DrainSizes(days=1, evses=2, blocks=8, quiet_s=2.5),
        wire=WireSizes(evses=2, sessions=2, charging=timedelta(minutes=20)),
        device=DeviceSizes(entries=100, group=50, rounds=1),
    )
)


@pytest.mark.parametrize("name", TINY)
def test_a_benchmark_prints_one_line_of_json_with_what_it_found(name: str) -> None:
    line = TINY[name]().line()
    assert "\n" not in line
    found = json.loads(line)
    assert found.keys() >= KEYS
    assert found["name"] == name
    assert found["value"] > 0
    assert found["baseline_value"] > 0
    assert found["ratio"] > 0
    assert {"cores", "python", "load"} <= found["conditions"].keys()
    assert not any(found.get("errors", {}).values())
    EXPECTED.get(name, lambda _: None)(found)


def _is_a_boot_storm(found: dict[str, Any]) -> None:
    stations, queued = 12, 12
    assert found["messages"] == stations * (2 + queued)
    assert found["unanswered"] == found["stations_with_something_left"] == 0
    assert found["transactions"]["acknowledged_stops"] == found["transactions"]["acknowledged_starts"] >= stations
    assert found["boot_ms"]["max"] >= found["boot_ms"]["p99"] > 0
    assert found["queued_ms"]["max"] >= found["queued_ms"]["p99"] > 0
    assert found["peak_resident_kb"] > 10_000


def _is_a_fleet(found: dict[str, Any]) -> None:
    assert not found["baseline_measured"]["errors"]
    assert found["transactions"]["acknowledged_starts"] >= 6
    assert found["messages_per_s"] > 20
    assert found["memory_kb_per_station"]["agents and all"] > 0
    assert found["latency_ms"]["p99"] > 0


def _is_a_large_fleet(found: dict[str, Any]) -> None:
    _is_a_fleet(found)
    assert found["value"] == 12
    assert found["gives_out_first"].startswith(max(found["used_share"], key=found["used_share"].get))


def _is_paced(found: dict[str, Any]) -> None:
    assert found["ours"]["pairs_per_s"] == pytest.approx(50, rel=0.3)
    assert found["ours"]["longest_ms"] >= found["ours"]["latency_ms"]["p99"]


def _is_a_poll(found: dict[str, Any]) -> None:
    for side in ("ours", "baseline_side"):
        assert found[side]["polls_per_s"] == pytest.approx(4 / 0.2, rel=0.5)
        assert found[side]["latency_ms"]["p99"] > 0
    assert found["conditions"]["reads_per_poll"] == {"ours": 6, "baseline": 20}


def _is_a_line(found: dict[str, Any]) -> None:
    """No line is faster than its wire."""
    assert found["ratio"] > 0.98
    assert found["limit_of_single_reads_s"] > found["baseline_value"]


EXPECTED = {
    "modbus_poll": _is_a_poll,
    "modbus_line_9600": _is_a_line,
    "modbus_line_19200": _is_a_line,
    "boot_storm": _is_a_boot_storm,
    "fleet_30000": _is_a_fleet,
    "fleet_100000": _is_a_large_fleet,
    "start_stop_paced": _is_paced,
}


def test_the_benchmarks_can_be_listed() -> None:
    command = [sys.executable, "-m", "tests.bench", "--list"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert listed.split() == list(TINY)


def test_the_frames_are_as_large_as_real_ones() -> None:
    station = voice(1, Stamps(REAL_TIME))
    assert len(meter_values_16(station, b"195000123", 1)) == 883
    assert 1_150 < len(transaction_event(station, 1, 1)) < 1_250


def test_a_slope_is_told_with_its_uncertainty() -> None:
    noise = (3, -5, 4, -2, 0, 5, -4, -1)
    rising = [(10.0 * index, 1000 + 20 * index + noise[index % 8]) for index in range(64)]
    slope, uncertainty = slope_per_min(rising)
    assert slope == pytest.approx(120, abs=uncertainty)
    assert uncertainty < 2
    assert not is_flat(slope, uncertainty, 10.5, 1000)
    level, doubt = slope_per_min([(at_s, 1000 + noise[index % 8]) for index, (at_s, _) in enumerate(rising)])
    assert abs(level) < doubt
    assert is_flat(level, doubt, 10.5, 1000)


def test_a_server_that_stands_still_is_seen_in_every_message_that_was_meant_to_be_sent() -> None:
    """Coordinated omission: ten messages fell due in the pause; none is left out, each counts its own waiting."""
    with slow_server(pause_s=0.5) as port:
        plan = Plan(port=port, pid=os.getpid(), stations=2, script="beating", password="x" * 16)
        with closing(Load(plan)) as load:
            load.connect(at_once=2)
            report = load.paced(rate=100, warm_s=0.0, window_s=1.0)
    assert report["answered_in_all"] == pytest.approx(100, abs=3)
    assert report["max_ms"] == pytest.approx(500, rel=0.2)
    assert report["p50_ms"] < 400
    assert report["p99_ms"] > 300


@contextmanager
def slow_server(pause_s: float) -> Iterator[int]:
    """Answers everything at once, but stands still once, after the first tenth of a second of heartbeats."""
    listener = socket.create_server(("127.0.0.1", 0))
    is_over = threading.Event()
    thread = threading.Thread(target=_serve, args=(listener, pause_s, is_over), daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        is_over.set()
        thread.join(10)


def _serve(listener: socket.socket, pause_s: float, is_over: threading.Event) -> None:
    with listener, selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        first_s: float | None = None
        is_paused = False
        while not is_over.is_set():
            for key, _ in selector.select(0.1):
                if key.fileobj is listener:
                    peer, _ = listener.accept()
                    peer.recv(4096)
                    peer.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
                    selector.register(peer, selectors.EVENT_READ)
                    continue
                assert isinstance(key.fileobj, socket.socket)
                asked = key.fileobj.recv(4096)
                if not asked:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                    continue
                if b"Heartbeat" in asked:
                    first_s = first_s or time.monotonic()
                    if not is_paused and time.monotonic() > first_s + 0.1:
                        is_paused = True
                        time.sleep(pause_s)
                answer = b'[3,"%b",{}]' % asked[asked.index(b'"') + 1 :][:36]
                key.fileobj.sendall(bytes((0x81, len(answer))) + answer)
