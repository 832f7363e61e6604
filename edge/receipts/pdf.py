"""Blocks as a PDF of A4 pages. 中文 is set in STSong-Light, which is one of the fonts that PDF readers bring along, so
that none has to be shipped; all text can be searched and copied."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Final, assert_never

from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from edge.receipts.blocks import Banner, Block, Centred, Columns, Field, Item, Note, Rule, Sum, Title

_LATIN: Final = "Helvetica"
_BOLD: Final = "Helvetica-Bold"
_CJK: Final = "STSong-Light"
_WIDTH, _HEIGHT = A4
_MARGIN: Final = 60.0
_LABEL: Final = 150.0
_SIZE: Final = 10.0
_LARGE: Final = 14.0
_SMALL: Final = 8.5


def as_pdf(blocks: Iterable[Block], title: str) -> bytes:
    """The document; the same blocks give the same bytes."""
    if _CJK not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(UnicodeCIDFont(_CJK))
    page = _Page(title)
    for block in blocks:
        page.draw(block)
    return page.close()


class _Page:
    """Draws from the top down, and turns the page at its end."""

    def __init__(self, title: str) -> None:
        self._file = io.BytesIO()
        self._canvas = Canvas(self._file, pagesize=A4, invariant=True)
        self._canvas.setTitle(title)
        self._y = _HEIGHT - _MARGIN

    def close(self) -> bytes:
        self._canvas.save()
        return self._file.getvalue()

    def draw(self, block: Block) -> None:
        match block:
            case Title(text=text):
                self._centre(text, _LARGE, is_bold=True)
            case Banner(text=text):
                self._down(4)
                self._centre(text, _LARGE, is_bold=True)
            case Centred(text=text):
                self._centre(text, _SIZE)
            case Field(label=label, value=value):
                self._field(label, value)
            case Item(name=name, details=details, amount=amount):
                self._amount(name, amount, _SIZE)
                for detail in details:
                    self._paragraph(detail, _SMALL, _MARGIN + 12)
            case Columns(cells=cells, is_head=is_head):
                self._columns(cells, is_head=is_head)
            case Sum(label=label, amount=amount, is_total=is_total):
                self._amount(label, amount, _LARGE if is_total else _SIZE, is_bold=is_total)
            case Note(text=text):
                self._paragraph(text, _SMALL, _MARGIN)
            case Rule():
                self._down(5)
                self._canvas.setLineWidth(0.5)
                self._canvas.line(_MARGIN, self._y, _WIDTH - _MARGIN, self._y)
                self._down(4)
            case _:
                assert_never(block)

    def _down(self, points: float) -> None:
        self._y -= points
        if self._y < _MARGIN:
            self._canvas.showPage()
            self._y = _HEIGHT - _MARGIN

    def _centre(self, text: str, size: float, *, is_bold: bool = False) -> None:
        for line in _wrapped(text, size, _WIDTH - 2 * _MARGIN, is_bold=is_bold):
            self._down(size * 1.35)
            self._write(line, (_WIDTH - _width(line, size, is_bold=is_bold)) / 2, size, is_bold=is_bold)

    def _field(self, label: str, value: str) -> None:
        for number, line in enumerate(_wrapped(value, _SIZE, _WIDTH - 2 * _MARGIN - _LABEL)):
            self._down(_SIZE * 1.35)
            if number == 0:
                self._write(label, _MARGIN, _SIZE)
            self._write(line, _MARGIN + _LABEL, _SIZE)

    def _amount(self, label: str, amount: str, size: float, *, is_bold: bool = False) -> None:
        beside = _width(amount, size, is_bold=is_bold)
        for number, line in enumerate(_wrapped(label, size, _WIDTH - 2 * _MARGIN - beside - 12, is_bold=is_bold)):
            self._down(size * 1.4)
            self._write(line, _MARGIN, size, is_bold=is_bold)
            if number == 0:
                self._write(amount, _WIDTH - _MARGIN - beside, size, is_bold=is_bold)

    def _columns(self, cells: tuple[str, ...], *, is_head: bool) -> None:
        each = (_WIDTH - 2 * _MARGIN) / len(cells)
        lines = [_wrapped(cell, _SIZE, each - 6, is_bold=is_head) for cell in cells]
        for number in range(max(map(len, lines))):
            self._down(_SIZE * 1.35)
            for place, of_cell in enumerate(lines):
                if number < len(of_cell):
                    text = of_cell[number]
                    right = _MARGIN + each * (place + 1)
                    x = _MARGIN if place == 0 else right - _width(text, _SIZE, is_bold=is_head)
                    self._write(text, x, _SIZE, is_bold=is_head)

    def _paragraph(self, text: str, size: float, x: float) -> None:
        for line in _wrapped(text, size, _WIDTH - _MARGIN - x):
            self._down(size * 1.4)
            self._write(line, x, size)

    def _write(self, text: str, x: float, size: float, *, is_bold: bool = False) -> None:
        for font, run in _runs(text, is_bold=is_bold):
            self._canvas.setFont(font, size)
            self._canvas.drawString(x, self._y, run)
            x += pdfmetrics.stringWidth(run, font, size)


def _runs(text: str, *, is_bold: bool) -> list[tuple[str, str]]:
    """The text in pieces of one font each."""
    runs: list[tuple[str, str]] = []
    for c in text:
        font = (_BOLD if is_bold else _LATIN) if _is_latin(c) else _CJK
        if runs and runs[-1][0] == font:
            runs[-1] = (font, runs[-1][1] + c)
        else:
            runs.append((font, c))
    return runs


def _is_latin(c: str) -> bool:
    try:
        c.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def _width(text: str, size: float, *, is_bold: bool = False) -> float:
    return sum(pdfmetrics.stringWidth(run, font, size) for font, run in _runs(text, is_bold=is_bold))


def _wrapped(text: str, size: float, room: float, *, is_bold: bool = False) -> list[str]:
    """Lines that fit: broken between words, and anywhere in what is too long or has no words."""
    lines: list[str] = []
    line = ""
    for word in _words(text):
        if _width(line + word.rstrip(), size, is_bold=is_bold) <= room:
            line += word
            continue
        if line.strip():
            lines.append(line.rstrip())
        line = ""
        for c in word:
            if _width(line + c, size, is_bold=is_bold) > room:
                lines.append(line)
                line = ""
            line += c
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _words(text: str) -> list[str]:
    words = [""]
    for c in text:
        if _is_latin(c):
            words[-1] += c
            if c == " ":
                words.append("")
        else:
            words += [c, ""]
    return [word for word in words if word]
