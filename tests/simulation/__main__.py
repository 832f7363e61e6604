"""`make simulate`, or `python -m tests.simulation --seeds 1000`: edge, broker and hub over simulated weeks, many times.

A seed that finds something prints the line that plays it again. Exit status 1 if any did.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from functools import partial

from tests.simulation.faults import FAULTS
from tests.simulation.seeds import play_one
from tests.simulation.workers import Died, play_all
from tests.simulation.world import Outcome

TELL_EVERY_S = 10.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many to play")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes play them")
    parser.add_argument("--seed", type=int, default=None, help="play this one alone, and show what happened")
    parser.add_argument("--lines", type=int, default=60, help="how many of the last lines to show of it; 0 for none")
    parser.add_argument("--fault", choices=FAULTS, default=None, help="what most troubles of every seed are")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        return show(play_one(arguments.seed, focus=arguments.fault), arguments.lines)
    return play_many(range(arguments.first, arguments.first + arguments.seeds), arguments.jobs, arguments.fault)


def show(outcome: Outcome, lines: int) -> int:
    """One run, and how it ended."""
    for line in outcome.lines[-lines:] if lines else ():
        print(line)
    print(
        f"seed {outcome.seed}: {outcome.days:.1f} days, {outcome.sessions} sessions, {outcome.entries} entries,"
        f" {outcome.edge_starts} starts of the edge, {outcome.turns} turns, drained in {outcome.drained_s:.0f} s,"
        f" trace {outcome.digest}\n  faults: {', '.join(outcome.faults)}"
    )
    for violation in outcome.violations:
        print(f"  {violation}")
    return 1 if outcome.violations else 0


def play_many(seeds: range, jobs: int, fault: str | None) -> int:
    """Progress every few seconds, each failing seed as it is found, and a summary."""
    began_s = told_s = time.perf_counter()
    failed: list[int] = []
    faults: Counter[str] = Counter()
    met: Counter[str] = Counter()
    days = sessions = entries = slowest_s = 0.0
    for count, outcome in enumerate(play_all(seeds, jobs, partial(play_one, focus=fault)), 1):
        if isinstance(outcome, Died):
            failed.append(outcome.seed)
            print(f"make simulate SEED={outcome.seed}  # {outcome}", flush=True)
            continue
        days, sessions, entries = days + outcome.days, sessions + outcome.sessions, entries + outcome.entries
        slowest_s = max(slowest_s, outcome.drained_s)
        faults.update(outcome.faults)
        met.update(outcome.met)
        if outcome.violations:
            failed.append(outcome.seed)
            print(f"make simulate SEED={outcome.seed}  # {outcome.violations[0]}", flush=True)
        if time.perf_counter() - told_s > TELL_EVERY_S:
            told_s = time.perf_counter()
            print(f"{told_s - began_s:.0f} s: {count} of {len(seeds)} seeds, {len(failed)} failed", flush=True)
    print(
        f"{len(seeds)} seeds, {days:.0f} days, {sessions:.0f} sessions, {entries:.0f} entries,"
        f" {faults.total()} faults, {', '.join(f'{count} {name}' for name, count in met.items())},"
        f" slowest drain {slowest_s:.0f} s, {len(failed)} failed,"
        f" {time.perf_counter() - began_s:.1f} s"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets of text are walked in an order that is drawn at each start
        command = [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        os.execve(sys.executable, command, os.environ | {"PYTHONHASHSEED": "0"})  # noqa: S606 - this very program
    sys.exit(main())
