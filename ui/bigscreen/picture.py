"""A picture of the wall display as SVG, drawn from a snapshot without a terminal and without an edge."""

from __future__ import annotations

from protocols.site.view import Snapshot
from ui.bigscreen.app import BigScreen
from ui.bigscreen.cells import plain
from ui.bigscreen.sight import Sight
from ui.bigscreen.svg import mended
from ui.bigscreen.words import Language


async def picture_of(site: Snapshot, *, width: int, height: int, language: Language) -> str:
    """The SVG text of a screen of `width` × `height` cells that shows `site`, fresh."""
    app = BigScreen(
        address="",
        token=str,
        clock=lambda: site.totals.at,
        language=language,
        sight=Sight(site=site, is_fresh=True),
        listens=False,
    )
    async with app.run_test(size=(width, height)) as pilot:
        await pilot.pause()
        app.board.refresh()
        await pilot.pause()
        return mended(app.export_screenshot(title=f"Ohmstead · {plain(site.name)}"))
