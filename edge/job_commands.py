"""`ohmstead-edge jobs …`, `files …` and `template …`: what is done at many stations, and what they are given."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer
from rich.table import Table

from edge.console import DEFAULT_CONFIG, ConfigOption, ask, change, console, fail, ledger_errors, load_settings, plain
from edge.files.store import FileStore
from edge.ledger.database import open_reader
from edge.places import clock_of, ledger_path
from protocols.charger.jobs import GetLogJob, Job, StationPattern, UpdateFirmwareJob
from protocols.errors import BadText
from protocols.site.requests import AddFirmware, BeginJob, RemoveFirmware, StopJob

jobs_app = typer.Typer(help="What is done at many stations, one after the other.", no_args_is_help=True)
start_app = typer.Typer(help="Begin a job.", no_args_is_help=True)
files_app = typer.Typer(help="The catalogue of firmware.", no_args_is_help=True)
template_app = typer.Typer(help="Variables that stations of a kind should have.", no_args_is_help=True)
jobs_app.add_typer(start_app, name="start")

Stations = Annotated[str | None, typer.Option("--stations", help="Ids of charging stations, separated by commas.")]
Vendor = Annotated[str | None, typer.Option("--vendor", help="All stations whose vendor is like this, with * and ?.")]
Model = Annotated[str | None, typer.Option("--model", help="All stations whose model is like this.")]
Firmware = Annotated[str | None, typer.Option("--firmware", help="All stations whose firmware is like this.")]
AtOnce = Annotated[int | None, typer.Option("--at-once", min=1, max=2000, help="Stations at the same time.")]
GiveUp = Annotated[
    float | None, typer.Option("--give-up-after", min=0.1, max=2160, help="Hours to wait for stations that are away.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]
FOLLOW_EVERY_S: Final = 2.0


# --- jobs ---


@start_app.command("update-firmware")
def start_update(
    file: Annotated[str, typer.Option("--file", help="A file's id: see `ohmstead-edge files list`.")],
    stations: Stations = None,
    vendor: Vendor = None,
    model: Model = None,
    firmware: Firmware = None,
    install_at: Annotated[datetime | None, typer.Option(help="Not before this time (UTC).")] = None,
    at_once: AtOnce = None,
    give_up_after_h: GiveUp = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Have stations fetch a firmware of the catalogue and install it."""
    job = UpdateFirmwareJob(file_id=file, install_at=install_at.replace(tzinfo=UTC) if install_at else None)
    _begin(config, job, stations, (vendor, model, firmware), at_once, give_up_after_h)


@start_app.command("get-log")
def start_log(
    kind: Annotated[Literal["diagnostics", "security"], typer.Option("--type", help="Which log.")] = "diagnostics",
    stations: Stations = None,
    vendor: Vendor = None,
    model: Model = None,
    firmware: Firmware = None,
    since: Annotated[datetime | None, typer.Option(help="From this time on (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(help="Before this time (UTC).")] = None,
    at_once: AtOnce = None,
    give_up_after_h: GiveUp = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Have stations bring their logs; they lie in files/uploads of the data folder."""
    job = GetLogJob(
        log_type="DiagnosticsLog" if kind == "diagnostics" else "SecurityLog",
        oldest=since.replace(tzinfo=UTC) if since else None,
        latest=until.replace(tzinfo=UTC) if until else None,
    )
    _begin(config, job, stations, (vendor, model, firmware), at_once, give_up_after_h)


@start_app.command("apply-template")
def start_template(
    file: Annotated[Path, typer.Argument(help="A TOML file of templates.")],
    name: Annotated[str | None, typer.Option("--name", help="Which template; needed where there are several.")] = None,
    stations: Stations = None,
    at_once: AtOnce = None,
    give_up_after_h: GiveUp = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Set a template's variables at all stations that it is for, read them back and compare."""
    found = _templates(file)
    if name is None and len(found) > 1:
        fail(f"{file} has several templates; say which with --name: {', '.join(found)}")
    template = found.get(name) if name is not None else next(iter(found.values()))
    if template is None:
        fail(f"{file} has no template {name!r}, but {', '.join(found)}")
    match = template.match
    _begin(config, template, stations, (match.vendor, match.model, match.firmware), at_once, give_up_after_h)


def _begin(
    config: Path,
    job: Job,
    stations: str | None,
    like: tuple[str | None, str | None, str | None],
    at_once: int | None,
    give_up_after_h: float | None,
) -> None:
    vendor, model, firmware = (each or "*" for each in like)
    request = BeginJob(
        id="1",
        job=job,
        station_ids=tuple(name.strip() for name in stations.split(",") if name.strip()) if stations else (),
        match=StationPattern(vendor=vendor, model=model, firmware=firmware) if any(like) else None,
        at_once=at_once,
        give_up_after_s=None if give_up_after_h is None else int(give_up_after_h * 3600),
    )
    begun = ask(load_settings(config), request).result
    print(f"job {begun['job_id']} over {begun['stations']} stations; see `ohmstead-edge jobs show {begun['job_id']}`")


@jobs_app.command("list")
def jobs_list(as_json: JsonOption = False, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List the newest jobs; the agent may run or not."""
    from edge.ledger import device_reading

    with ledger_errors():
        found = device_reading.jobs(open_reader(ledger_path(load_settings(config))))
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    table = Table("job", "what", "begun (UTC)", "stations", "progress", "")
    for job in found:
        progress = ", ".join(f"{count} {status}" for status, count in sorted(job["counts"].items()))
        state = "ended" if job["ended_at"] else "open"
        table.add_row(job["job_id"], _what(job["job"]), job["begun_at"][:16], str(job["stations"]), progress, state)
    console().print(table)


@jobs_app.command("show")
def jobs_show(
    job_id: Annotated[str, typer.Argument(help="A job's id: see `ohmstead-edge jobs list`.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Until the job has ended.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Show how far each station of a job is; of a template, who took what."""
    from edge.ledger import device_reading

    settings = load_settings(config)
    while True:
        with ledger_errors():
            job = device_reading.job(open_reader(ledger_path(settings)), job_id)
        if job is None:
            fail(f"there is no job {job_id}; see `ohmstead-edge jobs list`")
        if as_json:
            print(json.dumps(job, indent=2, ensure_ascii=False))
        else:
            _print_job(job)
        if not follow or job["ended_at"]:
            return
        time.sleep(FOLLOW_EVERY_S)


@jobs_app.command("cancel")
def jobs_cancel(
    job_id: Annotated[str, typer.Argument(help="A job's id.")], config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Ask no further stations; those that were asked already may go on."""
    asked = ask(load_settings(config), StopJob(id="1", job_id=job_id)).result["asked_already"]
    print(f"job {job_id} is cancelled; {asked} stations were asked already and may go on")


def _print_job(job: dict[str, Any]) -> None:
    print(f"{job['job_id']}: {_what(job['job'])}, begun {job['begun_at']}, {'ended' if job['ended_at'] else 'open'}")
    table = Table("station", "status", "since (UTC)", "asked", "")
    for step in job["steps"]:
        detail = plain(step["detail"])
        for row in (step["result"] or {}).get("variables", ()):
            if row["status"] != "Accepted" or row["is_equal"] is False:
                read = "" if row["read"] is None else f", reads {row['read']!r}"
                detail += plain(f"\n{row['variable']}: {row['status']}{read}")
        if "file" in (step["result"] or {}):
            detail += plain(f"\n{step['result']['file']} sha256 {step['result']['sha256'][:16]}…")
        table.add_row(plain(step["station_id"]), step["status"], step["changed_at"][:19], str(step["attempt"]), detail)
    console().print(table)


def _what(job: dict[str, Any]) -> str:
    about = job.get("file_id") or job.get("name") or job.get("log_type") or ""
    return plain(f"{job['job']} {about}".strip())


# --- firmware ---


@files_app.command("add")
def files_add(
    file: Annotated[Path, typer.Argument(help="The firmware.", exists=True, dir_okay=False)],
    vendor: Annotated[str, typer.Option(help="Of the stations it is for; a pattern with * and ?.")],
    model: Annotated[str, typer.Option(help="Of the stations it is for; a pattern with * and ?.")],
    version: Annotated[str, typer.Option(help="What stations call this firmware when they boot.")],
    signature: Annotated[Path | None, typer.Option(exists=True, help="The manufacturer's signature.")] = None,
    certificate: Annotated[
        Path | None, typer.Option(exists=True, help="The certificate of the signature, PEM, and those above it.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Put a firmware into the catalogue. A signature is verified up to one of `files.firmware_roots`."""
    from edge.files.catalogue import NewFirmware, bring_in  # and with it cryptography

    settings = load_settings(config)
    if settings.files is None:
        fail("there is no [files] in the settings: stations could not fetch it", code=2)
    store = FileStore(settings.data_dir)
    roots = tuple(config.parent / root for root in settings.files.firmware_roots)
    new = NewFirmware(
        path=file, vendor=vendor, model=model, version=version, signature=signature, certificate=certificate
    )
    try:
        added = bring_in(store, new, roots, clock_of(settings)())
    except BadText as error:
        fail(f"refused: {error}")
    print(change(settings, AddFirmware(id="1", file=added)))
    print(f"sha256 {added.sha256}, {added.size_bytes} bytes, {'signed' if added.signature else 'not signed'}")


@files_app.command("list")
def files_list(as_json: JsonOption = False, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List the catalogue of firmware."""
    settings = load_settings(config)
    from edge.ledger import device_reading

    with ledger_errors():
        found = device_reading.firmware(open_reader(ledger_path(settings)))
    store = FileStore(settings.data_dir)
    table = Table("id", "vendor and model", "version", "file", "bytes", "sha256", "")
    rows = []
    for file in found:
        is_there = store.firmware(file.file_id) is not None
        state = ("signed" if file.signature else "not signed") + ("" if is_there else ", THE FILE IS GONE")
        size = str(file.size_bytes)
        table.add_row(
            file.file_id, plain(f"{file.vendor} {file.model}"), file.version, file.name, size, file.sha256, state
        )
        names = ("file_id", "vendor", "model", "version", "name", "size_bytes", "sha256")
        rows.append({name: getattr(file, name) for name in names} | {"is_signed": bool(file.signature)})
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        console().print(table)


@files_app.command("remove")
def files_remove(
    file_id: Annotated[str, typer.Argument(help="A file's id.")], config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Take a firmware out of the catalogue, and off the disk."""
    settings = load_settings(config)
    print(change(settings, RemoveFirmware(id="1", file_id=file_id)))
    FileStore(settings.data_dir).drop_firmware(file_id)


# --- templates ---


@template_app.command("check")
def template_check(file: Annotated[Path, typer.Argument(help="A TOML file of templates.")]) -> None:
    """Check a file of templates and name every problem with its line."""
    for name, template in _templates(file).items():
        match = template.match
        whom = f"vendor {match.vendor}, model {match.model}, firmware {match.firmware}"
        print(f"{name}: good. {len(template.settings)} variables for {whom}.")


def _templates(file: Path) -> dict[str, Any]:
    from edge.template_file import read_templates

    try:
        return dict(read_templates(file))
    except BadText as error:
        fail(str(error), code=2)
