"""The feed: what happened, in the one order in which it was committed. The WebSocket replays it from any cursor.

The cursor comes from one counter row whose lock is held until the commit, so whoever sees a row has seen all before.
Append last in a transaction: nobody else can append until it ends.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.store.bulk import insert_many
from cloud.store.tables import feed, feed_head


class FeedKind(StrEnum):
    """What the stream tells of."""

    STATE = "state"
    SESSION = "session"
    ALARM = "alarm"
    PAYMENT = "payment"
    BALANCE = "balance"
    ROLLOUT = "rollout"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEvent:
    """`data` is a JSON object; `is_historical` marks what came late and is not the present."""

    domain: int
    kind: FeedKind
    at: datetime
    location_id: str | None
    data: str
    is_historical: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRow:
    """An event with its place in the feed."""

    cursor: int
    event: FeedEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHead:
    """The newest cursor, and the identity of this feed: another database's cursors mean nothing here."""

    identity: str
    cursor: int


async def append(connection: AsyncConnection, events: Sequence[FeedEvent]) -> None:
    """Give the events their cursors and write them."""
    if not events:
        return
    take = update(feed_head).values(cursor=feed_head.c.cursor + len(events)).returning(feed_head.c.cursor)
    last = (await connection.execute(take)).scalar_one()
    rows = [
        {
            "cursor": cursor,
            "domain": event.domain,
            "kind": event.kind.value,
            "at": event.at,
            "is_historical": event.is_historical,
            "location_id": event.location_id,
            "data": event.data,
        }
        for cursor, event in enumerate(events, last - len(events) + 1)
    ]
    await insert_many(connection, feed, rows)


async def head(connection: AsyncConnection) -> FeedHead:
    row = (await connection.execute(select(feed_head.c.identity, feed_head.c.cursor))).one()
    return FeedHead(identity=row.identity, cursor=row.cursor)


async def oldest(connection: AsyncConnection) -> int | None:
    """The oldest cursor that is still kept, None for an empty feed."""
    cursor: int | None = await connection.scalar(select(func.min(feed.c.cursor)))
    return cursor


async def after(
    connection: AsyncConnection, domain: int, cursor: int, limit: int, kinds: Collection[FeedKind]
) -> list[FeedRow]:
    """The next events of a domain behind a cursor, in order."""
    query = (
        select(feed)
        .where(feed.c.domain == domain, feed.c.cursor > cursor, feed.c.kind.in_([kind.value for kind in kinds]))
        .order_by(feed.c.cursor)
        .limit(limit)
    )
    return [
        FeedRow(
            cursor=row.cursor,
            event=FeedEvent(
                domain=row.domain,
                kind=FeedKind(row.kind),
                at=row.at,
                location_id=row.location_id,
                data=row.data,
                is_historical=row.is_historical,
            ),
        )
        for row in await connection.execute(query)
    ]


async def prune(connection: AsyncConnection, keep: int) -> None:
    """Drop all but the newest `keep` events."""
    newest = select(feed_head.c.cursor).scalar_subquery()
    await connection.execute(delete(feed).where(feed.c.cursor <= newest - keep))
