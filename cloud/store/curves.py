"""The readings of a row of `telemetry_blocks`, whichever contract its edge speaks."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Final

from protocols.errors import BadEntry
from protocols.sync.blocks import Curve, unpack
from protocols.sync.codec import decode_entry
from protocols.sync.up import MeterValuesSampled
from protocols.terms import Measurand, ReadingContext

LONGEST_ENTRY: Final = timedelta(days=7)
"""How far back an entry is looked for that has readings of a time. A block is of one quarter of an hour; an entry of
contract 1.0 may bring, with a new reading, the last one before a long silence."""
MILLISECOND: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def curves_of_row(head: str, data: bytes) -> tuple[Curve, ...]:
    """Raises BadEntry where neither has readings."""
    if data:
        return unpack(data)
    body = decode_entry(head).body
    if not isinstance(body, MeterValuesSampled):
        raise BadEntry(f"{type(body).__name__} has no readings")
    return curves_of(body)


def curves_of(sampled: MeterValuesSampled) -> tuple[Curve, ...]:
    """What an entry of contract 1.0 holds, as a block would."""
    at_ms = ms_of(sampled.at)
    readings: dict[tuple[Measurand, str | None, ReadingContext], list[tuple[int, int]]] = defaultdict(list)
    for measurand, value, phase, context, after_ms in sampled.samples:
        readings[measurand, phase, context].append((at_ms + after_ms, value))
    return tuple(
        Curve(*about, sampled.transaction_id, [at for at, _ in of_curve], [value for _, value in of_curve])
        for about, of_curve in readings.items()
    )


def time_of(at_ms: int) -> datetime:
    """Of ms since 1970."""
    return _EPOCH + at_ms * MILLISECOND


def ms_of(at: datetime) -> int:
    """Since 1970."""
    return (at - _EPOCH) // MILLISECOND
