"""`ohmstead-sim modbus`: serves devices from their profiles."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from firmware_sim.modbus.device import Device, serving
from firmware_sim.modbus.misbehaviour import Kind
from firmware_sim.modbus.script import ACTIONS, Step, read_script
from protocols.errors import BadText
from protocols.modbus.catalogue import all_profiles, parsed
from protocols.modbus.profile import Transport

_USAGE: Final = 2

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.command("list")
def list_profiles() -> None:
    """The devices that there are profiles of."""
    for profile in all_profiles():
        variants = ", ".join(parsed(profile.id).variants)
        print(
            f"{profile.id:<28} {profile.kind.value:<9} {'/'.join(profile.transports):<24} "
            f"{profile.vendor}, {profile.model}{f' [{variants}]' if variants else ''}"
        )


@app.command(
    epilog="Actions of a script: " + "; ".join(f"{name} {form.words}".rstrip() for name, form in ACTIONS.items())
)
def serve(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="one of `ohmstead-sim modbus list`")],
    host: Annotated[str, typer.Option(help="the address to bind")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one")] = 5020,
    transport: Annotated[Transport, typer.Option(help="rtu opens a pseudo-terminal")] = Transport.TCP,
    unit: Annotated[int | None, typer.Option(min=0, max=255, help="instead of the profile's own")] = None,
    variant: Annotated[str | None, typer.Option(help="a variant of the profile")] = None,
    evses: Annotated[int | None, typer.Option(min=1, max=64, help="how many, where there may be several")] = None,
    speed: Annotated[float, typer.Option(min=0, help="seconds of the device in a second")] = 1.0,
    baud: Annotated[int | None, typer.Option(min=300, help="be as slow as a serial line of this speed")] = None,
    connections: Annotated[int | None, typer.Option(min=1, help="how many masters are let in")] = None,
    watchdog: Annotated[int | None, typer.Option(min=0, help="its time-out in seconds")] = None,
    plug: Annotated[bool, typer.Option("--plug", help="a vehicle is there from the beginning")] = False,
    script: Annotated[
        str | None, typer.Option(help="what happens: a file, or steps such as '5 plug; 60 unplug'")
    ] = None,
    misbehave: Annotated[Kind | None, typer.Option(help="every answer from the beginning on")] = None,
) -> None:
    """Serve one device until SIGINT or SIGTERM."""
    settings = {"unit_id": unit, "variant": variant, "evses": evses, "watchdog_s": watchdog}
    try:
        steps = read_script(_text(script)) if script is not None else ()
        asyncio.run(
            _serve(
                profile,
                steps,
                plug,
                misbehave,
                host=host,
                port=port,
                transport=transport,
                speed=speed,
                baud=baud,
                connections=connections,
                **settings,
            )
        )
    except BadText as error:
        print(error, file=sys.stderr)
        raise typer.Exit(_USAGE) from error
    except OSError as error:
        print(f"cannot listen at {host}:{port}: {error.strerror}", file=sys.stderr)
        raise typer.Exit(1) from error


async def _serve(profile: str, steps: Sequence[Step], plug: bool, misbehave: Kind | None, **options: object) -> None:
    async with serving(profile, **options) as device:  # type: ignore[arg-type]  # typer has checked them
        if plug:
            device.plug()
        if misbehave is not None:
            device.misbehave(misbehave, times=None)
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, ended.set)
        print(introduction(device), flush=True)
        async with asyncio.TaskGroup() as tasks:
            playing = tasks.create_task(_play(device, steps))
            await ended.wait()
            playing.cancel()


async def _play(device: Device, steps: Sequence[Step]) -> None:
    for step in steps:
        await asyncio.sleep(device.clock.until_s(step.at_s))
        try:
            perform(device, step)
        except (TypeError, ValueError) as error:
            print(f"{step.at_s:g} {step.action}: {error}", file=sys.stderr, flush=True)
        else:
            print(f"{step.at_s:g} {step.action} {' '.join(step.words)}".rstrip(), flush=True)


def introduction(device: Device) -> str:
    """What is served, and where."""
    profile = device.profile
    where = device.path or f"{device.host}:{device.port}"
    units = ", ".join(map(str, sorted(device.unit_ids)))
    variant = f", {profile.variant}" if profile.variant else ""
    return f"{profile.id}{variant} ({profile.vendor}, {profile.model}) at {where}, unit {units}"


def perform(device: Device, step: Step) -> None:
    """Do what a step says. Raises TypeError or ValueError where this device cannot."""
    match step.action:
        case "plug":
            device.plug(evse_id=step.number(0))
        case "unplug":
            device.unplug(step.number(0))
        case "card":
            device.present_card(step.words[0], step.number(1))
        case "fault":
            device.fault(step.number(0), step.number(1))
        case "clear":
            device.clear_fault(step.number(0))
        case "load":
            device.set_load(step.number(0), step.number(1), step.number(2))
        case "sun":
            device.shine(step.number(0))
        case "misbehave":
            delay_s = float(step.words[2]) if len(step.words) > 2 else 1.0
            device.misbehave(Kind(step.words[0]), times=step.number(1), delay_s=delay_s)
        case "behave":
            device.behave()
        case "stick":
            device.stick(step.words or None)
        case "reset" if step.words[0] == "session":
            device.reset_session_energy(step.number(1))
        case "reset":
            device.reset_total_energy(evse_id=step.number(1))
        case "reboot":
            device.reboot()
        case "cut":
            device.cut_connections()


def _text(script: str) -> str:
    """A script's steps: of a file of that name, or as they are."""
    path = Path(script)
    try:
        return path.read_text("utf-8") if path.is_file() else script
    except OSError as error:
        raise BadText(f"{script}: {error.strerror}") from error
