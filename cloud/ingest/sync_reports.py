"""What an edge tells of its way to the hub, the newest of it, and the alarm when the hub falls behind."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from pydantic import TypeAdapter
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest import day_sums
from cloud.ingest.changes import Origin
from cloud.ingest.projection import raise_once, write_alarms
from cloud.store.engine import Store, upsert
from cloud.store.feed import FeedEvent
from cloud.store.sync_tables import sync_gaps, sync_reports
from protocols.sync.present import SyncReport
from protocols.sync.topics import EdgeAddress, Stream
from protocols.sync.up import AlarmRaised, Severity

LAG_ALARM: Final = timedelta(minutes=15)
"""An alarm when what the hub does not have is older than this, though the edge can be heard."""
ALARM_ID: Final = "hub.sync_lag"
_REPORT: Final = TypeAdapter(SyncReport)


def lag_of(report: SyncReport, at: datetime) -> timedelta:
    """How old the oldest entry was that the hub did not have, when the edge said so."""
    oldest = [each.oldest_at for each in report.streams if each.oldest_at is not None]
    return max((at - each for each in oldest), default=timedelta(0))


async def write_report(
    connection: AsyncConnection, origin: Origin, report: SyncReport, at: datetime
) -> list[FeedEvent]:
    """Keep it in place of the one before; `at` is the edge's own time."""
    row = {**origin.key, "epoch": origin.epoch, "document": _REPORT.dump_json(report).decode(), "reported_at": at}
    await connection.execute(upsert(connection, sync_reports, "epoch", "document", "reported_at"), row)
    events = await day_sums.prove(connection, origin)
    lag = lag_of(report, at)
    if lag <= LAG_ALARM:
        return events + await write_alarms(connection, origin, [], [(ALARM_ID, origin.received_at)])
    waiting = ", ".join(f"{each.stream} {each.last_seq - each.acked_seq}" for each in report.streams if each.oldest_at)
    body = AlarmRaised(
        alarm_id=ALARM_ID,
        alarm="sync_lag",
        severity=Severity.WARNING,
        text=f"What edge {origin.address.edge_id} has to tell waits since {at - lag:%Y-%m-%d %H:%M} UTC: {waiting}",
    )
    return events + await raise_once(connection, origin, body, f"lag-{int(at.timestamp())}")


async def note_gap(store: Store, address: EdgeAddress, stream: Stream, now: datetime) -> None:
    """The hub asked for entries again."""
    row = {"domain": address.domain, "edge_id": address.edge_id, "stream": stream.value, "count": 1, "last_at": now}
    async with store.write() as connection:
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        statement = dialect.insert(sync_gaps).values(row)
        counted = {"count": sync_gaps.c.count + 1, "last_at": now}
        await connection.execute(
            statement.on_conflict_do_update(index_elements=["domain", "edge_id", "stream"], set_=counted)
        )
