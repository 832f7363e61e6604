"""Mends the SVG that Textual exports: block characters become rectangles and wide characters get their room.

Drawn as text, blocks leave seams between lines in every font but the one that the exporter had in mind, and its
`textLength` counts 中 as one cell. Pure text to text.
"""

from __future__ import annotations

import re
from html import escape, unescape
from itertools import groupby
from types import MappingProxyType
from typing import Final

from rich.cells import cell_len

_CELL_WIDTH: Final = 12.2
_LINE_HEIGHT: Final = 24.4
_FIRST_LINE: Final = 1.5
"""Rich's `Console.export_svg`: 20 px characters, their width × 0.61, their height × 1.22."""
_TEXT: Final = re.compile(
    r'<text class="(?P<style>[\w-]+)" x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)" textLength="[\d.]+"'
    r' clip-path="url\(#(?P<clip>[\w-]+-line-(?P<line>\d+))\)">(?P<text>[^<]*)</text>'
)
_PARTS: Final = MappingProxyType(
    {
        "█": ((0.0, 0.0, 1.0, 1.0),),
        "▀": ((0.0, 0.0, 1.0, 0.5),),
        "▄": ((0.0, 0.5, 1.0, 0.5),),
        "▌": ((0.0, 0.0, 0.5, 1.0),),
        "▐": ((0.5, 0.0, 0.5, 1.0),),
        "▛": ((0.0, 0.0, 1.0, 0.5), (0.0, 0.5, 0.5, 0.5)),
        "▜": ((0.0, 0.0, 1.0, 0.5), (0.5, 0.5, 0.5, 0.5)),
        "▙": ((0.0, 0.0, 0.5, 0.5), (0.0, 0.5, 1.0, 0.5)),
        "▟": ((0.5, 0.0, 0.5, 0.5), (0.0, 0.5, 1.0, 0.5)),
        "│": ((0.45, 0.0, 0.1, 1.0),),
        "┃": ((0.38, 0.0, 0.24, 1.0),),
        "░": ((0.0, 0.0, 1.0, 1.0),),
    }
)
"""x, y, width and height of what is filled, in parts of a cell."""
_SHADED: Final = "░"


def mended(svg: str) -> str:
    """The SVG with blocks drawn as rectangles and each text as wide as its cells."""
    return _TEXT.sub(_mended_text, svg)


def _mended_text(match: re.Match[str]) -> str:
    style, x, line = match["style"], float(match["x"]), int(match["line"])
    drawn: list[str] = []
    for is_block, run in groupby(unescape(match["text"]), key=lambda character: character in _PARTS):
        text = "".join(run)
        width = cell_len(text) * _CELL_WIDTH
        if is_block:
            drawn += _blocks(text, style, x, line)
        elif text.strip("\xa0 "):
            words = escape(text).replace(" ", "&#160;").replace("\xa0", "&#160;")
            drawn.append(
                f'<text class="{style}" x="{x:g}" y="{match["y"]}" textLength="{width:g}"'
                f' clip-path="url(#{match["clip"]})">{words}</text>'
            )
        x += width
    return "".join(drawn)


def _blocks(text: str, style: str, x: float, line: int) -> list[str]:
    """Rectangles; equal blocks that fill their cells from side to side become one."""
    drawn: list[str] = []
    top = _FIRST_LINE + line * _LINE_HEIGHT
    for block, run in groupby(text):
        count = len(list(run))
        for left, above, width, height in _PARTS[block]:
            times, step = (1, count) if width == 1.0 else (count, 1)
            for index in range(times):
                shade = ' fill-opacity="0.25"' if block == _SHADED else ""
                drawn.append(
                    f'<rect class="{style}" x="{x + (index + left) * _CELL_WIDTH:g}"'
                    f' y="{top + above * _LINE_HEIGHT:g}" width="{width * step * _CELL_WIDTH:g}"'
                    f' height="{height * _LINE_HEIGHT:g}" shape-rendering="crispEdges"{shade}/>'
                )
        x += count * _CELL_WIDTH
    return drawn
