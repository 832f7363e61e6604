"""Bills, and what became of them, as the staff reads them. Each function reads through the connection it is given."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from pydantic import TypeAdapter

from edge.ledger.bill_tables import bill_of, decision_of, seq_of
from edge.ledger.database import LedgerError
from edge.ledger.partitions import read_between
from edge.ledger.queries import queries
from edge.ledger.readings import kept_of
from protocols.ocpi.cdr import Cdr
from protocols.sync.blocks import TelemetryBlock, curves_in
from protocols.sync.codec import decode_entry
from protocols.sync.corrections import BillDecided
from protocols.sync.up import Entry, MeterValuesSampled, PostingMade
from protocols.terms import Measurand

EARLY: Final = timedelta(hours=1)
LATE: Final = timedelta(days=1)
"""Readings of a station that was cut off come late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BillDocument:
    """A bill as it was made `at` that time, as entry `seq` of the money stream. `state` is quarantined, issued, credit,
    or what was decided upon it."""

    seq: int
    at: datetime
    state: str
    cdr: Cdr
    decided: BillDecided | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RegisterReading:
    """What a meter's energy register showed."""

    at: datetime
    wh: int


_DOCUMENT: Final = TypeAdapter(BillDocument)
_KEPT: Final = TypeAdapter(MeterValuesSampled)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def as_json(document: BillDocument) -> dict[str, Any]:
    shown: dict[str, Any] = _DOCUMENT.dump_python(document, mode="json")
    return shown


def newest(connection: sqlite3.Connection, *, is_waiting: bool, limit: int) -> list[BillDocument]:
    """The newest bills first; or those in quarantine that nobody decided upon."""
    rows = connection.execute(queries()["waiting_bills" if is_waiting else "newest_bills"], (limit,))
    return [_document(row) for row in rows]


def between(connection: sqlite3.Connection, since: datetime, until: datetime) -> Iterator[BillDocument]:
    """The bills of sessions that ended from `since` to before `until`, oldest first, one at a time."""
    for row in connection.execute(queries()["bills_between"], (since.isoformat(), until.isoformat())):
        yield _document(row)


def postings_between(connection: sqlite3.Connection, since: datetime, until: datetime) -> Iterator[Entry]:
    """The postings made from `since` to before `until`, oldest first, one at a time."""
    for (entry,) in connection.execute(queries()["postings_between"], (since.isoformat(), until.isoformat())):
        yield decode_entry(entry)


def documents_with(connection: sqlite3.Connection, cdr_id: str) -> list[BillDocument]:
    """All bills of the transaction that this one is of, in their order; none where there is no such bill."""
    try:
        seq = seq_of(cdr_id)
    except LedgerError:
        return []
    row = connection.execute(queries()["transaction_of_bill"], (seq, cdr_id)).fetchone()
    if row is None:
        return []
    return bills_of(connection, *row)


def bills_of(connection: sqlite3.Connection, transaction_id: str) -> list[BillDocument]:
    """All bills of a transaction, in their order."""
    return [_document(each) for each in connection.execute(queries()["bills_of_transaction"], (transaction_id,))]


def postings_of(
    connection: sqlite3.Connection, documents: Sequence[BillDocument]
) -> Iterator[tuple[Entry, PostingMade]]:
    """The postings by which these bills were booked, in their order."""
    for document in documents:
        row = connection.execute(queries()["posting_of_key"], (f"cdr:{document.cdr.id}",)).fetchone()
        entry = decode_entry(row[0]) if row is not None else None
        if entry is not None and isinstance(entry.body, PostingMade):
            yield entry, entry.body


def register_readings(connection: sqlite3.Connection, cdr: Cdr) -> list[RegisterReading]:
    """What the ledger still has of the meter's register in the transaction of a bill, oldest first: in the journal's
    blocks, and waiting to be packed into one."""
    since, until = cdr.start_date_time - EARLY, cdr.end_date_time + LATE
    place = msgspec.json.encode({"station_id": cdr.station_id, "evse_id": cdr.evse_id})[1:-1]
    entries = read_between(connection, since, until)
    bodies: list[object] = [decode_entry(entry).body for entry in entries if place in entry]
    bodies += [_KEPT.validate_python(kept) for kept in kept_of(connection, cdr.station_id, cdr.evse_id)]
    found = {
        RegisterReading(at, wh)
        for body in bodies
        for transaction_id, at, wh in _registers_in(body)
        if transaction_id == cdr.session_id
    }
    return sorted(found, key=lambda reading: reading.at)


def _registers_in(body: object) -> Iterator[tuple[str | None, datetime, int]]:
    """The readings of the whole meter's register in a telemetry entry: transaction, time, Wh."""
    match body:
        case TelemetryBlock():
            for curve in curves_in(body):
                if curve.measurand is Measurand.ENERGY_REGISTER and curve.phase is None:
                    for at_ms, wh in zip(curve.times_ms, curve.values, strict=True):
                        yield curve.transaction_id, _EPOCH + timedelta(milliseconds=at_ms), wh
        case MeterValuesSampled():
            for sample in body.samples:
                if sample.measurand is Measurand.ENERGY_REGISTER and sample.phase is None:
                    yield body.transaction_id, body.at + timedelta(milliseconds=sample.after_ms), sample.value


def _document(row: tuple[Any, ...]) -> BillDocument:
    entry, state, decision = row
    made = decode_entry(entry)
    decided = None if decision is None else decode_entry(decision)
    return BillDocument(
        seq=made.seq,
        at=made.at,
        state=state,
        cdr=bill_of(made),
        decided=None if decided is None else decision_of(decided),
        decided_at=None if decided is None else decided.at,
    )
