"""Holds what an edge says of its chain of hashes against the entries that are here, and keeps what it said.

The hub reckons the same chain (edge/ledger/chain.py) over the money that it has, from one seal to the next: a day, or a
thousand entries. Whoever changes the money at the site after that cannot change what is kept here. What should be here
between two seals and is not any more is asked for again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Table, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest.changes import Origin
from cloud.ingest.projection import raise_once
from cloud.store.engine import insert_missing
from cloud.store.feed import FeedEvent
from cloud.store.proof_tables import chain_seals
from cloud.store.tables import dead_letters, entries
from protocols.sync.proof import ChainSealed
from protocols.sync.topics import Stream
from protocols.sync.up import AlarmRaised, Severity

CHAINED: Final = ("cdr_issued", "cdr_quarantined", "posting_made", "bill_decided")
MAX_ENTRIES: Final = 20_000
"""Of one seal, counting all of the money stream; what is longer is kept unproved."""


async def take(
    connection: AsyncConnection, origin: Origin, seals: Sequence[tuple[int, datetime, ChainSealed]]
) -> tuple[list[FeedEvent], int | None]:
    """To be called when the entries of the batch are stored; returns what the feed should tell, and the first entry
    that a seal counts and that is not here any more, which is told once for each seal."""
    events: list[FeedEvent] = []
    missing: list[int] = []
    for seq, at, seal in seals:
        is_proved = await _is_proved(connection, origin, seal)
        is_known = await _look_again(connection, origin, seq, is_proved=is_proved)
        if not is_known:
            missing += await _missing(connection, origin, seal)
        row = {
            **origin.key,
            "epoch": origin.epoch,
            "seq": seq,
            "since_seq": seal.since_seq,
            "through_seq": seal.through_seq,
            "count": seal.count,
            "hash": seal.hash,
            "is_proved": is_proved,
            "sealed_at": at,
        }
        await connection.execute(insert_missing(connection, chain_seals), row)
        if is_proved is False:
            events += await _tell(connection, origin, seq, seal)
    return events, min(missing, default=None)


async def _look_again(connection: AsyncConnection, origin: Origin, seq: int, *, is_proved: bool | None) -> bool:
    """Whether the seal came before; then what was missing may be here now."""
    mine = (
        (chain_seals.c.domain == origin.address.domain)
        & (chain_seals.c.edge_id == origin.address.edge_id)
        & (chain_seals.c.epoch == origin.epoch)
        & (chain_seals.c.seq == seq)
    )
    if (await connection.execute(select(chain_seals.c.seq).where(mine))).one_or_none() is None:
        return False
    await connection.execute(update(chain_seals).where(mine).values(is_proved=is_proved))
    return True


async def _missing(connection: AsyncConnection, origin: Origin, seal: ChainSealed) -> list[int]:
    """The first entry between two seals that is neither here nor among the dead letters.

    What lies before all that is here was never told in this epoch: a restored ledger repeats the seals of its old one.
    """
    if seal.through_seq - seal.since_seq > MAX_ENTRIES:
        return []
    here: set[int] = set()
    for table in (entries, dead_letters):
        query = select(table.c.seq).where(_is_money(table, origin), _is_of(table, seal))
        here |= {seq for (seq,) in await connection.execute(query)}
    oldest = select(func.min(entries.c.seq)).where(_is_money(entries, origin))
    first = max(seal.since_seq + 1, (await connection.execute(oldest)).scalar_one() or 1)
    return [seq for seq in range(first, seal.through_seq + 1) if seq not in here][:1]


async def _is_proved(connection: AsyncConnection, origin: Origin, seal: ChainSealed) -> bool | None:
    if seal.through_seq - seal.since_seq > MAX_ENTRIES:
        return None
    before = await connection.execute(
        select(chain_seals.c.hash).where(
            chain_seals.c.domain == origin.address.domain,
            chain_seals.c.edge_id == origin.address.edge_id,
            chain_seals.c.epoch == origin.epoch,
            chain_seals.c.through_seq == seal.since_seq,
        )
    )
    if any(row.hash != seal.since_hash for row in before):
        return False
    query = select(entries.c.raw).where(_is_money(entries, origin), _is_of(entries, seal)).order_by(entries.c.seq)
    chained = [raw for (raw,) in await connection.execute(query) if _is_chained(raw)]
    if len(chained) != seal.count - seal.since_count:
        return None
    hashed = bytes.fromhex(seal.since_hash)
    for raw in chained:
        hashed = hashlib.sha256(hashed + raw.encode()).digest()
    return hashed.hex() == seal.hash


def _is_money(table: Table, origin: Origin) -> ColumnElement[bool]:
    """Of the money stream of this edge's epoch."""
    return and_(
        table.c.domain == origin.address.domain,
        table.c.edge_id == origin.address.edge_id,
        table.c.epoch == origin.epoch,
        table.c.stream == Stream.MONEY.value,
    )


def _is_of(table: Table, seal: ChainSealed) -> ColumnElement[bool]:
    return table.c.seq.between(seal.since_seq + 1, seal.through_seq)


def _is_chained(raw: str) -> bool:
    """Its kind stands at the end: the body is the last of an entry, and the kind the last of a body."""
    return raw.endswith(tuple(f'"kind":"{kind}"}}}}' for kind in CHAINED))


async def _tell(connection: AsyncConnection, origin: Origin, seq: int, seal: ChainSealed) -> list[FeedEvent]:
    body = AlarmRaised(
        alarm_id=f"hub.chain_broken.{origin.epoch}",
        alarm="chain_broken",
        severity=Severity.CRITICAL,
        text=f"Edge {origin.address.edge_id} says that its money up to entry {seal.through_seq} comes to the hash"
        f" {seal.hash}, and what it sent comes to another: run `ohmstead-edge verify` there",
    )
    return await raise_once(connection, origin, body, f"chain-{seq}")
