"""The ledger with many bills that several benchmarks of money read: made once a run, when the first of them asks."""

from __future__ import annotations

import shutil
import tempfile
import time
import weakref
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.bench.ledger_maker import LedgerSizes, make_ledger
from tests.bench.processes import ROOT
from tests.bench.throughput import say

_MONTH_ENDS: Final = datetime(2026, 10, 31, 23, 59, tzinfo=UTC)
_EDGE_ID: Final = "bench"


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneySizes:
    """All bills are of October 2026, each with its posting; beside them there is only what they need."""

    bills: int = 200_000
    stations: int = 1_000


class MoneyLedger:
    """What the ledger maker writes is what the agent would have written: `verify` proves every row of it."""

    def __init__(self, sizes: MoneySizes) -> None:
        self.sizes = sizes
        self._path: Path | None = None

    def path(self) -> Path:
        """Where it is; it goes with the process."""
        if self._path is None:
            parent = ROOT / ".run"
            parent.mkdir(exist_ok=True)
            folder = tempfile.mkdtemp(prefix="bench-", dir=parent)
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            self._path = Path(folder, "ledger.sqlite")
            begun_s = time.perf_counter()
            make_ledger(self._path, _EDGE_ID, self._rows(), _MONTH_ENDS)
            say(f"ledger: {self.sizes.bills} bills made in {time.perf_counter() - begun_s:.1f} s")
        return self._path

    def size_mb(self) -> float:
        return self.path().stat().st_size / 1e6

    def _rows(self) -> LedgerSizes:
        bills, stations = self.sizes.bills, self.sizes.stations
        return LedgerSizes(entries=0, transactions=bills, open_transactions=0, stations=stations, days=30.9)
