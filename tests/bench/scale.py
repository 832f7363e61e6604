"""What a message costs when many stations are connected: the same messages a second from few and from many."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.bench import machine
from tests.bench.processes import edge, load
from tests.bench.result import Result
from tests.bench.throughput import AT_ONCE, conditions, say


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleSizes:
    """`stations` from few to many, `rate` messages a second in all, whoever sends them."""

    stations: tuple[int, ...] = (100, 1_000, 10_000)
    rate: float = 2_000
    rounds: int = 5
    warm_s: float = 0.5
    window_s: float = 3.0


def cost_per_message(sizes: ScaleSizes) -> Result:
    """CPU per message with the most stations, over that with the fewest. All agents run side by side on the same
    core and are loaded in turn; an agent whose turn it is not does nothing."""
    cores = machine.choose_cores()
    rounds: dict[int, list[dict[str, Any]]] = {count: [] for count in sizes.stations}
    memory_kb: dict[int, float] = {}
    with ExitStack() as stack:
        loads = {}
        for count in sizes.stations:
            server = stack.enter_context(edge(count, cores, checkpoint_s=3600))
            before_kb = machine.resident_kb(server.pid)
            loads[count] = stack.enter_context(load(server, count, "beating_and_metering", cores))
            report = loads[count].ask("connect", at_once=AT_ONCE)
            memory_kb[count] = (report["server_resident_kb"] - before_kb) / count
            say(f"cost_per_message: {count} stations are there after {report['seconds']:.1f} s")
        for number in range(sizes.rounds):
            for count, side in loads.items():
                report = side.ask("paced", rate=sizes.rate, warm_s=sizes.warm_s, window_s=sizes.window_s)
                rounds[count].append(report)
                say(
                    f"cost_per_message {number + 1}/{sizes.rounds}: {count} stations, {report['per_s']:,.0f}/s,"
                    f" {report['cpu_us_per_message']:.1f} µs, p99 {report['p99_ms']:.1f} ms, behind {report['behind']}"
                )
    few, many = min(rounds), max(rounds)
    return Result(
        name="cost_per_message",
        value=_cost(rounds[many]),
        unit="µs of CPU per message",
        baseline=f"the same with {few} stations",
        baseline_value=_cost(rounds[few]),
        ratio=_cost(rounds[many]) / _cost(rounds[few]),
        is_better="lower",
        details={
            "cpu_us_per_message": {str(count): _cost(reports) for count, reports in rounds.items()},
            "p99_ms": {str(count): median(r["p99_ms"] for r in reports) for count, reports in rounds.items()},
            "worst_p99_ms": {str(count): max(r["p99_ms"] for r in reports) for count, reports in rounds.items()},
            "memory_kb_per_station": {str(count): kb for count, kb in memory_kb.items()},
            "behind": sum(report["behind"] for reports in rounds.values() for report in reports),
        },
        conditions=conditions(cores, [report for reports in rounds.values() for report in reports])
        | {
            "load": "Heartbeat and MeterValues (883 bytes) of running transactions in turn, sent at fixed times",
            "rate_per_s": sizes.rate,
            "rounds": f"{sizes.rounds} of {sizes.window_s:g} s each, in turn",
            "apart": "checkpoints and pings, which are per station and minute, fall outside the windows",
        },
    )


def _cost(reports: list[dict[str, Any]]) -> float:
    """The mean, not the median: a pause for collecting garbage is a cost, however rare."""
    messages = sum(report["messages"] for report in reports)
    return float(sum(report["cpu_us_per_message"] * report["messages"] for report in reports) / messages)
