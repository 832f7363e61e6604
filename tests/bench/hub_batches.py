"""The batches of a busy site, as its uplink would send them: real entries of a ledger, encoded by the edge's codec."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from edge.ledger.ledger import Ledger
from edge.ledger.packing import QUARTER, blocks_of
from protocols.sync.blocks import TelemetryBlock
from protocols.sync.codec import decode_entry, encode_batch, encode_entry, stamp_of
from protocols.sync.topics import Stream
from protocols.sync.up import Entry
from tests.bench.curves import Measured, charging
from tests.bench.frames import EDGE_ID
from tests.bench.ledger_maker import STATUS_CHANGES, LedgerSizes, make_ledger

_EPOCH: Final = "01234567-89ab-4cde-8f01-23456789abcd"
READINGS_PER_MESSAGE: Final = 9
ENTRIES_PER_TRANSACTION: Final = STATUS_CHANGES + 4
"""Its start, end, bill and posting, and what its connector says meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSizes:
    """A site of 40 EVSEs that have ten transactions a day each: money and events, in batches of `batch_entries`."""

    transactions: int = 6_000
    stations: int = 40
    batch_entries: int = 500

    @property
    def ledger(self) -> LedgerSizes:
        return LedgerSizes(
            entries=self.transactions * ENTRIES_PER_TRANSACTION,
            transactions=self.transactions,
            open_transactions=0,
            stations=self.stations,
            days=self.transactions / (10 * self.stations),
        )


def batches(folder: Path, sizes: JournalSizes) -> list[bytes]:
    """Money and events in turn, as they would have been sent while they came about."""
    path = folder / "ledger.sqlite"
    make_ledger(path, EDGE_ID, sizes.ledger, datetime.now(UTC))  # noqa: TID251 - the newest entry is of now
    with Ledger(path, EDGE_ID) as ledger:
        return asyncio.run(_encoded(ledger, sizes.batch_entries))


async def _encoded(ledger: Ledger, batch_entries: int) -> list[bytes]:
    made: list[tuple[datetime, bytes]] = []
    for stream in (Stream.MONEY, Stream.EVENT):
        after_seq, after_at = 0, None
        while rows := await ledger.read(stream, after_seq, batch_entries, 2**30):
            encoded = [entry for _, entry in rows]
            payload = encode_batch(ledger.epoch, stream, after_seq + 1, encoded, after_at)
            made.append((decode_entry(encoded[-1]).at, payload))
            after_seq, after_at = rows[-1][0], stamp_of(encoded[-1])
    return [payload for _, payload in sorted(made, key=lambda each: each[0])]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingSizes:
    """All readings of `hours` in which every EVSE charges, none let go by a filter: a block for each quarter."""

    evses: int = 40
    hours: int = 24
    every_s: int = 15
    batch_blocks: int = 50


def reading_batches(sizes: ReadingSizes) -> list[bytes]:
    """Blocks of an edge in the batches of its quarters."""
    curves = [charging(random.Random(evse), 1_000_000, sizes.every_s) for evse in range(sizes.evses)]
    begin, made, seq, after_at = datetime(2026, 10, 1, tzinfo=UTC), list[bytes](), 0, None
    for quarter in range(4 * sizes.hours):
        begins_at = begin + quarter * QUARTER
        blocks = [block_of(evse, curve, begins_at, sizes.every_s) for evse, curve in enumerate(curves)]
        for first in range(0, len(blocks), sizes.batch_blocks):
            some = blocks[first : first + sizes.batch_blocks]
            encoded = [
                encode_entry(Entry(stream=Stream.TELEMETRY, seq=number, at=begins_at + QUARTER, body=block))
                for number, block in enumerate(some, seq + 1)
            ]
            made.append(encode_batch(_EPOCH, Stream.TELEMETRY, seq + 1, encoded, after_at))
            seq, after_at = seq + len(some), stamp_of(encoded[-1])
    return made


def block_of(evse: int, curve: Iterator[list[Measured]], begins_at: datetime, every_s: int) -> TelemetryBlock:
    """What an EVSE measured in a quarter of an hour; `curve` goes on from there."""
    kept = [
        {
            "at": (begins_at + timedelta(seconds=step * every_s)).isoformat(),
            "filter": "none",
            "transaction_id": f"bench-0123abcd-{evse}",
            "dropped": 0,
            "samples": [[measurand, value, phase, "Sample.Periodic", 0] for measurand, phase, value in measured],
        }
        for step, measured in enumerate(islice(curve, int(QUARTER.total_seconds()) // every_s))
    ]
    (block,) = blocks_of(f"S{evse:05}", 1, kept)
    return block
