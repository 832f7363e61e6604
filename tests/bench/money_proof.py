"""How long it takes to prove a year of money, beside reading and parsing the same rows alone."""

from __future__ import annotations

import hashlib
import json
import resource
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from edge.ledger.chain import chained
from edge.ledger.database import open_reader
from edge.ledger.verify import Verifier
from tests.bench import machine
from tests.bench.money_ledger import MoneyLedger
from tests.bench.result import Result
from tests.bench.throughput import say

_TELL_EVERY: Final = 100_000


def verify_year(made: MoneyLedger) -> Result:
    """Every hash, every posting, and every bill made again."""
    path = made.path()
    plain_s = _plain_s(path)
    begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
    with closing(open_reader(path)) as reading:
        result = Verifier(reading, _tell).run()
    took_s, cpu_s = time.perf_counter() - begun_s, time.process_time() - begun_cpu_s
    if result.findings:
        raise RuntimeError(f"the ledger that was made is not sound: {result.findings[0]}")
    say(f"verify_year: {result.bills} bills in {took_s:.1f} s")
    return Result(
        name="verify_year",
        value=took_s,
        unit=f"s to verify {result.bills} bills and {result.postings} postings",
        baseline="json.loads and SHA-256 of the same rows, and nothing else",
        baseline_value=plain_s,
        ratio=took_s / plain_s,
        is_better="lower",
        details={
            "cpu_s": cpu_s,
            "us_per_bill": 1e6 * cpu_s / max(1, result.bills),
            "chained": result.chained,
            "ledger_mb": made.size_mb(),
            "peak_resident_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
        },
        conditions=machine.describe()
        | {"load": f"{result.bills} bills of two lines by one tariff, as many as a year has"},
    )


def _tell(done: int, entries: int) -> None:
    if done % _TELL_EVERY == 0:
        say(f"verify_year: {done} of {entries} entries")


def _plain_s(path: Path) -> float:
    """What whoever looks at each row has to do at least."""
    begun_s = time.perf_counter()
    hashed = hashlib.sha256()
    with closing(open_reader(path)) as reading:
        for _, entry in chained(reading, 0, 1 << 60):
            hashed.update(entry)
            json.loads(entry)
    return time.perf_counter() - begun_s
