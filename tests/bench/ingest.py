"""How fast the hub takes a site's journal in: read, projected, committed, each entry once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from cloud.ingest.joining import MAX_TOGETHER
from tests.bench import machine
from tests.bench.frames import write_frames
from tests.bench.hub_batches import ENTRIES_PER_TRANSACTION, JournalSizes, batches
from tests.bench.processes import ROOT, pin, run_folder
from tests.bench.result import Result
from tests.bench.throughput import say
from tests.kit import Postgres, start_postgres


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSizes:
    """`plain_batches` of the baseline, which is slow."""

    journal: JournalSizes = field(default_factory=JournalSizes)
    plain_batches: int = 12
    rounds: int = 3


def hub_ingest_sqlite(sizes: IngestSizes) -> Result:
    """Into a file of SQLite; what is committed is on the disk."""
    with run_folder() as folder:
        numbers = iter(range(1_000))
        return _measured("hub_ingest_sqlite", sizes, folder, lambda: _file(folder, next(numbers)))


def hub_ingest_postgresql(sizes: IngestSizes) -> Result:
    """Into a PostgreSQL of its own on the other core."""
    with run_folder() as folder, _postgres() as server:
        return _measured("hub_ingest_postgresql", sizes, folder, server.new_database)


def _file(folder: Path, number: int) -> str:
    return f"sqlite+aiosqlite:///{folder / f'hub-{number}.db'}"


@contextmanager
def _postgres() -> Iterator[Postgres]:
    """On the core that the hub does not have, with a disk that is waited for, as in earnest."""
    usable = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {machine.choose_cores().load})
    try:
        with start_postgres(waits_for_disk=True) as server:
            os.sched_setaffinity(0, usable)
            yield server
    finally:
        os.sched_setaffinity(0, usable)


def _measured(name: str, sizes: IngestSizes, folder: Path, new_database: Callable[[], str]) -> Result:
    made = batches(folder, sizes.journal)
    frames = {"ohmstead": folder / "all", "alone": folder / "all", "plain": folder / "some"}
    write_frames(frames["ohmstead"], made)
    write_frames(frames["plain"], made[: sizes.plain_batches])
    found: dict[str, list[dict[str, float]]] = {"plain": [], "alone": [], "ohmstead": []}
    for number in range(sizes.rounds):
        for way, of_way in found.items():
            waiting = MAX_TOGETHER if way == "ohmstead" else 1
            of_way.append(_taken(new_database(), frames[way], way, waiting))
            say(f"{name} {number + 1}: {way} {_rate(of_way[-1]):.0f} entries/s")
    expected = sizes.journal.transactions * ENTRIES_PER_TRANSACTION
    for each in (*found["alone"], *found["ohmstead"]):
        if (each["entries"], each["bills"], each["sessions"]) != (expected, *(2 * (sizes.journal.transactions,))):
            raise AssertionError(f"{each} of {expected} entries")
    rates = {way: [_rate(each) for each in of_way] for way, of_way in found.items()}
    pairs = zip(rates["ohmstead"], rates["plain"], strict=True)
    ours = found["ohmstead"]
    return Result(
        name=name,
        value=median(rates["ohmstead"]),
        unit="journal entries/s, from the bytes of a batch to its commit with all projections",
        baseline="json.loads and an INSERT of its own for each entry into one table, a commit a batch, no projection",
        baseline_value=median(rates["plain"]),
        ratio=median(one / other for one, other in pairs),
        is_better="higher",
        details={
            "rounds": rates,
            "hub_cpu_us_per_entry": median(1e6 * each["cpu_s"] / each["timed"] for each in ours),
            "one_batch_a_commit": median(rates["alone"]),
            "batch_p50_ms": median(each["batch_p50_ms"] for each in found["alone"]),
            "batch_max_ms": max(each["batch_max_ms"] for each in found["alone"]),
        },
        conditions=machine.describe()
        | {
            "load": f"{sizes.journal.transactions} transactions at {sizes.journal.stations} EVSEs: {expected} entries"
            f" of money and events, {sizes.journal.batch_entries} a batch, up to {MAX_TOGETHER} batches in a commit",
            "hub": "one process on one core; PostgreSQL, where there is one, on the other; both wait for the disk",
        },
    )


def _taken(url: str, frames: Path, way: str, waiting: int) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.hub_side", url, str(frames), way, str(waiting)]
    pinned = pin(machine.choose_cores().server)
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, preexec_fn=pinned)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def _rate(told: dict[str, float]) -> float:
    return told["timed"] / told["wall_s"]
