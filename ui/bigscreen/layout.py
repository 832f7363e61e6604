"""From the size of the screen and the number of EVSEs to a grid of tiles. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NARROWEST_TILE: Final = 16
LOWEST_TILE: Final = 4
LOWEST_PAGED_TILE: Final = 5
"""When not all fit on one page, tiles need not be the smallest: the lines gained show energy and minutes."""
WIDEST_TILE: Final = 96
HIGHEST_TILE: Final = 32
_CELLS_PER_ROW: Final = 3.2
"""The shape of a tile that reads well: three cells wide for each row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Where the tiles of a page stand: `left` cells from the left edge, the first row of the grid being row 0."""

    columns: int
    rows: int
    tile_width: int
    tile_height: int
    left: int
    count: int

    @property
    def per_page(self) -> int:
        """Tiles on a full page."""
        return self.columns * self.rows

    @property
    def pages(self) -> int:
        """At least one."""
        return max(1, -(-self.count // self.per_page))

    def on_page(self, page: int) -> range:
        """The indices of the EVSEs on a page, which counts from 0 and wraps."""
        first = page % self.pages * self.per_page
        return range(first, min(first + self.per_page, self.count))

    def place(self, index: int) -> tuple[int, int]:
        """Cell and row of the upper left corner of an EVSE's tile on its page."""
        row, column = divmod(index % self.per_page, self.columns)
        return self.left + column * self.tile_width, row * self.tile_height


def grid_of(width: int, height: int, count: int) -> Grid:
    """The grid with the largest tiles on one page if they fit, else pages of small tiles.

    Any size and count gives a grid; on a screen smaller than a tile the board crops it.
    """
    one_page = [
        grid
        for columns in range(1, min(max(1, width // NARROWEST_TILE), max(1, count)) + 1)
        if (grid := _sized(width, height, columns, -(-max(1, count) // columns), count)).tile_height >= LOWEST_TILE
    ]
    if one_page:
        return max(one_page, key=_legibility)
    columns = max(1, width // NARROWEST_TILE)
    rows = max(1, height // LOWEST_PAGED_TILE)
    return _sized(width, height, columns, rows, count)


def _legibility(grid: Grid) -> tuple[float, int]:
    """Larger is better; among equals, fewer holes in the grid."""
    return min(grid.tile_width / _CELLS_PER_ROW, grid.tile_height), grid.count - grid.per_page


def _sized(width: int, height: int, columns: int, rows: int, count: int) -> Grid:
    tile_width = min(max(NARROWEST_TILE, width // columns), WIDEST_TILE)
    return Grid(
        columns=columns,
        rows=rows,
        tile_width=tile_width,
        tile_height=min(height // rows, HIGHEST_TILE),
        left=max(0, (width - tile_width * columns) // 2),
        count=count,
    )
