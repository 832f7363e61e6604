"""The processes of a benchmark: the edge agent and the usual stack on one core, their load on another."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

from edge.chargers.credentials import hash_password
from tests.bench.load import Plan
from tests.bench.machine import Cores
from tests.bench.scripts import station_id, token_of

ROOT: Final = Path(__file__).parents[2]
PASSWORD: Final = "a-password-for-all-stations"
START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 0.05

_SITE: Final = """
edge_id = "bench"
data_dir = "data"
currency = "EUR"
default_tariff = "ac"

[location]
id = "BENCH"
name = "Bench"
time_zone = "Europe/Berlin"

[ocpp]
host = "127.0.0.1"
port = 0
ping_interval_s = 3600

[local]
port = 0

[transactions]
checkpoint_s = {checkpoint_s}

[log]
level = "warning"

[[tariffs]]
id = "ac"
last_updated = 2026-01-01T00:00:00Z

[[tariffs.elements]]
price_components = [
    {{ type = "FLAT", price = 0.50, vat = 19 }},
    {{ type = "ENERGY", price = 0.49, vat = 19 }},
    {{ type = "PARKING_TIME", price = 3.60, vat = 19, step_size = 900 }},
]
"""
_STATION: Final = """
[[stations]]
id = "{id}"
password_hash = "{password_hash}"
evses = [{{ id = 1, label = "{number}", max_power_kw = 22 }}]
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server under test; `metrics` reads its Prometheus counters, and is empty where it has none."""

    port: int
    pid: int
    metrics: Callable[[], dict[str, float]]
    timeline: str | None = None


@contextmanager
def edge(stations: int, cores: Cores, *, checkpoint_s: int = 60, timeline: str | None = None) -> Iterator[Server]:
    """`ohmstead-edge run` as it is installed, with its stations, their tokens, and its ledger on a real disk."""
    with run_folder() as folder:
        config = folder / "edge.toml"
        password_hash = hash_password(PASSWORD)
        listed = (_STATION.format(id=station_id(n), password_hash=password_hash, number=n) for n in range(stations))
        config.write_text(_SITE.format(checkpoint_s=checkpoint_s) + "".join(listed))
        program = str(Path(sys.executable).with_name("ohmstead-edge"))
        cards = folder / "tokens.csv"
        rows = (f"{token_of(n)},CONTRACT-{n},true\n" for n in range(stations))
        cards.write_text("uid,contract_id,valid\n" + "".join(rows))
        imported = [program, "tokens", "import", str(cards), "--config", str(config)]
        subprocess.run(imported, check=True, stdout=subprocess.DEVNULL)
        environment = {"OHMSTEAD_TIMELINE": timeline} if timeline else {}
        command, log = [program, "run", "--config", str(config)], folder / "log"
        with pinned_process(command, cores.server, log, environment) as process:
            listening = folder / "data" / "listening.json"
            wait_for(listening.exists, process, log)
            ports = json.loads(listening.read_text())
            token = (folder / "data" / "local.token").read_text().strip()
            yield Server(ports["ocpp"], process.pid, lambda: _metrics(ports["local"], token), timeline)


@contextmanager
def usual_stack(cores: Cores) -> Iterator[Server]:
    """See tests.bench.usual_stack."""
    with run_folder() as folder:
        log = folder / "log"
        command = [sys.executable, "-m", "tests.bench.usual_stack"]
        with pinned_process(command, cores.server, log, {"PYTHONUNBUFFERED": "1"}) as process:
            wait_for(lambda: log.read_text().endswith("\n"), process, log)
            yield Server(int(log.read_text()), process.pid, dict)


class LoadProcess:
    """The other end of tests.bench.load."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Have a command carried out. Raises RuntimeError when the load has failed; its own words are on stderr."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the load has no pipes")
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the load ended during {do!r}")
        report: dict[str, Any] = json.loads(line)
        return report


@contextmanager
def load(server: Server, stations: int, script: str, cores: Cores) -> Iterator[LoadProcess]:
    """Stations towards a server, not yet connected."""
    plan = Plan(
        port=server.port,
        pid=server.pid,
        stations=stations,
        script=script,
        password=PASSWORD,
        timeline=server.timeline,
    )
    command = [sys.executable, "-m", "tests.bench.load", json.dumps(asdict(plan))]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=pin(cores.load, is_load=True),
    )
    try:
        yield LoadProcess(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        end(process)
        if process.stdout is not None:
            process.stdout.close()


# --- beneath ---


@contextmanager
def run_folder() -> Iterator[Path]:
    """On the disk of the repository: the machine's folder for temporary files may be memory."""
    parent = ROOT / ".run"
    parent.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def pinned_process(
    command: list[str], core: int, log: Path, environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A server. Raises RuntimeError when it has ended by itself."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            preexec_fn=pin(core),
        )
    try:
        yield process
        if process.poll() is not None:
            raise RuntimeError(f"the server ended: {_tail(log)}")
    finally:
        process.send_signal(signal.SIGTERM)
        end(process)


def pin(core: int, *, is_load: bool = False) -> Callable[[], None]:
    """For `preexec_fn`: to be done before the program runs, so that it holds for all its threads."""

    def take_core() -> None:
        os.sched_setaffinity(0, {core})
        if is_load:
            # The stations shall not wait for what else runs on their core: the server would idle meanwhile.
            with contextlib.suppress(PermissionError):
                os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))

    return take_core


def end(process: subprocess.Popen[Any]) -> None:
    """Wait until a process has ended, which it has been asked to do; end it when it does not."""
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(
    condition: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, timeout_s: float = START_TIMEOUT_S
) -> None:
    """Until a server that is starting is ready. Raises RuntimeError with the end of its log."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline_s:
            raise RuntimeError(f"the server did not start: {_tail(log)}")
        time.sleep(_POLL_S)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-1500:]


def _metrics(port: int, token: str) -> dict[str, float]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    with closing(connection):
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
        lines = connection.getresponse().read().decode().splitlines()
    return {
        name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))
    }
