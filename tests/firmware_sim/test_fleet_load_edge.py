"""The load driver against a real edge agent: everything is answered, and the bills are what the stations counted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit import block_until

BIN = Path(sys.executable).parent
STATIONS = 40
FLEET = (str(BIN / "ohmstead-sim"), "fleet", "--stations", str(STATIONS))


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int, int]]:
    """An agent for the fleet: its folder, its port for stations, its process."""
    tmp_path = tmp_path_factory.mktemp("fleet")
    files = ("--write-config", str(tmp_path / "edge.toml"), "--tokens", str(tmp_path / "tokens.csv"))
    subprocess.run([*FLEET, *files], check=True)
    imported = _edge(tmp_path, "tokens", "import", str(tmp_path / "tokens.csv"))
    subprocess.run(imported, check=True, capture_output=True)
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            _edge(tmp_path, "run"), stdout=log, stderr=log, env={**os.environ, "OHMSTEAD_EDGE_OCPP__PORT": "0"}
        )
        try:
            listening = tmp_path / "data" / "listening.json"
            block_until(lambda: listening.exists() or process.poll() is not None, 30)
            yield tmp_path, int(json.loads(listening.read_text())["ocpp"]), process.pid
        finally:
            process.terminate()
            process.wait(20)


def _edge(folder: Path, *arguments: str) -> list[str]:
    return [str(BIN / "ohmstead-edge"), *arguments, "--config", str(folder / "edge.toml")]


def bills(folder: Path) -> list[dict[str, Any]]:
    told = subprocess.run(_edge(folder, "cdrs", "export", "--format", "ndjson"), check=True, capture_output=True)
    return [json.loads(line) for line in told.stdout.splitlines()]


def test_everything_is_answered_and_the_bills_are_the_summarys(edge: tuple[Path, int, int]) -> None:
    folder, port, pid = edge
    before = {bill["id"] for bill in bills(folder)}
    options = (
        *("--edge", f"ws://127.0.0.1:{port}", "--processes", "2", "--ramp", "0.3", "--duration", "1.5"),
        *("--heartbeat", "0.5", "--charging", "0.5", "--meter-interval", "0.3", "--session", "1"),
        *("--storm", "0.3", "--queued", "12", "--transactions", str(folder / "t.jsonl"), "--server-pid", str(pid)),
    )
    done = subprocess.run([*FLEET, *options], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr + (folder / "log").read_text()
    body = json.loads(done.stdout)
    assert (body["stations"], body["ready"], body["error_count"], body["unanswered"]) == (STATIONS, STATIONS, 0, 0)
    assert body["transactions"]["open"] == 0
    steady, storm = body["phases"]["steady"], body["phases"]["storm"]
    assert steady["actions"]["Heartbeat"]["count"] > STATIONS
    assert steady["actions"]["MeterValues"]["count"] > 0
    assert steady["actions"]["TransactionEvent Updated"]["count"] > 0
    assert storm["actions"]["(all delivered)"]["count"] == STATIONS
    assert storm["actions"]["BootNotification"]["count"] == STATIONS
    assert storm["messages"] == STATIONS * (2 + 12)
    assert body["server"]["resident_kb"]["end"] > 10_000

    told = [json.loads(line) for line in (folder / "t.jsonl").read_text().splitlines()]
    billed = [bill for bill in bills(folder) if bill["id"] not in before]
    assert len(billed) == len(told) == body["transactions"]["acknowledged_stops"] > 2 * STATIONS
    assert sum(bill["total_energy_wh"] for bill in billed) == body["transactions"]["energy_wh"]
    assert not any(bill["quarantine"] for bill in billed)
    assert sorted((bill["station_id"], bill["total_energy_wh"]) for bill in billed) == sorted(
        (each["station"], each["energy_wh"]) for each in told
    )


def test_an_interrupt_ends_sessions_before_connections(edge: tuple[Path, int, int]) -> None:
    folder, port, _ = edge
    before = len(bills(folder))
    options = ("--edge", f"ws://127.0.0.1:{port}", "--ramp", "0.2", "--charging", "1", "--duration", "600")
    with subprocess.Popen([*FLEET, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        for line in process.stderr:
            if f" {STATIONS} in transaction" in line:
                process.send_signal(signal.SIGINT)
                break
        rest, body = process.stderr.read(), json.loads(process.stdout.read())
    assert process.returncode == 130, rest
    assert "Traceback" not in rest
    assert body["interrupted"]
    assert body["transactions"]["acknowledged_stops"] == STATIONS == len(bills(folder)) - before
    assert body["transactions"]["open"] == body["error_count"] == 0


def test_a_server_that_is_not_there_is_an_error_and_no_hang() -> None:
    options = ("--edge", "ws://127.0.0.1:9", "--ramp", "0.1", "--duration", "0.3", "--drain", "0.2", "--json")
    done = subprocess.run([*FLEET, *options], capture_output=True, text=True, timeout=30, check=False)
    body = json.loads(done.stdout)
    assert (done.returncode, done.stderr, body["ready"]) == (1, "", 0)
    assert body["error_count"] == body["unfinished_stations"] == STATIONS
    assert list(body["errors"]) == ["(connection): Connection refused"]
