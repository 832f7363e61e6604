"""Holds what an edge says that its days come to against the entries that are here.

Sums are kept as they come, and proved when all that they count has come, too: with the edge's report, once a minute.
What is missing here is asked for again from the first of it on, once; where nothing is missing and the hash is another
one, an alarm tells a person. Of the money it is also said in figures that a person understands.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest.changes import Origin
from cloud.ingest.positions import Position, lock_position, set_position
from cloud.ingest.projection import raise_once
from cloud.ingest.telemetry import entries_here
from cloud.store.engine import insert_missing
from cloud.store.feed import FeedEvent
from cloud.store.proof_tables import day_sums
from cloud.store.tables import dead_letters, entries, stream_positions
from protocols.sync.comparing import DaySummed
from protocols.sync.topics import Stream
from protocols.sync.up import AlarmRaised, Severity

WAITING: Final = "waiting"
PROVED: Final = "proved"
DIFFERS: Final = "differs"
GONE: Final = "gone"
"""Not all of it is here: it was never told, given up, dropped by age, or lies among the dead letters."""
AT_ONCE: Final = 8
"""Sums of an edge in one go: each is of some thousand entries at most."""
MAX_ENTRIES: Final = 20_000
_BILL: Final = '"kind":"cdr_issued"}}'


@dataclass(frozen=True, slots=True)
class Figures:
    """What the money here comes to."""

    bills: int
    energy_wh: int
    amounts: dict[str, Decimal]


async def take(connection: AsyncConnection, origin: Origin, sums: Sequence[tuple[int, DaySummed]]) -> None:
    """Keep what the edge said; what it said before stays."""
    rows = [
        {
            **origin.key,
            "epoch": origin.epoch,
            "stream": told.stream.value,
            "first_seq": told.first_seq,
            "last_seq": told.last_seq,
            "day": told.day,
            "count": told.count,
            "hash": told.hash,
            "bills": told.bills,
            "energy_wh": told.energy_wh,
            "amounts": _as_json(told.amounts),
            "state": WAITING if told.last_seq - told.first_seq < MAX_ENTRIES else GONE,
            "is_asked": False,
        }
        for _, told in sums
    ]
    await connection.execute(insert_missing(connection, day_sums), rows)


async def prove(connection: AsyncConnection, origin: Origin) -> list[FeedEvent]:
    """Prove the oldest of those that can be; what the feed should tell."""
    its, at = day_sums.c, stream_positions.c
    query = (
        select(day_sums)
        .join(
            stream_positions,
            (at.domain == its.domain)
            & (at.edge_id == its.edge_id)
            & (at.epoch == its.epoch)
            & (at.stream == its.stream)
            & (at.seq >= its.last_seq),
        )
        .where(*_of(origin), its.state == WAITING)
        .order_by(its.stream, its.first_seq)
        .limit(AT_ONCE)
    )
    events: list[FeedEvent] = []
    for told in (await connection.execute(query)).all():
        events += await _prove(connection, origin, told)
    return events


async def _prove(connection: AsyncConnection, origin: Origin, told: Row[Any]) -> list[FeedEvent]:
    stream = Stream(told.stream)
    here = await _entries(connection, origin, stream, told.first_seq, told.last_seq)
    figures = _figures(raw for _, raw in here) if stream is Stream.MONEY else Figures(0, 0, {})
    found: dict[str, Any] = {
        "here_count": len(here),
        "here_bills": figures.bills,
        "here_energy_wh": figures.energy_wh,
        "here_amounts": _as_json(figures.amounts),
    }
    events: list[FeedEvent] = []
    if len(here) == told.last_seq - told.first_seq + 1:
        is_proved = _hash(raw for _, raw in here) == told.hash
        found["state"] = PROVED if is_proved else DIFFERS
        if not is_proved:
            events = await _tell(connection, origin, told)
    else:
        hole = None if told.is_asked else await _first_hole(connection, origin, told, {seq for seq, _ in here})
        if hole is None:
            found["state"] = GONE
        else:
            found["is_asked"] = True
            events = await _ask_again(connection, origin, stream, hole)
    await connection.execute(
        update(day_sums)
        .where(*_of(origin), day_sums.c.stream == told.stream, day_sums.c.first_seq == told.first_seq)
        .values(**found)
    )
    return events


async def _entries(
    connection: AsyncConnection, origin: Origin, stream: Stream, first_seq: int, last_seq: int
) -> list[tuple[int, str]]:
    query = (
        select(entries.c.seq, entries.c.raw)
        .where(
            entries.c.domain == origin.address.domain,
            entries.c.edge_id == origin.address.edge_id,
            entries.c.epoch == origin.epoch,
            entries.c.stream == stream.value,
            entries.c.seq >= first_seq,
            entries.c.seq <= last_seq,
        )
        .order_by(entries.c.seq)
    )
    here = [(row.seq, row.raw) for row in await connection.execute(query)]
    if stream is not Stream.TELEMETRY:
        return here
    return sorted(here + await entries_here(connection, origin.address, origin.epoch, first_seq, last_seq))


async def _first_hole(connection: AsyncConnection, origin: Origin, told: Row[Any], here: set[int]) -> int | None:
    """The first entry that was here and is not any more: with something on both sides, none of it a dead letter or
    given up by the edge."""
    query = select(dead_letters.c.seq).where(
        dead_letters.c.domain == origin.address.domain,
        dead_letters.c.edge_id == origin.address.edge_id,
        dead_letters.c.epoch == origin.epoch,
        dead_letters.c.stream == told.stream,
        dead_letters.c.seq >= told.first_seq,
        dead_letters.c.seq <= told.last_seq,
    )
    here = here | set((await connection.execute(query)).scalars())
    before = await connection.execute(
        select(entries.c.seq)
        .where(
            entries.c.domain == origin.address.domain,
            entries.c.edge_id == origin.address.edge_id,
            entries.c.epoch == origin.epoch,
            entries.c.stream == told.stream,
            entries.c.seq < told.first_seq,
        )
        .limit(1)
    )
    is_older_here = before.one_or_none() is not None
    first = told.first_seq if is_older_here else min(here, default=told.last_seq + 1)
    shed = await _shed(connection, origin, told) if told.stream != Stream.MONEY.value else []
    for seq in range(first, told.last_seq + 1):
        if seq not in here and not any(low <= seq <= high for low, high in shed):
            return seq
    return None


async def _shed(connection: AsyncConnection, origin: Origin, told: Row[Any]) -> list[tuple[int, int]]:
    """What the edge has given up of the stream, by what it said."""
    query = select(entries.c.raw).where(
        entries.c.domain == origin.address.domain,
        entries.c.edge_id == origin.address.edge_id,
        entries.c.epoch == origin.epoch,
        entries.c.stream == Stream.EVENT.value,
        entries.c.raw.like('%"kind":"entries_shed"}}'),
    )
    bodies = [orjson.loads(raw)["body"] for raw in (await connection.execute(query)).scalars()]
    return [
        (body["first_seq"], body["last_seq"])
        for body in bodies
        if body["stream"] == told.stream and body["first_seq"] is not None
    ]


async def _ask_again(connection: AsyncConnection, origin: Origin, stream: Stream, hole: int) -> list[FeedEvent]:
    """The next batch is then a gap, and everything since is asked for; what is here is known by its ids."""
    now = origin.received_at
    here = await lock_position(connection, origin.address, origin.epoch, stream, now)
    to = Position(seq=min(here.seq, hole - 1), dead=here.dead)
    await set_position(connection, origin.address, origin.epoch, stream, to, now)
    return await tell_missing(connection, origin, stream, hole)


async def tell_missing(connection: AsyncConnection, origin: Origin, stream: Stream, hole: int) -> list[FeedEvent]:
    """Entries that were here are gone."""
    body = AlarmRaised(
        alarm_id=f"hub.entries_missing.{origin.epoch}.{stream}",
        alarm="entries_missing",
        severity=Severity.CRITICAL if stream is Stream.MONEY else Severity.WARNING,
        text=f"Entry {hole} of the {stream} stream, and perhaps others, were here and are not any more; the edge is"
        " asked for all since. Look at the hub's database and how it was restored",
    )
    return await raise_once(connection, origin, body, f"missing-{stream}-{hole}")


async def _tell(connection: AsyncConnection, origin: Origin, told: Row[Any]) -> list[FeedEvent]:
    body = AlarmRaised(
        alarm_id=f"hub.day_differs.{origin.epoch}.{told.stream}",
        alarm="day_differs",
        severity=Severity.CRITICAL if told.stream == Stream.MONEY.value else Severity.WARNING,
        text=f"Edge {origin.address.edge_id} says that its entries {told.first_seq} to {told.last_seq} of the"
        f" {told.stream} stream, of {told.day}, come to another hash than what is here: one side was changed since",
    )
    return await raise_once(connection, origin, body, f"day-{told.stream}-{told.first_seq}")


def _hash(raw: Iterable[str]) -> str:
    """As protocols.sync.comparing.summed, of all of them."""
    hashed = b""
    for entry in raw:
        hashed = hashlib.sha256(hashed + entry.encode()).digest()
    return hashed.hex()


def _figures(raw: Iterable[str]) -> Figures:
    bills = energy_wh = 0
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    for entry in raw:
        if entry.endswith(_BILL):
            cdr = orjson.loads(entry)["body"]["cdr"]
            bills, energy_wh = bills + 1, energy_wh + cdr["total_energy_wh"]
            amounts[cdr["currency"]] += Decimal(cdr["total_cost"]["incl_vat"])
    return Figures(bills, energy_wh, dict(amounts))


def _as_json(amounts: dict[str, Decimal]) -> str:
    return orjson.dumps({currency: str(amount) for currency, amount in sorted(amounts.items())}).decode()


def _of(origin: Origin) -> tuple[ColumnElement[bool], ...]:
    its = day_sums.c
    return (
        its.domain == origin.address.domain,
        its.edge_id == origin.address.edge_id,
        its.epoch == origin.epoch,
    )
