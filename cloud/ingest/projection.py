"""Writes what a batch changes into the tables that people ask, and tells the feed, all in the batch's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest import (
    balances,
    bill_decisions,
    deviations,
    device_changes,
    local_lists,
    money_changes,
    money_news,
    reservations,
    security_changes,
    session_writing,
)
from cloud.ingest.changes import Changes, Origin, Row, alarm_row
from cloud.ingest.contradiction import Contradiction
from cloud.ingest.evse_board import EvseBoard, is_historical
from cloud.store.bulk import insert_many
from cloud.store.documents import alarm_document, to_json
from cloud.store.engine import insert_into, insert_missing, upsert
from cloud.store.feed import FeedEvent, FeedKind
from cloud.store.tables import (
    alarms,
    commands,
    documents,
    edge_documents,
    posting_legs,
    postings,
    tokens,
)
from protocols.sync.up import AlarmRaised, DocumentApplied, TokensChanged


async def write(connection: AsyncConnection, origin: Origin, changes: Changes) -> list[FeedEvent]:
    """Write all changes and return what the feed should tell. Raises BadEntry or the database's own error."""
    fresh = await session_writing.write(connection, origin, changes)
    await bill_decisions.write(connection, origin, changes.bills_decided)
    await _write_postings(connection, changes)
    await money_changes.write(connection, origin, changes.money)
    for finished in changes.commands:
        await _write_command(connection, origin, finished)
    for applied in changes.documents:
        await _write_document(connection, origin, applied)
    for changed in changes.site_tokens:
        await _write_site_tokens(connection, origin, changed)
    await deviations.write(connection, origin, changes.deviations)
    await device_changes.write(connection, origin, changes.devices)
    await security_changes.write(connection, origin, changes.security)
    await reservations.write(connection, origin, changes.reservations)
    await local_lists.write(connection, origin, changes.local_lists)
    events = await _write_evses(connection, origin, changes)
    events += await session_writing.tell(connection, origin, changes, fresh)
    events += await write_alarms(connection, origin, changes.alarms_raised, changes.alarms_cleared)
    events += await money_news.tell(connection, origin, changes)
    return events


async def _write_postings(connection: AsyncConnection, changes: Changes) -> None:
    if not changes.postings:
        return
    query = select(postings).where(
        postings.c.domain == changes.postings[0]["domain"],
        postings.c.posting_id.in_([row["posting_id"] for row in changes.postings]),
    )
    known = {row["posting_id"]: dict(row) for row in (await connection.execute(query)).mappings()}
    for row in changes.postings:
        if row["posting_id"] in known and known[row["posting_id"]] != row:
            raise Contradiction(f"body.posting_id: {row['posting_id']} is made already, and is another posting")
    fresh = [row for row in changes.postings if row["posting_id"] not in known]
    if fresh:
        await insert_many(connection, postings, fresh)
        legs = [leg for leg in changes.posting_legs if leg["posting_id"] not in known]
        if legs:
            await insert_many(connection, posting_legs, legs)
            await balances.add(connection, fresh, legs)


async def _write_command(connection: AsyncConnection, origin: Origin, row: Row) -> None:
    change = update(commands).where(
        commands.c.domain == origin.address.domain,
        commands.c.edge_id == origin.address.edge_id,
        commands.c.id == row["id"],
    )
    await connection.execute(change.values({name: value for name, value in row.items() if name != "id"}))


async def _write_document(connection: AsyncConnection, origin: Origin, body: DocumentApplied) -> None:
    """A refusal leaves the version that the edge applied before."""
    is_applied = body.problem is None
    row = {
        **origin.key,
        "name": body.document,
        "epoch": origin.epoch,
        "version": body.version if is_applied else 0,
        "refused_version": None if is_applied else body.version,
        "problem": body.problem,
        "at": origin.received_at,
    }
    names = ["epoch", "refused_version", "problem", "at", *(["version"] if is_applied else [])]
    await connection.execute(upsert(connection, edge_documents, *names), row)
    if is_applied:
        await learn_version(connection, origin.address.domain, body.document, body.version)


async def learn_version(connection: AsyncConnection, domain: int, name: str, version: int) -> None:
    """An edge has a newer document than we know, so we lost it: our next version must be newer still."""
    learn = insert_into(connection, documents).values(domain=domain, name=name, version=version)
    learn = learn.on_conflict_do_update(
        index_elements=["domain", "name"],
        set_={"version": learn.excluded.version},
        where=documents.c.version < learn.excluded.version,
    )
    await connection.execute(learn)


async def _write_site_tokens(connection: AsyncConnection, origin: Origin, body: TokensChanged) -> None:
    if body.is_complete:
        mine = (tokens.c.domain == origin.address.domain) & (tokens.c.edge_id == origin.address.edge_id)
        await connection.execute(delete(tokens).where(mine, tokens.c.source == "site"))
    rows = {
        token.key: {
            **origin.key,
            "source": "site",
            "key": token.key,
            "uid": token.uid,
            "contract_id": token.contract_id,
            "type": token.type.value,
            "valid": token.valid,
            "group_id": token.group_id,
            "expires_at": token.expires_at,
            "visual_number": token.visual_number,
            "language": token.language,
            "concurrent": token.concurrent,
            "document_version": None,
            "updated_at": origin.received_at,
        }
        for token in body.tokens
    }
    if rows:
        await connection.execute(upsert(connection, tokens), list(rows.values()))


async def _write_evses(connection: AsyncConnection, origin: Origin, changes: Changes) -> list[FeedEvent]:
    touched = {news.station_id for news in changes.news} | changes.boots.keys()
    if not touched:
        return []
    board = await EvseBoard.load(connection, origin.address, origin.location_id, touched)
    for boot in changes.boots.values():
        board.boot(boot)
    board.hear_all(changes.news)
    return await board.save(connection, origin.received_at)


async def raise_once(
    connection: AsyncConnection, origin: Origin, body: AlarmRaised, occurrence: str
) -> list[FeedEvent]:
    """Raise an alarm of the hub's own, unless it is raised already."""
    query = select(alarms.c.id).where(
        alarms.c.domain == origin.address.domain,
        alarms.c.edge_id == origin.address.edge_id,
        alarms.c.alarm_id == body.alarm_id,
        alarms.c.cleared_at.is_(None),
    )
    if (await connection.execute(query.limit(1))).one_or_none() is not None:
        return []
    row = alarm_row(body, f"hub-{origin.epoch}-{occurrence}", origin.received_at, origin)
    return await write_alarms(connection, origin, [row], [])


async def write_alarms(
    connection: AsyncConnection, origin: Origin, raised: Sequence[Row], cleared: Sequence[tuple[str, datetime]]
) -> list[FeedEvent]:
    """Clear first: what is raised and cleared in one batch is a row with both times already."""
    told: list[Row] = []
    for alarm_id, at in cleared:
        clear = update(alarms).where(
            alarms.c.domain == origin.address.domain,
            alarms.c.edge_id == origin.address.edge_id,
            alarms.c.alarm_id == alarm_id,
            alarms.c.cleared_at.is_(None),
        )
        told += [
            dict(row) for row in (await connection.execute(clear.values(cleared_at=at).returning(alarms))).mappings()
        ]
    if raised:
        await connection.execute(insert_missing(connection, alarms), raised)
        told += raised
    return [
        FeedEvent(
            domain=row["domain"],
            kind=FeedKind.ALARM,
            at=at,
            location_id=row["location_id"],
            data=to_json(alarm_document(row)).decode(),
            is_historical=is_historical(at, origin.received_at),
        )
        for row in told
        for at in (row["cleared_at"] or row["raised_at"],)
    ]
