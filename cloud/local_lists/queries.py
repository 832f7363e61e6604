"""The questions about local lists."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select

from cloud.store.station_tables import local_lists
from cloud.store.tables import alarms, edges
from protocols.sync.upkeep import LOCAL_LIST_FAILED


def settled(domain: int, station_id: str, edge_id: str | None) -> Select[Any]:
    """What each edge last knew of the station's list: one that moved has been at several."""
    its = local_lists.c
    query = select(local_lists).where(its.domain == domain, its.station_id == station_id)
    return query if edge_id is None else query.where(its.edge_id == edge_id)


def failed(domain: int, station_id: str, edge_id: str | None) -> Select[Any]:
    """The alarms by which edges say that the station does not take its list; edge by edge, as the index has them."""
    its = alarms.c
    everywhere = select(edges.c.edge_id).where(edges.c.domain == domain)
    return select(alarms).where(
        its.domain == domain,
        its.edge_id.in_(everywhere) if edge_id is None else its.edge_id == edge_id,
        its.alarm_id == f"{LOCAL_LIST_FAILED}:{station_id}",
        its.cleared_at.is_(None),
    )
