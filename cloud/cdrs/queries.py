"""The questions about bills."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import AwareDatetime, Field
from sqlalchemy import RowMapping, Select, and_, select

from cloud.rest.fields import EvseNumber, Name
from cloud.rest.paging import PageQuery, narrowed
from cloud.store.documents import to_json
from cloud.store.money_tables import bill_decisions
from cloud.store.tables import cdrs

SORT = (cdrs.c.end_date_time, cdrs.c.id)
CdrStatus = Literal["issued", "quarantined", "credit", "accepted", "rerated", "written_off", "credited", "corrected"]


class CdrQuery(PageQuery):
    """Filters of the list of bills; all given ones must hold."""

    location_id: Name | None = None
    station_id: Name | None = None
    evse_id: EvseNumber | None = None
    token_uid: Name | None = None
    contract_id: Name | None = None
    session_id: Name | None = None
    status: CdrStatus | None = Field(None, description="What became of it; in force is what is issued.")
    date_from: AwareDatetime | None = Field(None, description="Ended at this time or later.")
    date_to: AwareDatetime | None = Field(None, description="Ended before this time.")


def many(domain: int, wanted: CdrQuery) -> Select[Any]:
    query: Select[Any] = select(*_SHOWN).select_from(_DECIDED).where(cdrs.c.domain == domain)
    query = narrowed(
        query, cdrs, wanted, "location_id", "station_id", "evse_id", "token_uid", "contract_id", "session_id", "status"
    )
    if wanted.date_from is not None:
        query = query.where(cdrs.c.end_date_time >= wanted.date_from)
    if wanted.date_to is not None:
        query = query.where(cdrs.c.end_date_time < wanted.date_to)
    return query


def one(domain: int, cdr_id: str) -> Select[Any]:
    return select(*_SHOWN).select_from(_DECIDED).where(cdrs.c.domain == domain, cdrs.c.id == cdr_id)


def shown(row: RowMapping) -> bytes:
    """The bill as the edge issued it, with what the hub knows of it put in front."""
    mine = {"status": row["status"], "edge_id": row["edge_id"], "received_at": row["received_at"]}
    mine["decision"] = None if row["decision"] is None else {public: row[name] for public, name in _DECISION.items()}
    document: str = row["document"]
    return to_json(mine)[:-1] + b"," + document.encode()[1:]


_DECISION: Final = {
    "decision": "decision",
    "reason": "reason",
    "by": "staff",
    "second_by": "second_staff",
    "credit_cdr_id": "credit_cdr_id",
    "new_cdr_id": "new_cdr_id",
    "at": "at",
}
_SHOWN: Final = (
    *(cdrs.c.id, cdrs.c.end_date_time, cdrs.c.status, cdrs.c.edge_id, cdrs.c.received_at, cdrs.c.document),
    *(bill_decisions.c[name] for name in _DECISION.values()),
)
_DECIDED: Final = cdrs.outerjoin(
    bill_decisions, and_(bill_decisions.c.domain == cdrs.c.domain, bill_decisions.c.cdr_id == cdrs.c.id)
)
