"""Text in cells: nothing foreign acts on the terminal, nothing is wider than it may be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from ui.bigscreen.cells import cells_of, centred, crop, ends, line, plain, text_of, wrap

ANY_TEXT = st.text(max_size=60)
WIDTHS = st.integers(0, 40)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Bay 1", "Bay 1"),
        ("\x1b[31mred\x1b[0m", "�[31mred�[0m"),
        ("\x1b]0;title\x07", "�]0;title�"),
        ("[bold red]x[/]", "[bold red]x[/]"),
        ("a\tb\nc\r\n", "a b c"),
        ("abc\u202edef\u200b", "abcdef"),
        ("车位 3", "车位 3"),
        ("e\u0301", "é"),
        ("\x9b31m", "�31m"),
    ],
)
def test_foreign_text_becomes_inert(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(ANY_TEXT)
def test_inert_text_has_no_control_characters_and_is_stable(text: str) -> None:
    shown = plain(text)
    assert shown.isprintable() or all(character.isprintable() or character == " " for character in shown)
    assert plain(shown) == shown
    assert cell_len(shown) == sum(cell_len(character) for character in shown)


@given(ANY_TEXT.map(plain), WIDTHS)
def test_crop_is_never_too_wide_and_keeps_what_fits(text: str, width: int) -> None:
    cropped = crop(text, width)
    assert cell_len(cropped) <= width
    if cell_len(text) <= width:
        assert cropped == text


def test_crop_keeps_the_end_because_names_differ_there() -> None:
    assert crop("Garage level 2 bay 114", 12) == "Garage l…114"


@given(ANY_TEXT.map(plain), st.integers(1, 40), st.integers(0, 5))
def test_wrap_stays_in_its_box(text: str, width: int, rows: int) -> None:
    lines = wrap(text, width, rows)
    assert len(lines) <= rows
    assert all(cell_len(row) <= width for row in lines)


def test_wrap_breaks_at_blanks() -> None:
    assert wrap("Ground failure: the breaker has tripped", 20, 3) == ["Ground failure: the", "breaker has tripped"]


@given(ANY_TEXT.map(plain), ANY_TEXT.map(plain), WIDTHS)
def test_lines_are_exactly_as_wide_as_asked(left: str, right: str, width: int) -> None:
    style = Style()
    assert cells_of(line(width, style, Segment(left), Segment(right))) == width
    assert cells_of(ends(width, style, [Segment(left)], [Segment(right)])) == width
    assert cells_of(centred(width, style, left, style)) == width


def test_the_right_end_gives_way() -> None:
    assert text_of(ends(8, Style(), [Segment("abcdef")], [Segment("xyz")])) == "abcdef  "
