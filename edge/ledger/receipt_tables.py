"""Receipts and statements in the ledger: what journal entries do to their tables, and what the site reads back."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Final, assert_never

import msgspec

from edge.domain.receipt_book import Numbered
from edge.domain.site import Site
from edge.ledger.queries import queries
from edge.ledger.rows import Rows
from protocols.sync.receipts import ReceiptBody, ReceiptIssued, ReceiptKind, StatementMade

_encode: Final = msgspec.json.Encoder(decimal_format="string").encode


def keep_receipt(rows: Rows, body: ReceiptBody) -> None:
    """Bring the tables up to a journal entry."""
    match body:
        case ReceiptIssued() as issued:
            what = (issued.of.value, issued.ref, issued.issued_at.isoformat(), issued.by)
            rows.add("receipts", "add_receipt", issued.count, issued.number, *what)
        case StatementMade() as made:
            of = (made.number, made.contract_id, made.period)
            rows.add("statements", "add_statement", made.count, *of, _encode(made))
        case _:
            assert_never(body)


def restore_receipts(site: Site, connection: sqlite3.Connection) -> None:
    """The decisions need the newest numbers; who has which is looked up for each that is asked for."""
    site.numbers.receipts.last, site.numbers.statements.last = last_counts(connection)
    (other_epochs,) = connection.execute(queries()["other_epochs"], (site.epoch,)).fetchone()
    site.numbers.mark = site.epoch[:4] if other_epochs else ""


def last_counts(connection: sqlite3.Connection) -> tuple[int, int]:
    """How many receipts and how many statements were given."""
    (receipts,) = connection.execute(queries()["last_receipt"]).fetchone()
    (statements,) = connection.execute(queries()["last_statement"]).fetchone()
    return int(receipts), int(statements)


def receipt_of(connection: sqlite3.Connection, of: ReceiptKind, ref: str) -> Numbered | None:
    """The receipt that something got, if it did."""
    found = connection.execute(queries()["receipt_of"], (of.value, ref)).fetchone()
    if found is None:
        return None
    count, number, issued_at = found
    return Numbered(number=number, count=count, issued_at=datetime.fromisoformat(issued_at))
