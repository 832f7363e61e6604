"""The benchmarks: `python -m tests.bench [NAME]`, or `make bench ONLY=name`. One JSON line each on standard output."""

from __future__ import annotations

import argparse
import signal
import sys

from tests.bench.catalogue import FULL, USUAL, catalogue


def main() -> None:
    names = list(catalogue(USUAL))
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("name", nargs="?", choices=names, help="only this one")
    parser.add_argument("--list", action="store_true", help="name them all")
    parser.add_argument("--full", action="store_true", help="hold 100,000 stations for 5 minutes, watch memory for 30")
    chosen = parser.parse_args()
    if chosen.list:
        print(*names, sep="\n")
        return
    benchmarks = catalogue(FULL if chosen.full else USUAL)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no process is left behind
    for name in [chosen.name] if chosen.name else benchmarks:
        print(benchmarks[name]().line(), flush=True)


if __name__ == "__main__":
    main()
