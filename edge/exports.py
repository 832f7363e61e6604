"""Bills and postings for other programs: CSV, JSON documents, and OCPI's CDRs. One at a time, however many."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import IO, Final

import msgspec

from edge.ledger.bill_reading import BillDocument
from protocols.ocpi.cdr_document import CdrPlace, write_cdr
from protocols.sync.up import Entry, PostingMade

Cell = str | int | Decimal | datetime | None
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
_AS_TEXT: Final = msgspec.json.Encoder(decimal_format="string").encode
_AS_NUMBER: Final = msgspec.json.Encoder(decimal_format="number").encode

BILL_COLUMNS: Final = (
    *("id", "session_id", "location_id", "station_id", "evse_id", "token_uid", "contract_id"),
    *("start_date_time", "end_date_time", "energy_wh", "time_s", "parking_time_s"),
    *("currency", "total_excl_vat", "total_incl_vat", "stop_reason", "quarantine"),
    *("state", "issued_at", "credit_reference_id", "replaces", "tariff_id"),
)
POSTING_COLUMNS: Final = (
    *("seq", "posted_at", "posting_id", "key", "reason", "cdr_id", "currency", "account", "amount", "text", "by"),
)


def write_csv(file: IO[str], columns: Iterable[str], rows: Iterable[Iterable[Cell]]) -> None:
    """Text that a spreadsheet would take for a formula is written as text; numbers stay numbers."""
    writer = csv.writer(file)
    writer.writerow(columns)
    writer.writerows([_cell(cell) for cell in row] for row in rows)


def bill_rows(documents: Iterable[BillDocument]) -> Iterator[tuple[Cell, ...]]:
    for document in documents:
        cdr = document.cdr
        yield (
            *(cdr.id, cdr.session_id, cdr.location_id, cdr.station_id, cdr.evse_id, cdr.token_uid, cdr.contract_id),
            *(cdr.start_date_time, cdr.end_date_time, cdr.total_energy_wh, cdr.total_time_s, cdr.total_parking_time_s),
            *(cdr.currency, cdr.total_cost.excl_vat, cdr.total_cost.incl_vat, cdr.stop_reason),
            *("; ".join(cdr.quarantine), document.state, document.at, cdr.credit_reference_id, cdr.replaces),
            cdr.tariff.id,
        )


def posting_rows(entries: Iterable[Entry]) -> Iterator[tuple[Cell, ...]]:
    """One row for each leg."""
    for entry in entries:
        body = entry.body
        if isinstance(body, PostingMade):
            for leg in body.legs:
                yield (
                    *(entry.seq, entry.at, body.posting_id, body.key, body.reason.value, body.cdr_id, body.currency),
                    *(leg.account, leg.amount, body.text, body.by),
                )


def bill_lines(documents: Iterable[BillDocument]) -> Iterator[str]:
    """One bill a line, as it was issued."""
    return (_AS_TEXT(document.cdr).decode() + "\n" for document in documents)


def posting_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """One journal entry a line."""
    return (_AS_TEXT(entry).decode() + "\n" for entry in entries)


def ocpi_array(documents: Iterable[BillDocument], place: CdrPlace) -> Iterator[str]:
    """A JSON array of OCPI 2.2.1 CDRs. A bill in quarantine is none that anybody may be sent, and left out."""
    between = "[\n"
    for document in documents:
        if not document.cdr.quarantine:
            yield between + _AS_NUMBER(write_cdr(document.cdr, place, document.at)).decode()
            between = ",\n"
    yield "[]\n" if between == "[\n" else "\n]\n"


def _cell(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case str():
            return "'" + cell if cell.lstrip(" ")[:1] in _FORMULA and cell.strip() else cell
        case datetime():
            return cell.isoformat()
        case _:
            return str(cell)
