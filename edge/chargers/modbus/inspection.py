"""One look into a device, and one write, for the technician: typed by the profile, checked by its rules."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge.chargers.modbus.bus import Bus, BusError
from edge.chargers.modbus.sunspec_walk import walk_device
from edge.chargers.modbus.turns import Urgency
from protocols.errors import BadText
from protocols.modbus.codec import BadValue, Decoded, Value
from protocols.modbus.profile import Profile, WatchdogKind
from protocols.modbus.reads import Point, Read, decode, plan, points
from protocols.modbus.setpoint import Write, allowed_limit, write_value

ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One value of a register: its words as they came, and what they mean; `problem` why there is none."""

    point: Point
    words: tuple[int, ...]
    value: Value | None
    problem: str = ""


async def placed(bus: Bus, profile: Profile) -> Profile:
    """The profile with the places that a SunSpec device gives its registers. Raises BusError."""
    return profile if profile.sunspec is None else await walk_device(bus, profile)


async def look(bus: Bus, profile: Profile, names: Sequence[str], evse_id: int) -> list[Seen]:
    """Read these registers of an EVSE. What is refused or does not come is told, not raised; no connection is."""
    seen: list[Seen] = []
    for read in plan(points(profile, names, evse_id), profile):
        seen += await _look_at(bus, profile, read)
    return seen


async def _look_at(bus: Bus, profile: Profile, read: Read) -> list[Seen]:
    try:
        words = await _read(bus, profile, read)
    except BusError as error:
        if error.is_refusal and len(read.points) > 1:  # perhaps one of them alone
            singles = [one for point in read.points for one in plan([point], profile)]
            return [seen for single in singles for seen in await _look_at(bus, profile, single)]
        return [Seen(point=point, words=(), value=None, problem=str(error)) for point in read.points]
    values = decode([(read, words)])
    return [_seen(read, words, point, values[point.evse_id, *point.key]) for point in read.points]


async def _read(bus: Bus, profile: Profile, read: Read) -> list[int]:
    pause_s = profile.reads.pause_ms / 1000
    for attempt in range(ATTEMPTS):
        try:
            await asyncio.sleep(bus.retry_wait_s())
            words = await bus.read(read, urgency=Urgency.PERSON, pause_s=pause_s)
            if not profile.reads.twice or attempt:
                return words
        except BusError as error:
            if attempt == ATTEMPTS - 1 or (error.is_refusal and not profile.reads.twice):
                raise
    return await bus.read(read, urgency=Urgency.PERSON, pause_s=pause_s)


def _seen(read: Read, words: Sequence[int], point: Point, found: Decoded) -> Seen:
    start = point.address - read.address
    mine = tuple(words[start : start + point.words])
    return Seen(point=point, words=mine, value=found.value, problem=found.reason or "")


def planned_write(profile: Profile, name: str, value: Value, evse_id: int) -> Write:
    """The write, if the profile's rules allow it. Raises BadText with the reason where they do not."""
    rule, watchdog = profile.limit, profile.watchdog
    if rule is not None and name == rule.register and isinstance(value, int) and value != rule.pause:
        allowed = allowed_limit(profile, value)
        if allowed is None:
            pause = "it cannot be paused by it" if rule.pause is None else f"{rule.pause} pauses it"
            raise BadText(f"{profile.id} takes no limit below {rule.minimum}; {pause}")
        value = allowed
    if watchdog is not None and value == 0:
        is_its_time = name == watchdog.timeout_setting or (
            name == watchdog.register and watchdog.kind is WatchdogKind.REWRITE_TIMEOUT
        )
        if is_its_time:
            raise BadText("0 would switch the watchdog off, and nothing would limit a charger whose agent is gone")
    try:
        return write_value(profile, name, value, evse_id)
    except BadValue as error:
        raise BadText(str(error)) from None
