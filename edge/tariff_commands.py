"""`ohmstead-edge tariffs …`: what charging costs here, and new prices without a restart of the agent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from edge.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    change,
    console,
    ledger_errors,
    load_settings,
    plain,
    refuse_list,
)
from edge.known_tariffs import known_tariffs
from edge.places import clock_of
from protocols.errors import BadText
from protocols.site.requests import ImportTariffs

tariffs_app = typer.Typer(help="The tariffs by which charging is priced.", no_args_is_help=True)


@tariffs_app.command("import")
def tariffs_import(
    file: Annotated[Path, typer.Argument(help="CSV, TOML or JSON, in the words of OCPI: see docs/lists.md.")],
    replace: Annotated[bool, typer.Option("--replace", help="Drop all that were imported before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is wrong with the file.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Import tariffs: all of them, or none and every problem with its line. One with an id that the settings have takes
    its place; the hub's keep theirs. What charges already keeps the tariff that it began with."""
    from edge.tariff_files import all_tariffs, read_tariffs

    settings = load_settings(config)
    try:
        found = all_tariffs(read_tariffs(file), settings.currency, clock_of(settings)())
    except BadText as error:
        refuse_list(file, str(error).splitlines())
    if dry_run:
        print(f"{file}: {len(found)} tariffs, no problem. Nothing was imported.")
        return
    print(change(settings, ImportTariffs(id="1", tariffs=tuple(found), replaces_all=replace)))


@tariffs_app.command("list")
def tariffs_list(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON lines, in the words of OCPI 2.3.0.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """List the tariffs with where they come from. Of several with one id the hub's is in force, then the site's own."""
    from protocols.ocpi.tariff_document import write_tariff

    settings = load_settings(config)
    with ledger_errors():
        known = known_tariffs(settings)
    in_force = {tariff_id: source for source, tariffs in known.items() for tariff_id in tariffs}
    table = Table("source", "id", "currency", "elements", "last updated", "text", "")
    for source, tariffs in known.items():
        for tariff in tariffs.values():
            is_used = in_force[tariff.id] == source
            if as_json:
                document = write_tariff(tariff, country_code="", party_id="")
                told = {"source": source, "in_force": is_used, "tariff": document}
                print(msgspec.json.Encoder(decimal_format="number").encode(told).decode())
                continue
            row = (source, plain(tariff.id), tariff.currency, str(len(tariff.elements)))
            note = "" if is_used else f"the one of the {in_force[tariff.id]} holds"
            table.add_row(*row, f"{tariff.last_updated:%Y-%m-%d %H:%M}", plain(tariff.tariff_alt_text), note)
    if not as_json:
        console().print(table)
