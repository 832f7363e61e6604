"""What the ledger keeps for ever, read row by row as it stands: for who looks whether anything of it was changed."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from edge.ledger.queries import queries

AT_ONCE: Final = 500
"""Rows of one read. Between two of them the agent beside it may bring its log in."""


@dataclass(frozen=True, slots=True)
class BillRow:
    seq: int
    entry: bytes | None
    hash: bytes | None
    cdr_id: str
    transaction_id: str
    is_quarantined: bool
    end_date_time: str
    is_credit: bool
    corrects: int | None


@dataclass(frozen=True, slots=True)
class PostingRow:
    seq: int
    entry: bytes | None
    hash: bytes | None
    posting_id: str
    key: str
    cdr_id: str | None
    currency: str
    reason: str
    legs: str
    text: str
    staff: str | None


@dataclass(frozen=True, slots=True)
class DecisionRow:
    seq: int
    entry: bytes | None
    hash: bytes | None
    bill_seq: int
    cdr_id: str
    decision: str
    staff: str
    second_staff: str | None


Kept = BillRow | PostingRow | DecisionRow


def kept_rows(connection: sqlite3.Connection, upto_seq: int) -> Iterator[Kept]:
    """Bills, postings and decisions in the order of their numbers, some at a time."""
    bills = _rows(connection, "verify_bills", upto_seq)
    postings = _rows(connection, "verify_postings", upto_seq)
    decisions = _rows(connection, "verify_decisions", upto_seq)
    return heapq.merge(
        (
            BillRow(seq, entry, hashed, cdr_id, transaction_id, bool(is_quarantined), end, bool(is_credit), corrects)
            for seq, entry, hashed, cdr_id, transaction_id, is_quarantined, end, is_credit, corrects in bills
        ),
        (PostingRow(*row) for row in postings),
        (DecisionRow(*row) for row in decisions),
        key=lambda row: row.seq,
    )


def _rows(connection: sqlite3.Connection, name: str, upto_seq: int) -> Iterator[tuple[Any, ...]]:
    after_seq = 0
    while True:
        rows = connection.execute(queries()[name], (after_seq, upto_seq, AT_ONCE)).fetchall()
        for seq, entry, hashed, *others in rows:
            yield (seq, _bytes(entry), _bytes(hashed), *others)
        if len(rows) < AT_ONCE:
            return
        after_seq = rows[-1][0]


def _bytes(value: object) -> bytes | None:
    """SQLite lets any column hold anything, and whoever changed it may have."""
    return value if value is None or isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
