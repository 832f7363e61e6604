"""What is read of a device in a round, and how a device that will not have merged reads is read all the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from edge.chargers.modbus.bus import Bus, BusError, BusFault
from edge.chargers.modbus.turns import Urgency
from protocols.modbus.codec import Decoded
from protocols.modbus.profile import Profile
from protocols.modbus.reads import Point, Read, decode, names_of, plan, points
from protocols.modbus.register import Group, Scope
from protocols.modbus.setpoint import Write


class Outcome(NamedTuple):
    """What a round brought, and why it ended early, if it did."""

    values: dict[tuple[int, str, int], Decoded]
    error: BusError | None = None


class Rounds:
    """The reads of one device. A read that is refused is tried value by value: from then on the good ones are read each
    by itself, and those that the device does not have are left out until it is found anew."""

    def __init__(self, bus: Bus, profile: Profile, evse_ids: Sequence[int]) -> None:
        self._bus = bus
        self._profile = profile
        self._evse_ids = tuple(evse_ids)
        self._alone: set[Point] = set()
        self._missing: set[Point] = set()
        self._plans: dict[tuple[Group, ...], tuple[Read, ...]] = {}
        self._begin_with: dict[tuple[Group, ...], int] = {}

    @property
    def missing(self) -> frozenset[str]:
        """The registers that the device refuses to show."""
        return frozenset(point.name for point in self._missing)

    async def read_groups(self, *groups: Group, attempts: int = 1) -> Outcome:
        """Read these groups; each read, once any was answered, at most `attempts` times. After a failure the next round
        begins behind the read that failed: none starves."""
        reads = self._plans.get(groups)
        if reads is None:
            reads = self._plans[groups] = self._planned(self._points_of(groups))
        first = self._begin_with.get(groups, 0) % max(1, len(reads))
        answers: list[tuple[Read, Sequence[int]]] = []
        for offset, read in enumerate((*reads[first:], *reads[:first])):
            try:
                answers += await self._try(read, attempts if answers else 1)  # a dead device is asked once
            except BusError as error:
                self._begin_with[groups] = first + offset + 1
                return Outcome(_decoded(answers), error)
        self._begin_with[groups] = 0
        return Outcome(_decoded(answers))

    async def read_names(self, names: Iterable[str], evse_id: int = 1, *, urgency: Urgency = Urgency.POLL) -> Outcome:
        """Read single registers of an EVSE now."""
        answers: list[tuple[Read, Sequence[int]]] = []
        for read in self._planned(set(points(self._profile, names, evse_id)) - self._missing):
            try:
                answers += await self._read(read, urgency)
            except BusError as error:
                return Outcome(_decoded(answers), error)
        return Outcome(_decoded(answers))

    async def write(self, write: Write) -> None:
        """Twice where the device only wakes at the first request. Raises BusError."""
        await self._bus.write(write, pause_s=self._pause_s, is_twice=self._profile.reads.twice)

    async def touch(self) -> None:
        """Ask for one value, whatever it is: some watchdogs want no more. Raises BusError, but for a refusal."""
        reads = self._plans.get((Group.FAST,)) or self._planned(self._points_of((Group.FAST,)))
        if reads:
            try:
                await self._bus.read(reads[0], urgency=Urgency.WRITE, pause_s=self._pause_s)
            except BusError as error:
                if not error.is_refusal:
                    raise

    async def _try(self, read: Read, attempts: int) -> list[tuple[Read, Sequence[int]]]:
        lost_s = 0.0
        while True:
            attempts -= 1
            try:
                return await self._read(read)
            except BusError as error:
                error.lost_s += lost_s
                lost_s = error.lost_s
                if error.fault is BusFault.UNREACHABLE or attempts < 1:
                    raise

    async def _read(self, read: Read, urgency: Urgency = Urgency.POLL) -> list[tuple[Read, Sequence[int]]]:
        try:
            return [(read, await self._once_or_twice(read, urgency))]
        except BusError as error:
            if not error.is_refusal:
                raise
        return await self._value_by_value(read, urgency)

    async def _value_by_value(self, read: Read, urgency: Urgency) -> list[tuple[Read, Sequence[int]]]:
        answers: list[tuple[Read, Sequence[int]]] = []
        good: set[Point] = set()
        bad: set[Point] = set()
        for single in [one for point in read.points for one in plan([point], self._profile)]:
            try:
                answers.append((single, await self._once_or_twice(single, urgency)))
                good.update(single.points)
            except BusError as error:
                if not error.is_refusal:
                    raise
                bad.update(single.points)
        self._alone |= good  # only now: a failure in between proves nothing
        self._missing |= bad
        self._plans.clear()
        return answers

    async def _once_or_twice(self, read: Read, urgency: Urgency) -> list[int]:
        return await self._bus.read(read, urgency=urgency, pause_s=self._pause_s, is_twice=self._profile.reads.twice)

    @property
    def _pause_s(self) -> float:
        return self._profile.reads.pause_ms / 1000

    def _planned(self, wanted: Iterable[Point]) -> tuple[Read, ...]:
        known = set(wanted) - self._missing
        singles = (read for point in known & self._alone for read in plan([point], self._profile))
        together = plan(known - self._alone, self._profile)
        return tuple(sorted((*together, *singles), key=lambda read: (read.unit_id, read.table, read.address)))

    def _points_of(self, groups: Sequence[Group]) -> set[Point]:
        station = points(self._profile, names_of(self._profile, *groups, scope=Scope.STATION), self._evse_ids[0])
        per_evse = names_of(self._profile, *groups, scope=Scope.EVSE)
        return {*station, *(p for evse_id in self._evse_ids for p in points(self._profile, per_evse, evse_id))}


def _decoded(answers: Sequence[tuple[Read, Sequence[int]]]) -> dict[tuple[int, str, int], Decoded]:
    """Without the values whose scale did not come."""
    came = {(point.evse_id, point.name) for read, _ in answers for point in read.points}
    values = decode(answers)
    for read, _ in answers:
        for point in read.points:
            scale = point.register.scale_register
            if scale is not None and (point.evse_id, scale) not in came:
                values.pop((point.evse_id, *point.key), None)
    return values
