"""Writes what the meters of one edge show, and the balance of its site. Newer news wins, as with EVSEs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest.live_values import LiveValues
from cloud.store.documents import to_json
from cloud.store.engine import upsert
from cloud.store.meter_tables import meters, power_flows
from protocols.sync.present import Birth, MeterLive
from protocols.sync.topics import EdgeAddress

Row = dict[str, Any]


async def write_meters(connection: AsyncConnection, address: EdgeAddress, values: LiveValues) -> None:
    """In the transaction of the other live values."""
    key = {"domain": address.domain, "edge_id": address.edge_id}
    rows = [{**key, **_row(meter), "as_of": at} for meter, at in values.meters.values()]
    await _write(connection, address, meters, rows)
    if values.balance_at is not None:
        flows = [{**key, **asdict(flow), "as_of": values.balance_at} for flow in values.balance]
        await _write(connection, address, power_flows, flows)


async def write_all_meters(connection: AsyncConnection, address: EdgeAddress, birth: Birth) -> None:
    """A birth has them all: what is no longer there goes."""
    await _keep_only(connection, address, meters, [meter.meter_id for meter in birth.meters])
    await _keep_only(connection, address, power_flows, [flow.part.value for flow in birth.balance])
    values = LiveValues()
    values.hear(birth)
    await write_meters(connection, address, values)


async def _write(connection: AsyncConnection, address: EdgeAddress, table: Table, rows: list[Row]) -> None:
    if not rows:
        return
    name = _name(table)
    query = select(table.c[name], table.c.as_of).where(
        table.c.domain == address.domain,
        table.c.edge_id == address.edge_id,
        table.c[name].in_([row[name] for row in rows]),
    )
    known: dict[str, datetime] = {row[0]: row[1] for row in await connection.execute(query)}
    newer = [row for row in rows if row[name] not in known or row["as_of"] >= known[row[name]]]
    if newer:
        await connection.execute(upsert(connection, table), newer)


async def _keep_only(connection: AsyncConnection, address: EdgeAddress, table: Table, kept: Iterable[str]) -> None:
    mine = (table.c.domain == address.domain) & (table.c.edge_id == address.edge_id)
    await connection.execute(delete(table).where(mine, table.c[_name(table)].not_in(list(kept))))


def _name(table: Table) -> str:
    """What names a row of an edge."""
    return "meter_id" if table is meters else "part"


def _row(meter: MeterLive) -> Row:
    return {**asdict(meter), "phases": to_json(meter.phases).decode()}
