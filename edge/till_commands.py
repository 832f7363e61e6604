"""`ohmstead-edge till …`: a cashier's drawer, from the count at its opening to the count at its close."""

from __future__ import annotations

import json
from typing import Annotated, Any
from uuid import uuid4

import typer
from rich.table import Table

from edge.console import DEFAULT_CONFIG, ConfigOption, StaffOption, ask, console, fail, load_settings, plain
from edge.payment_commands import JsonOption, KeyOption, amount_of, look
from protocols.site.payment_requests import CloseTill, GetTills, MoveCash, OpenTill

till_app = typer.Typer(help="The till: a drawer of cash, counted at its opening and its close.", no_args_is_help=True)
TillOption = Annotated[str | None, typer.Option("--till", help="The drawer; your own without it.")]


@till_app.command("open")
def till_open(
    till: Annotated[str, typer.Argument(help="The drawer's name, such as kiosk.")],
    counted: Annotated[str, typer.Option("--counted", help="The cash that lies in it, counted.")],
    key: KeyOption = None,
    as_json: JsonOption = False,
    staff: StaffOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Begin with a drawer: cash payments go into it from now on."""
    request = OpenTill(id="1", request_key=key or str(uuid4()), till_id=till, opening=_count(counted))
    found = ask(load_settings(config), request).result
    _say(found, f"till {found['till_id']} is open with {found['opening']}: session {found['session_id']}", as_json)


@till_app.command("move")
def till_move(
    amount: Annotated[str, typer.Argument(help="The sum of money.")],
    direction: Annotated[str, typer.Argument(metavar="in|out", help="Into the drawer, or out of it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the books.")],
    till: TillOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
    staff: StaffOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Put cash into the drawer, or take it out, otherwise than by a payment."""
    if direction not in ("in", "out"):
        fail(f"{direction!r} is no direction: say in or out", code=2)
    value = amount_of(amount)
    if value <= 0:
        fail(f"{amount!r} is no sum to move: it must be more than 0", code=2)
    request = MoveCash(
        id="1",
        request_key=key or str(uuid4()),
        amount=value if direction == "in" else -value,
        reason=reason.strip() or "-",
        till_id=till,
    )
    found = ask(load_settings(config), request).result
    _say(found, f"{found['expected']} should lie in till {found['till_id']} now", as_json)


@till_app.command("close")
def till_close(
    counted: Annotated[str, typer.Option("--counted", help="The cash that lies in it, counted.")],
    till: TillOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
    staff: StaffOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """End with a drawer. What is too much or too little is posted, and told."""
    request = CloseTill(id="1", request_key=key or str(uuid4()), counted=_count(counted), till_id=till)
    found = ask(load_settings(config), request).result
    text = f"till {found['till_id']} is closed: expected {found['expected']}, counted {found['counted']}, difference"
    _say(found, f"{text} {found['difference']}", as_json)


@till_app.command("list")
def till_list(as_json: JsonOption = False, staff: StaffOption = None, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List the till sessions, the newest first."""
    found = look(load_settings(config), GetTills(id="1"))
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    table = Table("session", "till", "staff", "opened (UTC)", "closed (UTC)", "opening", "counted", "difference")
    for row in found:
        table.add_row(
            *(row["session_id"], row["till_id"], plain(row["staff_id"]), row["opened_at"][:16].replace("T", " ")),
            (row["closed_at"] or "OPEN")[:16].replace("T", " "),
            *(row["opening"], row["counted"] or "-", row["difference"] or "-"),
        )
    console().print(table)


@till_app.command("report")
def till_report(
    session: Annotated[str | None, typer.Argument(help="The session; the newest without it.")] = None,
    as_json: JsonOption = False,
    staff: StaffOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Show a till session's report: X while it is open, Z when it is closed and counted."""
    settings = load_settings(config)
    if session is None:
        newest = look(settings, GetTills(id="1", limit=1))
        if not newest:
            fail("no till was ever opened here: `ohmstead-edge till open` begins")
        session = newest[0]["session_id"]
    found = look(settings, GetTills(id="2", session_id=session))
    print(json.dumps(found, indent=2, ensure_ascii=False) if as_json else report_text(found))


def report_text(report: dict[str, Any]) -> str:
    """The report as lines of 42 columns, as a printer of 80 mm takes them."""
    session = report["session"]
    lines = [
        f"{report['kind']} REPORT  till {session['till_id']}",
        session["session_id"],
        f"{session['staff_id']}, from {session['opened_at'][:16].replace('T', ' ')} UTC",
    ]
    if session["closed_at"]:
        lines.append(f"closed by {session['closed_by']}, {session['closed_at'][:16].replace('T', ' ')} UTC")
    lines += ["-" * 42, _pair(f"opening {session['currency']}", session["opening"])]
    for each in report["methods"]:
        if not (each["payments"] or each["refunds"] or each["open"]):
            continue
        lines.append(_pair(f"{each['method']}: {each['payments']} payments", each["taken"]))
        lines += [_pair(f"  {each['voids']} voids", f"-{each['voided']}")] if each["voids"] else []
        lines += [_pair(f"  {each['refunds']} refunds", f"-{each['refunded']}")] if each["refunds"] else []
        lines += [_pair(f"  {each['open']} not answered yet", "?")] if each["open"] else []
    for moved in report["movements"]:
        lines.append(_pair(plain(moved["reason"])[:28], moved["amount"]))
    lines += ["-" * 42, _pair("expected in the drawer", report["expected"])]
    if report["counted"] is not None:
        lines += [_pair("counted", report["counted"]), _pair("difference", report["difference"])]
    return "\n".join(lines)


def _pair(name: str, value: str) -> str:
    return f"{name:<29.29}{value:>13}"


def _count(text: str) -> Any:
    counted = amount_of(text)
    if counted < 0:
        fail(f"{text!r} is no count: it is 0 or more", code=2)
    return counted


def _say(found: dict[str, Any], text: str, as_json: bool) -> None:
    print(json.dumps(found, indent=2, ensure_ascii=False) if as_json else plain(text))
