"""The ledger as receipts and statements are made from it: read in the reader's thread, beside the commits."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Protocol, TypeVar
from zoneinfo import ZoneInfo

from edge.domain.receipt_events import Reckoning
from edge.domain.statement_periods import Due, Period
from edge.ledger.receipt_reading import find_receiptable, newest_receipts
from edge.ledger.receipt_tables import last_counts
from edge.ledger.search import search
from edge.ledger.statement_reading import (
    due_statements,
    is_empty,
    reckon,
    statement_numbered,
    statements_in,
)
from edge.receipts.printing import Receiptable
from protocols.sync.receipts import StatementMade

T = TypeVar("T")


class Reading(Protocol):
    """The ledger's reader."""

    async def with_reader(self, read: Callable[[sqlite3.Connection], T]) -> T: ...


class ReceiptRecords:
    """`zone` is the Location's."""

    def __init__(self, ledger: Reading, zone: ZoneInfo) -> None:
        self._ledger = ledger
        self._zone = zone

    async def receiptable(self, ref: str) -> Receiptable:
        """Raises BadText with why there is no receipt of this."""
        return await self._ledger.with_reader(lambda reading: find_receiptable(reading, ref, self._zone))

    async def newest(self, most: int) -> list[dict[str, Any]]:
        return await self._ledger.with_reader(lambda reading: newest_receipts(reading, most))

    async def find(self, text: str, most: int) -> list[dict[str, Any]]:
        """Whatever fits, JSON-able."""
        return [asdict(each) for each in await self._ledger.with_reader(lambda reading: search(reading, text, most))]

    async def statements(self, contract_id: str | None, most: int) -> list[StatementMade]:
        return await self._ledger.with_reader(lambda reading: statements_in(reading, contract_id, most))

    async def statement(self, contract_id: str, period: Period) -> StatementMade | None:
        return await self._ledger.with_reader(
            lambda reading: statement_numbered(reading, f"{contract_id} {period.key}")
        )

    async def due(self, now: datetime) -> list[Due]:
        """The contracts whose newest period is over and has no statement."""
        return await self._ledger.with_reader(lambda reading: due_statements(reading, now, self._zone))

    async def reckoned(self, dues: Sequence[Due], *, is_wanted: bool) -> tuple[int, list[Reckoning]]:
        """How many statements had been made, and what those say that are missing; without the empty ones, unless
        somebody wants them."""
        return await self._ledger.with_reader(lambda reading: _reckoned(reading, dues, self._zone, is_wanted))


def _reckoned(
    reading: sqlite3.Connection, dues: Sequence[Due], zone: ZoneInfo, is_wanted: bool
) -> tuple[int, list[Reckoning]]:
    _, seen = last_counts(reading)
    missing = (due for due in dues if statement_numbered(reading, f"{due.contract_id} {due.period.key}") is None)
    found = (reckon(reading, due, zone) for due in missing)
    return seen, [reckoned for reckoned in found if is_wanted or not is_empty(reckoned)]
