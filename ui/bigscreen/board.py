"""The one widget of the wall display: it paints a sheet line by line and repaints only what changed."""

from __future__ import annotations

from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from ui.bigscreen.sheet import Scene, Sheet, sheet_of


class Board(Widget):
    """One widget for all tiles: a tenth of the work of a widget for each (measured with 200)."""

    DEFAULT_CSS = "Board { width: 100%; height: 100%; }"

    def __init__(self) -> None:
        super().__init__()
        self._sheet: Sheet | None = None
        self._strips: dict[int, Strip] = {}

    @property
    def sheet(self) -> Sheet | None:
        """What is on the screen."""
        return self._sheet

    def show(self, scene: Scene) -> None:
        """Draw the scene and mark what differs from what is on the screen."""
        former, self._sheet = self._sheet, sheet_of(scene, self._sheet)
        dirty = changed_regions(former, self._sheet)
        if dirty is None:
            self._strips.clear()
            self.refresh()
        elif dirty:
            for region in dirty:
                for y in range(region.y, region.bottom):
                    self._strips.pop(y, None)
            self.refresh(*dirty)

    def render_line(self, y: int) -> Strip:
        """Textual's Line API: the line `y` of the widget."""
        sheet = self._sheet
        if sheet is None or y >= sheet.height:
            return Strip.blank(self.size.width)
        strip = self._strips.get(y)
        if strip is None:
            strip = self._strips[y] = Strip(sheet.line(y), sheet.width)
        return strip

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """All of the screen."""
        return container.height


def changed_regions(former: Sheet | None, sheet: Sheet) -> list[Region] | None:
    """The parts of the screen that differ; None when that is all of it (another size, another grid)."""
    if former is None or _frame_of(former) != _frame_of(sheet):
        return None
    regions = [
        Region(0, y, sheet.width, 1)
        for y, (was, now) in enumerate(zip(former.above, sheet.above, strict=True))
        if was != now
    ]
    regions += [
        Region(tile.x, tile.y + row, tile.key.shape.width, 1)
        for former_tile, tile in zip(former.tiles, sheet.tiles, strict=True)
        if former_tile.lines is not tile.lines
        for row, (was, now) in enumerate(zip(former_tile.lines, tile.lines, strict=True))
        if was != now
    ]
    bottom = sheet.height - len(sheet.below)
    regions += [
        Region(0, bottom + y, sheet.width, 1)
        for y, (was, now) in enumerate(zip(former.below, sheet.below, strict=True))
        if was != now
    ]
    return regions


def _frame_of(sheet: Sheet) -> tuple[object, ...]:
    """What must be the same for two sheets to be compared part by part."""
    return (
        sheet.width,
        sheet.height,
        len(sheet.above),
        len(sheet.below),
        tuple((tile.x, tile.y, tile.key.shape) for tile in sheet.tiles),
    )
