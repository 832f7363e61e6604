"""`ohmstead-sim`: plays a site's chargers, vehicles and drivers against an edge agent."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, TextIO

import typer
from websockets.exceptions import InvalidURI
from websockets.uri import parse_uri

from firmware_sim import scenario as scenarios
from firmware_sim.clock import unix_now_s
from firmware_sim.fleet import Fleet
from firmware_sim.load import command as load
from firmware_sim.messages import Note, masked
from firmware_sim.modbus import command as modbus
from firmware_sim.player import Player
from firmware_sim.provider.command import provider
from firmware_sim.scenario import Scenario
from firmware_sim.story import Teller, json_line, plain_line
from firmware_sim.vehicle import UJ_PER_WH
from protocols.errors import BadText
from protocols.timeline import Timeline

_WAITS_FOR_START = timedelta(hours=1)
"""A scenario whose start is nearer than this (site time) is waited for; any other begins at once."""

_UNDELIVERED = 1
_USAGE = 2

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(provider)


@app.command("list")
def list_scenarios() -> None:
    """The scenarios that come with the simulator."""
    for name in scenarios.packaged():
        print(f"{name:<12} {scenarios.load(name).description}")


@app.command()
def plan(
    name: Annotated[str, typer.Argument(metavar="SCENARIO", help="a packaged name or a path")],
    seed: Annotated[int | None, typer.Option(help="instead of the scenario's own")] = None,
) -> None:
    """Print who comes when, and what breaks."""
    with _clear_errors():
        scenario = scenarios.load(name, seed=seed)
    for session in scenario.sessions:
        vehicle = session.vehicle
        print(
            f"{timedelta(seconds=session.at_s)!s:>8} {session.station_id}*{session.evse_id} {masked(session.id_token)}"
            f" {vehicle.name} {vehicle.soc_percent} % +{vehicle.missing_uj // UJ_PER_WH} Wh,"
            f" stays {session.parked_s // 60} min, leaves by {session.leaves.value}"
        )
    for fault in scenario.faults:
        where = fault.station_id if fault.evse_id is None else f"{fault.station_id}*{fault.evse_id}"
        print(f"{timedelta(seconds=fault.at_s)!s:>8} {where} {fault.kind.value} for {fault.for_s} s")


@app.command()
def run(
    name: Annotated[str, typer.Argument(metavar="SCENARIO", help="a packaged name or a path")],
    edge: Annotated[str, typer.Option(help="where the chargers connect, ws://host:port")],
    speed: Annotated[float, typer.Option(min=0.001, help="seconds of site time in a second")] = 1.0,
    timeline: Annotated[
        str | None, typer.Option(envvar="OHMSTEAD_TIMELINE", help="ORIGIN@ANCHORxSPEED; instead of --speed")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="instead of the scenario's own")] = None,
    state: Annotated[Path | None, typer.Option(help="folder where the chargers remember")] = None,
    stations: Annotated[str | None, typer.Option(help="only these, by id, with commas between")] = None,
    passwords: Annotated[Path | None, typer.Option(help="file of TOML, or of lines `ID PASSWORD`")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="tell the story in lines")] = False,
    events: Annotated[str | None, typer.Option(help="tell it in JSON lines, to a file or `-`")] = None,
    summary: Annotated[Path | None, typer.Option(help="where the summary goes too")] = None,
    drain_s: Annotated[float, typer.Option(min=0, help="real seconds for the queues to empty at the end")] = 30.0,
) -> None:
    """Play a scenario. The last line is a JSON summary; exits 0 when everything was delivered, else 1."""
    with ExitStack() as files:
        with _clear_errors():
            scenario = scenarios.load(name, seed=seed)
            if stations is not None:
                scenario = scenario.only(frozenset(each.strip() for each in stations.split(",")))
            if passwords is not None:
                scenario = scenario.with_passwords(scenarios.read_passwords(passwords))
            _check_address(edge)
            site_time = _timeline(timeline, speed, scenario)
            teller = _teller(verbose, _opened(events, files))
            fleet = Fleet(
                scenario.stations,
                edge_url=edge,
                timeline=site_time,
                seed=scenario.seed,
                state=state,
                teller=teller,
            )
        ended_by = asyncio.run(_play(scenario, fleet, drain_s))
        body = {"scenario": scenario.name, "seed": scenario.seed, "timeline": str(site_time), **_account(fleet)}
        if summary is not None:
            summary.write_text(json.dumps(body, indent=1) + "\n")
        print(json.dumps(body), flush=True)
    raise typer.Exit(ended_by)


async def _play(scenario: Scenario, fleet: Fleet, drain_s: float) -> int:
    """Play and drain; the exit code: 0 all delivered, 1 something not, 128 + signal when a signal ended it."""
    now = fleet.clock.now()
    begin = now
    if scenario.start is not None and now <= scenario.start <= now + _WAITS_FOR_START:
        begin = scenario.start
    async with fleet:
        playing = asyncio.current_task()
        caught: list[signal.Signals] = []

        def stop(caught_signal: signal.Signals) -> None:
            caught.append(caught_signal)
            if playing is not None:
                playing.cancel()

        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, stop, each)
        try:
            await Player(scenario=scenario, fleet=fleet, begin=begin).play()
            return 0 if await fleet.drain(drain_s) else _UNDELIVERED
        except asyncio.CancelledError:
            if not caught or playing is None:
                raise
            playing.uncancel()
            return 128 + caught[0]
        finally:
            for each in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(each)


def _account(fleet: Fleet) -> dict[str, object]:
    transactions = fleet.transactions()
    undelivered = {each.spec.station_id: len(each.outbox.durable) for each in fleet.stations.values()}
    return {
        "transactions": transactions,
        "finished": len(transactions),
        "energy_wh": sum(each["meter_stop_wh"] - each["meter_start_wh"] for each in transactions),
        "undelivered": {station_id: waiting for station_id, waiting in undelivered.items() if waiting},
        "never_accepted": [each.spec.station_id for each in fleet.stations.values() if not each.charger.registered],
    }


def _check_address(edge: str) -> None:
    try:
        parse_uri(edge)
    except InvalidURI as error:
        raise BadText(f"--edge: {error}; expected ws://host:port") from error


def _timeline(text: str | None, speed: float, scenario: Scenario) -> Timeline:
    if text is not None:
        return Timeline.parse(text)
    now_s = unix_now_s()
    origin: datetime = scenario.start or Timeline().at(now_s)
    return Timeline(origin=origin, anchor_s=now_s, speed=speed)


def _teller(verbose: bool, events: TextIO | None) -> Teller:
    def tell(station_id: str, note: Note) -> None:
        if verbose:
            print(plain_line(station_id, note), flush=True)
        if events is not None:
            print(json_line(station_id, note), file=events, flush=True)

    return tell


def _opened(events: str | None, files: ExitStack) -> TextIO | None:
    if events is None:
        return None
    if events == "-":
        return sys.stdout
    try:
        return files.enter_context(Path(events).open("w", encoding="utf-8"))
    except OSError as error:
        raise BadText(f"cannot write {events}: {error.strerror}") from error


@contextmanager
def _clear_errors() -> Iterator[None]:
    """What a person got wrong is told in words, without a traceback."""
    try:
        yield
    except BadText as error:
        print(error, file=sys.stderr)
        raise typer.Exit(_USAGE) from error


app.command()(load.fleet)
app.add_typer(modbus.app, name="modbus")


def main() -> None:
    """The console script."""
    app()
