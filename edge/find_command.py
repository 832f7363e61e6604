"""`ohmstead-edge find TEXT`: whatever the site has that fits."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from edge.console import DEFAULT_CONFIG, ConfigOption, console, fail, ledger_errors, load_settings, plain
from edge.ledger.database import open_reader
from edge.places import ledger_path


def find(
    text: Annotated[str, typer.Argument(help="Part of a name, plate or card; or an id or a receipt's number.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Find customers by a part of a name, plate or card, and bills, sessions, payments and receipts by their ids.

    The agent may run or not. Exit status 1 when nothing fits.
    """
    from edge.ledger.search import search

    try:
        with ledger_errors(), contextlib.closing(open_reader(ledger_path(load_settings(config)))) as reading:
            found = search(reading, text, limit)
    except sqlite3.DatabaseError as error:
        fail(f"the ledger cannot be read: {error}")
    if as_json:
        print(json.dumps([asdict(each) for each in found], indent=2, ensure_ascii=False))
    elif found:
        table = Table("", "id", "what")
        for each in found:
            table.add_row(each.kind, plain(each.id), plain(each.text))
        console().print(table)
    if not found:
        fail(f"nothing fits {text!r}: say a part of a name, a plate or a card, or a whole id")
