"""The command line of the edge agent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from edge.backup_commands import backup, restore
from edge.bill_commands import cdrs_app, postings_app
from edge.certificate_commands import ca_app, certificates_app, security
from edge.charger_commands import charger_app
from edge.chargers.credentials import generate_password, hash_password
from edge.config import EdgeConfig
from edge.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    StaffOption,
    VersionOption,
    ask,
    change,
    console,
    fail,
    good,
    ledger_errors,
    list_text,
    load_settings,
    local_port,
    plain,
    refuse_list,
)
from edge.correction_commands import bills_app
from edge.customer_commands import PATIENCE_S, accounts_app, contracts_app, customers_app
from edge.deviation_table import deviation_table
from edge.device_commands import reports, variables_app
from edge.disk_commands import disk_plan
from edge.find_command import find
from edge.frames_command import frames
from edge.job_commands import files_app, jobs_app, template_app
from edge.local.client import local_client
from edge.modbus_commands import modbus_app, probe
from edge.payment_commands import pay, payments, reconcile, refund, settle, topup, void
from edge.places import clock_of, ledger_path, token_path
from edge.price_command import price
from edge.profile_commands import profile_app
from edge.proof_commands import explain, verify
from edge.qr_commands import qr, qr_check, qr_key
from edge.receipt_commands import receipt, receipts
from edge.report_commands import report_app
from edge.staff_commands import staff_app
from edge.standby_commands import standby_app
from edge.statement_commands import statements_app
from edge.status_board import board
from edge.sync_commands import sync_app
from edge.tariff_commands import tariffs_app
from edge.till_commands import till_app
from edge.write_off_command import writeoff
from protocols.charger.operation_reader import operation_names, read_operation
from protocols.errors import BadText, OhmsteadError
from protocols.site.requests import (
    AcceptStation,
    BlockToken,
    CallStation,
    ChangePassword,
    DismissAlarm,
    ForgetSecurityProfile,
    GetDeviations,
    GetStations,
    GetStatus,
    ImportTokens,
    OperateStation,
    RevokeCertificate,
)

app = typer.Typer(
    name="ohmstead-edge",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
tokens_app = typer.Typer(help="The tokens that may charge.", no_args_is_help=True)
stations_app = typer.Typer(invoke_without_command=True)
alarms_app = typer.Typer(help="The open alarms.", no_args_is_help=True)
app.add_typer(charger_app)
app.add_typer(tokens_app, name="tokens")
app.add_typer(cdrs_app, name="cdrs")
app.add_typer(tariffs_app, name="tariffs")
app.add_typer(customers_app, name="customers")
contracts_app.command()(writeoff)
app.add_typer(contracts_app, name="contracts")
app.add_typer(accounts_app, name="accounts")
app.add_typer(bills_app, name="bills")
app.add_typer(postings_app, name="postings")
app.add_typer(statements_app, name="statements")
app.add_typer(report_app, name="report")
app.command()(find)
app.command()(receipt)
app.command()(receipts)
app.add_typer(stations_app, name="stations")
app.add_typer(alarms_app, name="alarms")
app.add_typer(certificates_app, name="certificates")
app.add_typer(ca_app, name="ca")
app.command()(security)
app.add_typer(profile_app, name="profile")
app.add_typer(modbus_app, name="modbus")
app.add_typer(jobs_app, name="jobs")
app.add_typer(files_app, name="files")
app.add_typer(template_app, name="template")
app.add_typer(variables_app, name="variables")
app.add_typer(staff_app, name="staff")
app.add_typer(till_app, name="till")
app.add_typer(sync_app, name="sync")
app.add_typer(standby_app, name="standby")
for _money_command in (pay, topup, refund, void, settle, payments, reconcile, qr, qr_check, qr_key):
    app.command()(_money_command)
app.command()(reports)
app.command()(probe)
app.command()(frames)
app.command()(verify)
app.command()(explain)
app.command()(backup)
app.command()(restore)
app.command()(disk_plan)
app.command()(price)


@app.callback()
def ohmstead_edge(version: VersionOption = False, staff: StaffOption = None) -> None:
    """The edge agent: runs a charging site by itself, with or without its cloud."""


# --- running ---


@app.command()
def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Run the agent until SIGTERM or Ctrl-C."""
    # All that an agent is made of: loading it takes several times as long as all that the other commands need.
    from edge import log
    from edge.compose import run_agent
    from edge.pair import run_pair

    settings = load_settings(config)
    clock = clock_of(settings)
    log.set_up(settings.log.level, settings.log.format, clock)
    problems: list[str] = []
    agent = run_agent(settings, clock) if settings.standby is None else run_pair(settings, clock, settings.standby)
    del settings  # so that the agent can let go of what it has read
    try:
        asyncio.run(agent)
    except* (OhmsteadError, OSError) as group:
        problems += [str(error) for error in _leaves(group)]
    if problems:  # not raised above: what leaves an `except*` is wrapped in a group again
        fail("\n".join(problems))


@app.command()
def check(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Check the configuration file, and what it names for the way to the hub, and name every problem."""
    from edge.site_rules import rules_of  # and with it the decisions
    from edge.standby_parts import pair_problems
    from edge.uplink_parts import broker_problems

    settings = load_settings(config)
    if problems := broker_problems(settings) + pair_problems(settings):
        fail("\n".join(f"{config}: {problem}" for problem in problems), code=2)
    stations, evses = len((rules := rules_of(settings)).stations), len(rules.location.evses)
    print(f"{config}: good. {stations} stations with {evses} EVSEs, {len(rules.tariffs)} tariffs.")
    if settings.ocpp.allow_unknown:
        print("Note: ocpp.allow_unknown lets any station in. Turn it off after commissioning.")
    if settings.uplink is None:
        print("Note: there is no [uplink]; the site runs without a hub.")


@app.command()
def password() -> None:
    """Make a password for a charging station, and the hash for its `password_hash`."""
    made = generate_password()
    print(f"password (put it into the station, it is not kept here): {made}")
    print(f'password_hash = "{hash_password(made)}"')


# --- asking the running agent ---


@app.command()
def status(
    config: ConfigOption = DEFAULT_CONFIG,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it second by second, until Ctrl-C.")] = False,
    every_s: Annotated[float, typer.Option("--every", min=0.2, max=60, help="Seconds from picture to picture.")] = 1.0,
) -> None:
    """Show how the running agent is, as JSON; or watch it."""
    settings = load_settings(config)
    if not watch:
        print(json.dumps(ask(settings, GetStatus(id="1")).result, indent=2, ensure_ascii=False))
        return
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(_watch(settings, every_s))
        except OhmsteadError as error:
            fail(str(error))


async def _watch(settings: EdgeConfig, every_s: float) -> None:
    """One picture over the other on a terminal, one after the other anywhere else."""
    before, before_s = None, 0.0
    terminal = Console(highlight=False, markup=False)
    async with local_client(settings.local.host, local_port(settings), token_path(settings)) as client:
        with Live(console=terminal, auto_refresh=False) if terminal.is_terminal else contextlib.nullcontext() as live:
            while True:
                now, now_s = good(await client.ask(GetStatus(id="1"))).result, time.monotonic()
                picture = board(now, before, now_s - before_s)
                if live is None:
                    terminal.print(picture)
                else:
                    live.update(picture, refresh=True)
                before, before_s = now, now_s
                await asyncio.sleep(every_s)


@stations_app.callback()
def stations(
    context: typer.Context,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with all details.")] = False,
) -> None:
    """List the charging stations and what their EVSEs do; or change something about one."""
    if context.invoked_subcommand is not None:
        return
    found = ask(load_settings(config), GetStations(id="1")).result
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    table = Table("station", "OCPP", "online", "vendor and model", "EVSE", "state", "power", "transaction")
    for station in found:
        for evse in station["evses"]:
            table.add_row(
                plain(station["station_id"]),
                station["ocpp"] or "-",
                {"accept": "yes"}.get(station["boot"], station["boot"]) if station["online"] else "NO",
                plain(f"{station['vendor'] or '-'} {station['model'] or ''}"),
                plain(f"{evse['evse_id']} {evse['label']}"),
                evse["state"]
                + (" (old)" if evse["reading_is_old"] else "")
                + (" (closes)" if evse["out_of_service"] and evse["transaction_id"] else ""),
                f"{evse['power_w'] / 1000:.1f} kW" if evse["power_w"] else "-",
                evse["transaction_id"] or "-",
            )
    console().print(table)


@app.command()
def deviations(
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with the first frame of each.")] = False,
) -> None:
    """Show what the stations do otherwise than the OCPP standard, by vendor, model and firmware."""
    found = ask(load_settings(config), GetDeviations(id="1")).result
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    elif found:
        console().print(deviation_table(found))
    else:
        print("All stations have kept to the standard so far.")


@stations_app.command("password")
def stations_password(
    station: Annotated[str, typer.Argument(help="The charging station's id.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Give a station that is connected a new password, made by the agent and shown to nobody.

    The old one is good until the station has come back with the new one. The configuration's hash counts again when
    another one is written there.
    """
    print(ask(load_settings(config), ChangePassword(id="1", station_id=station), 90.0).result)


@stations_app.command("forget-profile")
def stations_forget_profile(
    station: Annotated[str, typer.Argument(help="The charging station's id.")], config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Let a station in again with the security profile of its settings, whatever it was raised to meanwhile."""
    print(ask(load_settings(config), ForgetSecurityProfile(id="1", station_id=station)).result)


@certificates_app.command("revoke")
def certificates_revoke(
    station: Annotated[str, typer.Argument(help="The charging station's id.")],
    serial_number: Annotated[str, typer.Argument(help="As `ohmstead-edge certificates list` shows it.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Believe a station's certificate no more, at once and for good: the station needs another one, or its password."""
    asked = RevokeCertificate(id="1", station_id=station, serial_number=serial_number.upper())
    print(ask(load_settings(config), asked).result)


@alarms_app.command("list")
def alarms_list(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List the open alarms."""
    table = Table("id", "severity", "station", "what is wrong")
    for alarm in ask(load_settings(config), GetStatus(id="1")).result["alarms"]:
        table.add_row(plain(alarm["id"]), alarm["severity"], plain(alarm["station_id"] or "-"), plain(alarm["text"]))
    console().print(table)


@alarms_app.command("clear")
def alarms_clear(
    alarm: Annotated[str, typer.Argument(help="The alarm's id, as `ohmstead-edge alarms list` shows it.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Clear an alarm that you have seen to. What goes on raises it again."""
    print(ask(load_settings(config), DismissAlarm(id="1", alarm_id=alarm)).result)


@app.command()
def call(
    station: Annotated[str, typer.Argument(help="The charging station's id.")],
    action: Annotated[str, typer.Argument(help="An OCPP action of the central system, such as Reset.")],
    payload: Annotated[str, typer.Argument(metavar="JSON", help="The request's payload.")] = "{}",
    timeout_s: Annotated[float, typer.Option("--timeout", min=0.1, max=600, help="Seconds to wait.")] = 30.0,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Send an OCPP call to a station as it is, and print its answer as JSON.

    Exit status 1 with the CALLERROR on standard error when the station refuses, cannot be reached or is too slow.
    """
    request = _json_object(payload, "the payload")
    asked = CallStation(id="1", station_id=station, action=action, payload=request, timeout_s=timeout_s)
    answer = ask(load_settings(config), asked, timeout_s + 10)
    print(json.dumps(answer.result, ensure_ascii=False))


@app.command("operations")
def list_operations() -> None:
    """List what stations can be asked with `command`."""
    for name, document in operation_names():
        print(f"{name:32} {document}")


@app.command("command")
def operate(
    station: Annotated[str, typer.Argument(help="The charging station's id.")],
    operation: Annotated[str, typer.Argument(help="What it shall do, such as reset: see `ohmstead-edge operations`.")],
    fields: Annotated[str, typer.Argument(metavar="JSON", help="The operation's fields.")] = "{}",
    timeout_s: Annotated[float, typer.Option("--timeout", min=0.1, max=600, help="Seconds to wait.")] = 60.0,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Have a station do something, alike for all versions of OCPP, and print what it told as JSON.

    Exit status 1 with the reason on standard error when it was not done.
    """
    try:
        asked = read_operation(operation, _json_object(fields, "the fields"))
    except BadText as error:
        fail(str(error), code=2)
    request = OperateStation(id="1", station_id=station, operation=asked, timeout_s=timeout_s)
    answer = ask(load_settings(config), request, timeout_s + 10)
    print(json.dumps(answer.result, ensure_ascii=False))


def _json_object(text: str, what: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        fail(f"{what} must be JSON: {error}", code=2)
    if not isinstance(document, dict):
        fail(f'{what} must be a JSON object, such as \'{{"type": "Soft"}}\'', code=2)
    return document


@app.command()
def accept(
    station: Annotated[str, typer.Argument(help="The station's id.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Let a station in that was told to wait when it booted: it is accepted from now on."""
    asked = AcceptStation(id="1", station_id=station)
    print(change(load_settings(config), asked))


# --- tokens ---


@tokens_app.command("list")
def tokens_list(
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON lines.")] = False,
) -> None:
    """List the tokens that the site knows; `hub` tokens come from the hub, `site` tokens were brought in here."""
    from edge.ledger.reader import LedgerReader  # and with it all that a journal may hold

    with ledger_errors():
        found = LedgerReader(ledger_path(load_settings(config))).tokens()
    table = Table("source", "uid", "contract", "group", "valid", "expires")
    for source, token in found:
        if as_json:
            line = {"source": source, "uid": token.uid, "contract_id": token.contract_id, "valid": token.valid}
            expires = token.expires_at.isoformat() if token.expires_at else None
            print(json.dumps({**line, "group_id": token.group_id, "expires_at": expires}, ensure_ascii=False))
            continue
        table.add_row(
            source,
            plain(token.uid),
            plain(token.contract_id),
            plain(token.group_id or "-"),
            "yes" if token.valid else "BLOCKED",
            token.expires_at.isoformat() if token.expires_at else "-",
        )
    if not as_json:
        console().print(table)


@tokens_app.command("import")
def tokens_import(
    file: Annotated[Path, typer.Argument(help="CSV with the columns uid, contract_id and more, or TOML (*.toml).")],
    replace: Annotated[bool, typer.Option("--replace", help="Drop the site's other own tokens.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is wrong with the file.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Import tokens from CSV or TOML: all of them, or none and every problem with its line."""
    from edge.domain.token_list import parse_tokens
    from edge.token_toml import parse_toml

    settings = load_settings(config)
    parse = parse_toml if file.suffix.lower() == ".toml" else parse_tokens
    found, problems = parse(list_text(file))
    if problems:
        refuse_list(file, problems)
    if dry_run:
        print(f"{file}: {len(found)} tokens, no problem. Nothing was imported.")
        return
    asked = ImportTokens(id="1", tokens=found, replaces_all=replace)
    print(change(settings, asked, PATIENCE_S))


@tokens_app.command("block")
def tokens_block(
    uid: Annotated[str, typer.Argument(help="The token's uid.")],
    undo: Annotated[bool, typer.Option("--undo", help="Let the token in again.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Block a token at this site at once."""
    settings = load_settings(config)
    asked = BlockToken(id="1", uid=uid, is_blocked=not undo)
    print(change(settings, asked))


# --- beneath the commands ---


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def main() -> None:
    app()


if __name__ == "__main__":
    main()
