"""`ohmstead-sim fleet`: the command line of the load driver."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from firmware_sim.clock import unix_now_s
from firmware_sim.load.edge_config import write_configs, write_tokens
from firmware_sim.load.plan import Identities, Plan, Target, parse_mix
from firmware_sim.load.processes import FleetFailed, FleetRun
from firmware_sim.load.summary import is_clean, table
from firmware_sim.scenario import read_passwords
from protocols.errors import BadText
from protocols.timeline import Timeline

_PASSWORD: Final = "fleet-password-{id}"  # noqa: S105  a pattern, and no secret
_SPARE_FILES: Final = 64
_EDGE_PORT: Final = 9000
_STARTUP_S: Final = 1.0
_STATIONS_STARTED_PER_S: Final = 20_000
_STATIONS_PER_PROCESS: Final = 15_000
_USAGE: Final = 2
_UNCLEAN: Final = 1
_INTERRUPTED: Final = 130


def fleet(
    stations: Annotated[int, typer.Option(help="how many charging stations")],
    edge: Annotated[
        list[str] | None,
        typer.Option("--edge", "--url", help="where they connect, ws://host:port; repeated, the stations take turns"),
    ] = None,
    agents: Annotated[
        int | None, typer.Option(min=1, max=64, help="for --write-config: of how many agents; else one per --edge")
    ] = None,
    heartbeat: Annotated[float, typer.Option(min=0.01, help="seconds between heartbeats")] = 15.0,
    charging: Annotated[float, typer.Option(help="the share of stations in a transaction")] = 0.3,
    meter_interval: Annotated[float, typer.Option(min=0.01, help="seconds between a transaction's readings")] = 60.0,
    session: Annotated[float, typer.Option(min=0.1, help="seconds that a transaction lasts")] = 900.0,
    mix: Annotated[str, typer.Option(help="shares of OCPP versions")] = "1.6=0.5,2.0.1=0.5",
    evses: Annotated[int, typer.Option(min=1, max=64, help="EVSEs of each station")] = 1,
    duration: Annotated[float, typer.Option(min=0, help="seconds of the steady phase")] = 60.0,
    ramp: Annotated[float, typer.Option(min=0, help="seconds over which the stations come")] = 10.0,
    storm: Annotated[
        float | None, typer.Option(min=0, help="afterwards all lose their connection and come back within so long")
    ] = None,
    queued: Annotated[int, typer.Option(min=0, help="messages of an offline day that each brings to the storm")] = 0,
    processes: Annotated[int | None, typer.Option(min=1, max=64, help="of the load; one per 15,000 stations")] = None,
    id_format: Annotated[str, typer.Option(help="the stations' ids by number, from 1")] = "S{n:05}",
    password: Annotated[
        str, typer.Option(envvar="OHMSTEAD_SIM_PASSWORD", help="of all stations; {id} stands for the id")
    ] = _PASSWORD,
    password_file: Annotated[Path | None, typer.Option(help="file of TOML, or of lines `ID PASSWORD`")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="seconds for an answer before a station reconnects")] = 30.0,
    reconnect: Annotated[
        float, typer.Option(min=0.01, help="seconds after which a lost station tries again: a tenth of it to all of it")
    ] = 10.0,
    drain: Annotated[float, typer.Option(min=0, help="seconds at the end for what is not yet answered")] = 60.0,
    timeline: Annotated[
        str | None, typer.Option(envvar="OHMSTEAD_TIMELINE", help="site time: ORIGIN@ANCHORxSPEED")
    ] = None,
    transactions: Annotated[Path | None, typer.Option(help="JSON lines of the acknowledged transactions")] = None,
    server_pid: Annotated[list[int] | None, typer.Option(help="tell what this process uses; may be repeated")] = None,
    write_config_to: Annotated[
        Path | None,
        typer.Option("--write-config", help="write an agent's settings and end; {agent} stands for its number"),
    ] = None,
    tokens: Annotated[
        Path | None, typer.Option(help="write the fleet's tokens as CSV and end; {agent} as above")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="nothing but the summary: no progress, no table")] = False,
) -> None:
    """Load a CSMS with many light stations. Progress and a table on stderr, a JSON summary on stdout.

    Latency counts from when a message was meant to be sent. Exits 0 when everything was answered well, else 1.
    """
    try:
        identities = Identities(
            stations=stations,
            id_format=id_format,
            share_201=parse_mix(mix),
            charging=charging,
            password=password,
            passwords=read_passwords(password_file) if password_file else {},
        )
        identities.check()
        if queued == 1:
            raise BadText("--queued: 0 or at least 2, the beginning and the end of a transaction")
        if queued and storm is None:
            raise BadText("--queued: what is queued is told in a --storm")
        if not edge and write_config_to is None and tokens is None:
            raise BadText("--edge is missing: where do the stations connect? ws://host:port")
        targets = tuple(_target(each) for each in edge or ())
        ports = _agents_ports(targets, agents)
        plan = Plan(
            identities=identities,
            targets=targets,
            evses=evses,
            heartbeat_s=heartbeat,
            meter_interval_s=meter_interval,
            session_s=session,
            ramp_s=ramp,
            duration_s=duration,
            storm_s=storm,
            queued=queued,
            timeout_s=timeout,
            reconnect_s=reconnect,
            drain_s=drain,
            processes=_processes(stations, processes),
            transactions=None if transactions is None else str(_emptied(transactions)),
            timeline=None if timeline is None else str(Timeline.parse(timeline)),
            run_id=int(unix_now_s()) & 0xFFFFFFFF,
        )
        if write_config_to is not None:
            write_configs(write_config_to, identities, ports=ports, evses=evses, heartbeat_s=heartbeat)
            _say_what_is_next(write_config_to, "ohmstead-edge run --config")
        if tokens is not None:
            write_tokens(tokens, identities, agents=len(ports))
            _say_what_is_next(tokens, "ohmstead-edge tokens import")
    except BadText as error:
        print(error, file=sys.stderr)
        raise typer.Exit(_USAGE) from error
    if write_config_to is None and tokens is None:
        raise typer.Exit(_run(plan, server_pid or [], as_json))


def _say_what_is_next(written: Path, command: str) -> None:
    print(f"{written} is written; next: {command} {written}", file=sys.stderr)


def _run(plan: Plan, server_pids: list[int], as_json: bool) -> int:
    start_s = _STARTUP_S + plan.identities.stations / _STATIONS_STARTED_PER_S
    plan = replace(plan, begins_ns=time.monotonic_ns() + int(start_s * 1e9))
    run = FleetRun(plan, server_pids, _silent if as_json else _show)
    try:
        body = asyncio.run(run.run())
    except FleetFailed as error:
        print(error, file=sys.stderr)
        return _INTERRUPTED if run.was_interrupted else _UNCLEAN
    if not as_json:
        print(table(body), file=sys.stderr)
    print(json.dumps(body), flush=True)
    if run.was_interrupted:
        return _INTERRUPTED
    return 0 if is_clean(body) else _UNCLEAN


def _processes(stations: int, wanted: int | None) -> int:
    """Raises BadText when so many stations cannot be held by so many processes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = soft if hard == resource.RLIM_INFINITY else max(soft, hard)
    at_most = max(1, limit - _SPARE_FILES)
    count = wanted or -(-stations // min(_STATIONS_PER_PROCESS, at_most))
    if -(-stations // count) > at_most:
        raise BadText(
            f"--processes {count}: {stations} stations need {-(-stations // count)} open files in each, of {limit};"
            f" at least {-(-stations // at_most)} processes are needed"
        )
    return count


def _target(edge: str) -> Target:
    parts = urlsplit(edge)
    wrong = BadText(f"--edge {edge!r}: expected ws://host:port")
    try:
        port = parts.port or 80
    except ValueError as error:
        raise wrong from error
    if parts.scheme == "wss":
        raise BadText("--edge: the fleet speaks no TLS; put it before the server, not into the load")
    if parts.scheme != "ws" or not parts.hostname or parts.query or parts.fragment:
        raise wrong
    try:
        found = socket.getaddrinfo(parts.hostname, port, socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise BadText(f"--edge: {parts.hostname}: {error.strerror}") from error
    return Target(host=str(found[0][4][0]), port=port, path=parts.path.rstrip("/") + "/")


def _agents_ports(targets: tuple[Target, ...], agents: int | None) -> list[int]:
    """Where the agents of the written configurations listen."""
    count = agents or len(targets) or 1
    if len(targets) > 1 and count != len(targets):
        raise BadText(f"--agents {count}: there are {len(targets)} --edge")
    if len(targets) == count:
        return [target.port for target in targets]
    return [_EDGE_PORT + number for number in range(count)]


def _emptied(path: Path) -> Path:
    try:
        path.write_bytes(b"")
    except OSError as error:
        raise BadText(f"cannot write {path}: {error.strerror}") from error
    return path.absolute()


def _silent(progress: dict[str, Any]) -> None:
    pass


def _show(progress: dict[str, Any]) -> None:
    print(
        f"{progress['phase']:<7}{progress['connected']:>8} connected {progress['ready']:>8} ready"
        f" {progress['in_transaction']:>7} in transaction {progress['answered']:>10} answered"
        f" {progress['errors']:>6} errors",
        file=sys.stderr,
        flush=True,
    )
