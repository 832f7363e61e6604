"""What the monitors of stations saw, from the journal into the table that people ask; the newest of each station."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import delete, insert, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest.changes import Origin, Row
from cloud.store.station_tables import monitor_events
from protocols.sync.upkeep import MonitorEventsReported

KEPT: Final = 1_000
"""Of one station; the journal keeps them all."""


async def write(
    connection: AsyncConnection, origin: Origin, body: MonitorEventsReported, at: datetime, seq: int
) -> None:
    """Add the events of entry `seq` of the journal, and let the oldest of the station go."""
    entry = f"{origin.address.edge_id}-{origin.epoch}-{seq:010}"
    station = body.station_id
    rows = [_row(event, f"{entry}-{number:03}", station, at, origin) for number, event in enumerate(body.events)]
    if not rows:
        return
    await connection.execute(insert(monitor_events), rows)
    its = monitor_events.c
    here = (
        its.domain == origin.address.domain,
        its.station_id == station,
        its.edge_id == origin.address.edge_id,
    )
    newest_first = select(its.at, its.id).where(*here).order_by(its.at.desc(), its.id.desc())
    too_old = (await connection.execute(newest_first.offset(KEPT).limit(1))).one_or_none()
    if too_old is not None:
        place = tuple_(literal(too_old.at, its.at.type), literal(too_old.id, its.id.type))
        await connection.execute(delete(monitor_events).where(*here, tuple_(its.at, its.id) <= place))


def _row(event: dict[str, Any], event_id: str, station_id: str, at: datetime, origin: Origin) -> Row:
    component, variable = event.get("component") or {}, event.get("variable") or {}
    return {
        **origin.key,
        "id": event_id,
        "station_id": station_id,
        "at": at,
        "trigger": _text(event.get("trigger")),
        "component": _text(component.get("name")),
        "evse_id": (component.get("evse") or {}).get("id"),
        "variable": _text(variable.get("name")),
        "value": _text(event.get("actualValue")),
        "is_cleared": event.get("cleared") is True,
        "event": orjson.dumps(event).decode(),
    }


def _text(value: object) -> str:
    return "" if value is None else str(value)
