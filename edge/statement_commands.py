"""`ohmstead-edge statements …`: what happened on a contract's account, month by month or week by week."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

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
from edge.receipt_commands import LanguageOption, PdfOption
from protocols.errors import BadText
from protocols.site.receipt_requests import MAX_ROWS, MakeStatement

statements_app = typer.Typer(help="The statements of contracts' accounts.", no_args_is_help=True)
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]


@statements_app.command("list")
def statements_list(
    contract: Annotated[str | None, typer.Option("--contract", help="Of this contract alone.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=MAX_ROWS, help="At most so many.")] = 100,
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """List the newest statements first; the agent may run or not."""
    from pydantic import TypeAdapter

    from edge.ledger.statement_reading import statements_in
    from protocols.sync.receipts import StatementMade

    with ledger_errors(), contextlib.closing(open_reader(ledger_path(load_settings(config)))) as reading:
        found = statements_in(reading, contract, limit)
    if as_json:
        document = TypeAdapter(list[StatementMade]).dump_python(found, mode="json")
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return
    table = Table("number", "contract", "period", "opening", "bills", "payments", "closing", "due")
    for made in found:
        amounts = (f"{each:.2f} {made.currency}" for each in (made.opening, made.billed, made.paid, made.closing))
        due = made.due_on.isoformat() if made.due_on is not None else "-"
        table.add_row(plain(made.number), plain(made.contract_id), made.period, *amounts, due)
    console().print(table)


@statements_app.command("show")
def statements_show(
    number: Annotated[str, typer.Argument(help="Its number; or the contract and the period in quotes: 'C1 2026-10'.")],
    pdf: PdfOption = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write a CSV here, one row a posting.")] = None,
    language: LanguageOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Show a statement with all its postings, or write it as PDF or CSV; the agent may run or not."""
    from edge.ledger.receipt_reading import find_statement
    from edge.receipt_parts import printing_of
    from edge.receipts.printing import page_of
    from edge.receipts.statement import statement_csv
    from edge.receipts.text import as_text

    settings = load_settings(config)
    printing = printing_of(settings)
    try:
        with ledger_errors(), contextlib.closing(open_reader(ledger_path(settings))) as reading:
            facts, given, spoken = find_statement(reading, number, printing.zone)
    except BadText as error:
        fail(str(error))
    except sqlite3.DatabaseError as error:
        fail(f"the ledger cannot be read: {error}")
    head = printing.head(given, is_copy=False, language=language or spoken)
    if csv is not None:
        csv.write_text(statement_csv(head, facts), encoding="utf-8", newline="")
    if pdf is not None:
        from edge.receipts.pdf import as_pdf

        pdf.write_bytes(as_pdf(page_of(head, facts), given.number))
    if csv is None and pdf is None:
        print(as_text(page_of(head, facts), printing.columns), end="")


@statements_app.command("make")
def statements_make(
    contract: Annotated[str, typer.Argument(help="The contract's id.")],
    period: Annotated[str, typer.Argument(help="A month such as 2026-10, or a day of a week, such as 2026-10-26.")],
    staff: StaffOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make a contract's statement for a period that is over, once; the agent may run or not.

    Those of postpaid contracts are made by themselves when their periods are over.
    """
    made = answered(load_settings(config), MakeStatement(id="1", contract_id=contract, period=period)).result
    balance = f"closing balance {made['closing']} {made['currency']}"
    print(f"{made['number']}: {made['contract_id']} {made['period']}, {balance}")
