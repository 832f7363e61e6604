"""The chain of SunSpec models is walked, wherever it begins, and profiles are laid over what is found."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from protocols.modbus.catalogue import Fit, fit, load
from protocols.modbus.profile import Profile
from protocols.modbus.reads import points, singles
from protocols.modbus.sunspec import MARKER, Found, place, walk
from tests.protocols.modbus.device import Memory

COMMON, INTEGERS, FLOATS, CONTROLS = 1, 103, 113, 123
Words = dict[int, int]


def chain(base: int, models: Sequence[tuple[int, int]], *, ends: bool = True) -> Words:
    """A device's words: the marker, the headers of its models, zeros for their payloads."""
    words = {base: MARKER[0], base + 1: MARKER[1]}
    address = base + 2
    for model, length in models:
        words |= {address: model, address + 1: length} | {address + 2 + n: 0 for n in range(length)}
        address += 2 + length
    if ends:
        words |= {address: 0xFFFF, address + 1: 0}
    return words


def walked(device: Words) -> tuple[tuple[Found, ...], int]:
    """What the walk finds, and how many reads it took."""
    sunspec = load("sunspec_inverter").sunspec
    assert sunspec is not None
    asking, reads = walk(sunspec), 0
    answer: list[int] | None = None
    while True:
        try:
            ask = asking.send(answer)
        except StopIteration as done:
            return done.value, reads
        reads += 1
        wanted = range(ask.address, ask.address + ask.words)
        answer = [device[address] for address in wanted] if all(a in device for a in wanted) else None


def test_a_solaredge_is_found_where_the_register_lines_say() -> None:
    found, reads = walked(chain(40000, [(COMMON, 65), (INTEGERS, 50)]))
    assert found == (Found(1, 40004, 65), Found(103, 40071, 50))
    assert reads == 4
    profile = place(load("sunspec_inverter"), found)
    addresses = {name: register.address for name, register in profile.registers.items()}
    assert addresses["current_l1_l3"] == 40072
    assert addresses["power"] == 40083
    assert addresses["energy_total"] == 40093
    assert addresses["dc_power_sf"] == 40101
    assert "power_float" not in addresses
    assert "power_limit" not in addresses


@given(
    st.sampled_from([40000, 0, 50000]),
    st.lists(st.tuples(st.integers(1, 65534), st.integers(0, 300)), max_size=10),
)
def test_every_model_is_found(base: int, models: list[tuple[int, int]]) -> None:
    found, _ = walked(chain(base, models))
    assert [(each.model, each.length) for each in found] == models
    address = base + 2
    for each in found:
        assert each.address == address + 2
        address += 2 + each.length


def test_a_device_without_a_chain_has_no_models() -> None:
    assert walked({}) == ((), 3)
    assert walked({40000: 0x5375, 40001: 0x6E54})[0] == ()


def test_a_chain_that_breaks_gives_what_was_found_before() -> None:
    assert [f.model for f in walked(chain(0, [(COMMON, 66), (FLOATS, 60)], ends=False))[0]] == [COMMON, FLOATS]


def test_a_chain_without_end_is_left_after_a_hundred_models() -> None:
    found, reads = walked(chain(0, [(7, 0)] * 500))
    assert len(found) == 100
    assert reads <= 102


def test_a_chain_does_not_go_beyond_the_last_address() -> None:
    found, _ = walked(chain(50000, [(9, 15_000)]) | {65004: 8, 65005: 60_000})
    assert [each.model for each in found] == [9, 8]


def test_floats_are_preferred_where_a_device_has_both() -> None:
    found = [Found(COMMON, 40004, 66), Found(INTEGERS, 40072, 50), Found(FLOATS, 40124, 60), Found(CONTROLS, 40186, 24)]
    names = set(place(load("sunspec_inverter"), found).registers)
    assert "power_float" in names
    assert not names & {"power", "power_sf"}
    assert "power_limit" in names


def test_of_a_model_that_is_there_twice_the_first_counts() -> None:
    profile = place(load("sunspec_inverter"), [Found(INTEGERS, 40072, 50), Found(INTEGERS, 40200, 50)])
    assert profile.registers["power"].address == 40084


def test_a_model_that_is_too_short_is_not_read_beyond_its_end() -> None:
    names = set(place(load("sunspec_inverter"), [Found(INTEGERS, 40072, 14)]).registers)
    assert "power_sf" in names
    assert "energy_total" not in names
    assert "frequency" not in names


def inverter() -> Profile:
    return place(load("sunspec_inverter"), [Found(COMMON, 40004, 65), Found(INTEGERS, 40071, 50)])


def test_values_are_scaled_by_the_power_of_ten_beside_them() -> None:
    profile, memory = inverter(), Memory()
    memory.put_words(profile, "sunspec_marker", *MARKER)
    memory.put_words(profile, "manufacturer", *struct.unpack(">16H", b"SolarEdge".ljust(32, b"\0")))
    memory.put_words(profile, "current_l1_l3", 1234, 1230, 0xFFFF)
    memory.put_words(profile, "current_sf", 0xFFFE)
    memory.put_words(profile, "power", 8_512)
    memory.put_words(profile, "power_sf", 0)
    memory.put_words(profile, "energy_total", 0x00BC, 0x614E)
    memory.put_words(profile, "energy_sf", 0)
    memory.put_words(profile, "frequency", 49_987)
    memory.put_words(profile, "frequency_sf", 0xFFFD)
    memory.put_words(profile, "voltage_sf", 0x8000)
    values = memory.values(profile, profile.registers)
    assert [values[1, "current_l1_l3", phase].value for phase in range(3)] == [12_340, 12_300, None]
    assert values[1, "power", 0].value == 8_512
    assert values[1, "energy_total", 0].value == 12_345_678
    assert values[1, "frequency", 0].value == 49_987
    assert values[1, "voltage_l1_l3", 0] == (None, "its scale factor is not available")
    assert values[1, "manufacturer", 0].value == "SolarEdge"
    assert fit(profile, singles(values)) is Fit.PROVEN


def test_what_an_inverter_does_not_know_is_none() -> None:
    profile, memory = inverter(), Memory()
    memory.put_words(profile, "power", 0x8000)
    values = memory.values(profile, ["power", "energy_total"])
    assert values[1, "power", 0].value is None
    assert values[1, "energy_total", 0].value is None


def test_a_limit_in_percent_is_written_with_its_scale() -> None:
    profile = place(load("sunspec_inverter"), [Found(CONTROLS, 40186, 24)])
    (point,) = (p for p in points(profile, ["power_limit"]) if p.name == "power_limit")
    assert point.coding.encode(70, -2) == (7_000,)
    assert point.coding.encode(70, 0) == (70,)
