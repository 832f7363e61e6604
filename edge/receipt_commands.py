"""`ohmstead-edge receipt` and `receipts`: what is printed for a customer."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from edge.config import EdgeConfig
from edge.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    StaffOption,
    answered,
    console,
    fail,
    ledger_errors,
    load_settings,
    plain,
)
from edge.ledger.database import open_reader
from edge.places import ledger_path
from protocols.errors import BadText
from protocols.site.receipt_requests import MAX_ROWS, IssueReceipt

if TYPE_CHECKING:  # what prints loads all that is printed of
    from edge.receipts.printing import Receiptable

LanguageOption = Annotated[
    Literal["en", "zh"] | None, typer.Option("--language", help="Instead of the customer's own language.")
]
PdfOption = Annotated[Path | None, typer.Option("--pdf", help="Write a PDF here.")]
TextOption = Annotated[
    bool, typer.Option("--text", help="Print the text for an 80 mm printer; so it is without --pdf.")
]


def receipt(
    ref: Annotated[str, typer.Argument(metavar="ID", help="Of a bill, a payment, a till session or a statement.")],
    text: TextOption = False,
    pdf: PdfOption = None,
    language: LanguageOption = None,
    copy: Annotated[bool, typer.Option("--copy", help="Only a copy of the receipt that was given already.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Number, time and text as JSON.")] = False,
    staff: StaffOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Give a bill, a payment or a till session its receipt: numbered once, and a copy from then on.

    The agent may run or not. A PDF holds the same as the text, in the customer's language.
    """
    settings = load_settings(config)
    if copy:
        given = _copy_of(settings, ref, language)
    else:
        given = answered(settings, IssueReceipt(id="1", ref=ref, language=language)).result
    if pdf is not None:
        pdf.write_bytes(_as_pdf(settings, given))
        print(f"{given['number']}{' (copy)' if given['is_copy'] else ''}: {pdf}")
    if as_json:
        print(json.dumps(given, indent=2, ensure_ascii=False))
    elif text or pdf is None:
        print(given["text"], end="")


def receipts(
    limit: Annotated[int, typer.Option("--limit", min=1, max=MAX_ROWS, help="At most so many.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """List the newest receipts first; the agent may run or not."""
    from edge.ledger.receipt_reading import newest_receipts

    with ledger_errors(), contextlib.closing(open_reader(ledger_path(load_settings(config)))) as reading:
        found = newest_receipts(reading, limit)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    table = Table("number", "given (UTC)", "of", "id", "by")
    for each in found:
        stamp = datetime.fromisoformat(each["issued_at"])
        table.add_row(
            plain(each["number"]), f"{stamp:%Y-%m-%d %H:%M}", each["kind"], plain(each["ref"]), plain(each["by"] or "")
        )
    console().print(table)


def _copy_of(settings: EdgeConfig, ref: str, language: str | None) -> dict[str, Any]:
    """What the agent would answer if it were asked once more. Ends the program where there is no receipt yet."""
    from edge.receipt_parts import printing_of
    from edge.receipts.printing import page_of
    from edge.receipts.text import as_text

    found = _found(settings, ref)
    if found.known is None:
        fail(f"{ref} has no receipt yet: leave --copy away to give it one")
    printing = printing_of(settings)
    head = printing.head(found.known, is_copy=True, language=language or found.language)
    return {
        "number": found.known.number,
        "issued_at": found.known.issued_at.isoformat(),
        "is_copy": True,
        "of": found.of.value,
        "ref": found.ref,
        "language": head.language.value,
        "text": as_text(page_of(head, found.facts), printing.columns),
    }


def _as_pdf(settings: EdgeConfig, given: dict[str, Any]) -> bytes:
    """The page of a receipt that was given, from the ledger."""
    from edge.domain.receipt_book import Numbered
    from edge.receipt_parts import printing_of
    from edge.receipts.pdf import as_pdf
    from edge.receipts.printing import page_of

    issued_at = datetime.fromisoformat(given["issued_at"])
    numbered = Numbered(number=given["number"], count=0, issued_at=issued_at)
    head = printing_of(settings).head(numbered, is_copy=given["is_copy"], language=given["language"])
    return as_pdf(page_of(head, _found(settings, given["ref"]).facts), given["number"])


def _found(settings: EdgeConfig, ref: str) -> Receiptable:
    from edge.ledger.receipt_reading import find_receiptable
    from edge.receipt_parts import printing_of

    try:
        with ledger_errors(), contextlib.closing(open_reader(ledger_path(settings))) as reading:
            return find_receiptable(reading, ref, printing_of(settings).zone)
    except BadText as error:
        fail(str(error))
    except sqlite3.DatabaseError as error:
        fail(f"the ledger cannot be read: {error}")
