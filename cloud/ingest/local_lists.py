"""What is known of the local lists of stations, from the journal into the table that people ask."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest.changes import Origin, Row
from cloud.store.engine import upsert
from cloud.store.station_tables import local_lists
from protocols.sync.upkeep import LocalListSettled


async def write(
    connection: AsyncConnection, origin: Origin, settled: Sequence[tuple[LocalListSettled, datetime]]
) -> None:
    """The newest word about each station of a batch."""
    rows = {body.station_id: _row(body, at, origin) for body, at in settled}
    if rows:
        await connection.execute(upsert(connection, local_lists), list(rows.values()))


def _row(body: LocalListSettled, at: datetime, origin: Origin) -> Row:
    names = (
        "station_id", "is_supported", "firmware_version", "version", "tokens_version", "checksum", "tokens", "left_out",
    )  # fmt: skip
    return {**origin.key, **{name: getattr(body, name) for name in names}, "settled_at": at}
