"""Several edge agents on one core, each with its own ledger and stations, and `ohmstead-sim fleet` on the other."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from firmware_sim.load.edge_config import write_configs, write_tokens
from firmware_sim.load.plan import Identities
from tests.bench.machine import Cores
from tests.bench.processes import end, pin, pinned_process, run_folder, wait_for

_BIN: Final = Path(sys.executable).parent
_START_TIMEOUT_S: Final = 180.0
_STATIONS_PER_PROCESS: Final = 15_000
"""Of the load: a process may open 20,000 files here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """Servers that a fleet can be sent to: agents, or the usual stack in their place."""

    ports: tuple[int, ...]
    pids: tuple[int, ...]


@contextmanager
def agents(count: int, identities: Identities, cores: Cores, *, heartbeat_s: float) -> Iterator[Agents]:
    """`ohmstead-edge run`, so many times, as `ohmstead-sim fleet --write-config` sets them up."""
    with run_folder() as folder, ExitStack() as stack:
        write_configs(folder / "edge-{agent}.toml", identities, ports=[0] * count, evses=1, heartbeat_s=heartbeat_s)
        write_tokens(folder / "tokens-{agent}.csv", identities, agents=count)
        started = []
        for number in range(1, count + 1):
            config = str(folder / f"edge-{number}.toml")
            cards = str(folder / f"tokens-{number}.csv")
            imported = [str(_BIN / "ohmstead-edge"), "tokens", "import", cards, "--config", config]
            subprocess.run(imported, check=True, stdout=subprocess.DEVNULL)
            command, log = [str(_BIN / "ohmstead-edge"), "run", "--config", config], folder / f"{number}.log"
            process = stack.enter_context(pinned_process(command, cores.server, log, {}))
            started.append((process, log, folder / ("data" if count == 1 else f"data-{number}") / "listening.json"))
        for process, log, listening in started:
            wait_for(listening.exists, process, log, timeout_s=_START_TIMEOUT_S)
        ports = tuple(int(json.loads(listening.read_text())["ocpp"]) for _, _, listening in started)
        yield Agents(ports=ports, pids=tuple(process.pid for process, _, _ in started))


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetLoad:
    """The options of `ohmstead-sim fleet` that the benchmarks use; the defaults are the reference load."""

    stations: int
    heartbeat_s: float = 15.0
    charging: float = 0.3
    meter_interval_s: float = 60.0
    session_s: float = 900.0
    ramp_s: float = 10.0
    hold_s: float = 30.0
    storm_s: float | None = None
    queued: int = 0
    timeout_s: float = 30.0
    drain_s: float = 60.0

    @property
    def processes(self) -> int:
        return -(-self.stations // _STATIONS_PER_PROCESS)

    def identities(self) -> Identities:
        """As the options below make them."""
        return Identities(stations=self.stations, charging=self.charging, share_201=0.5)

    def options(self) -> list[str]:
        values = {
            "--stations": self.stations,
            "--heartbeat": self.heartbeat_s,
            "--charging": self.charging,
            "--meter-interval": self.meter_interval_s,
            "--session": self.session_s,
            "--ramp": self.ramp_s,
            "--duration": self.hold_s,
            "--timeout": self.timeout_s,
            "--drain": self.drain_s,
            "--processes": self.processes,
        }
        if self.storm_s is not None:
            values |= {"--storm": self.storm_s, "--queued": self.queued}
        return [text for name, value in values.items() for text in (name, str(value))]


class FleetProcess:
    """A running `ohmstead-sim fleet`; its progress and its table go to standard error."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def wait(self, timeout_s: float) -> bool:
        """Whether it has ended by then."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def summary(self) -> dict[str, Any]:
        """Wait for the end. Raises RuntimeError when there is none to tell of."""
        told, _ = self._process.communicate()
        if not told:
            raise RuntimeError(f"the fleet ended without a summary (exit {self._process.returncode})")
        body: dict[str, Any] = json.loads(told)
        return body


@contextmanager
def fleet(load: FleetLoad, servers: Agents, cores: Cores) -> Iterator[FleetProcess]:
    """The load on its way."""
    targets = [text for port in servers.ports for text in ("--edge", f"ws://127.0.0.1:{port}")]
    watched = [text for pid in servers.pids for text in ("--server-pid", str(pid))]
    command: Sequence[str] = (str(_BIN / "ohmstead-sim"), "fleet", *load.options(), *targets, *watched)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=pin(cores.load, is_load=True),
    )
    try:
        yield FleetProcess(process)
    finally:
        if process.poll() is None:
            process.terminate()
        end(process)
        if process.stdout is not None:
            process.stdout.close()


def run_fleet(load: FleetLoad, servers: Agents, cores: Cores) -> dict[str, Any]:
    """The load from its beginning to its summary."""
    with fleet(load, servers, cores) as running:
        return running.summary()
