"""What the ledger tells of the readings that wait in it."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.sync.blocks import TelemetryBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingsPacked:
    """Quarters of an hour are over and what was kept of them is packed. `numbers` are the ledger's rows that went into
    these blocks, each of them whole: they go when the blocks are journaled."""

    blocks: tuple[TelemetryBlock, ...]
    numbers: tuple[int, ...]
