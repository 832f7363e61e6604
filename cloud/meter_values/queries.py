"""The questions about what was measured: readings one by one from their blocks, and what they come to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import AwareDatetime, Field
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Integer,
    RowMapping,
    Select,
    Table,
    and_,
    case,
    cast,
    column,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.rest.fields import GivenName, Name
from cloud.rest.paging import PageQuery, open_cursor, seal_cursor
from cloud.store.curves import LONGEST_ENTRY, curves_of_row, time_of
from cloud.store.meter_tables import meters
from cloud.store.tables import charging_stations, edges, locations
from cloud.store.telemetry_tables import LONGEST_GAP_MS, days, hours, quarter_hours, telemetry_blocks
from protocols.terms import Measurand, ReadingContext

Resolution = Literal["quarter", "hour", "day"]
Document = dict[str, Any]
TABLES: Final[dict[str, Table]] = {"quarter": quarter_hours, "hour": hours, "day": days}
MAX_BLOCKS_A_PAGE: Final = 96
"""That are read for one page of readings: a day. It may end before it is full."""
REGISTERS: Final = (Measurand.ENERGY_REGISTER.value, Measurand.ENERGY_EXPORT_REGISTER.value)
_PLACE: Final = (
    telemetry_blocks.c.begins_at,
    telemetry_blocks.c.epoch,
    telemetry_blocks.c.seq,
    column("reading", Integer),
)
"""Of a reading: its block, and the number in it."""


class EnergyQuery(PageQuery):
    """Which buckets, of which length."""

    resolution: Resolution = Field("quarter", description="Length of the buckets; days are the location's.")
    date_from: AwareDatetime | None = Field(None, description="Buckets that begin at this time or later.")
    date_to: AwareDatetime | None = Field(None, description="Buckets that begin before this time.")


class MeterValueQuery(PageQuery):
    """Which values; all given filters must hold."""

    resolution: Literal["raw"] | Resolution = Field(
        "quarter", description="`raw` for single readings, else the length of the buckets; days are the location's."
    )
    date_from: AwareDatetime | None = Field(None, description="Readings and buckets of this time or later.")
    date_to: AwareDatetime | None = Field(None, description="Readings and buckets before this time.")
    measurand: Measurand | None = None
    phase: Name | None = Field(None, description="Empty: of all phases together.")
    edge_id: GivenName | None = Field(None, description="Needed where several edges have such a station.")


def location(domain: int, location_id: str) -> Select[Any]:
    return select(locations.c.id).where(locations.c.domain == domain, locations.c.id == location_id)


def edges_with(domain: int, station_id: str, evse_id: int) -> Select[Any] | CompoundSelect[Any]:
    """Those that have such a station; or, for its EVSE 0, such a meter of the site."""
    its = charging_stations.c
    stations = select(its.edge_id).where(its.domain == domain, its.station_id == station_id)
    if evse_id:
        return stations
    return stations.union(select(meters.c.edge_id).where(meters.c.domain == domain, meters.c.meter_id == station_id))


def sort_of(resolution: Resolution) -> tuple[ColumnElement[Any], ...]:
    its = TABLES[resolution].c
    return its.begins_at, its.measurand, its.phase


def buckets(domain: int, edge_id: str, station_id: str, evse_id: int, wanted: MeterValueQuery) -> Select[Any]:
    """What readings of an EVSE come to; `energy_wh` is what a register gained since the bucket before."""
    table = TABLES[wanted.resolution]
    its = table.c
    query = select(table, _energy_wh(table).label("energy_wh")).where(
        its.domain == domain, its.edge_id == edge_id, its.station_id == station_id, its.evse_id == evse_id
    )
    if wanted.measurand is not None:
        query = query.where(its.measurand == wanted.measurand.value)
    if wanted.phase is not None:
        query = query.where(its.phase == wanted.phase)
    return _between(query, its.begins_at, wanted.date_from, wanted.date_to)


def energy(domain: int, location_id: str, wanted: EnergyQuery) -> Select[Any]:
    """What all EVSEs of a location took and gave, by their registers of all phases together."""
    table = TABLES[wanted.resolution]
    its = table.c
    there = select(edges.c.edge_id).where(edges.c.domain == domain, edges.c.location_id == location_id)
    single = select(its.begins_at, its.measurand, its.updated_at, _energy_wh(table).label("energy_wh")).where(
        its.domain == domain,
        its.edge_id.in_(there),
        its.evse_id > 0,
        its.measurand.in_(REGISTERS),
        its.phase == "",
    )
    each = _between(single, its.begins_at, wanted.date_from, wanted.date_to).subquery().c
    taken, given = (each.measurand == name for name in REGISTERS)
    return select(
        each.begins_at,
        cast(func.coalesce(func.sum(case((taken, each.energy_wh), else_=0)), 0), BigInteger).label("energy_wh"),
        cast(func.coalesce(func.sum(case((given, each.energy_wh), else_=0)), 0), BigInteger).label("exported_wh"),
        cast(func.sum(case((taken, 1), else_=0)), BigInteger).label("evses"),
        func.max(each.updated_at).label("updated_at"),
    ).group_by(each.begins_at)


def energy_shown(row: RowMapping) -> Document:
    return {name: row[name] for name in ("begins_at", "energy_wh", "exported_wh", "evses", "updated_at")}


def bucket_shown(row: RowMapping) -> Document:
    is_register = row["measurand"] in REGISTERS
    has_held = row["held_ms"] > 0 and not is_register
    return {
        "edge_id": row["edge_id"],
        "at": row["begins_at"],
        "measurand": row["measurand"],
        "phase": row["phase"] or None,
        "value": round(row["held_sum"] / row["held_ms"]) if has_held else row["last"],
        "transaction_id": None,
        "context": None,
        "rollup": {
            **{name: row[name] for name in ("samples", "first", "last", "minimum", "maximum")},
            "energy_wh": row["energy_wh"],
            "blocks": row["blocks"],
            "dropped": row["dropped"],
            "filters": row["filters"].split(","),
            "updated_at": row["updated_at"],
        },
    }


async def readings(
    connection: AsyncConnection, domain: int, edge_id: str, station_id: str, evse_id: int, wanted: MeterValueQuery
) -> tuple[list[Document], str | None]:
    """A page of single readings, by their blocks and then by time, and the cursor of the next page."""
    its = telemetry_blocks.c
    query: Select[Any] = select(its.begins_at, its.epoch, its.seq, its.head, its.data).where(
        its.domain == domain, its.edge_id == edge_id, its.station_id == station_id, its.evse_id == evse_id
    )
    if wanted.date_from is not None:
        query = query.where(its.last_at >= wanted.date_from, its.begins_at > wanted.date_from - LONGEST_ENTRY)
    query = _between(query, its.begins_at, None, wanted.date_to)
    skipped, seen = 0, None
    if wanted.cursor is not None:
        *seen, skipped = open_cursor(wanted.cursor, _PLACE)
        values = (literal(value, name.type) for value, name in zip(seen, _PLACE, strict=False))
        query = query.where(tuple_(*_PLACE[:3]) >= tuple_(*values))
    found: list[Document] = []
    rows = (await connection.execute(query.order_by(*_PLACE[:3]).limit(MAX_BLOCKS_A_PAGE))).all()
    for row in rows:
        first = skipped if seen == [row.begins_at, row.epoch, row.seq] else 0
        for number, document in _decoded(edge_id, row.head, row.data, first, wanted):
            if len(found) == wanted.limit:
                return found, seal_cursor([row.begins_at, row.epoch, row.seq, number])
            found.append(document)
    if len(rows) < MAX_BLOCKS_A_PAGE:
        return found, None
    return found, seal_cursor([rows[-1].begins_at, rows[-1].epoch, rows[-1].seq, 2**31 - 1])


def _decoded(
    edge_id: str, head: str, data: bytes, first: int, wanted: MeterValueQuery
) -> Iterator[tuple[int, Document]]:
    """Those readings of a block that are wanted, from the number `first` on, each with its number in time's order."""
    told: Sequence[tuple[int, str, str, str, str, int]] = sorted(
        (at_ms, curve.measurand, curve.phase or "", curve.context, curve.transaction_id or "", value)
        for curve in curves_of_row(head, data)
        for at_ms, value in zip(curve.times_ms, curve.values, strict=True)
    )
    for number, (at_ms, measurand, phase, context, transaction_id, value) in enumerate(told[first:], first):
        at = time_of(at_ms)
        is_wanted = (wanted.measurand in (None, measurand), wanted.phase in (None, phase))
        is_within = (wanted.date_from is None or at >= wanted.date_from, wanted.date_to is None or at < wanted.date_to)
        if all((*is_wanted, *is_within)):
            yield (
                number,
                {
                    "edge_id": edge_id,
                    "at": at,
                    "measurand": measurand,
                    "phase": phase or None,
                    "value": value,
                    "transaction_id": transaction_id or None,
                    "context": ReadingContext(context),
                    "rollup": None,
                },
            )


def _energy_wh(table: Table) -> ColumnElement[Any]:
    """What a register gained in a bucket, and from the last reading of the bucket before to its first: where both are
    of one transaction or of none, and not too far from each other. NULL for what is no register."""
    its, earlier = table.c, table.alias("earlier")
    before = earlier.c
    is_counted = and_(
        before.last_transaction.is_not_distinct_from(its.first_transaction),
        its.first > before.last,
        its.first_ms - before.last_ms <= LONGEST_GAP_MS,
    )
    since = (
        select(case((is_counted, its.first - before.last), else_=0))
        .where(
            *(before[name] == its[name] for name in ("domain", "edge_id", "station_id", "evse_id")),
            *(before[name] == its[name] for name in ("measurand", "phase")),
            before.begins_at < its.begins_at,
        )
        .order_by(before.begins_at.desc())
        .limit(1)
        .correlate(table)
        .scalar_subquery()
    )
    return case((its.measurand.in_(REGISTERS), its.gained_wh + func.coalesce(since, 0)), else_=None)


def _between(query: Select[Any], at: ColumnElement[Any], since: datetime | None, until: datetime | None) -> Select[Any]:
    if since is not None:
        query = query.where(at >= since)
    return query if until is None else query.where(at < until)
