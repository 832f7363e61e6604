"""The fewest reads that bring a set of registers, and their answers taken apart again.

Registers stand together in a read where they touch, and where what lies between is readable: inside one of the blocks
that the profile names. Table and unit apart; never more than the device gives at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from protocols.modbus.codec import NOT_AVAILABLE, Coding, Decoded
from protocols.modbus.profile import Block, Profile, ReadRules
from protocols.modbus.register import Group, Register, Scope, Table

Key = tuple[str, int]
"""A register's name, and which of its values, from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value on the wire: `words` registers (or one bit) from `address` of a unit's table."""

    name: str
    index: int
    evse_id: int
    unit_id: int
    table: Table
    address: int
    words: int
    register: Register = field(repr=False, compare=False)
    coding: Coding = field(repr=False, compare=False)

    @property
    def key(self) -> Key:
        return self.name, self.index

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + self.words


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One request, and the values that its answer holds."""

    unit_id: int
    table: Table
    address: int
    count: int
    points: tuple[Point, ...]

    @property
    def function(self) -> int:
        """The request's function code."""
        return self.table.read_function


def points(profile: Profile, names: Iterable[str], evse_id: int = 1) -> tuple[Point, ...]:
    """The values of the named registers, those of EVSEs for `evse_id`; with them those that give them their scale."""
    wanted = dict.fromkeys(names)
    scales = (profile.registers[name].scale_register for name in tuple(wanted))
    wanted.update(dict.fromkeys(scale for scale in scales if scale is not None))
    return tuple(point for name in wanted for point in _of_register(profile, name, evse_id))


def names_of(profile: Profile, *groups: Group, scope: Scope | None = None) -> tuple[str, ...]:
    """The readable registers of these groups (all without), and of one scope if it is given."""
    return tuple(
        name
        for name, register in profile.registers.items()
        if register.is_readable
        and (not groups or register.group in groups)
        and (scope is None or register.scope is scope)
    )


def plan(wanted: Iterable[Point], profile: Profile) -> tuple[Read, ...]:
    """The fewest reads for these values, in the order of their addresses."""
    by_table = groupby(sorted(set(wanted), key=_place), key=lambda point: (point.unit_id, point.table))
    found: list[Read] = []
    for (unit_id, table), group in by_table:
        blocks = _blocks(profile, table, unit_id)
        left = sorted((_span(point, blocks) for point in group), key=lambda span: span[:2])
        while left:
            taken, left = _longest(left, table, profile.reads, blocks)
            start, end = taken[0][0], max(end for _, end, _ in taken)
            held = tuple(point for _, _, point in taken)
            found.append(Read(unit_id=unit_id, table=table, address=start, count=end - start, points=held))
    return tuple(found)


def decode(answers: Iterable[tuple[Read, Sequence[int]]]) -> dict[tuple[int, str, int], Decoded]:
    """All values of the answers, by EVSE, name and index; a scaled one needs its scale register among them.

    Raises ValueError for an answer that is not as long as was asked for.
    """
    cut = [(point, _words(read, point, words)) for read, words in answers for point in read.points]
    values = {
        (point.evse_id, *point.key): point.coding.decode(words)
        for point, words in cut
        if point.register.scale_register is None
    }
    for point, words in cut:
        if (scale := point.register.scale_register) is not None:
            exponent = values.get((point.evse_id, scale, 0), Decoded(None)).value
            decoded = point.coding.decode(words, exponent) if isinstance(exponent, int) else _NO_SCALE
            values[point.evse_id, *point.key] = decoded
    return values


def singles(values: Mapping[tuple[int, str, int], Decoded], evse_id: int = 1) -> dict[str, int | str | bytes | None]:
    """The first value of each register of an EVSE, as `status.py` and conditions want them."""
    return {name: found.value for (of, name, index), found in values.items() if of == evse_id and index == 0}


_NO_SCALE = Decoded(None, f"its scale factor is {NOT_AVAILABLE}")


def _of_register(profile: Profile, name: str, evse_id: int) -> Iterable[Point]:
    register = profile.registers[name]
    first, coding = profile.address_of(register, evse_id), Coding(register)
    for index in range(register.count):
        yield Point(
            name=name,
            index=index,
            evse_id=evse_id,
            unit_id=profile.unit_of(register.scope, evse_id),
            table=register.table,
            address=first + index * register.step_words,
            words=register.form.words,
            register=register,
            coding=coding,
        )


_Span = tuple[int, int, Point]
"""What must be read for a point: from an address to the one behind it."""
_Stretch = tuple[int, int, bool]
"""A readable stretch of a table: the first address, the last, and whether it is read as a whole or not at all."""


def _place(point: Point) -> tuple[int, Table, int, int, str, int]:
    return point.unit_id, point.table, point.address, point.end, point.name, point.index


def _span(point: Point, blocks: Sequence[_Stretch]) -> _Span:
    for first, last, is_whole in blocks:
        if is_whole and first <= point.address and point.end <= last + 1:
            return first, last + 1, point
    return point.address, point.end, point


def _longest(
    left: Sequence[_Span], table: Table, rules: ReadRules, blocks: Sequence[_Stretch]
) -> tuple[list[_Span], list[_Span]]:
    """The read that begins with the first point and takes in as many as it may, and the points that it leaves."""
    first, end, _ = left[0]
    most = end - first if rules.one_value else rules.max_bits if table.is_bits else rules.max_words
    taken, others = [left[0]], []
    for span in left[1:]:
        if span[1] - first <= most and _is_bridged(end, span[0], rules, blocks):
            taken.append(span)
            end = max(end, span[1])
        else:
            others.append(span)
    return taken, others


def _is_bridged(end: int, start: int, rules: ReadRules, blocks: Sequence[_Stretch]) -> bool:
    gap = start - end
    return gap <= 0 or (gap <= rules.gap_words and any(first <= end and start - 1 <= last for first, last, _ in blocks))


def _blocks(profile: Profile, table: Table, unit_id: int) -> tuple[_Stretch, ...]:
    """The readable stretches of a unit's table, for every EVSE there."""
    return tuple(
        (block.first + base, block.last + base, block.whole)
        for block in profile.reads.blocks
        if block.table is table
        for base in _bases(profile, block, unit_id)
    )


def _bases(profile: Profile, block: Block, unit_id: int) -> Iterable[int]:
    if block.scope is Scope.STATION:
        return (0,) if unit_id == profile.unit_id else ()
    return {
        profile.evses.base + number * profile.evses.stride
        for number in range(profile.evses.at_most)
        if profile.unit_of(Scope.EVSE, number + 1) == unit_id
    }


def _words(read: Read, point: Point, words: Sequence[int]) -> Sequence[int]:
    if len(words) != read.count:
        raise ValueError(f"{read.count} words were asked for, {len(words)} came")
    start = point.address - read.address
    return words[start : start + point.words]
