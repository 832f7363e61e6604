"""`ohmstead-edge staff …`: who works at the site. The agent may run or not: it reads the list again when it changes."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from edge.config import EdgeConfig
from edge.console import DEFAULT_CONFIG, ConfigOption, console, fail, list_text, load_settings, plain, refuse_list
from edge.local.staff_file import StaffMember, hash_pin, pin_problem, read_staff, write_staff
from edge.local.staff_import import id_problem, parse_staff
from edge.places import ledger_path, staff_path
from protocols.errors import BadText
from protocols.site.staff import Role

staff_app = typer.Typer(help="The site's staff, who sign in with a PIN.", no_args_is_help=True)
StaffId = Annotated[str, typer.Argument(metavar="ID", help="As it stands on receipts: letters, digits, . _ -")]


@staff_app.command("list")
def staff_list(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List the staff. Without any, whoever can read the agent's token file may do everything."""
    table = Table("id", "name", "role")
    for member in _read(load_settings(config)).values():
        table.add_row(plain(member.staff_id), plain(member.name), member.role)
    console().print(table)


@staff_app.command("add")
def staff_add(
    staff_id: StaffId,
    role: Annotated[Role, typer.Option("--role", help="What they may do.")] = Role.CASHIER,
    name: Annotated[str | None, typer.Option("--name", help="As people call them; the id without it.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Give somebody another role, name or PIN.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Add somebody. The PIN is asked for, or comes from OHMSTEAD_PIN; it is kept as a hash."""
    settings = load_settings(config)
    staff = _read(settings)
    if problem := id_problem(staff_id):
        fail(problem)
    if staff_id in staff and not replace:
        fail(f"{staff_id} is on the list already; --replace changes role, name and PIN")
    pin = os.environ.get("OHMSTEAD_PIN") or typer.prompt("PIN", hide_input=True, confirmation_prompt=True)
    if problem := pin_problem(pin):
        fail(problem)
    staff[staff_id] = StaffMember(staff_id=staff_id, name=name or staff_id, role=role, pin_hash=hash_pin(pin))
    _write(settings, staff)
    print(f"{staff_id} is a {role} from now on")


@staff_app.command("remove")
def staff_remove(staff_id: StaffId, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Take somebody off the list: they may do nothing more, at once."""
    settings = load_settings(config)
    staff = _read(settings)
    if staff.pop(staff_id, None) is None:
        fail(f"there is no staff {staff_id!r}: see `ohmstead-edge staff list`")
    _write(settings, staff)
    print(f"{staff_id} is off the list")
    if not staff:
        print("Note: there is no staff any more; whoever can read the agent's token file may do everything.")


@staff_app.command("history")
def staff_history(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="How many changes.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Who was added, taken off, or given another role, name or PIN, the newest first: as the agent saw it, in UTC."""
    from edge.console import ledger_errors
    from edge.ledger.reader import LedgerReader

    with ledger_errors():
        rows = LedgerReader(ledger_path(load_settings(config))).staff_changes(limit)
    if as_json:
        print(json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=2))
        return
    table = Table("at", "id", "name", "what")
    for row in rows:
        what = f"added as {row.role}" if row.was_role is None else f"taken off, was {row.was_role}"
        if row.role is not None and row.was_role is not None:
            role = f"{row.was_role} to {row.role}" if row.role != row.was_role else f"stays {row.role}"
            what = f"{role}{', new PIN' if row.is_pin_new else ''}"
        table.add_row(row.at, plain(row.staff_id), plain(row.name), what)
    console().print(table)


@staff_app.command("import")
def staff_import(
    file: Annotated[Path, typer.Argument(help="CSV with id, name, role, pin; or TOML with [[staff]].")],
    replace: Annotated[bool, typer.Option("--replace", help="Take everybody else off the list.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is wrong with the file.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Import staff: all of them, or none and every problem with its line."""
    settings = load_settings(config)
    found, problems = parse_staff(list_text(file), is_toml=file.suffix.lower() == ".toml")
    if problems:
        refuse_list(file, problems)
    if dry_run:
        print(f"{file}: {len(found)} staff, no problem. Nothing was imported.")
        return
    staff = {} if replace else _read(settings)
    for row in found:
        member = StaffMember(staff_id=row.staff_id, name=row.name, role=row.role, pin_hash=hash_pin(row.pin))
        staff[row.staff_id] = member
    _write(settings, staff)
    print(f"{len(found)} staff imported")


def _read(settings: EdgeConfig) -> dict[str, StaffMember]:
    try:
        return read_staff(staff_path(settings))
    except BadText as error:
        fail(str(error))


def _write(settings: EdgeConfig, staff: dict[str, StaffMember]) -> None:
    try:
        write_staff(staff_path(settings), staff.values())
    except BadText as error:
        fail(str(error))
