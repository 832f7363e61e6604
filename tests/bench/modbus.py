"""Reading Modbus devices: what of a core a hundred of them cost, and how near a serial line comes to its limit."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final

from protocols.modbus.reads import names_of, plan, points
from protocols.modbus.register import Group
from tests.bench import machine
from tests.bench.modbus_devices import BITS_PER_CHARACTER, GAP_CHARACTERS, DevicesPlan
from tests.bench.modbus_side import SidePlan, bench_meter
from tests.bench.processes import ROOT, pin, pinned_process, run_folder, wait_for
from tests.bench.result import Result
from tests.bench.throughput import say

_REQUEST_CHARACTERS: Final = 8
_ANSWER_CHARACTERS: Final = 5
"""Of an RTU answer to a read, without its values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollSizes:
    """So many devices of twenty registers, each read every `every_s`."""

    devices: int = 100
    every_s: float = 1.0
    rounds: int = 3
    window_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSizes:
    """So many devices of twenty registers on one line, read as fast as it goes. The window has some cycles."""

    devices: int = 30
    window_s: float = 30.0


def modbus_poll(sizes: PollSizes) -> Result:
    """The poller's share of a core, beside that of one read after the other for each value."""
    cores = machine.choose_cores()
    ours: list[dict[str, Any]] = []
    plain: list[dict[str, Any]] = []
    with _devices(DevicesPlan(ports=sizes.devices), cores) as places:
        addresses = [(f"tcp://127.0.0.1:{port}", 1) for port in places["ports"]]
        for number in range(sizes.rounds):
            for side, reports in (("ours", ours), ("plain", plain)):
                wanted = SidePlan(side=side, addresses=addresses, every_s=sizes.every_s, window_s=sizes.window_s)
                reports.append(_measured(wanted, cores))
            say(f"modbus_poll {number + 1}/{sizes.rounds}: {_short(ours[-1])} | {_short(plain[-1])}")
    return Result(
        name="modbus_poll",
        value=_median(ours, "core_share"),
        unit="share of a core",
        baseline="a plain loop of single pymodbus reads, one for each value",
        baseline_value=_median(plain, "core_share"),
        ratio=median(a["core_share"] / b["core_share"] for a, b in zip(ours, plain, strict=True)),
        is_better="lower",
        details={
            "ours": _side(ours),
            "baseline_side": _side(plain),
            "errors": {"ours": ours[-1]["errors"], "baseline": plain[-1]["errors"]},
        },
        conditions=machine.describe()
        | {
            "load": f"{sizes.devices} meters over TCP, 20 values of 32 bits each, every {sizes.every_s:g} s",
            "latency": "of a poll: from before its first request until all of its values are there",
            "reads_per_poll": {"ours": len(_reads()), "baseline": 20},
            "rounds": f"{sizes.rounds} of {sizes.window_s:g} s each, in turn",
        },
    )


def modbus_line(baud: int, sizes: LineSizes) -> Result:
    """From one reading of a device to its next, beside what its frames and their pauses take on the wire."""
    cores = machine.choose_cores()
    with _devices(DevicesPlan(baud=baud), cores) as places:
        path = f"rtu://{places['line']}?baud={baud}&parity=N&stop=2"
        addresses = [(path, unit_id) for unit_id in range(1, sizes.devices + 1)]
        report = _measured(SidePlan(side="ours", addresses=addresses, every_s=0.05, window_s=sizes.window_s), cores)
    limit_s = sizes.devices * _wire_s(baud, [read.count for read in _reads()])
    single_s = sizes.devices * _wire_s(baud, [2] * 20)
    say(f"modbus_line_{baud}: {report['cycle_s']:.3f} s of {limit_s:.3f} s, core {report['core_share']:.3f}")
    return Result(
        name=f"modbus_line_{baud}",
        value=report["cycle_s"],
        unit="s for all devices",
        baseline="the line's own time for these frames and the pauses between them",
        baseline_value=limit_s,
        ratio=report["cycle_s"] / limit_s,
        is_better="lower",
        details={
            "limit_of_single_reads_s": single_s,
            "core_share": report["core_share"],
            "poll_ms": {"p50": report["p50_ms"], "p99": report["p99_ms"]},
            "errors": report["errors"],
        },
        conditions=machine.describe()
        | {
            "load": f"{sizes.devices} meters on one line of {baud} baud, 20 values of 32 bits each, without a pause",
            "line": "a pseudo-terminal whose answers come when they would over a wire; the devices need no time",
            "window": f"{sizes.window_s:g} s",
        },
    )


def _reads() -> Sequence[Any]:
    """Those that bring all values of a device."""
    profile = bench_meter().profile
    return plan(points(profile, names_of(profile, Group.FAST)), profile)


def _wire_s(baud: int, counts: Sequence[int]) -> float:
    """What reads of so many registers take on a line: request, silence, answer, silence."""
    fixed = _REQUEST_CHARACTERS + _ANSWER_CHARACTERS + 2 * GAP_CHARACTERS
    return sum(fixed + 2 * count for count in counts) * BITS_PER_CHARACTER / baud


# --- processes ---


@contextmanager
def _devices(wanted: DevicesPlan, cores: machine.Cores) -> Iterator[dict[str, Any]]:
    """Where they are."""
    with run_folder() as folder:
        log = folder / "log"
        command = [sys.executable, "-m", "tests.bench.modbus_devices", json.dumps(asdict(wanted))]
        with pinned_process(command, cores.load, log, {}) as process:
            wait_for(lambda: log.read_text().endswith("\n"), process, log)
            yield json.loads(log.read_text())


def _measured(wanted: SidePlan, cores: machine.Cores) -> dict[str, Any]:
    """The report of a side, in a process of its own. Raises RuntimeError where it has failed."""
    command = [sys.executable, "-m", "tests.bench.modbus_side", json.dumps(asdict(wanted))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=pin(cores.server))
    if done.returncode:
        raise RuntimeError(f"the side {wanted.side!r} failed: {done.stderr[-1500:]}")
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


# --- telling ---


def _side(reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "polls_per_s": _median(reports, "rounds_per_s"),
        "cpu_us_per_poll": _median(reports, "cpu_us_per_round"),
        "latency_ms": {"p50": _median(reports, "p50_ms"), "p99": _median(reports, "p99_ms")},
    }


def _median(reports: Sequence[dict[str, Any]], name: str) -> float:
    return float(median(report[name] for report in reports))


def _short(report: dict[str, Any]) -> str:
    return (
        f"{report['rounds_per_s']:.0f} polls/s, core {report['core_share']:.3f},"
        f" p99 {report['p99_ms']:.1f} ms, errors {report['errors']}"
    )
