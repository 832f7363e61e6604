"""Finding a profile, and the profile that fits a device."""

from __future__ import annotations

import pytest

from protocols.errors import BadText
from protocols.modbus.catalogue import Fit, all_profiles, fit, load, parsed, profile_ids, signs, variant_for
from protocols.modbus.codec import Value
from protocols.modbus.profile import Condition, Profile
from protocols.modbus.reader import parse
from protocols.modbus.reads import decode, plan, points, singles
from protocols.modbus.register import Table


def test_the_profiles_are_sorted_by_id() -> None:
    assert len(profile_ids()) >= 29
    assert [profile.id for profile in all_profiles()] == sorted(profile_ids())


def test_a_profile_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadText, match=r"no profile '\.\./alfen_eve'"):
        load("../alfen_eve")
    with pytest.raises(BadText, match="has no variant 'p50'; there are: p40_before_1_2_1, p40"):
        load("keba_p30_p40", "p50")
    with pytest.raises(BadText, match="there are: none"):
        load("alfen_eve", "x")


@pytest.mark.parametrize("profile", all_profiles(), ids=lambda profile: profile.id)
def test_signs_are_only_read(profile: Profile) -> None:
    assert signs(profile)
    assert all(point.register.is_readable for point in signs(profile))


@pytest.mark.parametrize(
    ("profile_id", "shown", "expected"),
    [
        ("keba_p30_p40", {"product": 312_500, "cable_state": 5}, Fit.PROVEN),
        ("keba_p30_p40", {"product": 312_500, "cable_state": 2}, Fit.NO),
        ("keba_p30_p40", {"product": 312_500}, Fit.NO),
        ("sunspec_inverter", {"sunspec_marker": 0x53756E53}, Fit.PROVEN),
        ("eastron_sdm630", {"frequency": 49_980, "voltage_l1_l3": 230_100}, Fit.PLAUSIBLE),
        ("eastron_sdm630", {"frequency": None}, Fit.NO),
        ("alfen_eve", {"number_of_sockets": 2, "status": "B2"}, Fit.PLAUSIBLE),
        ("alfen_eve", {"number_of_sockets": 2, "status": ""}, Fit.NO),
        ("alfen_eve", {"number_of_sockets": 2, "status": b"A"}, Fit.NO),
    ],
)
def test_what_a_device_shows_goes_with_a_profile_or_not(
    profile_id: str, shown: dict[str, Value | None], expected: Fit
) -> None:
    assert fit(load(profile_id), shown) is expected


def test_a_profile_without_signs_fits_nothing_for_sure() -> None:
    text = """
id = "blind"
kind = "meter"
vendor = "-"
model = "-"
sources = ["-"]
transports = ["rtu"]

[registers.power]
address = 0
table = "input"
type = "int16"
unit = "W"
measurand = "Power.Active.Import"
source = "-"
"""
    assert fit(parse(text).profile, {"power": 1}) is Fit.UNKNOWN


@pytest.mark.parametrize(
    ("profile_id", "shown", "expected"),
    [
        ("keba_p30_p40", {"product": 312_500, "firmware": 0x030A0600}, None),
        ("keba_p30_p40", {"product": 4_312_500, "firmware": 10_302}, "p40"),
        ("keba_p30_p40", {"product": 4_312_500, "firmware": 10_105}, "p40_before_1_2_1"),
        ("keba_p30_p40", {"product": 4_312_500, "firmware": None}, "p40"),
        ("phoenix_ev_cc_eth", {"set_current": 16_000}, None),
        ("phoenix_ev_cc_eth", {"set_current": 160_000}, "wallbe"),
        ("evse_din", {"is_precise": 1}, "precise"),
        ("bender_cc612", {}, None),
    ],
)
def test_a_variant_is_known_by_its_sign(profile_id: str, shown: dict[str, Value | None], expected: str | None) -> None:
    assert variant_for(parsed(profile_id), shown) == expected


@pytest.mark.parametrize(
    ("condition", "holds", "fails"),
    [
        (Condition(register="r", equals=(1, 3)), [1, 3], [2, None, "1", b"1"]),
        (Condition(register="r", at_least=2, at_most=4), [2, 4], [1, 5, None, "3"]),
        (Condition(register="r", equals=("A", "B")), ["A", "B"], ["C", 1, None]),
        (Condition(register="r", starts_with=("KC-", "P3")), ["KC-P30", "P30"], ["XKC-", 3, None]),
    ],
)
def test_conditions(condition: Condition, holds: list[Value | None], fails: list[Value | None]) -> None:
    assert all(condition.holds(value) for value in holds)
    assert not any(condition.holds(value) for value in fails)


class Anyone:
    """A device that answers at every address, whichever unit is asked: with its own words, and `empty` elsewhere."""

    def __init__(self, empty: int) -> None:
        self._words: dict[tuple[Table, int], int] = {}
        self._empty = empty

    def show(self, profile: Profile) -> None:
        """What the profile wants to see."""
        for sign in profile.identify:
            (point, *_) = (p for p in points(profile, [sign.register]) if p.name == sign.register)
            value = _value_for(sign)
            words = point.coding.encode(value)
            for offset, word in enumerate(words):
                key = (point.table, point.address + offset)
                self._words[key] = self._words.get(key, 0) | word

    def values(self, profile: Profile) -> dict[str, Value | None]:
        reads = plan(signs(profile), profile)
        answers = [(r, [self._words.get((r.table, r.address + n), self._empty) for n in range(r.count)]) for r in reads]
        return singles(decode(answers))


def _value_for(sign: Condition) -> int | str:
    if sign.equals:
        return sign.equals[-1]
    if sign.starts_with:
        return sign.starts_with[-1]
    return sign.at_least if sign.at_least is not None else sign.at_most or 0


@pytest.mark.parametrize("profile", all_profiles(), ids=lambda profile: profile.id)
@pytest.mark.parametrize("empty", [0, 0xFFFF])
def test_a_device_is_known_by_its_signs(profile: Profile, empty: int) -> None:
    device = Anyone(empty)
    device.show(profile)
    assert fit(profile, device.values(profile)) >= Fit.PLAUSIBLE


@pytest.mark.parametrize("empty", [0, 0xFFFF])
def test_a_device_that_shows_nothing_is_nobodys(empty: int) -> None:
    device = Anyone(empty)
    assert [p.id for p in all_profiles() if fit(p, device.values(p)) >= Fit.PLAUSIBLE] == []


@pytest.mark.parametrize("profile", all_profiles(), ids=lambda profile: profile.id)
def test_a_device_is_hardly_taken_for_another(profile: Profile) -> None:
    device = Anyone(0)
    device.show(profile)
    others = {p.id for p in all_profiles() if fit(p, device.values(p)) >= Fit.PLAUSIBLE} - {profile.id}
    assert others <= ALIKE.get(profile.id, set())
    assert not [other for other in others if fit(load(other), device.values(load(other))) is Fit.PROVEN]


ALIKE = {
    "phoenix_ev_cc_eth": {"phoenix_em_eth"},  # the one is unit 255, the other 180
}
"""Devices whose signs another shows as well: a person, or the probe's other readings, must tell."""
