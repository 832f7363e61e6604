"""`make fuzz`, or `python -m tests.fuzz --minutes 60`: sessions of stations that say anything, until the time is up.

What is found is made small and written to tests/fuzz/seeds; the next test run plays it. Exit status 1 if anything was.
"""

from __future__ import annotations

import argparse
import gc
import resource
import sys
import time
from pathlib import Path
from random import Random

from tests.fuzz.hunt import LONG_SESSION, SEEDS, Found, hunt, outcome, read_seed

TELL_EVERY_S = 60.0
MAX_GROWTH_BYTES = 100_000_000
"""Resident memory beyond what it was after the first minute: sessions leave nothing behind."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None, help="begin with this seed; else with one of the clock")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else time.monotonic_ns() % 1_000_000_000
    known = {finding.where for path in SEEDS.glob("*.json") if (finding := outcome(*read_seed(path)))}
    began_s = told_s = time.monotonic()
    sessions = steps = found = 0
    first_bytes = 0
    while time.monotonic() - began_s < arguments.minutes * 60:
        sessions += 1
        try:
            steps += hunt(Random(seed + sessions), LONG_SESSION if sessions % 100 == 0 else 25)
        except Found as problem:
            if problem.finding.where not in known:
                known.add(problem.finding.where)
                found += 1
                small = problem.made_small()
                print(f"seed {seed + sessions}: {small.finding.where}\n  kept as {small.keep()}", flush=True)
        if time.monotonic() - told_s > TELL_EVERY_S:
            told_s = time.monotonic()
            grown = _resident_bytes() - first_bytes if first_bytes else 0
            first_bytes = first_bytes or _resident_bytes()
            print(
                f"{int(told_s - began_s)} s: {sessions} sessions, {steps} steps, {found} new, +{grown >> 20} MB",
                flush=True,
            )
            if grown > MAX_GROWTH_BYTES:
                print("memory grows without end", flush=True)
                return 1
    print(f"{sessions} sessions, {steps} steps, {found} new findings from seed {seed}", flush=True)
    return 1 if found else 0


def _resident_bytes() -> int:
    """What is resident now, on Linux."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    sys.exit(main())
