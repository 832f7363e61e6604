"""Sessions and their bills, from the journal into the tables that people ask, and into the feed.

A session that begins within a batch is made of all that the batch says of it, and written once; what was here before
is changed step by step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any, Final

from sqlalchemy import ColumnCollection, ColumnElement, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest.changes import Changes, Origin, Row
from cloud.ingest.contradiction import Contradiction
from cloud.ingest.evse_board import is_historical
from cloud.store.bulk import insert_many
from cloud.store.documents import session_document, to_json
from cloud.store.engine import insert_into, insert_missing
from cloud.store.feed import FeedEvent, FeedKind
from cloud.store.tables import cdrs, sessions
from protocols.ocpi.session import SessionStatus

_ENDS: Final = ("status", "end_date_time", "meter_stop_wh", "stop_reason", "updated_at")
_TIMES: Final = ("start_date_time", "end_date_time", "updated_at")


async def write(connection: AsyncConnection, origin: Origin, changes: Changes) -> dict[str, Row]:
    """The sessions that were not here before, as they stand after the batch. Raises Contradiction."""
    fresh = await _new_sessions(connection, origin, changes)
    for ended in changes.sessions_ended:
        if ended["b_id"] in fresh:
            fresh[ended["b_id"]].update({name: ended[name] for name in _ENDS})
    for billed in changes.sessions_billed:
        if billed["id"] in fresh and not _keeps_back(fresh[billed["id"]], billed):
            fresh[billed["id"]].update(billed)
    for row in fresh.values():
        row.update({name: row[name].astimezone(UTC) for name in _TIMES if row[name] is not None})
    await insert_many(connection, sessions, list(fresh.values()), "keep")
    if changes.cdrs:
        await insert_many(connection, cdrs, await _new_bills(connection, origin, changes.cdrs), "replace")
    await _change(connection, changes, fresh)
    return fresh


async def _new_sessions(connection: AsyncConnection, origin: Origin, changes: Changes) -> dict[str, Row]:
    moved = {row["id"] for row in changes.sessions_moved}
    started = {row["id"]: row for row in reversed(changes.sessions_started) if row["id"] not in moved}
    if not started:
        return {}
    query = select(sessions.c.id).where(sessions.c.domain == origin.address.domain, sessions.c.id.in_(list(started)))
    known = set((await connection.execute(query)).scalars())
    names = sessions.c.keys()
    return {id_: {**dict.fromkeys(names), **row} for id_, row in started.items() if id_ not in known}


def _keeps_back(here: Row, told: Row) -> bool:
    """As `_is_kept_back_after_all`, of a row that is not written yet."""
    return bool(
        told["status"] == SessionStatus.INVALID.value
        and here["status"] == SessionStatus.COMPLETED.value
        and here["cdr_id"] not in (None, told["cdr_id"])
    )


async def _change(connection: AsyncConnection, changes: Changes, fresh: Mapping[str, Row]) -> None:
    """What the batch says of the others."""
    if started := [row for row in changes.sessions_started if row["id"] not in fresh]:
        await connection.execute(insert_missing(connection, sessions), started)
    if changes.sessions_moved:
        move = insert_into(connection, sessions)
        kept = ("edge_id", "location_id", "token_uid", "contract_id", "updated_at", "moves")
        move = move.on_conflict_do_update(
            index_elements=["domain", "id"],
            set_={name: move.excluded[name] for name in kept},
            where=sessions.c.moves < move.excluded.moves,  # an older move may arrive after a newer one
        )
        await connection.execute(move, changes.sessions_moved)
    if ended := [row for row in changes.sessions_ended if row["b_id"] not in fresh]:
        end = (
            update(sessions)
            .where(
                sessions.c.domain == bindparam("b_domain"),
                sessions.c.id == bindparam("b_id"),
                sessions.c.edge_id == bindparam("b_edge_id"),
            )
            .values({name: bindparam(name) for name in _ENDS})
        )
        await connection.execute(end, ended)
    if billed := [row for row in changes.sessions_billed if row["id"] not in fresh]:
        bill = insert_into(connection, sessions)
        bill = bill.on_conflict_do_update(
            index_elements=["domain", "id"],
            set_={name: bill.excluded[name] for name in billed[0] if name not in ("domain", "id", "edge_id")},
            where=(sessions.c.edge_id == bill.excluded.edge_id) & ~_is_kept_back_after_all(bill.excluded),
        )
        await connection.execute(bill, billed)


def _is_kept_back_after_all(told: ColumnCollection[str, ColumnElement[Any]]) -> ColumnElement[bool]:
    """A bill in quarantine takes no session away from one that was issued: its edge was restored from a backup, in
    which the session was open still."""
    return (
        (told["status"] == SessionStatus.INVALID.value)
        & (sessions.c.status == SessionStatus.COMPLETED.value)
        & sessions.c.cdr_id.is_not(None)
        & (sessions.c.cdr_id != told["cdr_id"])
    )


async def _new_bills(connection: AsyncConnection, origin: Origin, bills: Sequence[Row]) -> list[Row]:
    """The bills that are not here yet. A quarantined one may become issued; anything else contradicts."""
    query = select(cdrs.c.id, cdrs.c.edge_id, cdrs.c.status, cdrs.c.document).where(
        cdrs.c.domain == origin.address.domain, cdrs.c.id.in_([bill["id"] for bill in bills])
    )
    known = {row.id: row for row in await connection.execute(query)}
    fresh: dict[str, Row] = {}
    for bill in bills:
        here = known.get(bill["id"])
        before = fresh.get(bill["id"]) or (here._asdict() if here else None)
        if before is None or (before["edge_id"] == bill["edge_id"] and before["status"] == "quarantined"):
            fresh[bill["id"]] = bill
        elif (before["edge_id"], before["document"]) != (bill["edge_id"], bill["document"]):
            raise Contradiction(f"body.cdr: {bill['id']} is issued already, and is another bill")
    return list(fresh.values())


async def tell(
    connection: AsyncConnection, origin: Origin, changes: Changes, fresh: Mapping[str, Row]
) -> list[FeedEvent]:
    """One event for each session of the batch, as it stands after the batch."""
    touched = [row["id"] for row in (*changes.sessions_started, *changes.sessions_moved, *changes.sessions_billed)]
    touched += [row["b_id"] for row in changes.sessions_ended]
    decided = {each.session_id for each in changes.bills_decided}
    rows: list[Mapping[Any, Any]] = [row for id_, row in fresh.items() if id_ not in decided]
    told = {row["id"] for row in rows}
    if others := [id_ for id_ in dict.fromkeys([*touched, *decided]) if id_ not in told]:
        query = select(sessions).where(
            sessions.c.domain == origin.address.domain,
            sessions.c.edge_id == origin.address.edge_id,
            sessions.c.id.in_(others),
        )
        rows += (await connection.execute(query)).mappings().all()
    return [
        FeedEvent(
            domain=row["domain"],
            kind=FeedKind.SESSION,
            at=row["updated_at"],
            location_id=row["location_id"],
            data=to_json(session_document(row)).decode(),
            is_historical=is_historical(row["updated_at"], origin.received_at),
        )
        for row in sorted(rows, key=lambda row: (row["updated_at"], row["id"]))
    ]
