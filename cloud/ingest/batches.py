"""One batch, one transaction: the raw entries, their projections, the feed and the position, or nothing of it.

Every entry takes effect exactly once: what lies at or below the contiguous position is a duplicate, what lies beyond
a gap is not stored but asked for again. An entry that cannot be read or projected becomes a dead letter with an alarm,
and its stream goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest import chain_seals, day_sums, open_sessions, projection, telemetry
from cloud.ingest.changes import Changes, Origin, project
from cloud.ingest.forks import EDGE_FORKED, foreign_entries
from cloud.ingest.positions import Position, lock_position, set_position
from cloud.store import feed
from cloud.store.bulk import insert_many
from cloud.store.engine import Store, insert_missing, is_database_away
from cloud.store.feed import FeedEvent
from cloud.store.tables import dead_letters, edges, entries
from protocols.errors import BadEntry
from protocols.sync.codec import Batch, DeadLetter, stamp_of
from protocols.sync.down import Ack, RejectedEntry
from protocols.sync.keeping import EntriesShed
from protocols.sync.topics import EdgeAddress, Stream
from protocols.sync.up import AlarmRaised, Entry, Severity

MAX_REASON_CHARS: Final = 500
MAX_REJECTED_IN_ACK: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of a batch; the Ack may be sent, unless it was another agent's (`is_foreign`)."""

    ack: Ack
    is_foreign: bool = False
    new: int = 0
    duplicates: int = 0
    dead: int = 0
    newest_at: datetime | None = None


@dataclass(slots=True)
class _Taken:
    changes: Changes = field(default_factory=Changes)
    good: list[int] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    events: list[FeedEvent] = field(default_factory=list)


async def store_batch(store: Store, address: EdgeAddress, batch: Batch, now: datetime) -> Stored:
    """Commit a batch. Raises only when the database is away; the caller tries again."""
    try:
        async with store.write() as connection:
            return await _store(connection, address, batch, now, is_careful=False)
    except (BadEntry, SQLAlchemyError, ValueError, OverflowError, OSError, TimeoutError) as error:
        if is_database_away(error):
            raise
    async with store.write() as connection:  # some entry is poison: find it, one by one
        return await _store(connection, address, batch, now, is_careful=True)


async def _store(
    connection: AsyncConnection, address: EdgeAddress, batch: Batch, now: datetime, *, is_careful: bool
) -> Stored:
    here = await lock_position(connection, address, batch.epoch, batch.stream, now)
    if foreign := await foreign_entries(connection, address, batch, here):
        return await _keep_apart(connection, address, batch, foreign, here, now)
    if batch.first_seq > here.seq + 1 or batch.last_seq <= here.seq:
        ack = Ack(
            epoch=batch.epoch,
            stream=batch.stream,
            seq=here.seq,
            rejected=await _rejected(connection, address, batch, here.dead),
            resend=batch.first_seq > here.seq + 1,
            entry_at=here.stamp,
        )
        return Stored(ack=ack, duplicates=0 if ack.resend else len(batch.raw))
    origin = await _origin(connection, address, batch.epoch, now)
    fresh = [entry for entry in batch.entries if entry.seq > here.seq]
    taken = await (_take_carefully if is_careful else _take)(connection, origin, fresh, batch.raw)
    taken.dead += [letter for letter in batch.dead if letter.seq > here.seq]
    key = {**origin.key, "epoch": batch.epoch, "stream": batch.stream.value}
    blocks = {block.seq for block in taken.changes.readings}
    if rows := [{**key, "seq": seq, "raw": batch.raw[seq]} for seq in taken.good if seq not in blocks]:
        await insert_many(connection, entries, rows, "keep")
    await telemetry.store(connection, origin, taken.changes.readings, batch.raw)
    missing: int | None = None
    if taken.changes.seals:
        events, missing = await chain_seals.take(connection, origin, taken.changes.seals)
        taken.events += events
    is_lost, apart = missing is not None, None
    if taken.changes.sums:
        await day_sums.take(connection, origin, taken.changes.sums)
    if taken.changes.open_told:
        events, apart = await open_sessions.take(connection, origin, *taken.changes.open_told[-1], fresh)
        taken.events += events
    missing = min((seq for seq in (missing, apart) if seq is not None), default=None)
    for shed in taken.changes.shed:
        await _pass_over_shed(connection, origin, shed)
    if taken.dead:
        taken.events += await _bury(connection, origin, key, taken.dead)
    stamp = stamp_of(batch.raw[batch.last_seq])
    there = Position(seq=batch.last_seq, dead=here.dead + len(taken.dead), stamp=stamp)
    if missing is not None:
        there = Position(seq=missing - 1, dead=there.dead)
    await set_position(connection, address, batch.epoch, batch.stream, there, now)
    if missing is not None:
        return await _step_back(connection, origin, batch, missing, taken.events, is_lost=is_lost)
    await feed.append(connection, taken.events)
    rejected = await _rejected(connection, address, batch, there.dead)
    return Stored(
        ack=Ack(epoch=batch.epoch, stream=batch.stream, seq=batch.last_seq, rejected=rejected, entry_at=stamp),
        new=len(taken.good),
        duplicates=max(0, here.seq + 1 - batch.first_seq),
        dead=len(taken.dead),
        newest_at=taken.changes.newest_at,
    )


async def _step_back(
    connection: AsyncConnection,
    origin: Origin,
    batch: Batch,
    missing: int,
    events: list[FeedEvent],
    *,
    is_lost: bool,
) -> Stored:
    """Everything from an entry on is asked for again, and what is here is known by its ids; `is_lost`: entries that
    were here are gone. What the edge has no more is passed over with its next birth."""
    if is_lost:
        events += await day_sums.tell_missing(connection, origin, batch.stream, missing)
    await feed.append(connection, events)
    return Stored(ack=Ack(epoch=batch.epoch, stream=batch.stream, seq=missing - 1, resend=True))


async def _keep_apart(
    connection: AsyncConnection,
    address: EdgeAddress,
    batch: Batch,
    letters: list[DeadLetter],
    here: Position,
    now: datetime,
) -> Stored:
    """Keep what a clone sends where a person sees it, and let it go on under its own steam: nothing is acknowledged."""
    origin = await _origin(connection, address, batch.epoch, now)
    key = {**origin.key, "epoch": batch.epoch, "stream": batch.stream.value}
    events = await _bury(connection, origin, key, letters)
    body = AlarmRaised(
        alarm_id=f"hub.{EDGE_FORKED}.{batch.epoch}",
        alarm=EDGE_FORKED,
        severity=Severity.CRITICAL,
        text=f"Two agents are edge {address.edge_id} in one epoch: entry {letters[0].seq} of {batch.stream} came with"
        " different contents. What came second is among the dead letters; see the runbook, 'Two agents with one id'",
    )
    events += await projection.raise_once(connection, origin, body, f"fork-{batch.stream}-{letters[0].seq}")
    await feed.append(connection, events)
    ack = Ack(epoch=batch.epoch, stream=batch.stream, seq=here.seq, entry_at=here.stamp)
    return Stored(ack=ack, is_foreign=True, dead=len(letters))


async def _take(connection: AsyncConnection, origin: Origin, fresh: list[Entry], raw: dict[int, str]) -> _Taken:
    """Project all entries together; each table is written once."""
    taken = _Taken()
    for entry in fresh:
        try:
            project(entry, origin, taken.changes)
            taken.good.append(entry.seq)
        except BadEntry as error:
            taken.dead.append(DeadLetter(seq=entry.seq, reason=error.reason, raw=raw[entry.seq]))
    taken.events = await projection.write(connection, origin, taken.changes)
    return taken


async def _take_carefully(
    connection: AsyncConnection, origin: Origin, fresh: list[Entry], raw: dict[int, str]
) -> _Taken:
    """The same, each entry in a savepoint of its own: slow, and only for a batch that holds poison."""
    taken = _Taken()
    for entry in fresh:
        changes = Changes()
        try:
            project(entry, origin, changes)
            async with connection.begin_nested():
                events = await projection.write(connection, origin, changes)
            taken.events += events
            taken.good.append(entry.seq)
            taken.changes.seals += changes.seals
            taken.changes.sums += changes.sums
            taken.changes.open_told += changes.open_told
            taken.changes.shed += changes.shed
            taken.changes.readings += changes.readings
            taken.changes.newest_at = max(entry.at, taken.changes.newest_at or entry.at)
        except (BadEntry, SQLAlchemyError, ValueError, OverflowError) as error:
            if is_database_away(error):
                raise
            taken.dead.append(DeadLetter(seq=entry.seq, reason=_reason(error), raw=raw[entry.seq]))
    return taken


async def _origin(connection: AsyncConnection, address: EdgeAddress, epoch: str, now: datetime) -> Origin:
    mine = (edges.c.domain == address.domain) & (edges.c.edge_id == address.edge_id)
    heard = update(edges).where(mine).values(heard_at=now).returning(edges.c.location_id)
    location_id = (await connection.execute(heard)).scalar_one()
    return Origin(address=address, epoch=epoch, location_id=location_id, received_at=now)


async def _pass_over_shed(connection: AsyncConnection, origin: Origin, shed: EntriesShed) -> None:
    """Go on behind what the edge has given up: it is listed, and cannot be asked for. What is here already stays."""
    if shed.first_seq is None or shed.last_seq is None:
        return
    place = (connection, origin.address, origin.epoch, shed.stream)
    here = await lock_position(*place, origin.received_at)
    if shed.first_seq - 1 <= here.seq < shed.last_seq:
        await set_position(*place, Position(seq=shed.last_seq, dead=here.dead), origin.received_at)


async def _bury(
    connection: AsyncConnection, origin: Origin, key: dict[str, Any], letters: list[DeadLetter]
) -> list[FeedEvent]:
    rows = [
        {
            **key,
            "seq": letter.seq,
            "reason": _storable(letter.reason)[:MAX_REASON_CHARS],
            "raw": _storable(letter.raw),
            "received_at": origin.received_at,
        }
        for letter in letters
    ]
    await connection.execute(insert_missing(connection, dead_letters), rows)
    body = AlarmRaised(
        alarm_id=f"hub.dead_letter.{key['epoch']}.{key['stream']}",
        alarm="dead_letter",
        severity=Severity.CRITICAL if key["stream"] == Stream.MONEY else Severity.WARNING,
        text=f"Entry {rows[0]['seq']} of the {key['stream']} stream cannot be taken in: {rows[0]['reason']}",
    )
    return await projection.raise_once(connection, origin, body, f"{key['stream']}-{letters[0].seq}")


async def _rejected(
    connection: AsyncConnection, address: EdgeAddress, batch: Batch, dead: int
) -> tuple[RejectedEntry, ...]:
    """The newest dead letters of the stream. They are in every Ack, for the edge may have missed the one before."""
    if not dead:
        return ()
    query = (
        select(dead_letters.c.seq, dead_letters.c.reason)
        .where(
            dead_letters.c.domain == address.domain,
            dead_letters.c.edge_id == address.edge_id,
            dead_letters.c.epoch == batch.epoch,
            dead_letters.c.stream == batch.stream.value,
        )
        .order_by(dead_letters.c.seq.desc())
        .limit(MAX_REJECTED_IN_ACK)
    )
    rows = (await connection.execute(query)).all()
    return tuple(RejectedEntry(seq=row.seq, reason=row.reason) for row in reversed(rows))


def _reason(error: Exception) -> str:
    if isinstance(error, BadEntry):
        return error.reason
    cause = getattr(error, "orig", None) or error
    return f"the database refuses it: {cause}".splitlines()[0]


def _storable(text: str) -> str:
    """Text that any database takes: no lone surrogates, no NUL."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\u0000")
