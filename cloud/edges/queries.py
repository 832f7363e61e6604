"""The questions about edges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import RowMapping, Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery
from cloud.store.accounts import ACCOUNTS
from cloud.store.money_tables import desired_accounts
from cloud.store.proof_tables import chain_seals
from cloud.store.tables import dead_letters, documents, edge_documents, edges, stream_positions

SORT = (edges.c.edge_id,)
DEAD_SORT = (dead_letters.c.epoch, dead_letters.c.stream, dead_letters.c.seq)
_SHOWN = (
    "edge_id", "status", "status_at", "heard_at", "epoch", "software_version", "location_id", "birth_at",
)  # fmt: skip


class EdgeQuery(PageQuery):
    """Filters of the list of edges; all given ones must hold."""

    status: Literal["online", "offline", "unknown"] | None = None
    location_id: Name | None = None


def many(domain: int, wanted: EdgeQuery) -> Select[Any]:
    query = select(edges).where(edges.c.domain == domain)
    if wanted.status is not None:
        query = query.where(edges.c.status == wanted.status)
    if wanted.location_id is not None:
        query = query.where(edges.c.location_id == wanted.location_id)
    return query


def one(domain: int, edge_id: str) -> Select[Any]:
    return select(edges).where(edges.c.domain == domain, edges.c.edge_id == edge_id)


def letters(domain: int, edge_id: str) -> Select[Any]:
    return select(dead_letters).where(dead_letters.c.domain == domain, dead_letters.c.edge_id == edge_id)


async def shown(connection: AsyncConnection, rows: Sequence[RowMapping]) -> list[dict[str, Any]]:
    """The edges with their positions and the documents they have applied."""
    if not rows:
        return []
    domain, edge_ids = rows[0]["domain"], [row["edge_id"] for row in rows]
    positions = select(stream_positions).where(
        stream_positions.c.domain == domain, stream_positions.c.edge_id.in_(edge_ids)
    )
    streams: dict[str, list[dict[str, Any]]] = defaultdict(list)
    dead: dict[str, int] = defaultdict(int)
    for row in (await connection.execute(positions.order_by(stream_positions.c.stream))).mappings():
        names = ("epoch", "stream", "seq", "dead", "updated_at")
        streams[row["edge_id"]].append({name: row[name] for name in names})
        dead[row["edge_id"]] += row["dead"]
    wanted = await _documents(connection, domain, edge_ids)
    chains = await _chains(connection, domain, edge_ids)
    return [
        {
            **{name: row[name] for name in _SHOWN},
            "streams": [position for position in streams[row["edge_id"]] if position["epoch"] == row["epoch"]],
            "dead_letters": dead[row["edge_id"]],
            "documents": wanted[row["edge_id"]],
            "chain": chains.get((row["edge_id"], row["epoch"])),
        }
        for row in rows
    ]


async def _chains(
    connection: AsyncConnection, domain: int, edge_ids: Sequence[str]
) -> dict[tuple[str, str], dict[str, Any]]:
    """The newest seal of each edge's epochs."""
    of_edges = (chain_seals.c.domain == domain) & chain_seals.c.edge_id.in_(edge_ids)
    newest = (
        select(chain_seals.c.edge_id, chain_seals.c.epoch, func.max(chain_seals.c.seq).label("seq"))
        .where(of_edges)
        .group_by(chain_seals.c.edge_id, chain_seals.c.epoch)
        .subquery()
    )
    same = (
        (chain_seals.c.edge_id == newest.c.edge_id)
        & (chain_seals.c.epoch == newest.c.epoch)
        & (chain_seals.c.seq == newest.c.seq)
    )
    names = ("through_seq", "count", "hash", "is_proved", "sealed_at")
    found = await connection.execute(select(chain_seals).join(newest, same).where(of_edges))
    return {(row["edge_id"], row["epoch"]): {name: row[name] for name in names} for row in found.mappings()}


async def _documents(
    connection: AsyncConnection, domain: int, edge_ids: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    same = and_(documents.c.domain == edge_documents.c.domain, documents.c.name == edge_documents.c.name)
    own = and_(  # of accounts each edge has a document of its own
        desired_accounts.c.domain == edge_documents.c.domain,
        desired_accounts.c.edge_id == edge_documents.c.edge_id,
        edge_documents.c.name == ACCOUNTS,
    )
    desired = func.coalesce(desired_accounts.c.version, documents.c.version)
    query = (
        select(edge_documents, desired.label("desired_version"))
        .select_from(edge_documents.outerjoin(documents, same).outerjoin(desired_accounts, own))
        .where(edge_documents.c.domain == domain, edge_documents.c.edge_id.in_(edge_ids))
        .order_by(edge_documents.c.name)
    )
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in (await connection.execute(query)).mappings():
        names = ("name", "version", "desired_version", "refused_version", "problem", "at")
        found[row["edge_id"]].append({name: row[name] for name in names})
    return found


def letter_shown(row: RowMapping) -> dict[str, Any]:
    return {name: row[name] for name in ("epoch", "stream", "seq", "reason", "raw", "received_at")}
