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
from tests.bench.hub_batches import (
    ENTRIES_PER_TRANSACTION,
    READINGS_PER_MESSAGE,
    JournalSizes,
    ReadingSizes,
    batches,
    reading_batches,
)
from tests.bench.processes import ROOT, pin, run_folder
from tests.bench.result import Result
from tests.bench.throughput import say
from tests.kit import Postgres, start_postgres


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSizes:
    """`plain_batches` of the baseline, which is slow."""

    journal: JournalSizes = field(default_factory=JournalSizes)
    readings: ReadingSizes = field(default_factory=ReadingSizes)
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


def telemetry_ingest(sizes: IngestSizes) -> Result:
    """Readings in blocks, unpacked and added to their quarters, hours and days, into SQLite and PostgreSQL."""
    readings = sizes.readings
    with run_folder() as folder, _postgres() as server:
        made, numbers = reading_batches(readings), iter(range(1_000))
        frames, few = folder / "all", folder / "some"
        write_frames(frames, made)
        write_frames(few, made[: sizes.plain_batches])
        expected = readings.evses * readings.hours * 3600 // readings.every_s * READINGS_PER_MESSAGE
        plain_samples = expected / len(made) * len(made[: sizes.plain_batches])
        rates: dict[str, list[float]] = {"sqlite": [], "postgresql": [], "rows": []}
        cpu_us: list[float] = []
        for number in range(sizes.rounds):
            for kind, url in (("sqlite", _file(folder, next(numbers))), ("postgresql", server.new_database())):
                told = _taken(url, frames, "ohmstead", MAX_TOGETHER)
                if told["samples"] != expected:
                    raise AssertionError(f"{told['samples']} of {expected} readings")
                rates[kind].append(told["timed_samples"] / told["wall_s"])
                cpu_us.append(1e6 * told["cpu_s"] / told["timed_samples"])
            told = _taken(_file(folder, next(numbers)), few, "rows", 1)
            rates["rows"].append(plain_samples * told["share"] / told["wall_s"])
            say(f"telemetry_ingest {number + 1}: " + ", ".join(f"{kind} {of[-1]:.0f}/s" for kind, of in rates.items()))
    pairs = zip(rates["sqlite"], rates["rows"], strict=True)
    return Result(
        name="telemetry_ingest",
        value=median(rates["sqlite"]),
        unit="readings/s into SQLite, each once, from the bytes of a batch to its commit with all it comes to",
        baseline="a row for each reading in a plain table of SQLite with one index, by an executemany a batch",
        baseline_value=median(rates["rows"]),
        ratio=median(one / other for one, other in pairs),
        is_better="higher",
        details={"rounds": rates, "postgresql": median(rates["postgresql"]), "hub_cpu_us_per_reading": median(cpu_us)},
        conditions=machine.describe()
        | {
            "load": f"{readings.hours} h of {readings.evses} EVSEs that all charge: {expected} readings, none filtered,"
            f" {readings.batch_blocks} blocks a batch, up to {MAX_TOGETHER} batches in a commit",
        },
    )


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
