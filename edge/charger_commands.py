"""`ohmstead-edge chargers`, `meters`, `start` and `stop`: all chargers alike, whichever way they are reached."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import typer
from rich.table import Table

from edge.config import EdgeConfig
from edge.console import DEFAULT_CONFIG, ConfigOption, ask, console, fail, load_settings, plain
from edge.places import clock_of
from edge.status_board import flows_text
from protocols.charger.commands import Operation
from protocols.charger.operations.transactions import StartTransaction, StopTransaction
from protocols.site.code_requests import StartByCode
from protocols.site.requests import GetStations, GetStatus, OperateStation

charger_app = typer.Typer()
_TIMEOUT_S = 60.0

EvseArgument = Annotated[str, typer.Argument(metavar="EVSE", help="Its label, or STATION*NUMBER such as CP01*1.")]


@charger_app.command()
def chargers(
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with all details.")] = False,
) -> None:
    """List all chargers, OCPP and Modbus alike, with what each of their EVSEs does now."""
    settings = load_settings(config)
    found = ask(settings, GetStations(id="1")).result
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    places = {device.id: device.address for device in settings.modbus}
    now = clock_of(settings)()
    table = Table(
        "charger", "speaks", "online", "vendor and model", "EVSE", "state", "power", "energy", "read", "transaction"
    )
    for station in found:
        for evse in station["evses"]:
            table.add_row(
                plain(station["station_id"]),
                _speaks(station, places),
                "yes" if station["online"] else "NO",
                plain(f"{station['vendor'] or '-'} {station['model'] or ''}"),
                plain(f"{evse['evse_id']} {evse['label']}"),
                evse["state"],
                f"{evse['power_w'] / 1000:.1f} kW" if evse["power_w"] else "-",
                f"{evse['energy_wh'] / 1000:.3f} kWh" if evse["energy_wh"] is not None else "-",
                _age(evse["read_at"], now),
                evse["transaction_id"] or "-",
            )
    console().print(table)


def _speaks(station: dict[str, Any], places: dict[str, str]) -> str:
    modbus = station["modbus"]
    if modbus is None:
        return f"OCPP {station['ocpp']}" if station["ocpp"] else "OCPP"
    profile = "/".join(part for part in (modbus["profile"], modbus["variant"]) if part)
    return " ".join(part for part in ("Modbus", profile, places.get(station["station_id"])) if part)


def _kilo(value: int | None, unit: str) -> str:
    """What is not known is not shown, neither as nothing nor as it was."""
    return "?" if value is None else f"{value / 1000:.2f} {unit}"


def _age(read_at: str | None, now: datetime) -> str:
    if read_at is None:
        return "-"
    return f"{max(0, int((now - datetime.fromisoformat(read_at)).total_seconds()))} s ago"


@charger_app.command()
def meters(
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with all details.")] = False,
) -> None:
    """List the site's own meters and inverters with what they show now, and where its power comes from and goes to."""
    settings = load_settings(config)
    found = ask(settings, GetStatus(id="1")).result
    if as_json:
        print(json.dumps({"meters": found["meters"], "balance": found["balance"]}, indent=2, ensure_ascii=False))
        return
    if not found["meters"]:
        print("no meters: a [[modbus]] device with a `role` in the settings is one")
        return
    places = {device.id: device.address for device in settings.modbus}
    now = clock_of(settings)()
    table = Table(
        "meter", "role", "profile and address", "online", "takes", "L1 / L2 / L3", "energy in", "energy out", "read"
    )
    for meter in found["meters"]:
        table.add_row(
            plain(meter["meter_id"]),
            plain(f"{meter['role']} {meter['behind'] or ''}"),
            plain(f"{meter['profile']} {places.get(meter['meter_id'], '')}"),
            "yes" if meter["online"] else "NO",
            _kilo(meter["power_w"], "kW"),
            " / ".join(_kilo(phase["power_w"], "kW") for phase in meter["phases"]) or "-",
            _kilo(meter["energy_import_wh"], "kWh"),
            _kilo(meter["energy_export_wh"], "kWh"),
            _age(meter["read_at"], now),
        )
    terminal = console()
    terminal.print(table)
    terminal.print(flows_text(found["balance"]))


@charger_app.command()
def start(
    evse: Annotated[
        str, typer.Argument(metavar="EVSE", help="Its label, STATION*NUMBER, or the address that its code holds.")
    ],
    token: Annotated[str, typer.Option("--token", "-t", help="The token that charges and pays.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Begin a transaction for a token: at once where a vehicle is there, otherwise when one comes. By the code of a
    connector it begins at that connector or not at all."""
    settings = load_settings(config)
    if evse.startswith("https://"):
        request = StartByCode(id="1", url=evse, token_uid=token, timeout_s=_TIMEOUT_S)
        told = ask(settings, request, timeout_s=_TIMEOUT_S + 5).result
    else:
        bay = _bay(settings, evse)
        told = _operate(settings, bay, StartTransaction(evse_id=bay.evse_id, token_uid=token))
    begun = (told["result"] or {}).get("transaction_id")
    print(f"transaction {begun} has begun" if begun else told["detail"] or "accepted")


@charger_app.command()
def stop(evse: EvseArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """End the transaction that runs at an EVSE."""
    settings = load_settings(config)
    bay = _bay(settings, evse)
    if bay.charger_transaction_id is None:
        fail(f"no transaction runs at {evse}")
    told = _operate(settings, bay, StopTransaction(charger_transaction_id=bay.charger_transaction_id))
    energy_wh = (told["result"] or {}).get("energy_wh")
    print(f"ended with {energy_wh} Wh" if energy_wh is not None else told["detail"] or "accepted")


class _Bay(NamedTuple):
    station_id: str
    evse_id: int
    charger_transaction_id: str | None


def _bay(settings: EdgeConfig, named: str) -> _Bay:
    """Ends the program where no EVSE, or more than one, is named so."""
    found = [
        _Bay(station["station_id"], evse["evse_id"], evse["charger_transaction_id"])
        for station in ask(settings, GetStations(id="1")).result
        for evse in station["evses"]
        if named in (evse["label"], f"{station['station_id']}*{evse['evse_id']}")
    ]
    if len(found) != 1:
        fail(f"{len(found) or 'no'} EVSEs are named {named!r}; `ohmstead-edge chargers` lists them", code=2)
    return found[0]


def _operate(settings: EdgeConfig, bay: _Bay, operation: Operation) -> dict[str, Any]:
    request = OperateStation(id="1", station_id=bay.station_id, operation=operation, timeout_s=_TIMEOUT_S)
    told: dict[str, Any] = ask(settings, request, _TIMEOUT_S + 10).result
    return told
