"""Who is there: births, last wills and live values, beside the journal and never ahead of its truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter
from sqlalchemy import delete, exists, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest import schema_versions
from cloud.ingest.changes import Origin
from cloud.ingest.evse_board import EvseBoard
from cloud.ingest.live_values import LiveValues
from cloud.ingest.meter_board import write_all_meters, write_meters
from cloud.ingest.positions import Position, lock_position, set_position
from cloud.ingest.projection import learn_version, raise_once
from cloud.ingest.sync_reports import write_report
from cloud.store import feed
from cloud.store.documents import to_json
from cloud.store.engine import Store, is_database_away, upsert
from cloud.store.feed import FeedEvent, FeedKind
from cloud.store.tables import (
    charging_stations,
    edge_documents,
    edges,
    evses,
    locations,
    sessions,
    stream_positions,
)
from protocols.errors import BadEntry
from protocols.sync.down import Ack
from protocols.sync.present import Birth, EdgeState, StreamPosition
from protocols.sync.topics import EdgeAddress, Stream
from protocols.sync.up import AlarmRaised, Severity

Lives = Mapping[tuple[EdgeAddress, str], LiveValues]
"""Live values by edge and epoch."""

_BIRTH: Final[TypeAdapter[Birth]] = TypeAdapter(Birth)


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """The answer to a birth: where the hub stands in each stream of this epoch."""

    acks: tuple[Ack, ...]


async def store_birth(
    store: Store, address: EdgeAddress, birth: Birth, now: datetime, *, is_first: bool, is_retained: bool = False
) -> Met:
    """Take in who an edge is. Raises BadEntry for a birth that cannot be true.

    One that a broker had retained is void when its epoch is over: the edge has gone on at another broker since.

    `is_first` says that this process has not met the edge's epoch before: it then asks for all behind its position,
    for either side may have been restored from a backup while the other slept.
    """
    if birth.at.tzinfo is None:
        raise BadEntry("at: a time without a zone")
    if any(each.first_seq > each.last_seq + 1 for each in birth.streams):
        raise BadEntry("streams: a journal that begins behind its end")
    async with store.write() as connection:
        is_void = is_retained and await _is_over(connection, address, birth.epoch)
        events = [] if is_void else await _write_birth(connection, address, birth, now)
        origin = Origin(address=address, epoch=birth.epoch, location_id=birth.location.id, received_at=now)
        theirs = {position.stream: position for position in birth.streams}
        events += await schema_versions.settle(connection, origin)
        acks = []
        for stream in Stream:
            here = await lock_position(connection, address, birth.epoch, stream, now)
            claim = theirs.get(stream, StreamPosition(stream=stream, last_seq=0, acked_seq=0))
            if claim.first_seq > here.seq + 1:
                events += await _pass_over(connection, origin, claim, here)
                here = Position(seq=claim.first_seq - 1, dead=here.dead)
            is_behind = is_first or claim.acked_seq > here.seq
            acks.append(Ack(epoch=birth.epoch, stream=stream, seq=here.seq, resend=is_behind, entry_at=here.stamp))
        await feed.append(connection, events)
    return Met(acks=tuple(acks))


async def _write_birth(
    connection: AsyncConnection, address: EdgeAddress, birth: Birth, now: datetime
) -> list[FeedEvent]:
    mine = (edges.c.domain == address.domain) & (edges.c.edge_id == address.edge_id)
    before = (await connection.execute(select(edges).where(mine).with_for_update())).one_or_none()
    origin = Origin(address=address, epoch=birth.epoch, location_id=birth.location.id, received_at=now)
    is_known = before is not None and before.birth_at is not None and before.epoch == birth.epoch
    if before is not None and is_known and birth.at <= before.birth_at:
        return []  # a retained message once more: what the journal said since is newer
    events: list[FeedEvent] = []
    if before is not None and before.epoch != birth.epoch:
        events += await _fence(connection, origin, before.epoch)
    row = {
        **origin.key,
        "epoch": birth.epoch,
        "status": before.status if before is not None else "unknown",
        "software_version": birth.software_version,
        "location_id": birth.location.id,
        "birth": _BIRTH.dump_json(birth).decode(),
        "birth_at": birth.at,
        "heard_at": now,
    }
    names = ("epoch", "software_version", "location_id", "birth", "birth_at", "heard_at")
    await connection.execute(upsert(connection, edges, *names), row)
    await _write_location(connection, origin, birth, now)
    for table in (charging_stations, sessions):
        belongs = (table.c.domain == address.domain) & (table.c.edge_id == address.edge_id)
        await connection.execute(
            update(table).where(belongs, table.c.location_id.is_(None)).values(location_id=birth.location.id)
        )
    for name, version in birth.documents.items():
        applied = {**origin.key, "name": name, "epoch": birth.epoch, "version": version, "at": now}
        await connection.execute(upsert(connection, edge_documents, "epoch", "version", "at"), applied)
        await learn_version(connection, address.domain, name, version)
    await write_all_meters(connection, address, birth)
    return events + await _write_evses(connection, origin, birth, now)


async def _fence(connection: AsyncConnection, origin: Origin, epoch_before: str | None) -> list[FeedEvent]:
    """An epoch that was here before the last one and comes back: two agents, or a copied disk, share an edge id."""
    address = origin.address
    query = select(stream_positions.c.seq).where(
        stream_positions.c.domain == address.domain,
        stream_positions.c.edge_id == address.edge_id,
        stream_positions.c.epoch == origin.epoch,
    )
    if epoch_before is None or (await connection.execute(query.limit(1))).one_or_none() is None:
        return []
    body = AlarmRaised(
        alarm_id="hub.epoch_returned",
        alarm="epoch_returned",
        severity=Severity.CRITICAL,
        text=f"Edge {address.edge_id} is back under an older epoch: two agents may share this edge id",
    )
    return await raise_once(connection, origin, body, f"epoch-{epoch_before}")


async def _pass_over(
    connection: AsyncConnection, origin: Origin, claim: StreamPosition, here: Position
) -> list[FeedEvent]:
    """Entries that the edge has no more: go on behind them, and tell a person. To wait would be to wait for ever."""
    behind = Position(seq=claim.first_seq - 1, dead=here.dead)
    await set_position(connection, origin.address, origin.epoch, claim.stream, behind, origin.received_at)
    body = AlarmRaised(
        alarm_id=f"hub.entries_gone.{origin.epoch}.{claim.stream}",
        alarm="entries_gone",
        severity=Severity.CRITICAL if claim.stream is Stream.MONEY else Severity.WARNING,
        text=f"Entries {here.seq + 1} to {claim.first_seq - 1} of the {claim.stream} stream are not here,"
        " and the edge has them no more: they were older than it keeps its journal",
    )
    return await raise_once(connection, origin, body, f"gone-{claim.stream}-{claim.first_seq}")


async def _write_location(connection: AsyncConnection, origin: Origin, birth: Birth, now: datetime) -> None:
    site = birth.location
    row = {
        **origin.key,
        "id": site.id,
        "name": site.name,
        "country_code": site.country_code,
        "party_id": site.party_id,
        "time_zone": site.time_zone,
        "address": site.address,
        "city": site.city,
        "country": site.country,
        "updated_at": now,
    }
    await connection.execute(upsert(connection, locations), row)


async def _write_evses(connection: AsyncConnection, origin: Origin, birth: Birth, now: datetime) -> list[FeedEvent]:
    """The site as it is configured and stands; an EVSE that is no longer there goes."""
    board = await EvseBoard.load(connection, origin.address, birth.location.id)
    for evse in birth.location.evses:
        board.describe(evse)
    for live in birth.evses:
        board.see(live, birth.at)
    kept = {(evse.station_id, evse.evse_id) for evse in birth.location.evses}
    kept |= {(live.station_id, live.evse_id) for live in birth.evses}
    for station_id, evse_id in board.drop_all_but(kept):
        gone = (evses.c.domain == origin.address.domain) & (evses.c.edge_id == origin.address.edge_id)
        await connection.execute(
            delete(evses).where(gone, evses.c.station_id == station_id, evses.c.evse_id == evse_id)
        )
    return await board.save(connection, now)


async def store_state(
    store: Store,
    address: EdgeAddress,
    state: EdgeState,
    now: datetime,
    *,
    broker: str | None = None,
    is_retained: bool = False,
) -> bool:
    """An edge came online or, by its last will, went away.

    False for what is void: the will of an epoch that is over, or of a session before the newest, whose broker the edge
    has left; and what a broker retained from an epoch before.
    """
    key = {"domain": address.domain, "edge_id": address.edge_id}
    mine = (edges.c.domain == address.domain) & (edges.c.edge_id == address.edge_id)
    async with store.write() as connection:
        before = (await connection.execute(select(edges).where(mine).with_for_update())).one_or_none()
        if state.status == "offline" and before is not None and state.epoch != (before.status_epoch or before.epoch):
            return False
        if before is not None and state.epoch == before.status_epoch and 0 < state.session < before.status_session:
            return False
        if is_retained and await _is_over(connection, address, state.epoch):
            return False
        row = {
            **key,
            "status": state.status,
            "status_epoch": state.epoch,
            "status_session": state.session,
            "status_broker": broker,
            "status_at": now,
            "heard_at": now,
        }
        names = ("status", "status_epoch", "status_session", "status_broker", "status_at", "heard_at")
        if before is not None and all(getattr(before, name) == row[name] for name in names[:4]):
            return True
        await connection.execute(upsert(connection, edges, *names), row)
        if before is not None and (before.status, before.status_epoch) == (state.status, state.epoch):
            return True  # it has moved to another broker
        location_id = before.location_id if before is not None else None
        document = {
            "edge_id": address.edge_id,
            "location_id": location_id,
            "station_id": None,
            "evse_id": None,
            "status": state.status,
            "is_stale": state.status != "online",
        }
        event = FeedEvent(
            domain=address.domain,
            kind=FeedKind.STATE,
            at=now,
            location_id=location_id,
            data=to_json(document).decode(),
        )
        await feed.append(connection, [event])
    return True


async def _is_over(connection: AsyncConnection, address: EdgeAddress, epoch: str) -> bool:
    """Whether the edge had this epoch before the one that it has now."""
    mine = (edges.c.domain == address.domain) & (edges.c.edge_id == address.edge_id)
    known = select(stream_positions.c.epoch).where(
        stream_positions.c.domain == address.domain,
        stream_positions.c.edge_id == address.edge_id,
        stream_positions.c.epoch == epoch,
    )
    query = select(edges.c.epoch).where(mine, edges.c.epoch != epoch, exists(known))
    return (await connection.execute(query)).one_or_none() is not None


async def forget_presence(store: Store, broker: str | None = None) -> None:
    """The hub has lost a broker, or all of them: nobody there can be called online until the broker says so again."""
    there = edges.c.status == "online"
    if broker is not None:
        there &= edges.c.status_broker == broker
    async with store.write() as connection:
        await connection.execute(update(edges).where(there).values(status="unknown"))


async def store_lives(store: Store, lives: Lives, now: datetime) -> list[str]:
    """Write live values of many edges at once. Those of an epoch that is over are dropped.

    Returns why an edge's values were refused by the database, which keeps those of the others.
    """
    refused: list[str] = []
    async with store.write() as connection:
        events: list[FeedEvent] = []
        for (address, epoch), values in lives.items():
            try:
                async with connection.begin_nested():
                    events += await _write_lives(connection, address, epoch, values, now)
            except (SQLAlchemyError, ValueError, OverflowError) as error:
                if is_database_away(error):
                    raise
                refused.append(f"{address.prefix}: {error}")
        await feed.append(connection, events)
    return refused


async def _write_lives(
    connection: AsyncConnection, address: EdgeAddress, epoch: str, values: LiveValues, now: datetime
) -> list[FeedEvent]:
    mine = (edges.c.domain == address.domain) & (edges.c.edge_id == address.edge_id)
    edge = (await connection.execute(select(edges.c.epoch, edges.c.location_id).where(mine))).one_or_none()
    if edge is None or edge.epoch != epoch:
        return []
    await write_meters(connection, address, values)
    events: list[FeedEvent] = []
    if values.sync is not None:
        origin = Origin(address=address, epoch=epoch, location_id=edge.location_id, received_at=now)
        events += await write_report(connection, origin, *values.sync)
    if not values.evses:
        return events
    stations = {station_id for station_id, _ in values.evses}
    board = await EvseBoard.load(connection, address, edge.location_id, stations)
    for evse, at in values.evses.values():
        board.see(evse, at)
    return events + await board.save(connection, now)
