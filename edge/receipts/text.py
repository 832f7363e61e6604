"""Blocks as text for a printer of 80 mm: 42 or 48 columns, of which a 中文 character takes two."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import assert_never

from edge.receipts.blocks import Banner, Block, Centred, Columns, Field, Item, Note, Rule, Sum, Title


def as_text(blocks: Iterable[Block], columns: int = 42) -> str:
    """The page; no line is wider than `columns`, and each ends with a line feed."""
    return "".join(f"{line.rstrip()}\n" for block in blocks for line in _lines(block, columns))


def width(text: str) -> int:
    """The columns that a text takes on a printer or a terminal."""
    return sum(_columns_of(c) for c in text)


def _columns_of(c: str) -> int:
    if unicodedata.combining(c):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


def _lines(block: Block, columns: int) -> Iterator[str]:
    match block:
        case Title(text=text) | Centred(text=text):
            yield from (_centred(line, columns) for line in wrapped(text, columns))
        case Banner(text=text):
            yield from (_centred(f"*** {line} ***", columns) for line in wrapped(text, columns - 8))
        case Field(label=label, value=value):
            yield from _pair(f"{label}:", value, columns)
        case Item(name=name, details=details, amount=amount):
            yield from _pair(name, amount, columns)
            for detail in details:
                yield from (f"  {line}" for line in wrapped(detail, columns - 2))
        case Columns(cells=cells):
            yield from _columns(cells, columns)
        case Sum(label=label, amount=amount, is_total=is_total):
            if is_total:
                yield "=" * columns
            yield from _pair(label, amount, columns)
        case Note(text=text):
            yield from wrapped(text, columns)
        case Rule():
            yield "-" * columns
        case _:
            assert_never(block)


def _pair(left: str, right: str, columns: int) -> Iterator[str]:
    """One to the left and one to the right; on lines of their own where they do not fit beside each other."""
    gap = columns - width(left) - width(right)
    if gap >= 1:
        yield left + " " * gap + right
        return
    yield from wrapped(left, columns)
    yield from (" " * (columns - width(line)) + line for line in wrapped(right, columns))


def _columns(cells: tuple[str, ...], columns: int) -> Iterator[str]:
    each = columns // len(cells)
    first = columns - each * (len(cells) - 1)
    if any(width(cell) >= (first if number == 0 else each) for number, cell in enumerate(cells)):
        yield from wrapped(cells[0], columns)
        yield from _pair("", "  ".join(cells[1:]), columns)
        return
    row = cells[0] + " " * (first - width(cells[0]))
    yield row + "".join(" " * (each - width(cell)) + cell for cell in cells[1:])


def _centred(text: str, columns: int) -> str:
    return " " * max(0, (columns - width(text)) // 2) + text


def wrapped(text: str, columns: int) -> list[str]:
    """The lines of a text: broken between words, and 中文 and what is too long anywhere."""
    lines: list[str] = []
    line = ""
    for word in _words(text):
        if width(line) + width(word.rstrip()) <= columns:
            line += word
            continue
        if line.strip():
            lines.append(line.rstrip())
        line = ""
        for c in word:
            if width(line) + _columns_of(c) > columns:
                lines.append(line)
                line = ""
            line += c
    if line.strip() or not lines:
        lines.append(line.rstrip())
    return lines


def _words(text: str) -> Iterator[str]:
    """What a line may be broken between: words with the space behind them, and each wide character."""
    word = ""
    for c in text:
        if _columns_of(c) == 2:
            if word:
                yield word
            word = ""
            yield c
        else:
            word += c
            if c == " ":
                yield word
                word = ""
    if word:
        yield word
