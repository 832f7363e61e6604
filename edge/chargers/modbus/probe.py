"""Finds which units of a bus answer, and which profile fits each. Nothing is written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from edge.chargers.modbus.bus import Bus, BusError, BusFault
from edge.chargers.modbus.sunspec_walk import chain_of
from edge.chargers.modbus.turns import Urgency
from protocols.errors import BadText, OhmsteadError
from protocols.modbus import catalogue
from protocols.modbus.catalogue import Fit
from protocols.modbus.codec import Value
from protocols.modbus.profile import Profile
from protocols.modbus.reader import Parsed
from protocols.modbus.reads import Read, decode, plan, points, singles
from protocols.modbus.register import Group, Table
from protocols.modbus.sunspec import lack_of, place

MAX_UNITS: Final = 255
_KNOCKS: Final = ((Table.HOLDING, 0), (Table.INPUT, 0))
_BY_RANK: Final = (Fit.PROVEN, Fit.PLAUSIBLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A profile that fits, and what the device tells of itself by it; `signs` is how much was compared."""

    fit: Fit
    profile_id: str
    variant: str | None
    model: str
    signs: int
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """A unit that answers, with the profiles that fit, the surest first."""

    unit_id: int
    matches: tuple[Match, ...]


class Unconnected(OhmsteadError):
    """The bus cannot be reached; the message says which and why."""


Progress = Callable[[str], None]
_Words = tuple[int, Table, int, int]


def parse_units(text: str) -> tuple[int, ...]:
    """Unit ids such as "1-10,255", each once and in this order. Raises BadText."""
    found: dict[int, None] = {}
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not (first.isdecimal() and (last.isdecimal() if dash else not last)):
            raise BadText(f"{text!r}: unit ids such as 1-10,255 are expected")
        numbers = range(int(first), int(last or first) + 1)
        if not numbers or numbers[0] < 0 or numbers[-1] > MAX_UNITS:
            raise BadText(f"{text!r}: unit ids are 0 to {MAX_UNITS}, the smaller one first")
        found.update(dict.fromkeys(numbers))
    return tuple(found)


def usual_units(profiles: Sequence[Parsed]) -> tuple[int, ...]:
    """The unit ids that the profiles are delivered with, and 1 to 10."""
    factory = {unit for each in profiles for unit in (each.profile.unit_id, *each.profile.evses.unit_ids)}
    return (*range(1, 11), *sorted(factory - set(range(1, 11))))


class Probe:
    """One look at a bus. `progress` hears what is being done, a line at a time."""

    def __init__(self, bus: Bus, profiles: Sequence[Parsed], progress: Progress) -> None:
        self._bus = bus
        self._profiles = [each for each in profiles if bus.address.transport in each.profile.transports]
        self._progress = progress
        self._known: dict[_Words, Sequence[int] | None] = {}

    async def look_at(self, unit_ids: Sequence[int], longest_s: float) -> tuple[Answering, ...]:
        """Every unit that answers; ends after `longest_s` with what was found. Raises Unconnected."""
        found: list[Answering] = []
        try:
            async with asyncio.timeout(longest_s):
                for number, unit_id in enumerate(unit_ids, 1):
                    self._progress(f"unit {unit_id} ({number} of {len(unit_ids)})")
                    if await self._answers(unit_id):
                        self._progress(f"unit {unit_id} answers; comparing {len(self._profiles)} profiles")
                        found.append(Answering(unit_id=unit_id, matches=await self._matches(unit_id)))
        except TimeoutError:
            self._progress(f"given up after {longest_s:.0f} s; not all units were asked")
        return tuple(found)

    async def _answers(self, unit_id: int) -> bool:
        """An exception is an answer too, but for a gateway's that finds nobody."""
        for table, address in _KNOCKS:
            try:
                await self._ask(_read(unit_id, table, address, 1), 0.0)
                return True
            except BusError as error:
                if error.is_refusal:
                    return True
        return False

    async def _matches(self, unit_id: int) -> tuple[Match, ...]:
        matches = [match for parsed in self._profiles if (match := await self._match(unit_id, parsed)) is not None]
        return tuple(sorted(matches, key=lambda match: (-match.fit, -match.signs, match.profile_id)))

    async def _match(self, unit_id: int, parsed: Parsed) -> Match | None:
        profile = parsed.profile
        if profile.evses.unit_ids:
            if unit_id != profile.unit_id:  # its EVSEs are units of their own; the station speaks for all
                return None
        else:
            profile = replace(profile, unit_id=unit_id)
        if profile.sunspec is not None:
            return await self._sunspec(profile)
        values: dict[str, Value | None] = {}
        for sign in profile.identify:
            values |= await self._values(profile, [sign.register])
            if not sign.holds(values.get(sign.register)):
                return None
        found = catalogue.fit(profile, values)
        if found not in _BY_RANK:
            return None
        wanted = {condition.register for variant, _ in parsed.variants.values() for condition in variant.when}
        values |= await self._values(profile, sorted(wanted - values.keys()))
        return await self._matched(profile, found, catalogue.variant_for(parsed, values))

    async def _sunspec(self, profile: Profile) -> Match | None:
        """Where its models stand is told as well: that is what a technician compares with the manual."""
        try:
            chain = await chain_of(self._bus, profile)
        except BusError:
            return None
        if not chain:
            return None
        if lack := lack_of(profile, chain):
            self._progress(f"unit {profile.unit_id}: {lack}")
            return None
        match = await self._matched(place(profile, chain), Fit.PROVEN, None)
        models = ", ".join(f"{found.model} at {found.address}" for found in chain)
        return replace(match, values={**match.values, "sunspec_models": models})

    async def _matched(self, profile: Profile, found: Fit, variant: str | None) -> Match:
        once = [name for name, register in profile.registers.items() if register.group is Group.ONCE]
        signs = [sign.register for sign in profile.identify if sign.register in profile.registers]
        told = await self._values(profile, list(dict.fromkeys((*once, *signs))))
        return Match(
            fit=found,
            profile_id=profile.id,
            variant=variant,
            model=f"{profile.vendor} {profile.model}",
            signs=len(profile.identify),
            values={name: value for name, value in told.items() if value not in (None, "")},
        )

    async def _values(self, profile: Profile, names: Sequence[str]) -> dict[str, Value | None]:
        answers = []
        for read in plan(points(profile, [name for name in names if profile.registers[name].is_readable]), profile):
            words = await self._words(read, is_twice=profile.reads.twice, pause_s=profile.reads.pause_ms / 1000)
            if words is not None:
                answers.append((read, words))
        return singles(decode(answers))

    async def _words(self, read: Read, *, is_twice: bool, pause_s: float) -> Sequence[int] | None:
        """Asked once, whichever profile wants it."""
        key = (read.unit_id, read.table, read.address, read.count)
        if key not in self._known or is_twice:
            for _ in range(2 if is_twice else 1):
                try:
                    self._known[key] = await self._ask(read, pause_s)
                except BusError:
                    self._known[key] = None
        return self._known[key]

    async def _ask(self, read: Read, pause_s: float) -> Sequence[int]:
        """Raises BusError, and Unconnected once there is no connection to be had."""
        await asyncio.sleep(self._bus.retry_wait_s())
        try:
            return await self._bus.read(read, urgency=Urgency.PERSON, pause_s=pause_s)
        except BusError as error:
            if error.fault is BusFault.UNREACHABLE:
                raise Unconnected(f"{self._bus.address}: {error}") from None
            raise


def _read(unit_id: int, table: Table, address: int, count: int) -> Read:
    return Read(unit_id=unit_id, table=table, address=address, count=count, points=())
