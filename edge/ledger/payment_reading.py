"""Reads what the ledger has of payments and tills: for people, and for what is held against providers' lists."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Final, Protocol, TypeVar

from edge.domain.till_report import TillReport, till_report
from edge.ledger.payment_tables import MOVEMENT, PAYMENT, RECONCILED, SESSION
from edge.ledger.queries import queries
from protocols.sync.payments import Payment, ProviderReconciled, TillSession

T = TypeVar("T")
MOST: Final = 1000


class Looking(Protocol):
    """Whoever lets others read the ledger's connection, between two commits or beside them."""

    async def look(self, read: Callable[[sqlite3.Connection], T]) -> T: ...


class PaymentReader:
    """Implements the port PaymentRecords."""

    def __init__(self, ledger: Looking) -> None:
        self._ledger = ledger

    async def of_provider(self, provider: str, since: datetime, until: datetime) -> list[Payment]:
        values = (provider, since.isoformat(), until.isoformat())
        return await self._ledger.look(lambda connection: _payments(connection, "payments_of_provider", *values))

    async def by_ids(self, payment_ids: Sequence[str]) -> list[Payment]:
        def read(connection: sqlite3.Connection) -> list[Payment]:
            return [found for each in payment_ids for found in _payments(connection, "payment", each)]

        return await self._ledger.look(read)

    async def is_reconciled(self, provider: str, day: date) -> bool:
        def read(connection: sqlite3.Connection) -> bool:
            return connection.execute(queries()["reconciliation"], (provider, day.isoformat())).fetchone() is not None

        return await self._ledger.look(read)

    async def payments(self, *, contract_id: str | None, cdr_id: str | None, limit: int) -> list[Payment]:
        return await self._ledger.look(lambda connection: payments_in(connection, contract_id, cdr_id, limit))

    async def payment(self, payment_id: str) -> Payment | None:
        return await self._ledger.look(lambda connection: payment_in(connection, payment_id))

    async def tills(self, limit: int) -> list[TillSession]:
        return await self._ledger.look(lambda connection: tills_in(connection, limit))

    async def till(self, session_id: str) -> TillReport | None:
        return await self._ledger.look(lambda connection: till_in(connection, session_id))

    async def reconciliations(self, limit: int) -> list[ProviderReconciled]:
        return await self._ledger.look(lambda connection: reconciliations_in(connection, limit))


def payments_in(
    connection: sqlite3.Connection, contract_id: str | None, cdr_id: str | None, limit: int
) -> list[Payment]:
    """The newest first; of a contract or a bill where one is named."""
    if cdr_id is not None:
        return _payments(connection, "payments_of_cdr", cdr_id)[::-1][:limit]
    if contract_id is not None:
        return _payments(connection, "payments_of_contract", contract_id, limit)
    return _payments(connection, "newest_payments", limit)


def payment_in(connection: sqlite3.Connection, payment_id: str) -> Payment | None:
    return next(iter(_payments(connection, "payment", payment_id)), None)


def tills_in(connection: sqlite3.Connection, limit: int) -> list[TillSession]:
    """The newest first; what an open one expects is as it was at the opening: see `till_in`."""
    rows = connection.execute(queries()["newest_till_sessions"], (limit,))
    return [SESSION.validate_json(document) for (document,) in rows]


def till_in(connection: sqlite3.Connection, session_id: str) -> TillReport | None:
    row = connection.execute(queries()["till_session"], (session_id,)).fetchone()
    if row is None:
        return None
    movements = [
        (at, MOVEMENT.validate_json(document))
        for at, document in connection.execute(queries()["till_movements"], (session_id,))
    ]
    payments = _payments(connection, "payments_of_till", session_id)
    return till_report(SESSION.validate_json(row[0]), payments, movements)


def reconciliations_in(connection: sqlite3.Connection, limit: int) -> list[ProviderReconciled]:
    rows = connection.execute(queries()["newest_reconciliations"], (limit,))
    return [RECONCILED.validate_json(document) for _, document in rows]


def _payments(connection: sqlite3.Connection, query: str, *values: str | int) -> list[Payment]:
    return [PAYMENT.validate_json(document) for (document,) in connection.execute(queries()[query], values)]
