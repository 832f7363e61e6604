"""Bills in the ledger: what was decided upon them, and a bill with its decision."""

from __future__ import annotations

import sqlite3
from typing import Final

from edge.domain.bill_book import BillRecord
from edge.ledger.database import LedgerError
from edge.ledger.queries import queries
from edge.ledger.rows import Rows
from protocols.ocpi.cdr import Cdr
from protocols.sync.codec import decode_entry
from protocols.sync.corrections import BillDecided
from protocols.sync.up import CdrIssued, CdrQuarantined, Entry

MAX_DIGITS: Final = 18
"""SQLite's integers end there."""


def seq_of(cdr_id: str) -> int:
    """The number of the money entry that brought a bill: its id ends with it. Raises LedgerError for no such id."""
    number = cdr_id.rpartition("-")[2]
    if not (number.isascii() and number.isdigit() and len(number) <= MAX_DIGITS):
        raise LedgerError(f"{cdr_id!r} is no id of a bill: it does not end with a number")
    return int(number)


def corrected_seq(cdr: Cdr) -> int | None:
    """The entry of the bill that this one takes back or is issued instead of."""
    corrected = cdr.credit_reference_id or cdr.replaces
    return None if corrected is None else seq_of(corrected)


def keep_decision(rows: Rows, entry: Entry, decided: BillDecided, encoded: bytes, at: str) -> None:
    """Journal what a person decided."""
    about = (seq_of(decided.cdr_id), decided.cdr_id, decided.decision.value)
    who = (decided.by, decided.second_by)
    rows.link("decisions", "add_decision", encoded, entry.seq, *about, at, *who, encoded)


def bill_of(entry: Entry) -> Cdr:
    """The bill that a journal entry brings. Raises LedgerError when it brings none."""
    match entry.body:
        case CdrIssued(cdr=cdr) | CdrQuarantined(cdr=cdr):
            return cdr
        case _:
            raise LedgerError(f"entry {entry.stream} {entry.seq} stands among the bills and is none")


def decision_of(entry: Entry) -> BillDecided:
    """The decision that a journal entry brings. Raises LedgerError when it brings none."""
    if not isinstance(entry.body, BillDecided):
        raise LedgerError(f"entry {entry.stream} {entry.seq} stands among the decisions and is none")
    return entry.body


def bill_record(connection: sqlite3.Connection, cdr_id: str) -> BillRecord | None:
    """A bill with what was decided upon it. Raises BadEntry where what is kept cannot be read."""
    try:
        seq = seq_of(cdr_id)
    except LedgerError:
        return None
    row = connection.execute(queries()["bill"], (seq, cdr_id)).fetchone()
    if row is None:
        return None
    entry, is_quarantined, decision = row
    return BillRecord(
        cdr=bill_of(decode_entry(entry)),
        is_quarantined=bool(is_quarantined),
        decided=None if decision is None else decision_of(decode_entry(decision)),
    )
