"""The questions about edges' way to the hub."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.edges import queries
from cloud.edges.day_queries import days_of
from cloud.store.sync_tables import sync_gaps, sync_reports
from protocols.sync.present import ClockReport, StreamBacklog, SyncReport
from protocols.sync.topics import Stream

_REPORT: Final = TypeAdapter(SyncReport)


async def shown(connection: AsyncConnection, rows: Sequence[RowMapping]) -> list[dict[str, Any]]:
    """What each edge reported beside what the hub has."""
    if not rows:
        return []
    domain, edge_ids = rows[0]["domain"], [row["edge_id"] for row in rows]
    reports = select(sync_reports).where(sync_reports.c.domain == domain, sync_reports.c.edge_id.in_(edge_ids))
    reported = {row["edge_id"]: row for row in (await connection.execute(reports)).mappings()}
    gaps: dict[tuple[str, str], int] = defaultdict(int)
    counted = select(sync_gaps).where(sync_gaps.c.domain == domain, sync_gaps.c.edge_id.in_(edge_ids))
    for row in (await connection.execute(counted)).mappings():
        gaps[row["edge_id"], row["stream"]] = row["count"]
    edges = {each["edge_id"]: each for each in await queries.shown(connection, rows)}
    days = await days_of(connection, domain, edge_ids)
    return [
        {**_shown(row, edges[row["edge_id"]], reported.get(row["edge_id"]), gaps), "days": days.get(row["edge_id"], [])}
        for row in rows
    ]


def _shown(
    row: RowMapping, edge: dict[str, Any], reported: RowMapping | None, gaps: dict[tuple[str, str], int]
) -> dict[str, Any]:
    if reported is not None and reported["epoch"] != row["epoch"]:
        reported = None  # of a ledger that is no more
    report = _REPORT.validate_json(reported["document"]) if reported is not None else SyncReport(streams=())
    told = {each.stream: each for each in report.streams}
    here = {position["stream"]: position for position in edge["streams"]}
    return {
        "edge_id": row["edge_id"],
        "status": row["status"],
        "broker": row["status_broker"],
        "heard_at": row["heard_at"],
        "reported_at": reported["reported_at"] if reported is not None else None,
        "streams": [
            _stream(stream, here.get(stream.value), told.get(stream), reported, gaps[row["edge_id"], stream.value])
            for stream in Stream
        ],
        "bytes_today": report.bytes_today,
        "bytes_saved_today": report.bytes_saved_today,
        "deferred": report.deferred,
        "last_ack_at": report.last_ack_at,
        "clock": _clock(report.clock),
        "documents": edge["documents"],
    }


def _clock(clock: ClockReport | None) -> dict[str, Any] | None:
    if clock is None:
        return None
    offset_s = clock.offset_ms / 1000 if clock.offset_ms is not None else None
    return {"quality": clock.quality, "noted_at": clock.noted_at, "offset_s": offset_s}


def _stream(
    stream: Stream, here: dict[str, Any] | None, told: StreamBacklog | None, reported: RowMapping | None, gaps: int
) -> dict[str, Any]:
    """What is committed here is newer than what was reported, and so the backlog is counted from it."""
    seq = here["seq"] if here is not None else 0
    oldest_at = told.oldest_at if told is not None and told.last_seq > seq else None
    lag_s = None
    if told is not None and reported is not None:
        lag_s = max(0.0, (reported["reported_at"] - oldest_at).total_seconds()) if oldest_at is not None else 0.0
    return {
        "stream": stream.value,
        "seq": seq,
        "committed_at": here["updated_at"] if here is not None else None,
        "edge_seq": told.last_seq if told is not None else None,
        "backlog": max(0, told.last_seq - seq) if told is not None else None,
        "oldest_at": oldest_at,
        "lag_s": lag_s,
        "drains_in_s": told.drains_in_s if told is not None else None,
        "resends": told.resends if told is not None else None,
        "gaps": gaps,
        "dead_letters": here["dead"] if here is not None else 0,
    }
