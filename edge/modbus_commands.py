"""`ohmstead-edge probe` and `ohmstead-edge modbus …`: what a technician looks at and sets, without the agent."""

from __future__ import annotations

import asyncio
import difflib
import json
import sys
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from prometheus_client import CollectorRegistry
from rich.console import Console
from rich.table import Table

from edge.chargers.modbus.bus import Bus, BusError, BusFault, BusTimes
from edge.chargers.modbus.inspection import Planned, Seen, exponent_of, look, placed, planned_write
from edge.chargers.modbus.modbus_metrics import ModbusMetrics
from edge.chargers.modbus.probe import Answering, Probe, parse_units, usual_units
from edge.chargers.modbus.quantities import parse_value, show_value
from edge.chargers.modbus.rounds import Rounds
from protocols.errors import BadText, OhmsteadError
from protocols.modbus import catalogue
from protocols.modbus.bus_address import BusAddress, parse_address
from protocols.modbus.codec import Value
from protocols.modbus.profile import Profile, Transport
from protocols.modbus.reader import Parsed, parse
from protocols.modbus.reads import names_of
from protocols.modbus.setpoint import Write

modbus_app = typer.Typer(help="Read and set registers of a Modbus device, by its profile.", no_args_is_help=True)
_WIDTH = 200
_Result = TypeVar("_Result")

AddressArgument = Annotated[
    str, typer.Argument(help="tcp://host:port, rtu+tcp://host:port or rtu:///dev/ttyX?baud=19200&parity=E&stop=1")
]
ProfileOption = Annotated[str, typer.Option("--profile", "-p", help="A profile's id, or a file.")]
VariantOption = Annotated[str | None, typer.Option("--variant", help="A variant of the profile.")]
UnitOption = Annotated[int | None, typer.Option("--unit", min=0, max=255, help="The unit id; else the profile's.")]
EvseOption = Annotated[int, typer.Option("--evse", min=1, max=64, help="Which EVSE, from 1.")]
TimeoutOption = Annotated[float, typer.Option("--timeout", min=0.05, max=30, help="Seconds to wait for an answer.")]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]


def probe(
    address: Annotated[
        str | None,
        typer.Argument(help="tcp://host:port, rtu+tcp://host:port, or as --rtu in one: rtu:///dev/ttyX?baud=…"),
    ] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="Unit ids such as 1-10,255; else the usual ones.")] = None,
    rtu: Annotated[Path | None, typer.Option("--rtu", help="A serial line, such as /dev/ttyUSB0.")] = None,
    baud: Annotated[int, typer.Option(help="Of the serial line.")] = 9600,
    parity: Annotated[str, typer.Option(help="Of the serial line: N, E or O.")] = "N",
    stop: Annotated[int, typer.Option(help="Stop bits of the serial line.")] = 1,
    timeout_s: TimeoutOption = 1.0,
    longest_s: Annotated[float, typer.Option("--longest", min=1, max=3600, help="Seconds in all.")] = 300.0,
    as_json: JsonOption = False,
) -> None:
    """Find out which units of a Modbus bus answer and which profile fits. Writes nothing.

    Proven: the device names itself. Plausible: its values go with the profile, and may go with others.
    Ends with 1 where nobody answers and with 2 where the bus cannot be reached.
    """
    if (address is None) == (rtu is None):
        _fail("give one of an address, such as tcp://10.0.0.5:502, and --rtu")
    text = address if address is not None else f"rtu://{rtu}?baud={baud}&parity={parity}&stop={stop}"
    profiles = [catalogue.parsed(profile_id) for profile_id in catalogue.profile_ids()]
    found = _run(_probe(text or "", unit, profiles, timeout_s, longest_s))
    if as_json:
        print(json.dumps([_as_json(each) for each in found], indent=2, ensure_ascii=False))
    elif found:
        _console().print(_table_of(found))
    if not found:
        wires = "" if rtu is None else ", the wires A and B, and --baud, --parity and --stop"
        _fail(f"nobody answers there: check the unit ids (--unit 1-247 asks all){wires}", code=1)


async def _probe(
    text: str, unit: str | None, profiles: Sequence[Parsed], timeout_s: float, longest_s: float
) -> tuple[Answering, ...]:
    units = parse_units(unit) if unit is not None else usual_units(profiles)
    bus = _bus(parse_address(text), timeout_s)
    try:
        return await Probe(bus, profiles, lambda line: print(line, file=sys.stderr)).look_at(units, longest_s)
    finally:
        bus.close()


def _table_of(found: Sequence[Answering]) -> Table:
    table = Table("unit", "fits", "profile", "variant", "vendor and model", "it shows")
    for each in found:
        for match in each.matches:
            shows = ", ".join(f"{name}={_text(value)}" for name, value in match.values.items())
            variant = match.variant or "-"
            table.add_row(
                str(each.unit_id), match.fit.name.lower(), match.profile_id, variant, match.model, _plain(shows)
            )
        if not each.matches:
            table.add_row(str(each.unit_id), "none", "-", "-", "-", "it answers; no profile is known to fit")
    return table


def _as_json(each: Answering) -> dict[str, Any]:
    matches = [
        {
            "fit": match.fit.name.lower(),
            "profile": match.profile_id,
            "variant": match.variant,
            "model": match.model,
            "values": {
                name: _text(value) if isinstance(value, bytes) else value for name, value in match.values.items()
            },
        }
        for match in each.matches
    ]
    return {"unit_id": each.unit_id, "matches": matches}


@modbus_app.command("read")
def modbus_read(
    address: AddressArgument,
    profile: ProfileOption,
    register: Annotated[list[str] | None, typer.Option("--register", "-r", help="Only these.")] = None,
    variant: VariantOption = None,
    unit: UnitOption = None,
    evse: EvseOption = 1,
    timeout_s: TimeoutOption = 1.0,
    as_json: JsonOption = False,
) -> None:
    """Read a device's registers, all or some, with their units. Writes nothing.

    Ends with 1 where none of them could be read and with 2 where the bus cannot be reached.
    """
    known = _profile(profile, variant, unit)
    _check_evse(known, evse)
    seen = _run(_look(address, known, register, evse, timeout_s))
    if as_json:
        print(json.dumps([_seen_as_json(each) for each in seen], indent=2, ensure_ascii=False))
    else:
        table = Table("register", "at", "words", "value", "meaning")
        for each in seen:
            point = each.point
            name = f"{point.name}[{point.index}]" if point.register.count > 1 else point.name
            where = f"{point.unit_id}/{point.table.value}/{point.address}"
            words = " ".join(f"{word:04x}" for word in each.words)
            shown = each.problem or show_value(point.register, each.value)
            table.add_row(name, where, words, shown, point.register.meaning or "")
        _console().print(table)
    if not any(each.words for each in seen):
        raise SystemExit(1)


async def _look(
    address: str, profile: Profile, names: Sequence[str] | None, evse_id: int, timeout_s: float
) -> list[Seen]:
    bus = _bus(parse_address(address), timeout_s)
    try:
        there = await placed(bus, profile)
        readable = names_of(there)
        for name in names or ():
            if name not in readable:
                is_there = name in there.registers
                raise BadText(f"{profile.id}: {name} can only be written" if is_there else _no_register(there, name))
        return await look(bus, there, names or names_of(there), evse_id)
    finally:
        bus.close()


def _seen_as_json(each: Seen) -> dict[str, Any]:
    point, base = each.point, each.point.register.base_unit
    return {
        "register": point.name,
        "index": point.index,
        "unit_id": point.unit_id,
        "table": point.table.value,
        "address": point.address,
        "words": list(each.words),
        "value": each.value.hex() if isinstance(each.value, bytes) else each.value,
        "unit": base.name if base is not None else None,
        "problem": each.problem or None,
    }


@modbus_app.command("write")
def modbus_write(
    address: AddressArgument,
    register: Annotated[str, typer.Argument(help="The register's name in the profile.")],
    value: Annotated[
        str,
        typer.Argument(
            help="With its unit: 13.5A, 11kW, 60s; or on, off, a code, a text, hex digits. Below 0 after --."
        ),
    ],
    profile: ProfileOption,
    variant: VariantOption = None,
    unit: UnitOption = None,
    evse: EvseOption = 1,
    timeout_s: TimeoutOption = 1.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be written. Of a SunSpec device, it is read where.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Write one register, by the profile's rules: says what it does, asks, writes and reads back.

    A limit is rounded down to what the device takes. A running agent sets its own limit again. Ends with 2 where the
    profile does not allow it, or the device does not take it.
    """
    known = _profile(profile, variant, unit)
    _check_evse(known, evse)
    try:
        bus_address = parse_address(address)
        if register not in known.registers:
            raise BadText(_no_register(known, register))
        wanted, exponent = parse_value(known.registers[register], value), 0
        if known.sunspec is not None:
            known, exponent = _run(_found_register(bus_address, known, register, evse, timeout_s))
        planned = planned_write(known, register, wanted, evse, exponent=exponent)
    except BadText as error:
        _fail(str(error))
    print(_explained(known, planned))
    if dry_run:
        print("dry run: nothing was written")
        return
    if not yes and not typer.confirm("write it?", default=False, err=True):
        raise SystemExit(1)
    seen = _run(_write(bus_address, known, planned.write, evse, timeout_s))
    if not seen:
        print("written; no register shows it")
    for each in seen:
        other = each.value is not None and each.value != planned.value
        shown = each.problem or show_value(each.point.register, each.value)
        print(f"written; {each.point.name} shows: {shown}{', which is not what was written' if other else ''}")


async def _found_register(
    address: BusAddress, profile: Profile, name: str, evse_id: int, timeout_s: float
) -> tuple[Profile, int]:
    """Where a SunSpec device has the register, and with which scale."""
    bus = _bus(address, timeout_s)
    try:
        there = await placed(bus, profile)
        if name not in there.registers:
            raise BadText(f"the device has no model {profile.registers[name].model}, of which {name} is")
        return there, await exponent_of(bus, there, name, evse_id)
    finally:
        bus.close()


async def _write(address: BusAddress, profile: Profile, write: Write, evse_id: int, timeout_s: float) -> list[Seen]:
    bus = _bus(address, timeout_s)
    try:
        await Rounds(bus, profile, (evse_id,)).write(write)
        rule = profile.limit
        readback = rule.readback if rule is not None and write.name == rule.register else None
        shown_by = readback or write.name
        if not profile.registers[shown_by].is_readable:
            return []
        return [each for each in await look(bus, profile, [shown_by], evse_id) if each.point.name == shown_by]
    finally:
        bus.close()


def _explained(profile: Profile, planned: Planned) -> str:
    write, register = planned.write, profile.registers[planned.write.name]
    words = " ".join(f"{word:04x}" for word in write.words)
    meaning = f" ({register.meaning})" if register.meaning else ""
    return (
        f"{profile.id}: {write.name} = {show_value(register, planned.value)}{meaning}\n"
        f"unit {write.unit_id}, {write.table.value} {write.address}, function {write.function}, words {words}"
    )


# --- beneath the commands ---


def _profile(text: str, variant: str | None, unit_id: int | None) -> Profile:
    """A profile that ships with the house, or a file."""
    is_file = text.endswith(".toml")
    try:
        found = parse(Path(text).read_text(encoding="utf-8")) if is_file else catalogue.parsed(text)
    except (OSError, UnicodeDecodeError) as error:
        _fail(f"{text}: {getattr(error, 'strerror', None) or error}")
    except BadText as error:
        _fail(
            f"{text} is no good profile; `ohmstead-edge profile check` says why"
            if is_file
            else _no_profile(error, text)
        )
    if variant is not None and variant not in found.variants:
        _fail(f"{text} has no variant {variant!r}; there are: {', '.join(found.variants) or 'none'}")
    profile = found.profile if variant is None else found.variants[variant][1]
    return profile if unit_id is None else replace(profile, unit_id=unit_id)


def _check_evse(profile: Profile, evse_id: int) -> None:
    most = profile.evses.at_most
    if evse_id > most:
        _fail(f"{profile.id} has {'one EVSE' if most == 1 else f'at most {most} EVSEs'}")


def _no_profile(error: BadText, profile_id: str) -> str:
    return f"{error}{_meant(profile_id, catalogue.profile_ids())}"


def _no_register(profile: Profile, name: str) -> str:
    return f"{profile.id} has no register {name!r}{_meant(name, profile.registers)}"


def _meant(text: str, names: Iterable[str]) -> str:
    """What may have been meant."""
    near = difflib.get_close_matches(text, list(names), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _bus(address: BusAddress, timeout_s: float) -> Bus:
    if address.transport is Transport.ASCII:
        raise BadText("Modbus ASCII is not supported")
    return Bus(address, ModbusMetrics(CollectorRegistry()), times=BusTimes(answer_s=timeout_s), is_logged=False)


def _run(task: Coroutine[Any, Any, _Result]) -> _Result:
    try:
        return asyncio.run(task)
    except BusError as error:
        _fail(f"{'no connection' if error.fault is BusFault.UNREACHABLE else 'no good answer'}: {error}")
    except OhmsteadError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        _fail("stopped")


def _text(value: Value) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False, markup=False)


def _fail(text: str, code: int = 2) -> NoReturn:
    print(text, file=sys.stderr)
    raise SystemExit(code)
