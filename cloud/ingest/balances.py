"""What each edge has posted to each account, kept with its postings in one transaction: sums that SQLite could not make
of its texts, and that nobody has to make of a year of postings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest.changes import Row
from cloud.store.accounts import CUSTOMER
from cloud.store.engine import upsert
from cloud.store.money_tables import account_totals


async def add(connection: AsyncConnection, postings: Sequence[Row], legs: Sequence[Row]) -> None:
    """Add postings that are new here, all of one edge; what they mean for the other edges is due to be told."""
    made = {posting["posting_id"]: posting for posting in postings}
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for leg in legs:
        sums[leg["account"], made[leg["posting_id"]]["currency"]] += leg["amount"]
    if not sums:
        return
    place = {"domain": postings[0]["domain"], "edge_id": postings[0]["edge_id"]}
    names = {account for account, _ in sums}
    query = select(account_totals).where(
        account_totals.c.domain == place["domain"],
        account_totals.c.account.in_(names),
        account_totals.c.edge_id == place["edge_id"],
    )
    before = {(row.account, row.currency): row.amount for row in await connection.execute(query.with_for_update())}
    rows = [
        {
            **place,
            "account": account,
            "currency": currency,
            "amount": before.get((account, currency), 0) + amount,
            "is_due": account.startswith(CUSTOMER),
        }
        for (account, currency), amount in sums.items()
    ]
    await connection.execute(upsert(connection, account_totals, "amount", "is_due"), rows)
