"""Access at scale: tens of thousands of stations with slow heartbeats, spread over several agents of one core."""

from __future__ import annotations

import resource
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.bench import machine
from tests.bench.agents import Agents, FleetLoad, agents, run_fleet
from tests.bench.processes import usual_stack
from tests.bench.result import Result
from tests.bench.throughput import say

_P99_LIMIT_MS: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSizes:
    """`baseline_stations` is what the usual stack is given of the same load: as many as it can hold with ease."""

    load: FleetLoad
    agents: int
    baseline_stations: int = 5_000
    baseline_hold_s: float = 20.0


FLEET_30000: Final = FleetSizes(load=FleetLoad(stations=30_000, ramp_s=45.0, hold_s=60.0), agents=2)
FLEET_100000: Final = FleetSizes(load=FleetLoad(stations=100_000, ramp_s=200.0, hold_s=60.0), agents=6)
"""They come slowly: what is asked here is whether they can be held. How fast they may come is boot_storm's question."""


def fleet_30000(sizes: FleetSizes) -> Result:
    """What share of a core the agents use together, and what a station costs in memory."""
    cores, name = machine.choose_cores(), "fleet_30000"
    usual = _usual(sizes, cores, name)
    ours = _ours(sizes, cores, name)
    share, usual_share = 100 * _cores(ours), 100 * _cores(usual) * _times(sizes)
    return Result(
        name=name,
        value=share,
        unit="% of a core, all agents together",
        baseline=f"usual stack, {_extrapolated(sizes)}",
        baseline_value=usual_share,
        ratio=share / usual_share,
        is_better="lower",
        details=_details(ours, sizes) | _usual_details(usual),
        conditions=_conditions(sizes, cores, ours),
    )


def fleet_100000(sizes: FleetSizes) -> Result:
    """How many are held, for how long, and what gives out first."""
    cores, name = machine.choose_cores(), "fleet_100000"
    usual = _usual(sizes, cores, name)
    ours = _ours(sizes, cores, name)
    most = sizes.baseline_stations / _cores(usual)
    used = _used(ours, sizes)
    first = max(used, key=lambda resource_name: used[resource_name])
    return Result(
        name=name,
        value=ours["ready"] - ours["unfinished_stations"],
        unit=f"stations held for {sizes.load.hold_s:g} s",
        baseline=f"usual stack, what a whole core would hold by its cost with {sizes.baseline_stations} stations",
        baseline_value=most,
        ratio=(ours["ready"] - ours["unfinished_stations"]) / most,
        is_better="higher",
        details={"cores": _cores(ours)}
        | _details(ours, sizes)
        | {"used_share": used, "gives_out_first": f"{first}, of which {used[first]:.0%} is used"}
        | _usual_details(usual),
        conditions=_conditions(sizes, cores, ours),
    )


# --- the two sides ---


def _ours(sizes: FleetSizes, cores: machine.Cores, name: str) -> dict[str, Any]:
    load = sizes.load
    with agents(sizes.agents, load.identities(), cores, heartbeat_s=load.heartbeat_s) as servers:
        say(f"{name}: {sizes.agents} agents are there; {load.stations} stations come within {load.ramp_s:g} s")
        found = run_fleet(load, servers, cores)
    say(f"{name}: {_cores(found):.3f} cores, p99 {_steady(found)['p99_ms']:.1f} ms, {found['error_count']} errors")
    return found


def _usual(sizes: FleetSizes, cores: machine.Cores, name: str) -> dict[str, Any]:
    ramp_s = min(sizes.load.ramp_s, 10.0)
    load = replace(sizes.load, stations=sizes.baseline_stations, hold_s=sizes.baseline_hold_s, ramp_s=ramp_s)
    with usual_stack(cores) as server:
        say(f"{name}: the usual stack with {load.stations} stations")
        found = run_fleet(load, Agents(ports=(server.port,), pids=(server.pid,)), cores)
    say(f"{name}: the usual stack used {_cores(found):.3f} cores, p99 {_steady(found)['p99_ms']:.1f} ms")
    return found


def _cores(found: dict[str, Any]) -> float:
    """Of the servers in the steady phase."""
    return max(float(found["server"]["cores_steady"]), 1e-3)


def _steady(found: dict[str, Any]) -> dict[str, Any]:
    steady: dict[str, Any] = found["phases"]["steady"]["(all)"]
    return steady


def _times(sizes: FleetSizes) -> float:
    return sizes.load.stations / sizes.baseline_stations


def _extrapolated(sizes: FleetSizes) -> str:
    if sizes.baseline_stations == sizes.load.stations:
        return "measured"
    return f"measured with {sizes.baseline_stations} stations and extrapolated in proportion"


# --- what is told ---


def _details(found: dict[str, Any], sizes: FleetSizes) -> dict[str, Any]:
    memory = found["server"]["resident_kb"]
    steady = found["phases"]["steady"]
    return {
        "latency_ms": {"p50": steady["(all)"]["p50_ms"], "p99": steady["(all)"]["p99_ms"]},
        "longest_ms": steady["(all)"]["max_ms"],
        "messages_per_s": steady["per_s"],
        "cpu_us_per_message": 1e6 * _cores(found) / steady["per_s"],
        "memory_kb_per_station": {
            "over agents without connections": (memory["end"] - memory["begin"]) / sizes.load.stations,
            "agents and all": memory["end"] / sizes.load.stations,
        },
        "server_resident_kb": memory,
        "transactions": found["transactions"],
        "errors": found["errors"],
        "unanswered": found["unanswered"],
        "reconnects": found["reconnects"],
    }


def _usual_details(found: dict[str, Any]) -> dict[str, Any]:
    memory = found["server"]["resident_kb"]
    return {
        "baseline_measured": {
            "stations": found["stations"],
            "cores": _cores(found),
            "latency_ms": {"p50": _steady(found)["p50_ms"], "p99": _steady(found)["p99_ms"]},
            "memory_kb_per_station": (memory["end"] - memory["begin"]) / found["stations"],
            "errors": found["errors"],
        }
    }


def _used(found: dict[str, Any], sizes: FleetSizes) -> dict[str, float]:
    """The share that is used of each thing that can give out."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    load = sizes.load
    memory_kb = found["server"]["peak_kb"] + found["load"]["peak_kb"]
    return {
        "the agents' core": _cores(found),
        "the load's core": float(found["load"]["cores_steady"]),
        "latency (p99 of 20 ms)": _steady(found)["p99_ms"] / _P99_LIMIT_MS,
        "memory of the machine": memory_kb / machine.memory_kb(),
        "open files of an agent": load.stations / sizes.agents / files,
        "open files of a load process": load.stations / load.processes / files,
    }


def _conditions(sizes: FleetSizes, cores: machine.Cores, found: dict[str, Any]) -> dict[str, Any]:
    load = sizes.load
    return machine.describe() | {
        "load": f"heartbeat {load.heartbeat_s:g} s, {load.charging:.0%} charging with meter values every"
        f" {load.meter_interval_s:g} s, sessions {load.session_s:g} s, OCPP 1.6 and 2.0.1 half each",
        "stations": load.stations,
        "agents": f"{sizes.agents} on one core, the load on {'another' if cores.are_apart else 'the same'}",
        "held_s": load.hold_s,
        "load_core_busy": found["load"]["cores_steady"],
        "load_late_ms": found["load"]["lag"]["p99_ms"],
        "load_too_slow": found["load"]["too_slow"],
    }
