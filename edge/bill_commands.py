"""`ohmstead-edge cdrs …`: the bills of the site, read from its ledger. The agent may run or not."""

from __future__ import annotations

import contextlib
import csv
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter
from rich.table import Table

from edge.config import EdgeConfig
from edge.console import DEFAULT_CONFIG, ConfigOption, console, ledger_errors, load_settings, plain
from edge.places import ledger_path
from protocols.ocpi.cdr import Cdr

cdrs_app = typer.Typer(help="The bills of this site.", no_args_is_help=True)
SinceOption = Annotated[datetime | None, typer.Option(help="Sessions that ended at this time or later (UTC).")]
UntilOption = Annotated[datetime | None, typer.Option(help="Sessions that ended before this time (UTC).")]
_LONG_AGO, _FAR_AHEAD = datetime(1970, 1, 1), datetime(9000, 1, 1)  # noqa: DTZ001 - given a zone in _utc


class ExportFormat(StrEnum):
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
            "QUARANTINED: " + "; ".join(cdr.quarantine) if cdr.quarantine else "",
        )
    console().print(table)


@cdrs_app.command("export")
def cdrs_export(
    form: Annotated[
        ExportFormat, typer.Option("--format", help="CSV, or one JSON document a line.")
    ] = ExportFormat.CSV,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write here instead of to the screen.")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Export the bills of this site, oldest first."""
    found = _cdrs(load_settings(config), since, until)
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(output.open("w", encoding="utf-8", newline="")) if output else sys.stdout
        if form is ExportFormat.NDJSON:
            document = TypeAdapter(Cdr)
            file.writelines(document.dump_json(cdr).decode() + "\n" for cdr in found)
        else:
            csv.writer(file).writerows(_csv_rows(found))


def _csv_rows(found: Iterable[Cdr]) -> Iterator[list[str]]:
    yield [
        *("id", "session_id", "location_id", "station_id", "evse_id", "token_uid", "contract_id"),
        *("start_date_time", "end_date_time", "energy_wh", "time_s", "parking_time_s"),
        *("currency", "total_excl_vat", "total_incl_vat", "stop_reason", "quarantine"),
    ]
    for cdr in found:
        row = [
            *(cdr.id, cdr.session_id, cdr.location_id, cdr.station_id, str(cdr.evse_id), cdr.token_uid or ""),
            *(cdr.contract_id, cdr.start_date_time.isoformat(), cdr.end_date_time.isoformat()),
            *(str(cdr.total_energy_wh), str(cdr.total_time_s), str(cdr.total_parking_time_s)),
            *(cdr.currency, str(cdr.total_cost.excl_vat), str(cdr.total_cost.incl_vat)),
            *(cdr.stop_reason, "; ".join(cdr.quarantine)),
        ]
        # A cell that a spreadsheet would take for a formula is text.
        yield ["'" + cell if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell for cell in row]


def _cdrs(settings: EdgeConfig, since: datetime | None, until: datetime | None) -> Iterator[Cdr]:
    from edge.ledger.reader import LedgerReader

    with ledger_errors():
        yield from LedgerReader(ledger_path(settings)).cdrs(_utc(since or _LONG_AGO), _utc(until or _FAR_AHEAD))


def _utc(stamp: datetime) -> datetime:
    return stamp.astimezone(UTC) if stamp.tzinfo else stamp.replace(tzinfo=UTC)
