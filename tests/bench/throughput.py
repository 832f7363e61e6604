"""Messages per second and CPU per message through the whole edge, beside the usual stack, in turn on the same core."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any, Final

from protocols.timeline import Timeline
from tests.bench import machine
from tests.bench.processes import LoadProcess, Server, edge, load, usual_stack
from tests.bench.result import Result

BASELINE: Final = "central system by the examples of `ocpp` and `websockets`, schemas validated, nothing stored"
AT_ONCE: Final = 200
_LOAD_IS_FULL: Final = 0.92
"""Of its core: Linux leaves 5 % to others when a process with priority over them takes all it can get."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much of it. Short rounds in turn rather than one long one: other programs' noise hits both sides alike."""

    stations: int = 500
    pairing_stations: int = 1_000
    rounds: int = 5
    warm_s: float = 0.5
    window_s: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """A benchmark of one script. `messages_per_unit` is 2 for pairs; `site_speed` makes site time pass faster, and
    with it the checkpoints of a transaction, one of which is due every `checkpoint_s` seconds of site time."""

    name: str
    script: str
    about: str
    unit: str = "messages/s"
    messages_per_unit: int = 1
    checkpoint_s: int = 60
    site_speed: float = 1.0

    def run(self, sizes: Sizes) -> Result:
        cores, stations = machine.choose_cores(), self._stations(sizes)
        with ExitStack() as stack:
            ours = stack.enter_context(edge(stations, cores, checkpoint_s=self.checkpoint_s, timeline=self._timeline()))
            usual = stack.enter_context(usual_stack(cores))
            our_load = stack.enter_context(load(ours, stations, self.script, cores))
            usual_load = stack.enter_context(load(usual, stations, self.script, cores))
            for side in (our_load, usual_load):
                side.ask("connect", at_once=AT_ONCE)
            our_rounds, usual_rounds = [], []
            for number in range(sizes.rounds):
                our_rounds.append(_with_commits(ours, our_load, sizes))
                usual_rounds.append(_round(usual_load, sizes))
                say(f"{self.name} {number + 1}/{sizes.rounds}: {_short(our_rounds[-1])} | {_short(usual_rounds[-1])}")
        return self._result(sizes, cores, our_rounds, usual_rounds)

    def _stations(self, sizes: Sizes) -> int:
        return sizes.pairing_stations if self.script == "pairing" else sizes.stations

    def _timeline(self) -> str | None:
        if self.site_speed == 1.0:
            return None
        now = datetime.now(UTC)  # noqa: TID251 - where site time begins
        return str(Timeline(origin=now, anchor_s=now.timestamp(), speed=self.site_speed))

    def _result(
        self,
        sizes: Sizes,
        cores: machine.Cores,
        ours: Sequence[dict[str, Any]],
        usual: Sequence[dict[str, Any]],
    ) -> Result:
        return Result(
            name=self.name,
            value=_median(ours, "per_s") / self.messages_per_unit,
            unit=self.unit,
            baseline=BASELINE,
            baseline_value=_median(usual, "per_s") / self.messages_per_unit,
            ratio=median(a["per_s"] / b["per_s"] for a, b in zip(ours, usual, strict=True)),
            is_better="higher",
            details={
                "cpu_us_per_message": _median(ours, "cpu_us_per_message"),
                "baseline_cpu_us_per_message": _median(usual, "cpu_us_per_message"),
                "cpu_ratio": median(
                    b["cpu_us_per_message"] / a["cpu_us_per_message"] for a, b in zip(ours, usual, strict=True)
                ),
                "latency_ms": {"p50": _median(ours, "p50_ms"), "p99": _median(ours, "p99_ms")},
                "baseline_latency_ms": {"p50": _median(usual, "p50_ms"), "p99": _median(usual, "p99_ms")},
                "commits_per_s": _median(ours, "commits_per_s"),
                "messages_per_commit": _median(ours, "messages_per_commit"),
                "commit_ms": _median(ours, "commit_ms"),
                "errors": {"ours": ours[-1]["errors"], "baseline": usual[-1]["errors"]},
            },
            conditions=conditions(cores, [*ours, *usual])
            | {
                "load": self.about,
                "stations": self._stations(sizes),
                "in_flight_per_station": 1,
                "rounds": f"{sizes.rounds} of {sizes.window_s:g} s each, in turn",
                "server_core_busy": {"ours": _median(ours, "server_cores"), "baseline": _median(usual, "server_cores")},
                "load_core_busy": {"ours": _median(ours, "load_cores"), "baseline": _median(usual, "load_cores")},
                "bottleneck": bottleneck(_median(ours, "load_cores")),
            },
        )


def conditions(cores: machine.Cores, reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The machine, and what else ran on it while it was measured."""
    return machine.describe() | {
        "pinning": "server and load each on a core of its own" if cores.are_apart else "server and load share a core",
        "beside": f"other processes used {_median(reports, 'others_cores'):.2f} cores (median over the windows)",
    }


def bottleneck(load_cores: float) -> str:
    """Whose core was full on our side."""
    if load_cores >= _LOAD_IS_FULL:
        return "the load's core: the server could do more than `value`; `cpu_ratio` is what holds"
    return "the server"


def say(text: str) -> None:
    """Progress, for whoever watches."""
    print(text, file=sys.stderr, flush=True)


def _round(side: LoadProcess, sizes: Sizes) -> dict[str, Any]:
    return side.ask("closed", warm_s=sizes.warm_s, window_s=sizes.window_s)


def _with_commits(server: Server, side: LoadProcess, sizes: Sizes) -> dict[str, Any]:
    """A round, and how often the ledger was brought to the disk in it."""
    before = server.metrics()
    report = _round(side, sizes)
    after = server.metrics()
    commits, seconds = (
        after[f"ohmstead_edge_commit_seconds_{name}"] - before[f"ohmstead_edge_commit_seconds_{name}"]
        for name in ("count", "sum")
    )
    share = commits / max(report["answered_in_all"], 1)
    return report | {
        "commits_per_s": report["per_s"] * share,
        "messages_per_commit": 1 / share if share else 0.0,
        "commit_ms": 1000 * seconds / commits if commits else 0.0,
    }


def _median(reports: Sequence[dict[str, Any]], name: str) -> float:
    return float(median(report[name] for report in reports))


def _short(report: dict[str, Any]) -> str:
    return (
        f"{report['per_s']:,.0f}/s, {report['cpu_us_per_message']:.0f} µs, p99 {report['p99_ms']:.1f} ms,"
        f" server {report['server_cores']:.2f}, load {report['load_cores']:.2f}, others {report['others_cores']:.2f}"
    )


THROUGHPUT: Final = (
    Throughput(name="heartbeat", script="beating", about="Heartbeat"),
    Throughput(
        name="meter_values",
        script="metering",
        about="MeterValues, 883 bytes, 7 sampled values, of running transactions; a checkpoint each minute",
    ),
    Throughput(
        name="meter_values_checkpointed",
        script="metering",
        about="MeterValues as above, each with a checkpoint of its transaction on the disk before the answer",
        checkpoint_s=1,
        site_speed=60,
    ),
    Throughput(
        name="start_stop_pairs",
        script="pairing",
        about="StartTransaction and StopTransaction with bill and posting, each on the disk before its answer",
        unit="pairs/s",
        messages_per_unit=2,
    ),
    Throughput(
        name="transaction_event",
        script="updating",
        about="OCPP 2.0.1 TransactionEvent Updated, 1.2 kB, 6 sampled values; a checkpoint each minute",
    ),
)
