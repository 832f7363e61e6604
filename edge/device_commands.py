"""`ohmstead-edge variables …` and `reports`: what stations told of themselves, read from the ledger."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Annotated, Any, Final

import typer
from rich.table import Table
from typer.core import TyperGroup

from edge.console import DEFAULT_CONFIG, ConfigOption, console, fail, ledger_errors, load_settings, plain
from edge.ledger.database import open_reader
from edge.places import ledger_path


class ShowByDefault(TyperGroup):
    """`variables STATION` is `variables show STATION`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        return super().resolve_command(ctx, args if args[0] in self.commands else ["show", *args])


variables_app = typer.Typer(
    help="The variables of charging stations: `variables STATION`, or compare.", no_args_is_help=True, cls=ShowByDefault
)
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]
_PLACE: Final = (
    "component",
    "component_instance",
    "evse_id",
    "connector_id",
    "variable",
    "variable_instance",
    "attribute",
)


@variables_app.command("show")
def variables_show(
    station: Annotated[str, typer.Argument(help="The charging station's id.")],
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Show a station's variables as it told them last; of an OCPP 1.6 station its configuration keys."""
    from edge.ledger import device_reading

    with ledger_errors():
        ledger = open_reader(ledger_path(load_settings(config)))
        found = device_reading.variables(ledger, station)
        inventory = device_reading.inventory(ledger, station)
    if as_json:
        document = {"station_id": station, "inventory": inventory, "variables": found}
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return
    if not found:
        why = f"it was asked at {inventory['at']}: {inventory['problem']}" if inventory else "it was not asked yet"
        fail(f"nothing is known of the variables of {station}; {why or 'and it told none'}")
    table = Table("variable", "value", "", "type", "read at")
    for each in found:
        value = "-" if each["value"] is None else plain(each["value"]) + (f" {each['unit']}" if "unit" in each else "")
        table.add_row(plain(_name(each)), value, each.get("mutability", ""), each.get("data_type", ""), each["read_at"])
    console().print(table)


@variables_app.command("compare")
def variables_compare(
    vendor: Annotated[str, typer.Option(help="A pattern with * and ?.")] = "*",
    model: Annotated[str, typer.Option(help="A pattern with * and ?.")] = "*",
    firmware: Annotated[str, typer.Option(help="A pattern with * and ?.")] = "*",
    variable: Annotated[str, typer.Option(help="A pattern with * and ?, such as *Heartbeat*.")] = "*",
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Show where stations that are alike differ: each variable that has not the same value everywhere."""
    from edge.ledger import device_reading

    with ledger_errors():
        ledger = open_reader(ledger_path(load_settings(config)))
        told = device_reading.variables_of_model(ledger, vendor, model, firmware, variable)
        found = [each for _, group in groupby(told, lambda row: _key(row[1])) if (each := _difference(list(group)))]
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    table = Table("variable", "value", "stations")
    for each in found:
        for number, (value, stations) in enumerate(each["values"].items()):
            names = ", ".join(stations[:8]) + (f" and {len(stations) - 8} more" if len(stations) > 8 else "")
            table.add_row(plain(_name(each)) if number == 0 else "", plain(value), plain(names))
    console().print(table)


def reports(
    station: Annotated[str, typer.Argument(help="The charging station's id.")],
    report: Annotated[
        str, typer.Argument(help="monitors, customer_information, display_messages or firmware_publishing.")
    ],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Show the newest report of a kind that a station sent, as JSON."""
    from edge.ledger import device_reading

    with ledger_errors():
        found = device_reading.report(open_reader(ledger_path(load_settings(config))), station, report)
    if found is None:
        fail(f"{station} has sent no report of {report}; ask for one with `ohmstead-edge command`")
    print(json.dumps(found, indent=2, ensure_ascii=False))


def _difference(rows: list[tuple[str, dict[str, Any]]]) -> dict[str, Any] | None:
    """The values of one variable with the stations that have them, the most usual first; None where all agree."""
    values: dict[str, list[str]] = {}
    for station_id, told in rows:
        values.setdefault("(none)" if told["value"] is None else told["value"], []).append(station_id)
    if len(values) < 2:
        return None
    by_count = sorted(values.items(), key=lambda each: (-len(each[1]), each[0]))
    place: dict[str, Any] = {name: rows[0][1][name] for name in _PLACE if name in rows[0][1]}
    return {**place, "values": dict(by_count)}


def _key(told: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(told.get(name) for name in _PLACE)


def _name(told: dict[str, Any]) -> str:
    """As OCPP 2.0.1 writes it in short: Component[instance]@evse.connector/Variable[instance].Attribute."""
    component = told["component"] + (f"[{told['component_instance']}]" if "component_instance" in told else "")
    place = ".".join(str(told[name]) for name in ("evse_id", "connector_id") if name in told)
    variable = told["variable"] + (f"[{told['variable_instance']}]" if "variable_instance" in told else "")
    attribute = "" if told.get("attribute", "Actual") == "Actual" else f".{told['attribute']}"
    return f"{component}{'@' + place if place else ''}{'/' if component else ''}{variable}{attribute}"
