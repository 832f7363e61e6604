"""The questions about sessions."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, Field
from sqlalchemy import RowMapping, Select, and_, select

from cloud.rest.fields import EvseNumber, Name
from cloud.rest.paging import PageQuery, narrowed
from cloud.store.documents import session_document
from cloud.store.tables import evses, sessions

SORT = (sessions.c.start_date_time, sessions.c.id)


class SessionQuery(PageQuery):
    """Filters of the list of sessions; all given ones must hold."""

    location_id: Name | None = None
    station_id: Name | None = None
    evse_id: EvseNumber | None = None
    token_uid: Name | None = None
    contract_id: Name | None = None
    status: Literal["ACTIVE", "COMPLETED", "INVALID"] | None = None
    date_from: AwareDatetime | None = Field(None, description="Started at this time or later.")
    date_to: AwareDatetime | None = Field(None, description="Started before this time.")


def many(domain: int, wanted: SessionQuery) -> Select[Any]:
    query = _all(domain)
    query = narrowed(
        query, sessions, wanted, "location_id", "station_id", "evse_id", "token_uid", "contract_id", "status"
    )
    if wanted.date_from is not None:
        query = query.where(sessions.c.start_date_time >= wanted.date_from)
    if wanted.date_to is not None:
        query = query.where(sessions.c.start_date_time < wanted.date_to)
    return query


def one(domain: int, session_id: str) -> Select[Any]:
    return _all(domain).where(sessions.c.id == session_id)


def shown(row: RowMapping) -> dict[str, Any]:
    """A session; while it runs, with the newest values that the site has sent of it."""
    live = {
        "as_of": row["live_as_of"],
        "power_w": row["live_power_w"],
        "energy_wh": row["live_energy_wh"],
        "state_of_charge_percent": row["live_soc"],
        "cost": row["live_cost"],
    }
    return session_document(row) | {"live": live if row["live_as_of"] is not None else None}


def _all(domain: int) -> Select[Any]:
    at_evse = and_(
        sessions.c.status == "ACTIVE",
        evses.c.domain == sessions.c.domain,
        evses.c.edge_id == sessions.c.edge_id,
        evses.c.station_id == sessions.c.station_id,
        evses.c.evse_id == sessions.c.evse_id,
        evses.c.transaction_id == sessions.c.id,
    )
    live = (
        evses.c.as_of.label("live_as_of"),
        evses.c.power_w.label("live_power_w"),
        evses.c.energy_wh.label("live_energy_wh"),
        evses.c.state_of_charge_percent.label("live_soc"),
        evses.c.cost.label("live_cost"),
    )
    return select(sessions, *live).select_from(sessions.outerjoin(evses, at_evse)).where(sessions.c.domain == domain)
