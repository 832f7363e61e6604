"""Keeps quarters of an hour, hours and days of readings true while blocks come in: in order, late or of the past.

What comes behind or before all that a bucket holds is joined to it. Where readings overlap, the quarter is made anew
from all its blocks, and then its hour and day from their quarters. Hours are those of UTC, days those of the location's
time zone, as it is when the readings come.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, reduce
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import ColumnElement, Select, Table, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest.buckets import QUARTER_MS, REGISTERS, Bucket, Series, Sourced, bucket_of_all, join, join_any
from cloud.ingest.changes import Origin
from cloud.store.bulk import insert_many
from cloud.store.curves import LONGEST_ENTRY, curves_of_row, ms_of
from cloud.store.tables import locations
from cloud.store.telemetry_tables import days, hours, quarter_hours, telemetry_blocks
from protocols.terms import Measurand

Slot = tuple[str, int, datetime]
"""A charging station, its EVSE, and when a bucket of it begins."""
News = Mapping[Slot, Sequence[tuple[Series, Bucket]]]

MAX_SLOTS_A_QUERY: Final = 500
_QUARTER: Final = timedelta(milliseconds=QUARTER_MS)
_HOUR: Final = timedelta(hours=1)
_PLACED: Final = ("station_id", "evse_id", "begins_at", "measurand", "phase")


@dataclass(frozen=True, slots=True)
class _Way:
    """Whose readings they are, and the transaction that they come in."""

    connection: AsyncConnection
    origin: Origin

    def of(self, table: Table) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        address = self.origin.address
        return table.c.domain == address.domain, table.c.edge_id == address.edge_id


async def add(connection: AsyncConnection, origin: Origin, quarters: News) -> None:
    """Add what new blocks come to, which are stored already; by the slots of their quarters."""
    way = _Way(connection, origin)
    crossed = await _extend(way, quarter_hours, quarters)
    await _make_quarters(way, crossed, quarters)
    hour = cache(lambda at: at.replace(minute=0, second=0, microsecond=0))
    day = cache(days_in(await _zone(way)))
    await _add_longer(way, hours, quarters, crossed, hour, lambda begins_at: begins_at + _HOUR)
    await _add_longer(way, days, quarters, crossed, day, lambda begins_at: day(begins_at + timedelta(hours=36)))


def days_in(zone: ZoneInfo) -> Callable[[datetime], datetime]:
    """When the day of a moment begins there, in UTC."""

    def day(at: datetime) -> datetime:
        return at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)

    return day


async def _add_longer(
    way: _Way,
    table: Table,
    quarters: News,
    crossed: Collection[Slot],
    begin: Callable[[datetime], datetime],
    end: Callable[[datetime], datetime],
) -> None:
    """The same for buckets of several quarters, whose quarters are written already."""
    news: dict[Slot, list[tuple[Series, Bucket]]] = defaultdict(list)
    anew: set[Slot] = set()
    for slot, of_slot in quarters.items():
        longer = (slot[0], slot[1], begin(slot[2]))
        if slot in crossed:
            anew.add(longer)
        news[longer] += of_slot
    anew |= await _extend(way, table, {slot: of_slot for slot, of_slot in news.items() if slot not in anew})
    rows = []
    for station_id, evse_id, begins_at in sorted(anew):
        its = quarter_hours.c
        query = _placed(quarter_hours).where(*way.of(quarter_hours), its.station_id == station_id)
        query = query.where(its.evse_id == evse_id, its.begins_at >= begins_at, its.begins_at < end(begins_at))
        of_series: dict[Series, list[Bucket]] = defaultdict(list)
        for row in await way.connection.execute(query.order_by(its.begins_at)):
            of_series[Measurand(row.measurand), row.phase].append(Bucket._make(row[5:]))
        for series, buckets in of_series.items():
            is_register = series[0] in REGISTERS
            whole = reduce(lambda one, other, of=is_register: join(one, other, is_register=of), buckets)  # type: ignore[misc]
            rows.append(_row(way, (station_id, evse_id, begins_at), series, whole))
    await insert_many(way.connection, table, rows, "replace")


async def _extend(way: _Way, table: Table, news: News) -> set[Slot]:
    """Join new buckets to those that are there. Returns the slots where some overlap: of these nothing is written."""
    rows: list[dict[str, Any]] = []
    crossed: set[Slot] = set()
    there = await _load(way, table, news)
    for slot, of_slot in news.items():
        before, after = there.get(slot, {}), dict[Series, Bucket]()
        for series, bucket in sorted(of_slot, key=_begin):
            known = after.get(series) or before.get(series)
            joined = bucket if known is None else join_any(known, bucket, is_register=series[0] in REGISTERS)
            if joined is None:
                crossed.add(slot)
                break
            after[series] = joined
        else:
            rows += [_row(way, slot, series, bucket) for series, bucket in after.items()]
    await insert_many(way.connection, table, rows, "replace")
    return crossed


async def _make_quarters(way: _Way, slots: Iterable[Slot], news: News) -> None:
    """Make them anew from all their blocks. Where a block of the past is pruned, what was made of it stays as it is."""
    rows = []
    for slot in sorted(slots):
        station_id, evse_id, begins_at = slot
        its = telemetry_blocks.c
        query = select(its.head, its.data, its.dropped, its.filter).where(
            *way.of(telemetry_blocks),
            its.station_id == station_id,
            its.evse_id == evse_id,
            its.begins_at < begins_at + _QUARTER,
            its.begins_at > begins_at - LONGEST_ENTRY,
            its.last_at >= begins_at,
        )
        found = (await way.connection.execute(query.order_by(its.epoch, its.seq))).all()
        blocks: list[Sourced] = [(curves_of_row(row.head, row.data), row.dropped, row.filter) for row in found]
        before = (await _load(way, quarter_hours, [slot])).get(slot, {})
        new = Counter(series for series, _ in news[slot])
        for series in {*before, *new}:
            bucket = bucket_of_all(blocks, series, ms_of(begins_at))
            made_from = (before[series].blocks if series in before else 0) + new[series]
            if bucket is not None and bucket.blocks >= made_from:
                rows.append(_row(way, slot, series, bucket))
    await insert_many(way.connection, quarter_hours, rows, "replace")


async def _load(way: _Way, table: Table, slots: Collection[Slot]) -> dict[Slot, dict[Series, Bucket]]:
    found: dict[Slot, dict[Series, Bucket]] = defaultdict(dict)
    place = tuple_(table.c.station_id, table.c.evse_id, table.c.begins_at)
    wanted = iter(slots)
    while some := list(islice(wanted, MAX_SLOTS_A_QUERY)):
        query = _placed(table).where(*way.of(table), place.in_(some))
        for row in await way.connection.execute(query):
            found[row.station_id, row.evse_id, row.begins_at][Measurand(row.measurand), row.phase] = Bucket._make(
                row[5:]
            )
    return found


def _placed(table: Table) -> Select[Any]:
    return select(*(table.c[name] for name in (*_PLACED, *Bucket._fields)))


def _row(way: _Way, slot: Slot, series: Series, bucket: Bucket) -> dict[str, Any]:
    return {
        **way.origin.key,
        "station_id": slot[0],
        "evse_id": slot[1],
        "begins_at": slot[2],
        "measurand": series[0].value,
        "phase": series[1],
        "updated_at": way.origin.received_at,
        **bucket._asdict(),
    }


def _begin(new: tuple[Series, Bucket]) -> int:
    return new[1].first_ms


async def _zone(way: _Way) -> ZoneInfo:
    """Of the location; UTC where it has told none that is known here."""
    its, origin = locations.c, way.origin
    query = select(its.time_zone).where(its.domain == origin.address.domain, its.id == origin.location_id)
    name: str | None = (await way.connection.execute(query)).scalar_one_or_none()
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
