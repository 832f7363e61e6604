"""`ohmstead-edge report month`: a month's energy, sessions and money, held against the postings."""

from __future__ import annotations

import contextlib
import csv
import json
import sqlite3
import sys
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from edge.console import DEFAULT_CONFIG, ConfigOption, console, fail, ledger_errors, load_settings, plain
from edge.ledger.database import open_reader
from edge.places import ledger_path

if TYPE_CHECKING:  # what adds up loads all that is billed
    from edge.ledger.month_report import MonthReport

report_app = typer.Typer(help="Reports of the site's money.", no_args_is_help=True)


@report_app.callback()
def report() -> None:
    """Reports of the site's money."""


@report_app.command("month")
def report_month(
    month: Annotated[str, typer.Argument(help="Such as 2026-10, by the Location's days.")],
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV: section, key and figures.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON; energy in Wh.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Show what was billed in a month: by VAT rate, day, EVSE, tariff and contract; payments and till differences.

    A bill counts in the month in which it was made. The report says whether it is what the postings say, to the cent,
    and ends with 1 where it is not. The agent may run or not.
    """
    from edge.ledger.month_report import month_report

    settings = load_settings(config)
    try:
        day = date.fromisoformat(f"{month}-01")
    except ValueError:
        fail(f"{month!r} is no month: say it such as 2026-10", code=2)
    try:
        with ledger_errors(), contextlib.closing(open_reader(ledger_path(settings))) as reading:
            found = month_report(reading, day, ZoneInfo(settings.location.time_zone))
    except sqlite3.DatabaseError as error:
        fail(f"the ledger cannot be read: {error}")
    if as_json:
        from pydantic import TypeAdapter

        from edge.ledger.month_report import MonthReport

        print(json.dumps(TypeAdapter(MonthReport).dump_python(found, mode="json"), indent=2, ensure_ascii=False))
    elif as_csv:
        csv.writer(sys.stdout).writerows(_csv_rows(found, settings.currency))
    else:
        _show(found, settings.currency)
    if not found.is_reconciled:
        fail("\n".join(["the bills and the postings are not of one mind:", *found.differences]))


def _sections(found: MonthReport) -> Iterator[tuple[str, str, int, int, str, str]]:
    """Section, key, sessions, Wh, net and gross."""
    total = found.total
    yield "total", found.month, total.sessions, total.energy_wh, str(total.net), str(total.gross)
    for section, table in (
        ("day", found.by_day),
        ("evse", found.by_evse),
        ("tariff", found.by_tariff),
        ("contract", found.by_contract),
    ):
        for key in sorted(table):
            each = table[key]
            yield section, key, each.sessions, each.energy_wh, str(each.net), str(each.gross)


def _csv_rows(found: MonthReport, currency: str) -> Iterator[list[str]]:
    yield ["section", "key", "sessions", "energy_wh", "net", "tax", "gross", "amount", "currency"]
    for section, key, sessions, energy_wh, net, gross in _sections(found):
        yield [section, _cell(key), str(sessions), str(energy_wh), net, "", gross, "", currency]
    for rate, taxed in sorted(found.by_vat.items()):
        yield ["vat", rate, "", "", str(taxed.net), str(taxed.tax), str(taxed.net + taxed.tax), "", currency]
    for section, sums in (("payment", found.by_payment), ("till_difference", found.till_differences)):
        for key, amount in sorted(sums.items()):
            yield [section, _cell(key), "", "", "", "", "", str(amount), currency]
    for key, kept in (("quarantined", found.quarantined), *sorted(found.decided.items())):
        yield ["bills", key, str(kept.bills), "", "", "", str(kept.gross), "", currency]
    yield ["reconciled", "yes" if found.is_reconciled else "no", *[""] * 6, currency]


def _cell(text: str) -> str:
    """A cell that a spreadsheet would take for a formula is text."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _show(found: MonthReport, currency: str) -> None:
    screen = console()
    table = Table("", found.month, "sessions", "energy", "before VAT", "with VAT")
    for section, key, sessions, energy_wh, net, gross in _sections(found):
        energy = f"{energy_wh / 1000:.3f} kWh"
        table.add_row(section, plain(key), str(sessions), energy, f"{net} {currency}", f"{gross} {currency}")
    screen.print(table)
    sums = Table("", "", "amount")
    for rate, taxed in sorted(found.by_vat.items()):
        told = "no VAT" if rate == "none" else f"VAT {rate} %"
        sums.add_row(told, f"of {taxed.net} {currency}", f"{taxed.tax} {currency}")
    for key, amount in sorted(found.by_payment.items()):
        sums.add_row("payments", plain(key), f"{amount} {currency}")
    for key, amount in sorted(found.till_differences.items()):
        sums.add_row("till difference", plain(key), f"{amount} {currency}")
    for key, kept in (("quarantined", found.quarantined), *sorted(found.decided.items())):
        sums.add_row("bills", f"{kept.bills} {key.replace('_', ' ')}", f"{kept.gross} {currency}")
    screen.print(sums)
    if found.is_reconciled:
        screen.print(f"{found.bills} bills, {found.credits} credits, {found.postings} postings: reconciled to the cent")
