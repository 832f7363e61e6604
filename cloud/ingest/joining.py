"""Batches of one stream that wait behind each other, as one: a commit and an Ack for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from protocols.sync.codec import Batch, stamp_of
from protocols.sync.topics import Stream

MAX_TOGETHER: Final = 8
"""Batches that are taken at once; what comes in beside them waits that long."""
BLOCKS_WEIGH: Final = 4
"""A batch of readings takes about as long as so many others: live values are not to wait for eight of them."""
MAX_ENTRIES: Final = 4_000


def weight(topic: str) -> int:
    """How many batches the one on this topic counts for."""
    return BLOCKS_WEIGH if topic.endswith(f"/{Stream.TELEMETRY}") else 1


def joined(batches: Iterable[Batch]) -> Iterator[Batch]:
    """The same entries in the same order. What does not follow, or says that it stands on another entry, stays apart:
    whoever stores it looks at that."""
    pending: Batch | None = None
    for batch in batches:
        if pending is not None and _follows(batch, pending):
            pending = _both(pending, batch)
            continue
        if pending is not None:
            yield pending
        pending = batch
    if pending is not None:
        yield pending


def _follows(batch: Batch, before: Batch) -> bool:
    return (
        (batch.epoch, batch.stream, batch.first_seq) == (before.epoch, before.stream, before.last_seq + 1)
        and batch.after_at in (None, stamp_of(before.raw[before.last_seq]))
        and len(before.raw) + len(batch.raw) <= MAX_ENTRIES
    )


def _both(first: Batch, second: Batch) -> Batch:
    return Batch(
        epoch=first.epoch,
        stream=first.stream,
        first_seq=first.first_seq,
        last_seq=second.last_seq,
        entries=first.entries + second.entries,
        dead=first.dead + second.dead,
        raw=first.raw | second.raw,
        after_at=first.after_at,
    )
