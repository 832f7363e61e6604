"""Big text: every scale is a true picture of the bitmap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ui.bigscreen.cells import plain
from ui.bigscreen.glyphs import Scale, draw, scaled, width_of
from ui.bigscreen.looks import LOOKS

DRAWABLE = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZkh.,:-/*#+%!?~ "


@pytest.mark.parametrize("scale", [Scale.HALF, Scale.FULL, Scale.DOUBLE])
@pytest.mark.parametrize("character", DRAWABLE)
def test_every_glyph_is_a_rectangle_of_its_scale(character: str, scale: Scale) -> None:
    rows = draw(character, scale)
    assert len(rows) == scale.rows
    assert {cell_len(row) for row in rows} == {width_of(character, scale)}


def test_no_two_glyphs_look_alike() -> None:
    pictures = {"\n".join(draw(character, Scale.FULL)).rstrip() for character in DRAWABLE}
    assert len(pictures) == len(DRAWABLE)


def test_half_scale_draws_two_pixels_in_a_cell() -> None:
    assert draw("A1", Scale.HALF) == ["█▀█ ▀█ ", "█▀█  █ ", "▀ ▀ ▀▀▀"]


@given(st.text(max_size=12).map(plain), st.sampled_from(list(Scale)), st.integers(0, 120))
def test_scaled_text_keeps_its_box(text: str, scale: Scale, width: int) -> None:
    rows = scaled(text, scale, width)
    assert len(rows) == scale.rows
    assert all(cell_len(row) <= width for row in rows)


def test_text_without_glyphs_stands_as_it_is_in_the_middle() -> None:
    assert scaled("车位", Scale.HALF, 20) == ["", "车位", ""]


def test_icons_and_symbols_differ() -> None:
    assert len({look.icon for look in LOOKS.values()}) == len(LOOKS)
    assert len({look.symbol for look in LOOKS.values()}) == len(LOOKS)
    assert len({look.border for look in LOOKS.values()}) == len(LOOKS)
    for look in LOOKS.values():
        assert cell_len(look.symbol) == 1
        assert len({len(row) for row in look.icon}) == 1
