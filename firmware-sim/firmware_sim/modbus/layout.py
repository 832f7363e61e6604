"""What stands where in a device, and which requests it refuses because of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from firmware_sim.modbus.bits import width_bits
from firmware_sim.modbus.pdu import Refusal, Request
from protocols.modbus.profile import Block, Profile
from protocols.modbus.reads import Point, points
from protocols.modbus.register import Scope, Table

_REMEMBERED_READS: Final = 256


class Written(NamedTuple):
    """A value that a request writes."""

    point: Point
    words: tuple[int, ...]


@dataclass(slots=True)
class _Plane:
    """One table of one unit."""

    readable: set[int] = field(default_factory=set)
    points: dict[int, list[Point]] = field(default_factory=dict)
    """By every address that they take."""
    wholes: list[tuple[int, int]] = field(default_factory=list)
    """First address and the one behind the last of stretches that are read in one go or not at all."""
    fixed: dict[int, int] = field(default_factory=dict)
    """Words that belong to no register, such as the heads of SunSpec models."""


class Layout:
    """The tables of all units of a device with `evses` EVSEs; `absent` are optional registers that it has not.

    `fixed` are words of the station's holding registers that no register of the profile names.
    """

    def __init__(
        self, profile: Profile, evses: int, absent: Iterable[str] = (), fixed: Mapping[int, int] | None = None
    ) -> None:
        self._rules = profile.reads
        self._planes: dict[tuple[int, Table], _Plane] = {}
        self._touched: dict[tuple[int, Table, int, int], tuple[Point, ...]] = {}
        left_out = frozenset(absent)
        for evse_id in range(1, evses + 1):
            for block in profile.reads.blocks:
                self._add_block(profile, block, evse_id)
            for name, register in profile.registers.items():
                if name not in left_out and (evse_id == 1 or register.scope is Scope.EVSE):
                    self._add_register(profile, name, evse_id)
        if fixed:
            plane = self._plane(profile.unit_id, Table.HOLDING)
            plane.fixed.update(fixed)
            plane.readable.update(fixed)
        self.unit_ids = frozenset(unit_id for unit_id, _ in self._planes)

    def points_in(self, unit_id: int, request: Request) -> tuple[Point, ...]:
        """The values that a read touches, those that share a word with a wider one behind it."""
        key = (unit_id, request.table, request.address, request.count)
        if (known := self._touched.get(key)) is not None:
            return known
        plane = self._planes[unit_id, request.table]
        found = {
            (point.name, point.index, point.evse_id): point
            for address in range(request.address, request.end)
            for point in plane.points.get(address, ())
        }
        if len(self._touched) >= _REMEMBERED_READS:
            self._touched.clear()
        self._touched[key] = tuple(sorted(found.values(), key=width_bits, reverse=True))
        return self._touched[key]

    def readable_points(self) -> Iterable[Point]:
        """Every value that can be read."""
        for plane in self._planes.values():
            for address, there in plane.points.items():
                yield from (point for point in there if point.address == address and point.register.is_readable)

    def fixed_in(self, unit_id: int, request: Request) -> Mapping[int, int]:
        """Words that are what they are, by address."""
        fixed = self._planes[unit_id, request.table].fixed
        return {at: fixed[at] for at in range(request.address, request.end) if at in fixed} if fixed else {}

    def refusal_to_read(self, unit_id: int, request: Request) -> Refusal | None:
        """Why a read is refused: too much, an address that is not there, or a value or block that is cut."""
        plane = self._planes.get((unit_id, request.table))
        most = self._rules.max_bits if request.table.is_bits else self._rules.max_words
        if request.count > most:
            return Refusal.ILLEGAL_VALUE
        if plane is None or any(at not in plane.readable for at in range(request.address, request.end)):
            return Refusal.ILLEGAL_ADDRESS
        for first, end in plane.wholes:
            if request.address < end and first < request.end and not (request.address <= first and end <= request.end):
                return Refusal.ILLEGAL_ADDRESS
        if self._rules.one_value and not self._is_one_value(plane, request):
            return Refusal.ILLEGAL_ADDRESS
        return None

    def written(self, unit_id: int, request: Request) -> tuple[Written, ...] | Refusal:
        """The values that a write holds, each of them whole and written with a function that its register takes."""
        plane = self._planes.get((unit_id, request.table))
        found: list[Written] = []
        at = request.address
        while at < request.end:
            point = self._writable_at(plane, at) if plane is not None else None
            if point is None or point.end > request.end:
                return Refusal.ILLEGAL_ADDRESS
            wanted = point.register.function
            if (wanted is not None and wanted != request.function) or (point.words > 1 and request.function == 6):
                return Refusal.ILLEGAL_FUNCTION
            start = at - request.address
            found.append(Written(point, request.words[start : start + point.words]))
            at = point.end
        return tuple(found)

    # --- laying out ---

    def _plane(self, unit_id: int, table: Table) -> _Plane:
        return self._planes.setdefault((unit_id, table), _Plane())

    def _add_register(self, profile: Profile, name: str, evse_id: int) -> None:
        register = profile.registers[name]
        for point in points(profile, [name], evse_id):
            if point.name != name:
                continue  # the register of its scale, which comes by its own name
            plane = self._plane(point.unit_id, point.table)
            for at in range(point.address, point.end):
                plane.points.setdefault(at, []).append(point)
            if register.is_readable:
                plane.readable.update(range(point.address, point.end))

    def _add_block(self, profile: Profile, block: Block, evse_id: int) -> None:
        if block.scope is Scope.STATION and evse_id > 1:
            return
        base = 0 if block.scope is Scope.STATION else profile.evses.base + (evse_id - 1) * profile.evses.stride
        plane = self._plane(profile.unit_of(block.scope, evse_id), block.table)
        plane.readable.update(range(block.first + base, block.last + base + 1))
        if block.whole:
            plane.wholes.append((block.first + base, block.last + base + 1))

    @staticmethod
    def _is_one_value(plane: _Plane, request: Request) -> bool:
        return any(
            point.address == request.address and point.words == request.count
            for point in plane.points.get(request.address, ())
        )

    @staticmethod
    def _writable_at(plane: _Plane, at: int) -> Point | None:
        for point in plane.points.get(at, ()):
            if point.address == at and point.register.is_writable:
                return point
        return None
