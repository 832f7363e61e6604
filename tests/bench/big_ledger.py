"""How soon an agent with years in its ledger is there, after a clean stop and after a kill, beside one with nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from websockets.sync.client import connect
from websockets.typing import Subprotocol

from firmware_sim.load.edge_config import write_configs
from firmware_sim.load.plan import Identities
from tests.bench import machine
from tests.bench.ledger_maker import LedgerSizes, make_ledger
from tests.bench.processes import end, pin, run_folder, wait_for
from tests.bench.result import Result
from tests.bench.throughput import say

_EDGE: Final = str(Path(sys.executable).with_name("ohmstead-edge"))
_EDGE_ID: Final = "fleet"
_TRANSACTIONS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class BigLedgerSizes:
    """`rounds` starts of each kind, with nothing of the ledger in the machine's file cache."""

    ledger: LedgerSizes = field(default_factory=LedgerSizes)
    rounds: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Seconds from the start of the process until the agent listens, and until it has answered a Heartbeat.

    `cpu_s` is what it has computed by then: on a busy machine that tells more than the time.
    """

    listening_s: float
    answered_s: float
    cpu_s: float
    resident_kb: int


def big_ledger(sizes: BigLedgerSizes) -> Result:
    """The median start of an agent with the large ledger, beside that of one with an empty ledger."""
    cores = machine.choose_cores()
    identities = Identities(stations=sizes.ledger.stations, id_format=sizes.ledger.station_id)
    found: dict[str, list[Start]] = {}
    stops_s: list[float] = []
    with run_folder() as folder:
        made_s, size_bytes = _make(folder, identities, sizes)
        for kind in ("empty", "big"):
            place = folder / kind
            before = "stop"
            for ending in [signal.SIGKILL, signal.SIGTERM] * sizes.rounds:
                with _agent(place, cores) as process:
                    found.setdefault(f"{kind} after {before}", []).append(_start(place, process, identities))
                    _leave_traces(place, identities)
                    asked_s = time.monotonic()
                    process.send_signal(ending)
                    process.wait()
                    stops_s.append(time.monotonic() - asked_s)
                before = "kill" if ending is signal.SIGKILL else "stop"
            say(f"big_ledger: {kind}: " + ", ".join(f"{s.listening_s:.2f} s" for s in _all(found, kind)))
    big, empty = (median(start.answered_s for start in _all(found, kind)) for kind in ("big", "empty"))
    return Result(
        name="big_ledger",
        value=big,
        unit="s from the start of the process to the first answered Heartbeat",
        baseline="the same with an empty ledger",
        baseline_value=empty,
        ratio=big / empty,
        is_better="lower",
        details={
            "worst_starts": {kind: _told(starts) for kind, starts in found.items()},
            "slowest_stop_s": max(stops_s),
            "ledger_mb": size_bytes / 1e6,
            "made_in_s": made_s,
        },
        conditions=machine.describe()
        | {
            "load": f"{sizes.ledger.entries} journal entries, {sizes.ledger.transactions} transactions,"
            f" {sizes.ledger.open_transactions} of them open, {sizes.ledger.stations} stations",
            "rounds": f"{sizes.rounds} of each, the ledger's pages dropped from the file cache before each start",
        },
    )


# --- beneath ---


def _all(found: dict[str, list[Start]], kind: str) -> list[Start]:
    return [start for name, starts in found.items() if name.startswith(kind) for start in starts]


def _told(starts: list[Start]) -> dict[str, float]:
    return {
        "listening_s": max(start.listening_s for start in starts),
        "answered_s": max(start.answered_s for start in starts),
        "cpu_s": median(start.cpu_s for start in starts),
        "resident_kb": max(start.resident_kb for start in starts),
    }


def _make(folder: Path, identities: Identities, sizes: BigLedgerSizes) -> tuple[float, int]:
    for kind in ("empty", "big"):
        (folder / kind / "data").mkdir(parents=True)
        write_configs(folder / kind / "edge.toml", identities, ports=[0], evses=1, heartbeat_s=15.0)
    path = folder / "big" / "data" / "ledger.sqlite"
    begun_s = time.monotonic()
    make_ledger(path, _EDGE_ID, sizes.ledger, datetime.now(UTC))  # noqa: TID251 - the newest entry is of now
    made_s = time.monotonic() - begun_s
    say(f"big_ledger: made {path.stat().st_size / 1e6:,.0f} MB in {made_s:.0f} s")
    return made_s, path.stat().st_size


@contextmanager
def _agent(place: Path, cores: machine.Cores) -> Iterator[subprocess.Popen[bytes]]:
    for file in (place / "data").glob("ledger.sqlite*"):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    (place / "data" / "listening.json").unlink(missing_ok=True)  # a killed agent leaves it
    command = [_EDGE, "run", "--config", str(place / "edge.toml")]
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=pin(cores.server)
        )
    try:
        yield process
    finally:
        process.terminate()
        end(process)


def _start(place: Path, process: subprocess.Popen[bytes], identities: Identities) -> Start:
    begun_s = _begun_s(process.pid)
    wait_for((place / "data" / "listening.json").exists, process, place / "log")
    listening_s = time.clock_gettime(time.CLOCK_BOOTTIME) - begun_s
    _converse(place, identities, ['[2,"1","Heartbeat",{}]'])
    answered_s = time.clock_gettime(time.CLOCK_BOOTTIME) - begun_s
    return Start(
        listening_s=listening_s,
        answered_s=answered_s,
        cpu_s=machine.cpu_s(process.pid),
        resident_kb=machine.resident_kb(process.pid),
    )


def _begun_s(pid: int) -> float:
    """When a process was started, in seconds since the machine was (proc(5), field 22)."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(after_name[19]) / os.sysconf("SC_CLK_TCK")


def _leave_traces(place: Path, identities: Identities) -> None:
    """Transactions that are not in the database's file yet but in the log beside it, when the agent ends."""
    stamp = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"  # noqa: TID251 - a charger's clock
    token = identities.traits(identities.stations).token
    begins = [
        {"connectorId": 1, "idTag": token, "meterStart": number, "timestamp": stamp} for number in range(_TRANSACTIONS)
    ]
    requests = [[2, f"s{number}", "StartTransaction", begin] for number, begin in enumerate(begins)]
    _converse(place, identities, [json.dumps(request) for request in requests])


def _converse(place: Path, identities: Identities, requests: list[str]) -> list[Any]:
    """Say something as the last station and wait for each answer."""
    port = json.loads((place / "data" / "listening.json").read_text())["ocpp"]
    station = identities.traits(identities.stations).station_id
    account = b64encode(f"{station}:{identities.password_of(station)}".encode()).decode()
    with connect(
        f"ws://127.0.0.1:{port}/{station}",
        subprotocols=[Subprotocol("ocpp1.6")],
        additional_headers={"Authorization": f"Basic {account}"},
        compression=None,
    ) as socket:
        answers = []
        for request in requests:
            socket.send(request)
            while (answer := json.loads(socket.recv(timeout=60)))[0] != 3:
                pass
            answers.append(answer)
        return answers
