"""`ohmstead-edge sync …`: how far the hub is behind, and by which way it is told."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from edge.console import DEFAULT_CONFIG, ConfigOption, ask, ask_or_read, console, load_settings
from edge.places import ledger_path
from protocols.site.requests import GetSync, SumDays

sync_app = typer.Typer(help="The way to the hub.", no_args_is_help=True)


@sync_app.command()
def status(
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
) -> None:
    """Show what the hub does not have yet, how long that takes, and what went out today; without a running agent, what
    its ledger knows of it."""
    settings = load_settings(config)

    def read() -> dict[str, Any]:
        from edge.ledger.database import open_reader
        from edge.ledger.sync_reading import sync_facts
        from edge.uplink.progress import report_of, status_of

        facts = sync_facts(open_reader(ledger_path(settings)))
        return {"is_running": False} | status_of(report_of(facts), facts)

    found = {"is_running": True} | ask_or_read(settings, GetSync(id="1"), read)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for line in _lines(found):
        print(line)
    console().print(_table(found))


@sync_app.command("sum")
def sum_days(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Have the hub hold all that was journaled since the last sum against what it has, before the day is over. The hub
    shows within minutes what came of it (GET /v1/edges/{edge_id}/sync)."""
    told = ask(load_settings(config), SumDays(id="1")).result
    print(f"The hub is told what {told} streams come to.")


def clock_line(clock: dict[str, Any]) -> str:
    """How good the site's clock is, for a person."""
    offset_s = clock["offset_s"]
    heard = "it was not held against the hub's"
    if offset_s is not None:
        heard = f"the hub's is {abs(offset_s):.1f} s {'ahead' if offset_s >= 0 else 'behind'}"
    return f"The clock is {clock['quality'].replace('_', ' ')} since {clock['noted_at'][:19]}Z; {heard}."


def _money_line(told: dict[str, Any]) -> str:
    """What the hub was told that the money came to, for a person who compares it."""
    amounts = ", ".join(f"{amount} {currency}" for currency, amount in told["amounts"].items()) or "nothing"
    energy = f"{told['energy_wh'] / 1000:.3f} kWh"
    return f"Summed last: {told['day']}, {told['bills']} bills, {energy}, {amounts} with taxes."


def _lines(found: dict[str, Any]) -> list[str]:
    clock = [clock_line(found["clock"])] if found["clock"] is not None else []
    clock += [_money_line(each) for each in found["days"] if each["stream"] == "money"]
    if not found["is_running"]:
        return ["The agent does not run: this is what its ledger has.", *clock]
    allowance = ""
    if found["bytes_per_hour"] is not None:
        allowance = (
            f" {found['bytes_per_hour']} an hour are allowed, {found['allowance_bytes']} now;"
            f" something had to wait {found['deferred']} times."
        )
    return [
        f"The hub is {'there' if found['is_online'] else 'away'}, by {found['broker']}"
        f" (number {found['brokers'].index(found['broker']) + 1} of {len(found['brokers'])});"
        f" last heard: {found['last_ack_at'] or 'never'}.",
        f"{found['bytes_today']} bytes went out today, {found['bytes_saved_today']} were saved.{allowance}",
        *clock,
    ]


def _table(found: dict[str, Any]) -> Table:
    table = Table("stream", "waiting", "oldest", "drained in", "resends", "dead letters")
    for each in found["streams"]:
        seconds = each["drains_in_s"]
        drained = "" if not each["backlog"] else f"{seconds} s" if seconds is not None else "not moving"
        numbers = (str(each[name]) for name in ("resends", "dead_letters"))
        table.add_row(each["stream"], str(each["backlog"]), each["oldest_at"] or "", drained, *numbers)
    documents = ", ".join(f"{name} {version}" for name, version in sorted(found["documents"].items()))
    table.caption = f"documents of the hub: {documents or 'none'}"
    return table
