"""Quirk files: all that ship are good, a station finds its own, and what is wrong in a file is explained."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.ocpp.quirks import catalogue
from protocols.ocpp.quirks.model import BY_THE_BOOK, ProfilePurpose
from protocols.ocpp.quirks.reader import BadQuirks, parse
from protocols.ocpp.version import Version

GOOD = """
id = "box"
vendor = "Box"
model = "One"
sources = ["https://example.org/1"]

[[signs]]
vendor = "Box*"

[connection]
answers_pings = false
"""


def test_every_file_is_good_and_bears_its_name() -> None:
    assert [quirks.id for quirks in catalogue.all_quirks()] == list(catalogue.quirk_ids())
    assert len(catalogue.quirk_ids()) >= 15


def test_every_file_fits_its_own_vendor_and_no_other_file_outweighs_it() -> None:
    for quirks in catalogue.all_quirks():
        sign = quirks.signs[0]
        shown = [pattern.replace("*", "").replace("?", "x") for pattern in (sign.vendor, sign.model, sign.firmware)]
        assert catalogue.of(*shown) is quirks


@pytest.mark.parametrize(
    ("vendor", "model", "firmware", "quirk_id"),
    [
        ("ABB", "TAC-W11-G5-R0", "1.8.21", "abb_terra_ac"),
        ("EV-BOX", "G4E-WBW-M7500E", "P0424B0424v0.220706_W2.2.0", "evbox_elvi"),
        (" VESTEL ", "EVC04", None, "vestel_evc04"),
        ("United Chargers", "Grizzl-E Smart Connect", None, "grizzl_e"),
        ("OpenEVSE", "OpenEVSE", "4.2.2", "openevse_kwh"),
        ("OpenEVSE", "OpenEVSE", "5.0.0", "by_the_book"),
        ("ABB", "Something else", None, "by_the_book"),
        (None, None, None, "by_the_book"),
    ],
)
def test_a_station_finds_its_model(vendor: str | None, model: str | None, firmware: str | None, quirk_id: str) -> None:
    assert catalogue.of(vendor, model, firmware).id == quirk_id


def test_what_the_threads_tell_stands_in_the_files() -> None:
    assert catalogue.of("United Chargers", "Grizzl-E", "").connection.default_version is Version.V16
    assert not catalogue.of("EN+", "AC7000-AE-25", "").connection.answers_pings
    assert catalogue.of("OpenEVSE", "x", "4.2.2").meter.samples == 3
    dialect = catalogue.of("ABB", "TAC-W22-T-R-0", "1.8.0").charging_profile
    assert (dialect.highest_stack_level, dialect.lowest_limit) == (0, 6)
    assert ProfilePurpose.STATION_MAX not in catalogue.of("EVBox", "Elvi", "").charging_profile.purposes


@given(st.text(), st.text(), st.text())
def test_whatever_a_station_calls_itself_it_has_quirks(vendor: str, model: str, firmware: str) -> None:
    assert catalogue.of(vendor, model, firmware) in (*catalogue.all_quirks(), BY_THE_BOOK)


def test_of_two_signs_the_heavier_one_is_meant() -> None:
    assert catalogue.of("United Chargers", "Grizzl-E", "").id == "grizzl_e"
    light, heavy = parse(GOOD), parse(GOOD.replace('"Box*"', '"Box*"\nmodel = "One*"'))
    assert heavy.signs[0].weight > light.signs[0].weight


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (('"Box*"', '"*"'), "signs.0: fits every station"),
        (("answers_pings = false", ""), "says nothing that is different"),
        (("answers_pings = false", 'answers_pings = "no"'), "connection.answers_pings: Input should be a valid bool"),
        (("answers_pings = false", "answers_pongs = false"), "connection.answers_pongs: there is no such key"),
        (("[connection]", "[charging_profile]\nlowest_limit = 6\n[connection]"), "lowest_limit: is in no unit"),
        (("[connection]", '[charging_profile]\npurposes = ["TxProfile", "TxProfile"]\n[connection]'), "twice"),
        (('vendor = "Box"\n', ""), "vendor: is missing"),
        (('id = "box"', "id = box"), "is not TOML"),
        (("sources = [", "sources = []\nsauces = ["), "sauces: there is no such key"),
    ],
)
def test_every_problem_is_explained(change: tuple[str, str], problem: str) -> None:
    parse(GOOD)
    with pytest.raises(BadQuirks, match=problem.replace("(", r"\(")):
        parse(GOOD.replace(*change))


def test_all_problems_are_found_at_once() -> None:
    with pytest.raises(BadQuirks) as caught:
        parse(GOOD.replace("false", "7").replace('"One"', "1"))
    assert {problem.at[0] for problem in caught.value.problems} == {"connection", "model"}
