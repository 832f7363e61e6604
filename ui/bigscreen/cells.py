"""Text in terminal cells: made inert, measured, cropped, padded. A wide character (中) takes two cells."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final, TypeAlias

from rich.cells import cell_len, get_character_cell_size
from rich.segment import Segment
from rich.style import Style

Line: TypeAlias = tuple[Segment, ...]

_LONGEST_TEXT: Final = 400
_NOT_SHOWN: Final = frozenset({"Mn", "Me", "Cf"})
_REPLACED: Final = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})


def plain(text: str) -> str:
    """Foreign text (labels, names, errors) as it may stand on the screen: every character has a width of its own.

    Control characters become `�`, so that an escape sequence is seen and not obeyed; characters without a width,
    among them those that turn the direction of writing, are left out; white space becomes a blank.
    """
    if text.isascii() and text.isprintable():
        return text[:_LONGEST_TEXT].strip()
    shown: list[str] = []
    for character in unicodedata.normalize("NFC", text[:_LONGEST_TEXT]):
        category = unicodedata.category(character)
        if character in "\t\n\r" or category == "Zs":
            shown.append(" ")
        elif category in _REPLACED:
            shown.append("�")
        elif category not in _NOT_SHOWN and get_character_cell_size(character) > 0:
            shown.append(character)
    return "".join(shown).strip()


def crop(text: str, width: int) -> str:
    """At most `width` cells; what is left out in the middle is an ellipsis, for names differ at their ends."""
    if cell_len(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    tail_cells = (width - 1) // 3
    tail = _head(text[::-1], tail_cells)[::-1]
    return _head(text, width - 1 - cell_len(tail)) + "…" + tail


def wrap(text: str, width: int, rows: int) -> list[str]:
    """At most `rows` lines of at most `width` cells, broken at blanks where there are any; the last one is cropped."""
    lines: list[str] = []
    rest = text
    while rest and len(lines) < rows - 1 and cell_len(rest) > width:
        piece = _head(rest, width)
        if not piece:
            break
        blank = piece.rfind(" ")
        if blank > 0 and rest[len(piece)] != " ":
            piece = piece[:blank]
        lines.append(piece.rstrip())
        rest = rest[len(piece) :].lstrip()
    if rest and rows > 0:
        lines.append(crop(rest, width))
    return lines


def line(width: int, fill: Style, *segments: Segment) -> Line:
    """Exactly `width` cells: cropped, or filled up at the right."""
    return tuple(Segment.simplify(Segment.adjust_line_length(list(segments), max(width, 0), style=fill)))


def ends(width: int, fill: Style, left: Sequence[Segment], right: Sequence[Segment]) -> Line:
    """`left` at the left and `right` at the right; where both do not fit, `right` is left out."""
    free = width - cells_of(left) - cells_of(right)
    if free < 1:
        return line(width, fill, *left)
    return line(width, fill, *left, Segment(" " * free, fill), *right)


def centred(width: int, fill: Style, text: str, style: Style) -> Line:
    """`text` in the middle of `width` cells."""
    text = crop(text, width)
    before = max(0, (width - cell_len(text)) // 2)
    return line(width, fill, Segment(" " * before, fill), Segment(text, style))


def cells_of(segments: Sequence[Segment]) -> int:
    """The width of the segments together."""
    return sum(segment.cell_length for segment in segments)


def text_of(segments: Sequence[Segment]) -> str:
    """What the line says, without style."""
    return "".join(segment.text for segment in segments)


def _head(text: str, width: int) -> str:
    used = 0
    for index, character in enumerate(text):
        used += get_character_cell_size(character)
        if used > width:
            return text[:index]
    return text
