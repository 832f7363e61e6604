"""The plan of reads: everything once, nothing beside it, within the device's limits, and in the fewest requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.modbus.catalogue import load, profile_ids
from protocols.modbus.profile import Block, DeviceKind, Evses, Profile, ReadRules, Transport
from protocols.modbus.reads import Point, Read, decode, names_of, plan, points
from protocols.modbus.register import Group, Order, Register, Scope, Table
from tests.protocols.modbus.device import Memory

TYPES = {1: "uint16", 2: "uint32", 4: "uint64"}


def profile_of(places: Sequence[tuple[Table, int, int]], rules: ReadRules) -> Profile:
    """A meter with a register for each table, address and number of words."""
    registers = {
        f"r{number}": Register(
            address=address,
            table=table,
            type="bool" if table.is_bits else TYPES[words],
            source="test",
            word_order=Order.BIG,
        )
        for number, (table, address, words) in enumerate(places)
    }
    return Profile(
        id="test",
        kind=DeviceKind.METER,
        vendor="-",
        model="-",
        sources=("test",),
        transports=(Transport.TCP,),
        registers=registers,
        reads=rules,
    )


tables = st.sampled_from(Table)
places = st.lists(st.tuples(tables, st.integers(0, 400), st.sampled_from([1, 2, 4])), min_size=1, max_size=40)


@st.composite
def rules(draw: st.DrawFn) -> ReadRules:
    blocks = draw(st.lists(st.tuples(tables, st.integers(0, 400), st.integers(0, 120), st.booleans()), max_size=3))
    most = draw(st.integers(4, 125))
    return ReadRules(
        max_words=most,
        max_bits=draw(st.integers(1, 2000)),
        one_value=draw(st.booleans()),
        gap_words=draw(st.integers(0, 124)),
        blocks=tuple(
            Block(table=table, first=first, last=first + length, whole=whole and length < min(most, 4) - 1)
            for table, first, length, whole in blocks
        ),
    )


@given(places, rules())
def test_every_value_is_read_once_and_within_the_devices_limits(
    wanted: list[tuple[Table, int, int]], rule: ReadRules
) -> None:
    profile = profile_of(wanted, rule)
    all_points = points(profile, profile.registers)
    found = plan(all_points, profile)
    held = [point for read in found for point in read.points]
    assert sorted(p.name for p in held) == sorted(p.name for p in all_points)
    for read in found:
        assert read.count <= (rule.max_bits if read.table.is_bits else rule.max_words)
        assert all(p.table is read.table and p.unit_id == read.unit_id for p in read.points)
        assert all(read.address <= p.address and p.end <= read.address + read.count for p in read.points)
        if rule.one_value:
            is_one = any((p.address, p.words) == (read.address, read.count) for p in read.points)
            assert is_one or _is_whole(read, rule)
        assert not _unnamed(read) - _readable(read, rule)
        if not any(block.whole for block in rule.blocks):
            assert all(len(gap) <= rule.gap_words for gap in _gaps(read.points))


def _is_whole(read: Read, rule: ReadRules) -> bool:
    return any(block.whole and block.first == read.address for block in rule.blocks)


def _unnamed(read: Read) -> set[int]:
    """Addresses that the read takes along."""
    named = {address for point in read.points for address in range(point.address, point.end)}
    return set(range(read.address, read.address + read.count)) - named


def _readable(read: Read, rule: ReadRules) -> set[int]:
    return {a for block in rule.blocks if block.table is read.table for a in range(block.first, block.last + 1)}


@given(places, rules(), st.data())
def test_merged_reads_tell_what_single_reads_tell(
    wanted: list[tuple[Table, int, int]], rule: ReadRules, data: st.DataObject
) -> None:
    profile = profile_of(wanted, rule)
    memory = Memory()
    for point in points(profile, profile.registers):
        limit = 1 if point.table.is_bits else 0xFFFF
        memory.put(point, data.draw(st.lists(st.integers(0, limit), min_size=point.words, max_size=point.words)))
    alone = {}
    for name in profile.registers:
        (point,) = points(profile, [name])
        alone[1, name, 0] = point.coding.decode(memory.read(_single(point)))
    assert memory.values(profile, profile.registers) == alone


def _single(point: Point) -> Read:
    return Read(unit_id=point.unit_id, table=point.table, address=point.address, count=point.words, points=(point,))


SMALL = st.lists(
    st.tuples(st.just(Table.HOLDING), st.integers(0, 14), st.sampled_from([1, 2, 4])), min_size=1, max_size=5
)


@settings(max_examples=300)
@given(
    SMALL,
    st.integers(4, 9),
    st.integers(0, 6),
    st.lists(st.tuples(st.integers(0, 14), st.integers(1, 10)), max_size=2),
)
def test_no_other_way_to_read_takes_fewer_requests(
    wanted: list[tuple[Table, int, int]], most: int, gap: int, stretches: list[tuple[int, int]]
) -> None:
    blocks = tuple(Block(table=Table.HOLDING, first=first, last=first + length) for first, length in stretches)
    rule = ReadRules(max_words=most, gap_words=gap, blocks=blocks)
    profile = profile_of(wanted, rule)
    all_points = points(profile, profile.registers)
    fewest = min(len(parts) for parts in _partitions(all_points) if all(_may_be_one(part, rule) for part in parts))
    assert len(plan(all_points, profile)) == fewest


def _partitions(of: Sequence[Point]) -> Iterator[list[list[Point]]]:
    """Every way to share the points among reads."""
    if not of:
        yield []
        return
    for parts in _partitions(of[1:]):
        yield [[of[0]], *parts]
        for number, part in enumerate(parts):
            yield [*parts[:number], [of[0], *part], *parts[number + 1 :]]


def _may_be_one(part: Sequence[Point], rule: ReadRules) -> bool:
    """Said another way than the planner says it: every gap is short, and inside one block."""
    start, end = min(p.address for p in part), max(p.end for p in part)
    return end - start <= rule.max_words and all(
        len(gap) <= rule.gap_words and any(set(gap) <= set(range(block.first, block.last + 1)) for block in rule.blocks)
        for gap in _gaps(part)
    )


def _gaps(part: Sequence[Point]) -> list[list[int]]:
    """The addresses between the points that none of them names, each run by itself."""
    named = {address for point in part for address in range(point.address, point.end)}
    gaps: list[list[int]] = []
    for address in range(min(named), max(named)):
        if address in named:
            continue
        if gaps and gaps[-1][-1] == address - 1:
            gaps[-1].append(address)
        else:
            gaps.append([address])
    return gaps


@pytest.mark.parametrize(("gap_words", "expected"), [(1, [(0, 1), (3, 1)]), (2, [(0, 4)])])
def test_a_gap_is_bridged_up_to_its_length(gap_words: int, expected: list[tuple[int, int]]) -> None:
    block = Block(table=Table.HOLDING, first=0, last=9)
    profile = profile_of(
        [(Table.HOLDING, 0, 1), (Table.HOLDING, 3, 1)], ReadRules(gap_words=gap_words, blocks=(block,))
    )
    assert [(r.address, r.count) for r in plan(points(profile, profile.registers), profile)] == expected


def test_a_value_inside_another_does_not_end_the_read() -> None:
    profile = profile_of([(Table.HOLDING, 0, 4), (Table.HOLDING, 1, 1), (Table.HOLDING, 4, 1)], ReadRules())
    assert [(r.address, r.count) for r in plan(points(profile, profile.registers), profile)] == [(0, 5)]


@pytest.mark.parametrize(("scope", "expected"), [(Scope.STATION, 2), (Scope.EVSE, 1)])
def test_a_block_is_that_of_its_own_unit(scope: Scope, expected: int) -> None:
    profile = profile_of([(Table.HOLDING, 0, 1), (Table.HOLDING, 3, 1)], ReadRules())
    profile = replace(
        profile,
        unit_id=200,
        evses=Evses(at_most=2, unit_ids=(1, 2)),
        reads=ReadRules(blocks=(Block(table=Table.HOLDING, first=0, last=9, scope=scope),)),
    )
    assert len(plan(points(profile, profile.registers, 2), profile)) == expected


def test_registers_that_touch_are_read_together_and_others_are_not() -> None:
    places = [(Table.HOLDING, 0, 2), (Table.HOLDING, 2, 1), (Table.HOLDING, 4, 1), (Table.INPUT, 3, 1)]
    profile = profile_of(places, ReadRules())
    assert [(r.function, r.address, r.count) for r in plan(points(profile, profile.registers), profile)] == [
        (3, 0, 3),
        (3, 4, 1),
        (4, 3, 1),
    ]


def test_a_keba_is_asked_for_each_value_alone() -> None:
    profile = load("keba_p30_p40")
    found = plan(points(profile, ["current_l1_l3", "power"]), profile)
    assert [(r.address, r.count) for r in found] == [(1008, 2), (1010, 2), (1012, 2), (1020, 2)]


def test_an_alfen_is_read_across_its_gaps_but_not_beyond_125_words() -> None:
    profile = load("alfen_eve")
    found = plan(points(profile, ["meter_state", "voltage_l1_l3", "power", "energy_total"], 2), profile)
    assert [(r.unit_id, r.address, r.count) for r in found] == [(2, 300, 78)]
    with_more = replace(
        profile,
        registers={**profile.registers, "last": replace(profile.registers["meter_state"], address=425)},
    )
    found = plan(points(with_more, ["meter_state", "last"]), with_more)
    assert [(r.address, r.count) for r in found] == [(300, 1), (425, 1)]


def test_an_abl_gives_its_currents_only_with_the_words_around_them() -> None:
    profile = load("abl_emh1")
    assert [(r.address, r.count) for r in plan(points(profile, ["current_l3_l1"]), profile)] == [(46, 5)]


def test_evses_and_the_station_are_read_where_they_stand() -> None:
    charx, compleo, alfen = load("phoenix_charx"), load("compleo_ebox_pro"), load("alfen_eve")
    assert [p.address for p in points(charx, ["num_controllers", "set_current"], 3)] == [114, 3301]
    assert [p.address for p in points(compleo, ["power", "id_tag", "fallback_timeout"], 2)] == [0x112, 0x1010, 5]
    assert [(p.unit_id, p.address) for p in points(alfen, ["number_of_sockets", "power"], 2)] == [(200, 1105), (2, 344)]


def test_a_value_is_read_with_its_scale() -> None:
    profile = load("sunspec_inverter")
    assert {p.name for p in points(profile, ["power"])} == {"power", "power_sf"}


def test_an_answer_of_another_length_is_not_taken_apart() -> None:
    profile = profile_of([(Table.HOLDING, 0, 2)], ReadRules())
    (read,) = plan(points(profile, profile.registers), profile)
    with pytest.raises(ValueError, match="2 words were asked for"):
        decode([(read, [1])])


@pytest.mark.parametrize("profile_id", profile_ids())
def test_the_registers_of_every_profile_can_be_planned(profile_id: str) -> None:
    profile = load(profile_id)
    for evse_id in (1, profile.evses.at_most):
        found = plan(points(profile, names_of(profile), evse_id), profile)
        assert all(read.count <= 125 or read.table.is_bits for read in found)
        assert all(read.address + read.count <= 65536 for read in found)
    fast = plan(points(profile, names_of(profile, Group.FAST)), profile)
    assert len(fast) <= len([1 for name in names_of(profile, Group.FAST) for _ in points(profile, [name])])
