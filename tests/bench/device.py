"""What a journal entry writes to the disk, committed alone and in groups."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

from edge.ledger.ledger import Ledger
from edge.ports import Commit
from protocols.sync.codec import encode_entry
from protocols.sync.topics import Stream
from protocols.sync.up import ConnectorStatusChanged, Entry
from protocols.terms import ChargingState, ConnectorStatus
from tests.bench import machine
from tests.bench.processes import run_folder
from tests.bench.result import Result
from tests.bench.throughput import say

_EDGE_ID: Final = "bench"
_AT: Final = datetime(2026, 10, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSizes:
    """So many entries each way; `group` in one commit, as the agent takes together what waits."""

    entries: int = 4_000
    group: int = 100
    rounds: int = 3


def device_bytes(sizes: DeviceSizes) -> Result:
    """The kernel's own count of what this process had written to its devices, the ledger closed and all."""
    found: dict[int, list[float]] = {1: [], sizes.group: []}
    with run_folder() as folder:
        for number in range(sizes.rounds):
            for group, of_group in found.items():
                of_group.append(asyncio.run(_written(folder / f"{number}-{group}", sizes.entries, group)))
                say(f"device_bytes {number + 1}: {of_group[-1]:.0f} bytes an entry, {group} a commit")
    alone, together = found[1], found[sizes.group]
    return Result(
        name="device_bytes",
        value=median(together),
        unit=f"bytes on the device for a journal entry, {sizes.group} in a commit",
        baseline="the same entries, each in a commit of its own",
        baseline_value=median(alone),
        ratio=median(one / other for one, other in zip(together, alone, strict=True)),
        is_better="lower",
        details={"rounds": {"together": together, "alone": alone}, "entry_bytes": len(encode_entry(_entry(1)))},
        conditions=machine.describe()
        | {"load": f"{sizes.entries} changes of a connector; write_bytes of /proc/self/io, log and database both"},
    )


async def _written(folder: Path, entries: int, group: int) -> float:
    folder.mkdir()
    with Ledger(folder / "ledger.sqlite", _EDGE_ID) as ledger:
        before = _device_bytes()
        for first in range(1, entries + 1, group):
            some = [_entry(seq) for seq in range(first, min(first + group, entries + 1))]
            await ledger.commit(Commit(entries=some))
    return (_device_bytes() - before) / entries


def _device_bytes() -> int:
    for line in Path("/proc/self/io").read_text().splitlines():
        name, _, value = line.partition(": ")
        if name == "write_bytes":
            return int(value)
    raise RuntimeError("the kernel does not count what is written")


def _entry(seq: int) -> Entry:
    body = ConnectorStatusChanged(
        station_id=f"S{seq % 40:05}",
        evse_id=1,
        connector_id=1,
        status=ConnectorStatus.OCCUPIED,
        charging_state=ChargingState.CHARGING,
    )
    return Entry(stream=Stream.EVENT, seq=seq, at=_AT, body=body)
