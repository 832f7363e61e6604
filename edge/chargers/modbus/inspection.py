"""One look into a device, and one write, for the technician: typed by the profile, checked by its rules."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from edge.chargers.modbus.bus import Bus, BusError, BusFault
from edge.chargers.modbus.sunspec_walk import walk_device
from edge.chargers.modbus.turns import Urgency
from protocols.errors import BadText
from protocols.modbus.codec import BadValue, Decoded, Value
from protocols.modbus.profile import Limit, Profile, WatchdogKind
from protocols.modbus.reads import Point, Read, decode, plan, points
from protocols.modbus.setpoint import Write, allowed_limit, write_value

ATTEMPTS: Final = 3
_ABOVE_ALL: Final = 10**9
"""mA or W: no device takes a limit so high."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One value of a register: its words as they came, and what they mean; `problem` why there is none."""

    point: Point
    words: tuple[int, ...]
    value: Value | None
    problem: str = ""


class Planned(NamedTuple):
    """A write, and the value that it means in the register's base unit: a limit is rounded down."""

    write: Write
    value: Value


async def placed(bus: Bus, profile: Profile) -> Profile:
    """The profile with the places that a SunSpec device gives its registers. Raises BusError."""
    return profile if profile.sunspec is None else await walk_device(bus, profile)


async def look(bus: Bus, profile: Profile, names: Sequence[str], evse_id: int) -> list[Seen]:
    """Read these registers of an EVSE. What is refused or does not come is told, not raised.

    Raises BusError where there is no connection to be had.
    """
    answers: list[_Answer] = []
    for read in plan(points(profile, names, evse_id), profile):
        answers += await _answers_to(bus, profile, read)
    # All at once: a value and its scale may have come in two answers.
    values = decode([(each.read, each.words) for each in answers if each.words])
    return [_seen(each, point, values) for each in answers for point in each.read.points]


class _Answer(NamedTuple):
    read: Read
    words: Sequence[int]
    problem: str = ""


async def _answers_to(bus: Bus, profile: Profile, read: Read) -> list[_Answer]:
    try:
        return [_Answer(read, await _read(bus, profile, read))]
    except BusError as error:
        if error.fault is BusFault.UNREACHABLE:
            raise
        if error.is_refusal and len(read.points) > 1:  # perhaps one of them alone
            singles = [one for point in read.points for one in plan([point], profile)]
            return [answer for single in singles for answer in await _answers_to(bus, profile, single)]
        return [_Answer(read, (), str(error))]


async def _read(bus: Bus, profile: Profile, read: Read) -> list[int]:
    pause_s = profile.reads.pause_ms / 1000
    for attempt in range(ATTEMPTS):
        try:
            await asyncio.sleep(bus.retry_wait_s())
            words = await bus.read(read, urgency=Urgency.PERSON, pause_s=pause_s)
            if not profile.reads.twice or attempt:
                return words
        except BusError as error:
            is_settled = error.fault is BusFault.UNREACHABLE or (error.is_refusal and not profile.reads.twice)
            if attempt == ATTEMPTS - 1 or is_settled:
                raise
    return await bus.read(read, urgency=Urgency.PERSON, pause_s=pause_s)


def _seen(answer: _Answer, point: Point, values: Mapping[tuple[int, str, int], Decoded]) -> Seen:
    if answer.problem:
        return Seen(point=point, words=(), value=None, problem=answer.problem)
    start, found = point.address - answer.read.address, values[point.evse_id, *point.key]
    mine = tuple(answer.words[start : start + point.words])
    return Seen(point=point, words=mine, value=found.value, problem=found.reason or "")


async def exponent_of(bus: Bus, profile: Profile, name: str, evse_id: int) -> int:
    """What the device shows as the scale of a register; 0 where it has none. Raises BadText, BusError."""
    scale = profile.registers[name].scale_register
    if scale is None:
        return 0
    (seen,) = await look(bus, profile, [scale], evse_id)
    if not isinstance(seen.value, int):
        raise BadText(f"{scale}, the scale of {name}, is not known: {seen.problem}")
    return seen.value


def planned_write(profile: Profile, name: str, value: Value, evse_id: int, *, exponent: int = 0) -> Planned:
    """The write, if the profile's rules allow it. Raises BadText with the reason where they do not."""
    rule, watchdog = profile.limit, profile.watchdog
    if rule is not None and name == rule.register and isinstance(value, int) and value != rule.pause:
        value = _limit(profile, rule, value)
    if watchdog is not None and value == 0:
        is_its_time = name == watchdog.timeout_setting or (
            name == watchdog.register and watchdog.kind is WatchdogKind.REWRITE_TIMEOUT
        )
        if is_its_time:
            raise BadText("0 would switch the watchdog off, and nothing would limit a charger whose agent is gone")
    try:
        return Planned(write_value(profile, name, value, evse_id, exponent=exponent), value)
    except BadValue as error:
        raise BadText(str(error)) from None


def _limit(profile: Profile, rule: Limit, value: int) -> int:
    """Rounded down to what the device takes. Raises BadText where it is out of its range."""
    base = profile.registers[rule.register].base_unit
    unit = f" {base.name}" if base is not None else ""
    highest = allowed_limit(profile, _ABOVE_ALL)
    if highest is not None and value > highest:
        raise BadText(f"{profile.id} takes no limit above {highest}{unit}")
    allowed = allowed_limit(profile, value)
    if allowed is None:
        pauses = f"{rule.pause} pauses it" if rule.pause is not None else f"{rule.register} does not pause it"
        switch = f", {profile.enable.register} does" if rule.pause is None and profile.enable is not None else ""
        raise BadText(f"{profile.id} takes no limit below {rule.minimum}{unit}; {pauses}{switch}")
    return allowed
