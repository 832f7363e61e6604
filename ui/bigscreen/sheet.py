"""The whole screen as lines: header, banners, a page of tiles, keys. Pure; the board only paints it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest

from rich.segment import Segment

from protocols.site.view import EvseView
from ui.bigscreen.cells import Line, centred, line, text_of
from ui.bigscreen.header import banners, clock_text, footer, header, header_rows
from ui.bigscreen.layout import Grid, grid_of
from ui.bigscreen.looks import ink
from ui.bigscreen.sight import Sight
from ui.bigscreen.tile import TileShape, shape_of, tile_lines
from ui.bigscreen.words import WORDS, Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """All that the screen depends on. `page` counts from 0 and wraps; `address` is where the edge is."""

    width: int
    height: int
    sight: Sight
    language: Language
    page: int = 0
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TileKey:
    """All that a tile's lines depend on: equal keys, equal lines."""

    evse: EvseView
    shape: TileShape
    language: Language
    currency: str
    reserved_until: str
    is_stale: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A tile and where its upper left corner stands on the screen."""

    key: TileKey
    x: int
    y: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A drawn screen: exactly `height` lines of `width` cells. `above` and `below` frame the rows of tiles."""

    width: int
    height: int
    pages: int
    above: tuple[Line, ...]
    tiles: tuple[Tile, ...]
    below: tuple[Line, ...]

    def line(self, y: int) -> Line:
        """One line of the screen."""
        ground = ink("#c9d1d9")
        if y < len(self.above):
            return self.above[y]
        if y >= self.height - len(self.below):
            return self.below[y - self.height + len(self.below)]
        segments: list[Segment] = []
        reached = 0
        for tile in self.tiles:
            if 0 <= y - tile.y < len(tile.lines):
                segments += [Segment(" " * (tile.x - reached), ground), *tile.lines[y - tile.y]]
                reached = tile.x + tile.key.shape.width
        return line(self.width, ground, *segments)

    def text(self) -> str:
        """The screen without style, for people and tests."""
        return "\n".join(text_of(self.line(y)).rstrip() for y in range(self.height)) + "\n"


def sheet_of(scene: Scene, former: Sheet | None = None) -> Sheet:
    """Draw a scene. Tiles that look as on the `former` sheet are taken from there."""
    words, sight, site = WORDS[scene.language], scene.sight, scene.sight.site
    width, height = max(1, scene.width), max(1, scene.height)
    notices = banners(sight, words, width, height)
    below = (footer(words, width),) if height > 1 else ()
    if site is None:
        text = words.connecting.format(address=scene.address)
        above = _filled([*notices, *_in_the_middle(text, width, height - len(notices) - 1)], width, height - len(below))
        return Sheet(width=width, height=height, pages=1, above=above, tiles=(), below=below)
    rows = max(1, height - header_rows(height) - len(notices) - len(below))
    grid = grid_of(width, rows, len(site.evses))
    page = scene.page % grid.pages
    head = header(site, sight, words, width, height, (page + 1, grid.pages))
    above = (*head, *notices)[: height - len(below)]
    if not site.evses:
        text = words.no_evses
        above = _filled([*above, *_in_the_middle(text, width, rows)], width, height - len(below))
        return Sheet(width=width, height=height, pages=1, above=above, tiles=(), below=below)
    shape = shape_of(grid.tile_width, grid.tile_height, (evse.label for evse in site.evses))
    keys = [
        TileKey(
            evse=site.evses[index],
            shape=shape,
            language=scene.language,
            currency=site.currency,
            reserved_until=_until(site.evses[index], site.time_zone),
            is_stale=not sight.is_fresh,
        )
        for index in grid.on_page(page)
    ]
    tiles = tuple(_tiles(keys, grid, len(above), former))
    return Sheet(width=width, height=height, pages=grid.pages, above=above, tiles=tiles, below=below)


def _tiles(keys: list[TileKey], grid: Grid, top: int, former: Sheet | None) -> Iterable[Tile]:
    for index, (key, was) in enumerate(zip_longest(keys, former.tiles[: len(keys)] if former else ())):
        x, y = grid.place(index)
        if was is not None and was.key == key:
            lines = was.lines
        else:
            words = WORDS[key.language]
            lines = tile_lines(
                key.evse,
                key.shape,
                words,
                key.currency,
                is_stale=key.is_stale,
                reserved_until=key.reserved_until,
            )
        yield Tile(key=key, x=x, y=y + top, lines=lines)


def _until(evse: EvseView, time_zone: str) -> str:
    return clock_text(evse.reserved_until, time_zone) if evse.reserved_until is not None else ""


def _in_the_middle(text: str, width: int, height: int) -> list[Line]:
    style = ink("#c9d1d9", bold=True)
    return [*[line(width, style)] * max(0, height // 2 - 1), centred(width, style, text, style)]


def _filled(lines: list[Line], width: int, height: int) -> tuple[Line, ...]:
    return tuple((lines + [line(width, ink("#c9d1d9"))] * height)[:height])
