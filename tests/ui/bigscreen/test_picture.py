"""The picture of the README is what the display shows."""

from __future__ import annotations

from html import unescape
from pathlib import Path
from xml.etree import ElementTree

from protocols.site.view import SHOWN, Snapshot
from ui.bigscreen.picture import picture_of
from ui.bigscreen.svg import mended
from ui.bigscreen.words import Language

PICTURES = Path(__file__).parents[3] / "docs" / "pictures"


def sample() -> Snapshot:
    snapshot = SHOWN.validate_json((PICTURES / "bigscreen.json").read_bytes())
    assert isinstance(snapshot, Snapshot)
    return snapshot


async def test_the_picture_in_the_docs_is_up_to_date() -> None:
    svg = await picture_of(sample(), width=120, height=36, language=Language.ENGLISH)
    assert svg == (PICTURES / "bigscreen.svg").read_text("utf-8"), (
        "run: ohmstead-ui picture docs/pictures/bigscreen.svg --snapshot docs/pictures/bigscreen.json"
    )


async def test_a_picture_is_well_formed_and_says_what_the_screen_says() -> None:
    svg = await picture_of(sample(), width=80, height=24, language=Language.CHINESE)
    ElementTree.fromstring(svg)  # noqa: S314 - our own text
    for text in ("Harbour\xa0Street\xa0Car\xa0Park", "充电中", "空闲", "14:32"):
        assert text in unescape(svg)
    assert "█" not in svg


def test_wide_characters_get_two_cells() -> None:
    text = '<text class="t-r1" x="12.2" y="20" textLength="36.6" clip-path="url(#t-line-0)">█中&lt;</text>'
    assert mended(text) == (
        '<rect class="t-r1" x="12.2" y="1.5" width="12.2" height="24.4" shape-rendering="crispEdges"/>'
        '<text class="t-r1" x="24.4" y="20" textLength="36.6" clip-path="url(#t-line-0)">中&lt;</text>'
    )
