"""All stations at once: handshake, BootNotification and a StatusNotification per connector."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.bench import machine
from tests.bench.processes import Server, edge, load, usual_stack
from tests.bench.result import Result
from tests.bench.throughput import BASELINE, say


@dataclass(frozen=True, slots=True, kw_only=True)
class StormSizes:
    stations: int = 2_000
    rounds: int = 3


def connect_storm(sizes: StormSizes) -> Result:
    """The time until the last station has its last answer, beside the usual stack."""
    cores = machine.choose_cores()
    ours, usual = [], []
    for number in range(sizes.rounds):
        with edge(sizes.stations, cores) as server:
            ours.append(_storm(server, sizes, cores))
        with usual_stack(cores) as server:
            usual.append(_storm(server, sizes, cores))
        say(f"connect_storm {number + 1}/{sizes.rounds}: {ours[-1]['seconds']:.2f} s | {usual[-1]['seconds']:.2f} s")
    return Result(
        name="connect_storm",
        value=median(report["seconds"] for report in ours),
        unit="s until all are answered",
        baseline=BASELINE,
        baseline_value=median(report["seconds"] for report in usual),
        ratio=median(a["seconds"] / b["seconds"] for a, b in zip(ours, usual, strict=True)),
        is_better="lower",
        details={
            "p99_ms": median(report["p99_ms"] for report in ours),
            "baseline_p99_ms": median(report["p99_ms"] for report in usual),
            "retries": sum(report["retries"] for report in ours),
            "baseline_retries": sum(report["retries"] for report in usual),
            "cpu_us_per_station": median(report["cpu_us_per_station"] for report in ours),
            "baseline_cpu_us_per_station": median(report["cpu_us_per_station"] for report in usual),
        },
        conditions=machine.describe()
        | {
            "load": "connect, BootNotification, 2 StatusNotifications; each on the disk before its answer",
            "stations": sizes.stations,
            "rounds": f"{sizes.rounds}, in turn",
        },
    )


def _storm(server: Server, sizes: StormSizes, cores: machine.Cores) -> dict[str, Any]:
    before_s = machine.cpu_s(server.pid)
    with load(server, sizes.stations, "beating", cores) as side:
        report = side.ask("connect", at_once=sizes.stations)
        used_s = machine.cpu_s(server.pid) - before_s
    return report | {"cpu_us_per_station": 1e6 * used_s / sizes.stations}
