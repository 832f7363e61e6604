"""The storm after an outage: all stations come back within seconds, each with the queue of an offline day."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from tests.bench import machine
from tests.bench.agents import Agents, FleetLoad, agents, run_fleet
from tests.bench.processes import usual_stack
from tests.bench.result import Result
from tests.bench.throughput import say


@dataclass(frozen=True, slots=True, kw_only=True)
class BootSizes:
    """`load.storm_s` is how long their coming back takes. The usual stack gets the share that it can answer in time."""

    load: FleetLoad = field(
        default_factory=lambda: FleetLoad(
            stations=10_000, charging=0.0, ramp_s=10.0, hold_s=0.0, storm_s=10.0, queued=50, drain_s=300.0
        )
    )
    baseline_stations: int = 500


def boot_storm(sizes: BootSizes) -> Result:
    """From the first to come back until the last has delivered its queue. Every message must be answered."""
    cores = machine.choose_cores()
    load, few = sizes.load, replace(sizes.load, stations=sizes.baseline_stations, ramp_s=min(sizes.load.ramp_s, 2.0))
    with usual_stack(cores) as server:
        usual = run_fleet(few, Agents(ports=(server.port,), pids=(server.pid,)), cores)
    say(f"boot_storm: the usual stack needed {_storm(usual)['seconds']:.1f} s for {few.stations} stations")
    with agents(1, load.identities(), cores, heartbeat_s=load.heartbeat_s) as servers:
        ours = run_fleet(load, servers, cores)
    storm = _storm(ours)
    say(f"boot_storm: {storm['seconds']:.1f} s for {load.stations} stations, {ours['error_count']} errors")
    usual_s = _storm(usual)["seconds"] * load.stations / few.stations
    return Result(
        name="boot_storm",
        value=storm["seconds"],
        unit="s until all are answered",
        baseline=f"usual stack, measured with {few.stations} stations and extrapolated in proportion",
        baseline_value=usual_s,
        ratio=storm["seconds"] / usual_s,
        is_better="lower",
        details={
            "messages": storm["messages"],
            "messages_per_s": storm["per_s"],
            "server_cores": ours["server"]["cores_storm"],
            "cpu_us_per_message": 1e6 * ours["server"]["cores_storm"] / storm["per_s"],
            "boot_ms": _told(storm["actions"]["BootNotification"]),
            "queued_ms": _told(storm["(transactions)"]),
            "all_delivered_ms": _told(storm["actions"]["(all delivered)"]),
            "queued_ms_by_action": {
                action: _told(found)
                for action, found in storm["actions"].items()
                if action not in ("BootNotification", "(all delivered)")
            },
            "unanswered": ours["unanswered"],
            "stations_with_something_left": ours["unfinished_stations"],
            "errors": ours["errors"],
            "reconnects": ours["reconnects"],
            "transactions": ours["transactions"],
            "peak_resident_kb": ours["server"]["peak_kb"],
            "resident_kb_before": ours["server"]["resident_kb"]["begin"],
            "baseline_measured": {
                "seconds": _storm(usual)["seconds"],
                "boot_ms": _told(_storm(usual)["actions"]["BootNotification"]),
                "queued_ms": _told(_storm(usual)["(transactions)"]),
                "errors": usual["errors"],
            },
        },
        conditions=machine.describe()
        | {
            "load": f"connect, BootNotification, StatusNotification, {load.queued} messages of transactions of the last"
            " 24 hours; OCPP 1.6 and 2.0.1 half each; each on the disk before its answer",
            "stations": f"{load.stations}, back within {load.storm_s:g} s",
            "load_core_busy": ours["load"]["busy"].get("storm"),
            "load_late_ms": ours["load"]["lag"]["p99_ms"],
        },
    )


def _storm(found: dict[str, Any]) -> dict[str, Any]:
    storm: dict[str, Any] = found["phases"]["storm"]
    return storm


def _told(latencies: dict[str, Any]) -> dict[str, float]:
    return {"p50": latencies["p50_ms"], "p99": latencies["p99_ms"], "max": latencies["max_ms"]}
