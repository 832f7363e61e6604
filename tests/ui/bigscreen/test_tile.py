"""One tile: exact in size, and each state different without style."""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.site.view import EvseView
from protocols.terms import EvseState
from tests.ui.bigscreen.fake_edge import evse
from ui.bigscreen.cells import cells_of, text_of
from ui.bigscreen.glyphs import Scale, draw
from ui.bigscreen.looks import LOOKS
from ui.bigscreen.tile import shape_of, tile_lines
from ui.bigscreen.words import WORDS, Language

VIEWS = st.builds(
    EvseView,
    station_id=st.text(max_size=20),
    evse_id=st.integers(0, 99),
    label=st.text(max_size=30),
    state=st.sampled_from(EvseState),
    max_power_w=st.integers(-1, 10**6),
    power_w=st.none() | st.integers(-(10**30), 10**30),
    energy_wh=st.none() | st.integers(0, 10**12),
    duration_s=st.none() | st.integers(-10, 10**9),
    cost=st.none() | st.decimals(allow_nan=False, allow_infinity=False),
    state_of_charge_percent=st.none() | st.integers(-5, 300),
    is_reading_old=st.booleans(),
    error=st.none() | st.text(max_size=200),
)
LANGUAGES = st.sampled_from(Language)


def drawn(view: EvseView, width: int, height: int, language: Language = Language.ENGLISH, *, old: bool = False) -> str:
    """The tile without style."""
    shape = shape_of(width, height, [view.label])
    lines = tile_lines(view, shape, WORDS[language], "EUR", is_stale=old)
    return "\n".join(text_of(row) for row in lines)


@given(VIEWS, st.integers(16, 96), st.integers(4, 32), LANGUAGES, st.booleans(), st.text(max_size=5))
def test_a_tile_is_exactly_its_size(
    view: EvseView, width: int, height: int, language: Language, is_stale: bool, currency: str
) -> None:
    shape = shape_of(width, height, [view.label, "B1"])
    lines = tile_lines(view, shape, WORDS[language], currency, is_stale=is_stale)
    assert len(lines) == height
    assert {cells_of(row) for row in lines} == {width}


@given(st.integers(16, 96), st.integers(4, 32), LANGUAGES)
def test_states_differ_without_style_in_word_symbol_and_border(width: int, height: int, language: Language) -> None:
    tiles = {state: drawn(evse(7, state), width, height, language) for state in EvseState}
    for one, other in combinations(EvseState, 2):
        assert tiles[one] != tiles[other]
        assert tiles[one].splitlines()[0] != tiles[other].splitlines()[0] or LOOKS[one].border != LOOKS[other].border
    for state, tile in tiles.items():
        symbol_or_icon = LOOKS[state].symbol in tile or any(mark in tile for mark in "█▀▄")
        assert symbol_or_icon


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("size", [(16, 4), (16, 5), (20, 7), (30, 9), (40, 12)])
def test_the_state_is_a_word(size: tuple[int, int], language: Language) -> None:
    for state in EvseState:
        assert WORDS[language].state[state] in drawn(evse(7, state), *size, language)


def test_on_a_large_tile_label_state_and_power_are_big() -> None:
    tile = drawn(evse(7, EvseState.FREE, label="A7"), 80, 28)
    for row in draw("FREE", Scale.FULL):
        assert row in tile
    charging = drawn(evse(7, EvseState.CHARGING, label="A7", power_w=7_200), 80, 28)
    for row in draw("7.2 kW", Scale.FULL):
        assert row in charging


def test_the_smallest_tile_still_says_power_and_cost() -> None:
    tile = drawn(evse(7, EvseState.CHARGING, label="B007", power_w=15_300), 16, 4)
    assert "CHARGING  15kW" in tile
    assert "5.43EUR" in tile


def test_five_lines_hold_power_energy_minutes_and_cost() -> None:
    tile = drawn(evse(7, EvseState.CHARGING, label="B007", power_w=15_300), 16, 5)
    for fact in ("15kW", "12.35kWh", "42min", "5.43EUR"):
        assert fact in tile


def test_a_fault_is_told_in_words() -> None:
    assert "Ground failure" in drawn(evse(7, EvseState.FAULTED, error="Ground failure of the cable"), 30, 9)


@pytest.mark.parametrize("size", [(16, 4), (16, 5), (30, 9), (40, 12), (80, 28)])
def test_an_old_reading_is_said_to_be_old(size: tuple[int, int]) -> None:
    fresh = drawn(evse(7, EvseState.CHARGING), *size)
    old = drawn(evse(7, EvseState.CHARGING, is_reading_old=True), *size)
    assert old != fresh
    assert "OLD READING" in old or "~" in old or draw("OLD READING", Scale.HALF)[0] in old
    assert "~" not in fresh


@pytest.mark.parametrize("size", [(16, 4), (16, 5), (30, 9), (40, 12)])
def test_on_a_stale_board_no_number_of_a_charge_stands_unmarked(size: tuple[int, int]) -> None:
    view = evse(7, EvseState.CHARGING, label="X", cost=Decimal("5.43"), state_of_charge_percent=64)
    text = drawn(view, *size, old=True).replace(" ", "")
    for number in ("7.7kW", "8kW", "12.35", "5.43", "42min", "64%"):
        assert text.count(number) == text.count(f"~{number}")


@given(st.text(alphabet="\x1b\x07\x9b[]0;31mbold/red\n\r\u202e", max_size=40))
def test_escapes_and_markup_are_inert(text: str) -> None:
    tile = drawn(evse(7, EvseState.FAULTED, label=text, error=text, station_id=text), 40, 12)
    assert not any(mark in tile for mark in "\x1b\x07\x9b\r\u202e")
    assert len(tile.splitlines()) == 12


def test_markup_is_shown_as_it_is() -> None:
    assert "[red]x[/]" in drawn(evse(7, EvseState.FREE, label="[red]x[/]"), 20, 5)
