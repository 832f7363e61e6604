"""Transactions at a given rate, not as fast as they are answered: how long a charger waits for its answer then."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.bench import machine
from tests.bench.processes import edge, load, usual_stack
from tests.bench.result import Result
from tests.bench.throughput import AT_ONCE, BASELINE, conditions, say


@dataclass(frozen=True, slots=True, kw_only=True)
class PacedSizes:
    """`pairs_per_s` of StartTransaction and StopTransaction by all stations together."""

    stations: int = 1_000
    pairs_per_s: float = 2_000
    rounds: int = 3
    warm_s: float = 1.0
    window_s: float = 5.0


def start_stop_paced(sizes: PacedSizes) -> Result:
    """p99 of the time from when a message was meant to be sent, at whatever rate the server can answer."""
    cores = machine.choose_cores()
    with ExitStack() as stack:
        servers = (
            stack.enter_context(edge(sizes.stations, cores)),
            stack.enter_context(usual_stack(cores)),
        )
        sides = [stack.enter_context(load(server, sizes.stations, "pairing", cores)) for server in servers]
        for side in sides:
            side.ask("connect", at_once=AT_ONCE)
        rounds: list[list[dict[str, Any]]] = [[], []]
        for number in range(sizes.rounds):
            for reports, side in zip(rounds, sides, strict=True):
                rate = 2 * sizes.pairs_per_s
                reports.append(side.ask("paced", rate=rate, warm_s=sizes.warm_s, window_s=sizes.window_s))
            say(f"start_stop_paced {number + 1}/{sizes.rounds}: {_short(rounds[0][-1])} | {_short(rounds[1][-1])}")
    ours, usual = rounds
    return Result(
        name="start_stop_paced",
        value=_median(ours, "p99_ms"),
        unit="ms from the intended time (p99)",
        baseline=BASELINE,
        baseline_value=_median(usual, "p99_ms"),
        ratio=median(a["p99_ms"] / b["p99_ms"] for a, b in zip(ours, usual, strict=True)),
        is_better="lower",
        details={"ours": _side(ours), "baseline_side": _side(usual)}
        | {"errors": {"ours": ours[-1]["errors"], "baseline": usual[-1]["errors"]}},
        conditions=conditions(cores, [*ours, *usual])
        | {
            "load": "StartTransaction and StopTransaction with bill and posting, each on the disk before its answer,"
            f" {sizes.pairs_per_s:g} pairs/s at fixed times; what must wait is sent late and counted from its time",
            "stations": sizes.stations,
            "rounds": f"{sizes.rounds} of {sizes.window_s:g} s each, in turn",
        },
    )


def _side(reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "pairs_per_s": _median(reports, "per_s") / 2,
        "latency_ms": {"p50": _median(reports, "p50_ms"), "p99": _median(reports, "p99_ms")},
        "longest_ms": max(report["max_ms"] for report in reports),
        "overdue_at_the_end": max(report["behind"] for report in reports),
        "cpu_us_per_message": _median(reports, "cpu_us_per_message"),
        "core_busy": _median(reports, "server_cores"),
        "load_late_ms": max(report["load_late_ms"] for report in reports),
    }


def _median(reports: Sequence[dict[str, Any]], name: str) -> float:
    return float(median(report[name] for report in reports))


def _short(report: dict[str, Any]) -> str:
    return (
        f"{report['per_s'] / 2:,.0f} pairs/s, p99 {report['p99_ms']:.1f} ms, overdue {report['behind']},"
        f" server {report['server_cores']:.2f}, others {report['others_cores']:.2f}"
    )
