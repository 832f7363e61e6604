"""Big text of block characters, legible from across the yard: a bitmap font five pixels high, at three scales."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from types import MappingProxyType
from typing import Final

from rich.cells import cell_len

from ui.bigscreen.cells import crop

_HEIGHT_PX: Final = 5


class Scale(Enum):
    """How large a text is drawn: rows it takes, cells across for one pixel, rows down for one pixel.

    TEXT is the terminal's own text; HALF draws two pixels in one cell with ▀ and ▄.
    """

    TEXT = (1, 1, 1)
    HALF = (3, 1, 0)
    FULL = (5, 2, 1)
    DOUBLE = (10, 4, 2)

    def __init__(self, rows: int, across: int, down: int) -> None:
        self.rows = rows
        self.across = across
        self.down = down


def _bitmaps(names: str, *pixel_rows: str) -> dict[str, tuple[str, ...]]:
    """Glyphs drawn side by side: in each of the five rows they are parted by blanks, in the order of `names`."""
    columns = [row.split() for row in pixel_rows]
    return {name: tuple(row[index] for row in columns) for index, name in enumerate(names)}


_FONT: Final = MappingProxyType(
    _bitmaps(
        "0123456789",
        "### ##. ### ### #.# ### ### ### ### ###",
        "#.# .#. ..# ..# #.# #.. #.. ..# #.# #.#",
        "#.# .#. ### .## ### ### ### .#. ### ###",
        "#.# .#. #.. ..# ..# ..# #.# .#. #.# ..#",
        "### ### ### ### ..# ### ### .#. ### ###",
    )
    | _bitmaps(
        "ABCDEFGHIJKLM",
        "### ##. ### ##. ### ### ### #.# # ..# #.# #.. #...#",
        "#.# #.# #.. #.# #.. #.. #.. #.# # ..# #.# #.. ##.##",
        "### ##. #.. #.# ##. ##. #.# ### # ..# ##. #.. #.#.#",
        "#.# #.# #.. #.# #.. #.. #.# #.# # #.# #.# #.. #...#",
        "#.# ##. ### ##. ### #.. ### #.# # ### #.# ### #...#",
    )
    | _bitmaps(
        "NOPQRSTUVWXYZ",
        "#..# .#. ### ### ##. .## ### #.# #.# #...# #.# #.# ###",
        "##.# #.# #.# #.# #.# #.. .#. #.# #.# #...# #.# #.# ..#",
        "#.## #.# ### #.# ##. .#. .#. #.# #.# #.#.# .#. .#. .#.",
        "#..# #.# #.. ### #.# ..# .#. #.# #.# ##.## #.# .#. #..",
        "#..# .#. #.. ..# #.# ##. .#. ### .#. #...# #.# .#. ###",
    )
    | _bitmaps(
        "kh.,:-/*#+%!?~",
        "#.. #.. . .. . ... ..# ... .#.#. ... #..# # ### ....",
        "#.# #.. . .. # ... ..# #.# ##### .#. ...# # ..# .#.#",
        "##. ##. . .. . ### .#. .#. .#.#. ### .##. # .## #.#.",
        "##. #.# . .# # ... #.. #.# ##### .#. #... . ... ....",
        "#.# #.# # #. . ... #.. ... .#.#. ... #..# # .#. ....",
    )
    | {" ": ("..",) * _HEIGHT_PX}
)
_HALVES: Final = MappingProxyType({"..": " ", "#.": "▀", ".#": "▄", "##": "█"})


def scaled(text: str, scale: Scale, width: int) -> list[str]:
    """`text` in exactly `scale.rows` lines of at most `width` cells, as large as it fits.

    What has no glyph (中文) or is too long becomes the terminal's own text, in the middle of the rows.
    """
    letters = "".join(character if character in _FONT else character.upper() for character in text)
    for smaller in reversed([step for step in Scale if step.rows <= scale.rows and step is not Scale.TEXT]):
        if _may_draw(letters) and width_of(letters, smaller) <= width:
            return _amid(draw(letters, smaller), scale.rows)
    return _amid([crop(text, width)], scale.rows)


def width_of(text: str, scale: Scale) -> int:
    """Cells across that `text` takes; without a glyph for each character, that of the terminal's own text."""
    if scale is Scale.TEXT or not _may_draw(text):
        return cell_len(text)
    pixels = sum(len(_FONT[character][0]) for character in text) + max(0, len(text) - 1)
    return pixels * scale.across


def _may_draw(text: str) -> bool:
    return text != "" and all(character in _FONT for character in text)


def _amid(rows: list[str], count: int) -> list[str]:
    above = (count - len(rows)) // 2
    return [""] * above + rows + [""] * (count - len(rows) - above)


def draw(text: str, scale: Scale) -> list[str]:
    """`text` as `scale.rows` lines of block characters; it must be drawable and `scale` larger than TEXT."""
    glyphs = [_FONT[character] for character in text]
    return draw_pixels([".".join(glyph[row] for glyph in glyphs) for row in range(_HEIGHT_PX)], scale)


def draw_pixels(pixels: Sequence[str], scale: Scale) -> list[str]:
    """Five rows of `#` and `.` as block characters."""
    if scale is Scale.HALF:
        padded = [*pixels, "." * len(pixels[0])]
        return [
            "".join(_HALVES[upper + lower] for upper, lower in zip(padded[row], padded[row + 1], strict=True))
            for row in range(0, len(padded), 2)
        ]
    drawn = ["".join(("█" if pixel == "#" else " ") * scale.across for pixel in row) for row in pixels]
    return [row for row in drawn for _ in range(scale.down)]
