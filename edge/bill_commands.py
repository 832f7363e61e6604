"""`ohmstead-edge cdrs …` and `postings …`: the money of the site, read from its ledger. The agent may run or not."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.table import Table

from edge.config import EdgeConfig
from edge.console import DEFAULT_CONFIG, ConfigOption, console, fail, ledger_errors, load_settings, plain
from edge.ledger.database import open_reader
from edge.places import ledger_path
from protocols.ocpi.cdr import Cdr

postings_app = typer.Typer(help="The double-entry postings of this site.", no_args_is_help=True)
cdrs_app = typer.Typer(help="The bills of this site.", no_args_is_help=True)
SinceOption = Annotated[datetime | None, typer.Option(help="Sessions that ended at this time or later (UTC).")]
OutputOption = Annotated[Path | None, typer.Option("--output", "-o", help="Write here instead of to the screen.")]
UntilOption = Annotated[datetime | None, typer.Option(help="Sessions that ended before this time (UTC).")]
_LONG_AGO, _FAR_AHEAD = datetime(1970, 1, 1), datetime(9000, 1, 1)  # noqa: DTZ001 - given a zone in _utc


class ExportFormat(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"
    OCPI = "ocpi"


class PostingFormat(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"


@cdrs_app.command("list")
def cdrs_list(since: SinceOption = None, until: UntilOption = None, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List the bills of this site."""
    table = Table("bill", "ended (UTC)", "EVSE", "contract", "energy", "before VAT", "with VAT", "")
    for cdr in _cdrs(load_settings(config), since, until):
        table.add_row(
            cdr.id,
            f"{cdr.end_date_time:%Y-%m-%d %H:%M}",
            plain(f"{cdr.station_id}*{cdr.evse_id}"),
            plain(cdr.contract_id),
            f"{cdr.total_energy_wh / 1000:.3f} kWh",
            f"{cdr.total_cost.excl_vat} {cdr.currency}",
            f"{cdr.total_cost.incl_vat} {cdr.currency}",
            _what_of(cdr),
        )
    console().print(table)


def _what_of(cdr: Cdr) -> str:
    """What is not usual of a bill."""
    if cdr.quarantine:
        return plain("QUARANTINED: " + "; ".join(cdr.quarantine))
    if cdr.credit:
        return f"credit of {cdr.credit_reference_id}"
    return f"instead of {cdr.replaces}" if cdr.replaces else ""


@cdrs_app.command("export")
def cdrs_export(
    form: Annotated[
        ExportFormat, typer.Option("--format", help="CSV, one JSON document a line, or an array of OCPI 2.2.1 CDRs.")
    ] = ExportFormat.CSV,
    output: OutputOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    coordinates: Annotated[
        str, typer.Option("--coordinates", help="For OCPI: the Location's LATITUDE,LONGITUDE in degrees.")
    ] = "0.00000,0.00000",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Export the bills of this site, credits too, oldest first; bills in quarantine not to OCPI."""
    from edge import exports
    from edge.ledger import bill_reading
    from edge.site_rules import rules_of
    from protocols.ocpi.cdr_document import CdrPlace

    place = re.fullmatch(r"(-?[0-9]{1,2}\.[0-9]{5,7}),(-?[0-9]{1,3}\.[0-9]{5,7})", coordinates)
    if place is None:
        fail(f"--coordinates {coordinates}: expected degrees with 5 to 7 places, such as 52.52000,13.40500")
    settings = load_settings(config)
    with ledger_errors(), _written(output) as file, contextlib.closing(open_reader(ledger_path(settings))) as reading:
        found = bill_reading.between(reading, _utc(since or _LONG_AGO), _utc(until or _FAR_AHEAD))
        match form:
            case ExportFormat.CSV:
                exports.write_csv(file, exports.BILL_COLUMNS, exports.bill_rows(found))
            case ExportFormat.NDJSON:
                file.writelines(exports.bill_lines(found))
            case ExportFormat.OCPI:
                site = CdrPlace(location=rules_of(settings).location, coordinates=(place[1], place[2]))
                file.writelines(exports.ocpi_array(found, site))


@postings_app.command("export")
def postings_export(
    form: Annotated[
        PostingFormat, typer.Option("--format", help="CSV, a row for each leg; or one journal entry a line.")
    ] = PostingFormat.CSV,
    output: OutputOption = None,
    since: Annotated[datetime | None, typer.Option(help="Made at this time or later (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(help="Made before this time (UTC).")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Export the double-entry postings of this site, oldest first; debit is positive."""
    from edge import exports
    from edge.ledger import bill_reading

    settings = load_settings(config)
    with ledger_errors(), _written(output) as file, contextlib.closing(open_reader(ledger_path(settings))) as reading:
        found = bill_reading.postings_between(reading, _utc(since or _LONG_AGO), _utc(until or _FAR_AHEAD))
        if form is PostingFormat.CSV:
            exports.write_csv(file, exports.POSTING_COLUMNS, exports.posting_rows(found))
        else:
            file.writelines(exports.posting_lines(found))


@contextlib.contextmanager
def _written(output: Path | None) -> Iterator[IO[str]]:
    """The file that was named, or the screen. Ends the program where it cannot be written."""
    if output is None:
        yield sys.stdout
        return
    try:
        with output.open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        fail(f"{output} cannot be written: {error.strerror}")


def _cdrs(settings: EdgeConfig, since: datetime | None, until: datetime | None) -> Iterator[Cdr]:
    from edge.ledger.reader import LedgerReader

    with ledger_errors():
        yield from LedgerReader(ledger_path(settings)).cdrs(_utc(since or _LONG_AGO), _utc(until or _FAR_AHEAD))


def _utc(stamp: datetime) -> datetime:
    return stamp.astimezone(UTC) if stamp.tzinfo else stamp.replace(tzinfo=UTC)
