"""Tells the feed of payments and balances, each as it stands after a batch."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest.changes import Changes, Origin
from cloud.ingest.evse_board import is_historical
from cloud.store.accounts import CUSTOMER, HELD
from cloud.store.documents import balance_document, payment_document, to_json
from cloud.store.feed import FeedEvent, FeedKind
from cloud.store.money_tables import account_totals, payments
from protocols.money import ZERO
from protocols.sync.payments import PaymentChanged


async def tell(connection: AsyncConnection, origin: Origin, changes: Changes) -> list[FeedEvent]:
    """To be called when the batch's payments and postings are written. What came twice is told again, as it is."""
    return [*await _payments(connection, origin, changes), *await _balances(connection, origin, changes)]


async def _payments(connection: AsyncConnection, origin: Origin, changes: Changes) -> list[FeedEvent]:
    ids = {body.payment.payment_id for body, _ in changes.money if isinstance(body, PaymentChanged)}
    if not ids:
        return []
    query = select(payments).where(payments.c.domain == origin.address.domain, payments.c.payment_id.in_(ids))
    return [
        FeedEvent(
            domain=origin.address.domain,
            kind=FeedKind.PAYMENT,
            at=row["updated_at"],
            location_id=origin.location_id,
            data=to_json(payment_document(row)).decode(),
            is_historical=is_historical(row["updated_at"], origin.received_at),
        )
        for row in (await connection.execute(query.order_by(payments.c.updated_at, payments.c.payment_id))).mappings()
    ]


async def _balances(connection: AsyncConnection, origin: Origin, changes: Changes) -> list[FeedEvent]:
    """One event for each contract to which something was posted: what it owes at this edge now."""
    accounts = {leg["account"] for leg in changes.posting_legs}
    contract_ids = {
        account[len(prefix) :] for account in accounts for prefix in (CUSTOMER, HELD) if account.startswith(prefix)
    }
    if not contract_ids:
        return []
    place = (account_totals.c.domain == origin.address.domain, account_totals.c.edge_id == origin.address.edge_id)
    names = [prefix + contract_id for contract_id in contract_ids for prefix in (CUSTOMER, HELD)]
    query = select(account_totals).where(*place, account_totals.c.account.in_(names))
    sums: defaultdict[tuple[str, str], dict[str, Decimal]] = defaultdict(dict)
    for row in await connection.execute(query):
        prefix = CUSTOMER if row.account.startswith(CUSTOMER) else HELD
        sums[row.account[len(prefix) :], row.currency][prefix] = row.amount
    at = max(posting["at"] for posting in changes.postings)
    return [
        FeedEvent(
            domain=origin.address.domain,
            kind=FeedKind.BALANCE,
            at=at,
            location_id=origin.location_id,
            data=to_json(
                balance_document(
                    contract_id,
                    origin.address.edge_id,
                    currency,
                    balance=parts.get(CUSTOMER, ZERO),
                    held=-parts.get(HELD, ZERO),
                )
            ).decode(),
            is_historical=is_historical(at, origin.received_at),
        )
        for (contract_id, currency), parts in sorted(sums.items())
    ]
