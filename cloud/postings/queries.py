"""The questions about postings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from pydantic import AwareDatetime, Field
from sqlalchemy import RowMapping, Select, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery, narrowed
from cloud.store.accounts import CUSTOMER, HELD
from cloud.store.tables import posting_legs, postings
from protocols.sync.up import PostingReason

SORT = (postings.c.at, postings.c.posting_id)
_SHOWN: Final = ("edge_id", "key", "at", "reason", "currency", "cdr_id", "text")


class PostingQuery(PageQuery):
    """Filters of the list of postings; all given ones must hold."""

    account: Name | None = Field(None, description="With a leg of this account, such as `cash:1`.")
    contract: Name | None = Field(None, description="With a leg of what this contract owes, or of what it has held.")
    edge_id: Name | None = None
    cdr_id: Name | None = None
    reason: PostingReason | None = None
    date_from: AwareDatetime | None = Field(None, description="Made at this time or later.")
    date_to: AwareDatetime | None = Field(None, description="Made before this time.")


def many(domain: int, wanted: PostingQuery) -> Select[Any]:
    query = narrowed(
        select(postings).where(postings.c.domain == domain), postings, wanted, "edge_id", "cdr_id", "reason"
    )
    for accounts in (
        [wanted.account] if wanted.account is not None else None,
        [CUSTOMER + wanted.contract, HELD + wanted.contract] if wanted.contract is not None else None,
    ):
        if accounts is not None:
            leg = exists().where(
                posting_legs.c.domain == postings.c.domain,
                posting_legs.c.posting_id == postings.c.posting_id,
                posting_legs.c.account.in_(accounts),
            )
            query = query.where(leg)
    if wanted.date_from is not None:
        query = query.where(postings.c.at >= wanted.date_from)
    if wanted.date_to is not None:
        query = query.where(postings.c.at < wanted.date_to)
    return query


async def shown(connection: AsyncConnection, rows: Sequence[RowMapping]) -> list[dict[str, Any]]:
    """The postings with their legs."""
    if not rows:
        return []
    query = select(posting_legs).where(
        posting_legs.c.domain == rows[0]["domain"], posting_legs.c.posting_id.in_([row["posting_id"] for row in rows])
    )
    legs: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for leg in await connection.execute(query.order_by(posting_legs.c.posting_id, posting_legs.c.leg)):
        legs[leg.posting_id].append({"account": leg.account, "amount": leg.amount})
    return [
        {
            "id": row["posting_id"],
            **{name: row[name] for name in _SHOWN},
            "by": row["staff"],
            "legs": legs[row["posting_id"]],
        }
        for row in rows
    ]
