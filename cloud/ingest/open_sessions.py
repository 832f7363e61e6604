"""Holds what an edge has open against the sessions that are active here, each time it connects.

The edge says so among its money, so the comparison is exact: of what stands behind it in the same batch nothing counts.
Where they differ, all is asked for again from the oldest session on that differs, once, and an alarm stays until they
are equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest.changes import Origin
from cloud.ingest.projection import raise_once, write_alarms
from cloud.store.feed import FeedEvent
from cloud.store.tables import entries, sessions
from protocols.ocpi.session import SessionStatus
from protocols.sync.comparing import OpenTransactionsTold, digest_of
from protocols.sync.topics import Stream
from protocols.sync.up import (
    AlarmRaised,
    Entry,
    Severity,
    TransactionEnded,
    TransactionMerged,
    TransactionStarted,
    TransactionTakenOver,
)

SESSIONS_DIFFER: Final = "sessions_differ"
MAX_NAMED: Final = 5


async def take(
    connection: AsyncConnection, origin: Origin, seq: int, told: OpenTransactionsTold, fresh: Sequence[Entry]
) -> tuple[list[FeedEvent], int | None]:
    """To be called when the batch is projected, of which `fresh` are the new entries; `seq` is the number of what was
    told. Returns what the feed should tell, and from which entry on all is to be asked for again."""
    here = _as_of(await _active(connection, origin), seq, fresh)
    alarm_id = f"hub.{SESSIONS_DIFFER}.{origin.epoch}"
    if (len(here), digest_of(here)) == (told.count, told.digest):
        return await write_alarms(connection, origin, [], [(alarm_id, origin.received_at)]), None
    here -= await _handed_over(connection, origin, here.difference(told.transaction_ids))
    there = set(told.transaction_ids)
    if len(there) == told.count and here == there:
        return await write_alarms(connection, origin, [], [(alarm_id, origin.received_at)]), None
    is_named = len(there) == told.count
    only_here, only_there = (here - there, there - here) if is_named else (set(here), set())
    body = AlarmRaised(
        alarm_id=alarm_id,
        alarm=SESSIONS_DIFFER,
        severity=Severity.WARNING,
        text=f"Edge {origin.address.edge_id} has {told.count} transactions open, and of its sessions {len(here)} are"
        " active here"
        + (f"{_named('; only here', only_here)}{_named('; only there', only_there)}" if is_named else ""),
    )
    events = await raise_once(connection, origin, body, f"open-{seq}")
    if not events:
        return [], None  # it was asked for already
    begun = (_number(origin, each) for each in only_here | only_there)
    return events, min((number for number in begun if number is not None), default=None)


async def _active(connection: AsyncConnection, origin: Origin) -> set[str]:
    query = select(sessions.c.id).where(
        sessions.c.domain == origin.address.domain,
        sessions.c.edge_id == origin.address.edge_id,
        sessions.c.status == SessionStatus.ACTIVE.value,
    )
    return set((await connection.execute(query)).scalars())


def _as_of(active: set[str], seq: int, fresh: Iterable[Entry]) -> set[str]:
    """The sessions that were active after the entry `seq`."""
    for entry in reversed([each for each in fresh if each.seq > seq]):
        match entry.body:
            case TransactionStarted(transaction_id=begun) | TransactionTakenOver(transaction_id=begun):
                active.discard(begun)
            case TransactionEnded(transaction_id=ended) | TransactionMerged(transaction_id=ended):
                active.add(ended)
            case _:
                pass
    return active


async def _handed_over(connection: AsyncConnection, origin: Origin, ids: set[str]) -> set[str]:
    """Those that the edge gave to another one of its node, of which that one has not told yet."""
    given = set()
    for transaction_id in sorted(ids):
        query = select(entries.c.seq).where(
            entries.c.domain == origin.address.domain,
            entries.c.edge_id == origin.address.edge_id,
            entries.c.epoch == origin.epoch,
            entries.c.stream == Stream.MONEY.value,
            entries.c.seq > (_number(origin, transaction_id) or 0),
            entries.c.raw.like(f'%"{transaction_id}"%"transaction_handed_over"%'),
        )
        if (await connection.execute(query.limit(1))).one_or_none() is not None:
            given.add(transaction_id)
    return given


def _number(origin: Origin, transaction_id: str) -> int | None:
    """Which entry of this epoch began a transaction, as its id says; None for one of another ledger."""
    number = transaction_id.removeprefix(f"{origin.address.edge_id}-{origin.epoch[:8]}-")
    return int(number) if number != transaction_id and number.isdecimal() else None


def _named(what: str, ids: set[str]) -> str:
    if not ids:
        return ""
    more = f" and {len(ids) - MAX_NAMED} more" if len(ids) > MAX_NAMED else ""
    return f"{what}: {', '.join(sorted(ids)[:MAX_NAMED])}{more}"
