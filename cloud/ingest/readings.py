"""Reads an entry of the telemetry stream: pure, and good for every column that it goes to."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cloud.ingest.buckets import Bucket, Series, buckets_of
from cloud.store.curves import curves_of, time_of
from protocols.errors import BadEntry
from protocols.sync.blocks import TelemetryBlock, curves_in
from protocols.sync.topics import Stream
from protocols.sync.up import Entry, MeterValuesSampled

MAX_NAME_CHARS: Final = 255
"""Of what an index holds."""
MAX_COUNT: Final = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBlock:
    """What is kept of an entry beside its text. `buckets` has the quarter of an hour that each begins."""

    seq: int
    station_id: str
    evse_id: int
    begins_at: datetime
    last_at: datetime
    samples: int
    dropped: int
    filter: str
    data: bytes
    buckets: tuple[tuple[int, Series, Bucket], ...]


def read_block(entry: Entry, body: TelemetryBlock | MeterValuesSampled) -> ReadBlock:
    """Raises BadEntry."""
    if entry.stream is not Stream.TELEMETRY:
        raise BadEntry(f"stream: readings in the {entry.stream} stream")
    curves = curves_in(body) if isinstance(body, TelemetryBlock) else curves_of(body)
    names = {body.station_id, body.filter, *(name for each in curves for name in (each.phase, each.transaction_id))}
    if any(name is not None and (len(name) > MAX_NAME_CHARS or "\x00" in name) for name in names):
        raise BadEntry(f"body: a name of more than {MAX_NAME_CHARS} characters, or with a NUL")
    if not (0 <= body.evse_id <= MAX_COUNT and 0 <= body.dropped <= MAX_COUNT):
        raise BadEntry(f"body: no EVSE {body.evse_id}, or not {body.dropped} readings dropped")
    buckets = tuple(buckets_of(curves, body.dropped, body.filter))
    if not buckets:
        raise BadEntry("body: no reading")
    begins_at = time_of(min(bucket.first_ms for _, _, bucket in buckets))
    last_at = time_of(max(bucket.last_ms for _, _, bucket in buckets))
    if isinstance(body, TelemetryBlock) and body.begins_at < begins_at:
        begins_at = body.begins_at.astimezone(UTC)
    return ReadBlock(
        seq=entry.seq,
        station_id=body.station_id,
        evse_id=body.evse_id,
        begins_at=begins_at,
        last_at=last_at,
        samples=sum(bucket.samples for _, _, bucket in buckets),
        dropped=body.dropped,
        filter=body.filter,
        data=b64decode(body.data) if isinstance(body, TelemetryBlock) else b"",
        buckets=buckets,
    )
