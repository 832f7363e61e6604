"""The batches of a busy site, as its uplink would send them: real entries of a ledger, encoded by the edge's codec."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edge.ledger.ledger import Ledger
from protocols.sync.codec import decode_entry, encode_batch, stamp_of
from protocols.sync.topics import Stream
from tests.bench.frames import EDGE_ID
from tests.bench.ledger_maker import STATUS_CHANGES, LedgerSizes, make_ledger

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
