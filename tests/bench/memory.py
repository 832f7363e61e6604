"""Memory under a load that goes on: does it grow?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import fmean
from typing import Final

from tests.bench import machine
from tests.bench.agents import Agents, FleetLoad, agents, fleet, run_fleet
from tests.bench.result import Result
from tests.bench.throughput import say

_WARM_SHARE: Final = 0.25
_FLAT_SHARE: Final = 0.01
_MIN_SAMPLES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySizes:
    """`load` is what the rates are derived from: they are raised or lowered alike until the agent's core is used to
    the `wanted_share`."""

    load: FleetLoad = field(
        default_factory=lambda: FleetLoad(
            stations=5_000, heartbeat_s=1.0, charging=0.5, meter_interval_s=4.0, session_s=60.0, hold_s=180.0
        )
    )
    wanted_share: float = 0.6
    calibrate_s: float = 8.0
    sample_every_s: float = 10.0


def steady_memory(sizes: MemorySizes) -> Result:
    """Resident memory at the end of the run, beside that after its first quarter."""
    cores = machine.choose_cores()
    with agents(1, sizes.load.identities(), cores, heartbeat_s=sizes.load.heartbeat_s) as servers:
        load, share = _calibrated(sizes, servers, cores)
        say(f"steady_memory: heartbeat {load.heartbeat_s:.2f} s and meter values {load.meter_interval_s:.2f} s")
        samples: list[tuple[float, int]] = []
        with fleet(load, servers, cores) as running:
            begin_s = time.monotonic()
            while not running.wait(sizes.sample_every_s):
                at_s = time.monotonic() - begin_s - load.ramp_s
                if 0 <= at_s <= load.hold_s:
                    samples.append((at_s, machine.resident_kb(servers.pids[0])))
                    say(f"steady_memory: {at_s:.0f} s, {samples[-1][1]} kB")
            found = running.summary()
    after = [each for each in samples if each[0] >= _WARM_SHARE * load.hold_s]
    if len(after) < _MIN_SAMPLES:
        raise RuntimeError(f"only {len(after)} looks at the memory: too few to tell of a slope")
    slope, uncertainty = slope_per_min(after)
    steady = found["phases"]["steady"]
    return Result(
        name="steady_memory",
        value=after[-1][1],
        unit="kB resident at the end",
        baseline=f"the same agent after {after[0][0]:.0f} s of the load",
        baseline_value=after[0][1],
        ratio=after[-1][1] / after[0][1],
        is_better="lower",
        details={
            "slope_kb_per_min": slope,
            "slope_uncertainty_kb_per_min": uncertainty,
            "is_flat": is_flat(slope, uncertainty, (after[-1][0] - after[0][0]) / 60, after[-1][1]),
            "largest_step_kb": max(b - a for (_, a), (_, b) in pairwise(after)),
            "samples": len(after),
            "resident_kb": {f"{at_s:.0f} s": kb for at_s, kb in samples[:: max(1, len(samples) // 12)]},
            "messages_per_s": steady["per_s"],
            "server_cores": found["server"]["cores_steady"],
            "latency_ms": {"p50": steady["(all)"]["p50_ms"], "p99": steady["(all)"]["p99_ms"]},
            "transactions": found["transactions"],
            "errors": found["errors"],
        },
        conditions=machine.describe()
        | {
            "load": f"heartbeats every {load.heartbeat_s:.3g} s, {load.charging:.0%} charging with meter values every"
            f" {load.meter_interval_s:.3g} s, sessions of {load.session_s:g} s; by a trial that used {share:.2f} cores",
            "stations": load.stations,
            "held_s": load.hold_s,
            "load_core_busy": found["load"]["cores_steady"],
            "uncertainty": "two standard errors of the least-squares line; a lower bound, as memory moves in steps",
        },
    )


def _calibrated(sizes: MemorySizes, servers: Agents, cores: machine.Cores) -> tuple[FleetLoad, float]:
    """The load at the wanted share of the core, and what share the trial took."""
    trial = replace(sizes.load, hold_s=sizes.calibrate_s)
    used = max(run_fleet(trial, servers, cores)["server"]["cores_steady"], 0.01)
    slower = used / sizes.wanted_share
    heartbeat_s, meter_s = (max(0.02, value * slower) for value in (trial.heartbeat_s, trial.meter_interval_s))
    return replace(sizes.load, heartbeat_s=heartbeat_s, meter_interval_s=meter_s), used


def slope_per_min(samples: Sequence[tuple[float, int]]) -> tuple[float, float]:
    """The least-squares slope of (seconds, kB) in kB/min, and two standard errors of it."""
    times = [at_s / 60 for at_s, _ in samples]
    middle, mean_kb = fmean(times), fmean(kb for _, kb in samples)
    spread = sum((at - middle) ** 2 for at in times)
    slope = sum((at - middle) * (kb - mean_kb) for at, (_, kb) in zip(times, samples, strict=True)) / spread
    left = sum((kb - mean_kb - slope * (at - middle)) ** 2 for at, (_, kb) in zip(times, samples, strict=True))
    return slope, 2 * (left / (len(samples) - 2) / spread) ** 0.5


def is_flat(slope_kb_per_min: float, uncertainty_kb_per_min: float, minutes: float, resident_kb: float) -> bool:
    """It does not grow, as far as so many minutes show: less than the uncertainty, or than a hundredth in all."""
    return slope_kb_per_min <= max(uncertainty_kb_per_min, _FLAT_SHARE * resident_kb / minutes)
