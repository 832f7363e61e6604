"""The questions about commands, and whom a command concerns."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

import orjson
from sqlalchemy import Label, RowMapping, Select, and_, case, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery, narrowed
from cloud.store.station_tables import jobs
from cloud.store.tables import charging_stations, commands, edges, evses, sessions

SORT = (commands.c.issued_at, commands.c.id)
Kind = Literal["remote_start", "remote_stop", "operate", "call_station", "start_job", "cancel_job"]
ENDED: Final = frozenset({"accepted", "rejected", "failed", "expired"})
Status = Literal["queued", "sent", "taken", "accepted", "rejected", "failed", "expired"]
_SHOWN = (
    "id", "command", "operation", "edge_id", "station_id", "evse_id", "transaction_id", "token_uid", "detail",
    "issued_at", "expires_at", "finished_at",
)  # fmt: skip


class CommandQuery(PageQuery):
    """Filters of the list of commands; all given ones must hold."""

    status: Status | None = None
    command: Kind | None = None
    operation: Name | None = None
    edge_id: Name | None = None
    station_id: Name | None = None


def many(domain: int, wanted: CommandQuery, now: datetime) -> Select[Any]:
    shown_status = status_at(now)
    query = _all(domain, shown_status)
    query = narrowed(query, commands, wanted, "command", "operation", "edge_id", "station_id")
    if wanted.status is not None:
        query = query.where(shown_status.element == wanted.status)
    return query


def one(domain: int, command_id: str, now: datetime) -> Select[Any]:
    return _all(domain, status_at(now)).where(commands.c.id == command_id)


def status_at(now: datetime) -> Label[str]:
    """A command that nobody took before it expired is expired, until the journal says better."""
    is_over = commands.c.status.in_(("queued", "sent")) & (commands.c.expires_at <= now)
    return case((is_over, "expired"), else_=commands.c.status).label("shown_status")


def places(domain: int, station_id: str, evse_id: int) -> Select[Any]:
    """The edges that have such an EVSE, and whether its station is connected there."""
    at = and_(
        charging_stations.c.domain == evses.c.domain,
        charging_stations.c.edge_id == evses.c.edge_id,
        charging_stations.c.station_id == evses.c.station_id,
    )
    return (
        select(evses.c.edge_id, charging_stations.c.is_online)
        .select_from(evses.outerjoin(charging_stations, at))
        .where(evses.c.domain == domain, evses.c.station_id == station_id, evses.c.evse_id == evse_id)
    )


def homes(domain: int, station_id: str) -> Select[Any]:
    """The edges that have such a station, and whether it is connected there."""
    return select(charging_stations.c.edge_id, charging_stations.c.is_online).where(
        charging_stations.c.domain == domain, charging_stations.c.station_id == station_id
    )


def edge(domain: int, edge_id: str) -> Select[Any]:
    return select(edges.c.edge_id).where(edges.c.domain == domain, edges.c.edge_id == edge_id)


def job(domain: int, job_id: str) -> Select[Any]:
    return select(jobs).where(jobs.c.domain == domain, jobs.c.id == job_id)


def session(domain: int, transaction_id: str) -> Select[Any]:
    return select(sessions).where(sessions.c.domain == domain, sessions.c.id == transaction_id)


async def add(connection: AsyncConnection, row: dict[str, Any]) -> None:
    await connection.execute(insert(commands).values(**row, status="queued", detail=""))


def shown(row: RowMapping) -> dict[str, Any]:
    document = {name: row[name] for name in _SHOWN} | {"status": row["shown_status"]}
    for name in ("body", "result"):
        document[name] = None if row[name] is None else orjson.loads(row[name])
    if row["shown_status"] == "expired" and not row["detail"]:
        document["detail"] = "No outcome has been reported; after its expiry the edge will not execute it."
    return document


def _all(domain: int, shown_status: Label[str]) -> Select[Any]:
    return select(commands, shown_status).where(commands.c.domain == domain)
