"""`ohmstead-edge disk-plan`: how large a disk a site needs, and whether this one has it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from edge.config import EdgeConfig
from edge.console import DEFAULT_CONFIG, ConfigOption, console, load_settings
from edge.disk_plan import MB, Planned, Usage, bytes_of
from edge.places import ledger_path

_EXAMPLES: Final = (40, 200, 1_000)
_PARTS: Final = ("money", "event", "telemetry", "log", "ballast", "frames")


def disk_plan(
    config: ConfigOption = DEFAULT_CONFIG,
    evses: Annotated[int | None, typer.Option(min=1, help="Charging points; without it those of the settings.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Days of journal; without it keep_journal_days.")] = None,
    money_days: Annotated[int, typer.Option(min=1, help="Days of bills, which are never dropped.")] = 400,
    sessions: Annotated[float, typer.Option(min=0.1, help="Sessions a day at each charging point.")] = 4.0,
    session_h: Annotated[float, typer.Option(min=0.1, help="Hours of a session.")] = 2.0,
    interval_s: Annotated[float, typer.Option(min=1, help="Seconds between two meter values of a station.")] = 15.0,
    measurands: Annotated[int, typer.Option(min=1, help="Readings in each of them.")] = 7,
    unfiltered: Annotated[bool, typer.Option("--unfiltered", help="As though the filter kept all of them.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
) -> None:
    """Reckon what the ledger and what lies beside it take on the disk, and say whether the disk of the data folder has
    that. Exit status 1: it has not."""
    settings = load_settings(config)
    own = evses if evses is not None else max(1, sum(len(station.evses) for station in settings.stations))
    kept_days = days if days is not None else settings.ledger.keep_journal_days
    planned = {
        count: bytes_of(
            Usage(
                evses=count,
                sessions=sessions,
                session_h=session_h,
                interval_s=interval_s,
                measurands=measurands if settings.telemetry.enabled else 0,
                is_filtered=not unfiltered,
            ),
            days=kept_days,
            money_days=max(money_days, kept_days),
            ballast_bytes=settings.disk.ballast_mb * MB,
            frames_bytes=settings.frame_log.max_mb * MB if settings.frame_log.enabled else 0,
        )
        for count in dict.fromkeys((own, *_EXAMPLES))
    }
    disk = _disk(settings, planned[own])
    if as_json:
        found = [{"evses": count, **_as_json(each)} for count, each in planned.items()]
        print(json.dumps({"days": kept_days, "money_days": money_days, "plans": found, "disk": disk}, indent=2))
    else:
        console().print(_table(planned, own))
        print(f"{kept_days} days of journal, {money_days} of bills; {_said(disk, own)}")
    if not disk["is_enough"]:
        raise typer.Exit(1)


def _disk(settings: EdgeConfig, planned: Planned) -> dict[str, Any]:
    """What the disk of the data folder has for it, up to where telemetry is thinned. What the ledger and what lies
    beside it take already counts as room."""
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    usable = free + (disk.f_blocks - disk.f_bfree) * disk.f_frsize
    taken = _taken_bytes(settings)
    room = free + taken - usable * (100 - settings.disk.thin_percent) // 100
    return {
        "folder": str(folder),
        "free_bytes": free,
        "taken_bytes": taken,
        "room_bytes": max(0, room),
        "needed_bytes": planned.all_bytes,
        "thin_percent": settings.disk.thin_percent,
        "is_enough": room >= planned.all_bytes,
    }


def _taken_bytes(settings: EdgeConfig) -> int:
    path = ledger_path(settings)
    files: list[Path] = [path, path.with_name(path.name + "-wal"), settings.data_dir / "ballast"]
    frames = settings.data_dir / "frames"
    files += [each for each in frames.rglob("*") if each.is_file()] if frames.is_dir() else []
    return sum(file.stat().st_size for file in files if file.exists())


def _as_json(planned: Planned) -> dict[str, int]:
    return {**asdict(planned), "ledger_bytes": planned.ledger_bytes, "all_bytes": planned.all_bytes}


def _said(disk: dict[str, Any], evses: int) -> str:
    needed, room = disk["needed_bytes"] / MB, disk["room_bytes"] / MB
    verdict = "the disk has it" if disk["is_enough"] else "THE DISK HAS NOT THAT: take a larger one, or keep fewer days"
    return (
        f"{evses} charging points need {needed:,.0f} MB, and {disk['folder']} has room for {room:,.0f} MB"
        f" until it is {disk['thin_percent']} % full, where telemetry is thinned: {verdict}."
    )


def _table(planned: dict[int, Planned], own: int) -> Table:
    table = Table("charging points", *_PARTS, "in all", caption="megabytes")
    for count, each in planned.items():
        parts = (f"{getattr(each, f'{part}_bytes') / MB:,.1f}" for part in _PARTS)
        name = f"{count} (this site)" if count == own else str(count)
        table.add_row(name, *parts, f"{each.all_bytes / MB:,.1f}")
    return table
