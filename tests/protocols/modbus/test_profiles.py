"""The profiles that ship with the house: complete, as their sources say, and usable from end to end."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from protocols.modbus.catalogue import all_profiles, load, parsed, profile_ids, text_of
from protocols.modbus.codec import NOT_AVAILABLE, BadValue, Value
from protocols.modbus.profile import DeviceKind, Profile
from protocols.modbus.reads import names_of, points
from protocols.modbus.register import Kind, Register, Unit
from protocols.modbus.setpoint import write_value
from protocols.modbus.status import STATUS_WORDS
from protocols.modbus.sunspec import Found, place
from protocols.terms import Measurand
from tests.protocols.modbus.device import Memory

FACTS = json.loads((Path(__file__).parent / "register_facts.json").read_text("utf-8"))
"""The register lines from which the profiles were made: 373 of 29 devices, from public sources."""
SOLAREDGE = [Found(1, 40004, 65), Found(103, 40071, 50)]
"""The layout that the SunSpec lines were taken from."""

VARIANTS = [(profile_id, variant) for profile_id in profile_ids() for variant in (None, *parsed(profile_id).variants)]


def placed(profile: Profile) -> Profile:
    return place(profile, SOLAREDGE) if profile.sunspec is not None else profile


def _line(register: Register, scale: str) -> tuple[object, ...]:
    unit = "" if register.unit is Unit.RATIO else register.unit.value
    return register.address, register.table.value, register.type, scale, unit, register.access.value


def _fact(fact: dict[str, str]) -> tuple[object, ...]:
    # One line has no length for its text; the profile says where it took it from.
    type_name = "string30" if fact["type"] == "string" else fact["type"]
    return fact["address"], fact["table"], type_name, fact["scale"], fact["unit"], fact["rw"]


def test_all_devices_and_all_lines_are_there() -> None:
    """Those that the house began with; whoever adds a device adds its file, and nothing here."""
    assert len(FACTS) == 373
    first = {fact["device"] for fact in FACTS}
    assert first <= set(profile_ids())
    assert Counter(load(each).kind.value for each in first) == {"charger": 21, "meter": 7, "inverter": 1}


@pytest.mark.parametrize("profile_id", profile_ids())
def test_every_register_line_is_in_the_profile_as_it_was_found(profile_id: str) -> None:
    registers = placed(load(profile_id)).registers
    scales = {register.scale_register for register in registers.values()} - {None}
    lines = Counter(
        _line(register, "sf" if register.scale_register or name in scales else f"{register.scale.normalize():f}")
        for name, register in registers.items()
    )
    facts = Counter(_fact(fact) for fact in FACTS if fact["device"] == profile_id)
    assert not facts - lines


@pytest.mark.parametrize("profile_id", profile_ids())
def test_lines_of_three_values_are_of_three(profile_id: str) -> None:
    counts = {
        (register.address, register.table.value): register.count
        for register in placed(load(profile_id)).registers.values()
        if register.count > 1
    }
    for fact in FACTS:
        if fact["device"] == profile_id and int(fact["count"]) > 1:
            assert counts[fact["address"], fact["table"]] == fact["count"], fact


@pytest.mark.parametrize("profile_id", profile_ids())
def test_a_profile_is_named_as_its_file_and_names_its_sources(profile_id: str) -> None:
    profile = load(profile_id)
    assert profile.id == profile_id
    assert text_of(profile_id).startswith("# ")
    assert all(register.source for register in profile.registers.values())
    assert profile.identify
    assert profile.verified == ""  # whoever tries one on hardware changes this, and says on which


@pytest.mark.parametrize("profile_id", [profile.id for profile in all_profiles() if profile.kind is DeviceKind.CHARGER])
def test_a_charger_tells_its_state_and_takes_a_limit(profile_id: str) -> None:
    profile = load(profile_id)
    assert profile.status
    assert profile.limit is not None
    words = {word for block in profile.status for word in block.codes.values()}
    assert {STATUS_WORDS[word].status.value for word in words} >= {"Available", "Occupied"}
    assert any(STATUS_WORDS[word].charging_state == "Charging" for word in words)
    rule = profile.limit
    assert rule.may_be_zero is (rule.pause == 0)
    assert rule.minimum == (6_000 if profile.registers[rule.register].unit is Unit.AMPERE else rule.minimum)


@pytest.mark.parametrize("profile_id", [profile.id for profile in all_profiles() if profile.kind is DeviceKind.METER])
def test_a_meter_tells_what_a_feeder_needs(profile_id: str) -> None:
    told = {
        (register.measurand, register.phase(index))
        for register in load(profile_id).registers.values()
        for index in range(register.count)
    }
    assert told >= {(m, f"L{phase}") for m in (Measurand.VOLTAGE, Measurand.CURRENT) for phase in (1, 2, 3)}
    assert told >= {(Measurand.POWER, f"L{phase}") for phase in (1, 2, 3)}
    assert told >= {(m, None) for m in (Measurand.POWER, Measurand.ENERGY_REGISTER, Measurand.ENERGY_EXPORT_REGISTER)}


def test_the_watchdogs_are_those_of_the_facts() -> None:
    kinds = {p.id: p.watchdog.kind.value for p in all_profiles() if p.watchdog is not None}
    assert kinds == {
        "abb_terra_ac": "any_read",
        "alfen_eve": "rewrite_setpoint",
        "alpitronic_hyc": "any_read",
        "compleo_ebox_pro": "any_read",
        "delta_ac_max_slim": "any_read",
        "em2go": "any_read",
        "heidelberg_energy_control": "any_read",
        "keba_p30_p40": "rewrite_timeout",
        "mennekes_amtron_compact": "token",
        "schneider_evlink_pro_ac": "life_bit",
        "vestel_evc04_webasto_unite": "life_bit",
        "webasto_next": "life_bit",
    }


def test_traps() -> None:
    assert load("alfen_eve").registers["phases"].write_function == 16
    assert load("keba_p30_p40").reads.one_value
    assert load("abl_emh1").reads.twice
    alpitronic = load("alpitronic_hyc")
    assert alpitronic.limit is not None
    assert not alpitronic.limit.may_be_zero
    with pytest.raises(BadValue, match="does not take a limit of 0"):
        write_value(alpitronic, "set_power", 0)


@pytest.mark.parametrize(("profile_id", "variant"), VARIANTS)
def test_what_is_put_into_a_device_is_read_back_from_it(profile_id: str, variant: str | None) -> None:
    """Every register of every EVSE, beside all others."""
    profile = placed(load(profile_id, variant))
    evses = {1, profile.evses.at_most}
    for evse_id in sorted(evses):
        # Registers that are looked at as two things, such as a state and its letter, are put in one at a time.
        for names in _apart(profile, names_of(profile)):
            memory, expected = Memory(empty=0xFFFF), {}
            for point in points(profile, names, evse_id):
                value = _sample(point.register, point.address)
                memory.put(point, point.coding.encode(value))
                expected[evse_id, point.name, point.index] = value
            seen = memory.values(profile, names, evse_id)
            assert {key: seen[key].value for key in expected} == expected
    assert not {name for name, r in profile.registers.items() if r.model is not None}


def _apart(profile: Profile, names: tuple[str, ...]) -> list[list[str]]:
    groups: list[list[str]] = []
    taken: list[set[tuple[object, ...]]] = []
    for name in names:
        scale = profile.registers[name].scale_register
        if scale in names:
            continue  # a scaled one needs the factor that stands in its register: tests of SunSpec
        places = {
            (point.table, point.unit_id, point.address + offset)
            for point in points(profile, [name])
            for offset in range(point.words)
        }
        for group, used in zip(groups, taken, strict=True):
            if not places & used:
                group.append(name)
                used |= places
                break
        else:
            groups.append([name])
            taken.append(set(places))
    return groups


def _sample(register: Register, seed: int) -> Value:
    """A value that the register can hold, another for another address."""
    match register.form.kind:
        case Kind.BOOL:
            return seed % 2
        case Kind.CHAR:
            return "ABCDEF"[seed % 6]
        case Kind.STRING:
            return f"{seed:X}"[: max(1, register.form.size_bytes)][-register.form.size_bytes :]
        case Kind.BYTES:
            return bytes((seed + n) % 251 for n in range(register.form.size_bytes))
        case _:
            return _number(register, seed)


def _number(register: Register, seed: int) -> int:
    unit = register.base_unit
    step = register.scale * (Decimal(10) ** (unit.power_of_ten if unit else 0))
    bits = register.bit_count or min(16, register.form.size_bytes * 8)
    raw = seed % min(1 << (bits - 1), 1000)
    highest = register.highest if register.highest is not None else unit.highest if unit else None
    lowest = max(0, register.lowest or 0)
    value = int(raw * step) if raw * step == int(raw * step) else int(raw // (1 / step))
    if highest is not None and not lowest <= value <= highest:
        value = int((lowest + highest) // 2 // max(step, 1) * max(step, 1))
    return value


def test_a_scaled_value_without_its_scale_is_none() -> None:
    profile, memory = placed(load("sunspec_inverter")), Memory()
    memory.put_words(profile, "power_sf", 0x8000)
    memory.put_words(profile, "power", 500)
    value, reason = memory.values(profile, ["power"])[1, "power", 0]
    assert value is None
    assert NOT_AVAILABLE in str(reason)


@pytest.mark.parametrize(("profile_id", "variant"), [each for each in VARIANTS if each[1] is not None])
def test_a_variant_differs_from_its_profile(profile_id: str, variant: str) -> None:
    changed = load(profile_id, variant)
    assert changed.variant == variant
    assert replace(changed, variant=None) != load(profile_id)
