"""From a size and a count to a grid."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.bigscreen.layout import LOWEST_TILE, NARROWEST_TILE, grid_of


@pytest.mark.parametrize(
    ("width", "height", "count", "columns", "rows", "pages"),
    [
        (80, 21, 1, 1, 1, 1),
        (80, 21, 12, 4, 3, 1),
        (80, 21, 25, 5, 5, 1),
        (80, 21, 200, 5, 4, 10),
        (120, 28, 12, 4, 3, 1),
        (320, 82, 12, 4, 3, 1),
        (320, 82, 200, 16, 13, 1),
    ],
)
def test_grids(width: int, height: int, count: int, columns: int, rows: int, pages: int) -> None:
    grid = grid_of(width, height, count)
    assert (grid.columns, grid.rows, grid.pages) == (columns, rows, pages)


@given(st.integers(1, 320), st.integers(1, 90), st.integers(0, 200))
def test_every_evse_has_its_own_place_on_one_page(width: int, height: int, count: int) -> None:
    grid = grid_of(width, height, count)
    seen = [index for page in range(grid.pages) for index in grid.on_page(page)]
    assert seen == list(range(count))
    for page in range(grid.pages):
        places = {grid.place(index) for index in grid.on_page(page)}
        assert len(places) == len(grid.on_page(page))
    assert grid.on_page(grid.pages) == grid.on_page(0)
    if width >= NARROWEST_TILE and height >= LOWEST_TILE:
        for index in range(count):
            x, y = grid.place(index)
            assert x >= 0
            assert x + grid.tile_width <= width
            assert y + grid.tile_height <= height
        assert grid.tile_width >= NARROWEST_TILE
        assert grid.tile_height >= LOWEST_TILE
