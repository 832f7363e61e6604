"""Numbers with their units."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from protocols.terms import EvseState
from tests.ui.bigscreen.fake_edge import evse
from ui.bigscreen.facts import cost_text, energy_text, facts_of, packed, power_text
from ui.bigscreen.glyphs import Scale
from ui.bigscreen.words import WORDS, Language

ENGLISH = WORDS[Language.ENGLISH]


@pytest.mark.parametrize(
    ("power_w", "text"),
    [(0, "0 kW"), (230, "0.2 kW"), (7_200, "7.2 kW"), (22_000, "22 kW"), (99_949, "99.9 kW"), (128_400, "128 kW")],
)
def test_power(power_w: int, text: str) -> None:
    assert power_text(power_w) == text


@pytest.mark.parametrize(("energy_wh", "text"), [(0, "0.00 kWh"), (12_350, "12.35 kWh"), (140_260, "140.3 kWh")])
def test_energy(energy_wh: int, text: str) -> None:
    assert energy_text(energy_wh) == text


@pytest.mark.parametrize(
    ("cost", "text"),
    [("5.43", "5.43 EUR"), ("5", "5 EUR"), ("1E+3", "1000 EUR"), ("5.435", "5.44 EUR"), ("0.10", "0.10 EUR")],
)
def test_cost_is_what_the_edge_priced(cost: str, text: str) -> None:
    assert cost_text(Decimal(cost), "EUR") == text


def test_old_numbers_are_marked_each() -> None:
    view = evse(1, EvseState.CHARGING)
    facts = facts_of(view, ENGLISH, "EUR", is_old=True)
    numbers = (facts.power, facts.power_short, facts.energy, facts.cost, facts.minutes, facts.battery)
    assert all(text.startswith("~") for text in numbers)


def test_nothing_measured_is_not_zero() -> None:
    facts = facts_of(evse(1, EvseState.FREE), ENGLISH, "EUR", is_old=False)
    assert facts.texts == ["up to 22 kW"]


def test_no_offer_where_nobody_can_charge() -> None:
    for state in (EvseState.OFFLINE, EvseState.FAULTED, EvseState.UNAVAILABLE):
        assert facts_of(evse(1, state), ENGLISH, "EUR", is_old=False).texts == []


def test_facts_stand_side_by_side_where_there_is_room() -> None:
    facts = facts_of(evse(1, EvseState.CHARGING), ENGLISH, "EUR", is_old=False)
    assert packed(facts, 26, 3, Scale.TEXT) == [
        ("7.1 kW", "12.35 kWh"),
        ("5.43 EUR", "42 min"),
        ("████████████░░░░░░░", "64 %"),
    ]
    assert packed(facts, 14, 2, Scale.TEXT) == [("7.1kW", "12.35kWh"), ("5.43EUR", "42min")]
    assert packed(facts, 9, 2, Scale.TEXT) == [("7.1 kW", ""), ("12.35 kWh", "")]


def test_until_when_it_is_reserved_and_that_it_closes() -> None:
    kept = evse(1, EvseState.RESERVED)
    assert facts_of(kept, ENGLISH, "EUR", is_old=False, reserved_until="18:30").texts == ["until 18:30"]
    charging = replace(evse(1, EvseState.CHARGING), is_leaving_service=True)
    assert facts_of(charging, ENGLISH, "EUR", is_old=False).note == "closes after this"
