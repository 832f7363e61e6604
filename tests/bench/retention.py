"""How long commits take while a long past is trimmed away beside them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

from edge.ledger.ledger import Ledger
from edge.ledger.ledger_metrics import LedgerMetrics
from edge.ledger.trim import Retention, Trimmer
from edge.ports import Commit
from protocols.sync.topics import Stream
from protocols.sync.up import ConnectorStatusChanged, Entry
from protocols.terms import ChargingState, ConnectorStatus
from tests.bench import machine
from tests.bench.ledger_maker import LedgerSizes, make_ledger
from tests.bench.processes import run_folder
from tests.bench.result import Result
from tests.bench.throughput import say

_EDGE_ID: Final = "bench"
_KEEP: Final = Retention(journal=timedelta(days=60), past_transactions=timedelta(days=60), waits_for_ack=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSizes:
    """`ledger` is all too old. Commits of so many entries, one every `every_s`, for `window_s` each."""

    ledger: LedgerSizes = field(
        default_factory=lambda: LedgerSizes(entries=1_000_000, transactions=20_000, open_transactions=0, days=30)
    )
    commit_entries: int = 100
    every_s: float = 0.02
    window_s: float = 20.0


def trim_beside_commits(sizes: RetentionSizes) -> Result:
    """p99 of commits while old entries are trimmed, beside the same before."""
    with run_folder() as folder:
        path = folder / "ledger.sqlite"
        now = datetime.now(UTC)  # noqa: TID251 - what is old is old by it
        make_ledger(path, _EDGE_ID, sizes.ledger, now - timedelta(days=90))
        alone, beside, trimmed = asyncio.run(_measured(path, sizes, now))
    say(f"trim_beside_commits: {trimmed:.0f} rows in {sizes.window_s:g} s")
    return Result(
        name="trim_beside_commits",
        value=_at(beside, 0.99),
        unit="ms, p99 of a commit while the journal is trimmed",
        baseline="the same while nothing is trimmed",
        baseline_value=_at(alone, 0.99),
        ratio=_at(beside, 0.99) / _at(alone, 0.99),
        is_better="lower",
        details={
            "alone_ms": _told(alone),
            "beside_ms": _told(beside),
            "trimmed_rows_per_s": trimmed / sizes.window_s,
        },
        conditions=machine.describe()
        | {
            "load": f"a commit of {sizes.commit_entries} entries every {1000 * sizes.every_s:g} ms,"
            f" {sizes.ledger.entries} entries too old",
            "windows": f"{sizes.window_s:g} s each",
        },
    )


async def _measured(path: Path, sizes: RetentionSizes, now: datetime) -> tuple[list[float], list[float], float]:
    registry = CollectorRegistry()
    with Ledger(path, _EDGE_ID, LedgerMetrics(registry)) as ledger:
        alone = await _commit(ledger, sizes, now)
        async with asyncio.TaskGroup() as tasks:
            trimming = tasks.create_task(Trimmer(ledger, lambda: now, _KEEP).trim())
            beside = await _commit(ledger, sizes, now)
            trimming.cancel()
    trimmed = registry.get_sample_value("ohmstead_edge_ledger_trimmed_rows_total", {"table": "journal"})
    return alone, beside, trimmed or 0.0


async def _commit(ledger: Ledger, sizes: RetentionSizes, now: datetime) -> list[float]:
    """Commits at fixed times; how long each took from the time at which it should have begun, in ms, sorted."""
    took_ms = []
    body = ConnectorStatusChanged(
        station_id="S00001",
        evse_id=1,
        connector_id=1,
        status=ConnectorStatus.OCCUPIED,
        charging_state=ChargingState.CHARGING,
    )
    due_s = time.monotonic()
    end_s = due_s + sizes.window_s
    while due_s < end_s:
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        first = ledger.last_seq(Stream.EVENT) + 1
        seqs = range(first, first + sizes.commit_entries)
        await ledger.commit(Commit(entries=[Entry(stream=Stream.EVENT, seq=seq, at=now, body=body) for seq in seqs]))
        took_ms.append(1000 * (time.monotonic() - due_s))
        due_s += sizes.every_s
    return sorted(took_ms)


def _at(sorted_ms: list[float], share: float) -> float:
    return sorted_ms[min(len(sorted_ms) - 1, int(len(sorted_ms) * share))]


def _told(sorted_ms: list[float]) -> dict[str, float]:
    return {"p50": _at(sorted_ms, 0.5), "p99": _at(sorted_ms, 0.99), "max": sorted_ms[-1], "commits": len(sorted_ms)}
