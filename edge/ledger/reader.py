"""Reads a ledger beside a running agent, or without one: for lists and exports on the command line."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from edge.ledger.bill_tables import bill_of
from edge.ledger.database import LedgerError, open_reader
from edge.ledger.projections import TOKEN
from edge.ledger.queries import queries
from edge.ledger.staff_tables import StaffRow, staff_changes
from edge.ledger.tariff_tables import tariffs_in
from protocols.ocpi.cdr import Cdr
from protocols.ocpi.tariff import Tariff
from protocols.ocpi.token import Token
from protocols.sync.codec import decode_entry


class LedgerReader:
    """Read-only; raises LedgerError when there is no ledger or it cannot be read."""

    def __init__(self, path: Path) -> None:
        self._connection = open_reader(path)

    def tokens(self) -> list[tuple[str, Token]]:
        """All tokens with their source, "site" or "hub", in the order of their uids."""
        return [(source, TOKEN.validate_json(document)) for source, document in self._select("tokens")]

    def tariffs(self) -> dict[str, dict[str, Tariff]]:
        """Those that the staff brought in ("site") and the hub's ("hub"), by id."""
        try:
            return tariffs_in(self._connection)
        except sqlite3.DatabaseError as error:
            raise LedgerError(f"the ledger cannot be read: {error}") from error

    def staff_changes(self, limit: int) -> list[StaffRow]:
        """Who was put on the list of the staff, taken off or changed, the newest first."""
        try:
            return staff_changes(self._connection, limit)
        except sqlite3.DatabaseError as error:
            raise LedgerError(f"the ledger cannot be read: {error}") from error

    def cdrs(self, since: datetime, until: datetime) -> Iterator[Cdr]:
        """The bills of sessions that ended from `since` to before `until`, oldest first, one at a time."""
        for (encoded,) in self._select("cdrs", since.isoformat(), until.isoformat()):
            yield bill_of(decode_entry(encoded))

    def _select(self, name: str, *values: str) -> Iterator[tuple[str, ...]]:
        try:
            yield from self._connection.execute(queries()[name], values)
        except sqlite3.DatabaseError as error:
            raise LedgerError(f"the ledger cannot be read: {error}") from error
