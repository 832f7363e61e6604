"""Whole screens: any size, any count, both languages; and what a person would read on some of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.site.view import SHOWN, Patch, PowerFlow, Snapshot
from protocols.terms import BalancePart, EvseState
from tests.ui.bigscreen.fake_edge import AT, evse, site, totals
from ui.bigscreen.board import changed_regions
from ui.bigscreen.cells import cells_of
from ui.bigscreen.header import banners, header_rows
from ui.bigscreen.sheet import Scene, sheet_of
from ui.bigscreen.sight import Heard, Lost, Sight, Trouble, Warned, told
from ui.bigscreen.words import WORDS, Language

GOLDEN = Path(__file__).parent / "golden"
SAMPLE = Path(__file__).parents[3] / "docs" / "pictures" / "bigscreen.json"


def scene(snapshot: Snapshot | None, width: int, height: int, **changes: object) -> Scene:
    """A fresh scene."""
    sight = Sight(site=snapshot, is_fresh=snapshot is not None)
    calm = Scene(width=width, height=height, sight=sight, language=Language.ENGLISH, address="ws://127.0.0.1:9001")
    return replace(calm, **changes)  # type: ignore[arg-type]


def down(snapshot: Snapshot) -> Snapshot:
    """The same site while the WAN is down."""
    return replace(snapshot, totals=replace(snapshot.totals, is_uplink_online=False, backlog=1204))


@settings(deadline=None, max_examples=60)
@given(
    st.integers(80, 320),
    st.integers(24, 90),
    st.integers(1, 200),
    st.sampled_from(Language),
    st.sampled_from(["fresh", "stale", "wan"]),
)
def test_every_evse_is_on_some_page_and_no_line_is_too_wide(
    width: int, height: int, count: int, language: Language, condition: str
) -> None:
    snapshot = site(count, totals=totals(open_alarms=3, allows_unknown_stations=condition == "wan"))
    sight = Sight(site=down(snapshot) if condition == "wan" else snapshot, is_fresh=True)
    if condition == "stale":
        sight = told(sight, Lost(trouble=Trouble.SILENT), AT)
    first = sheet_of(scene(None, width, height, sight=sight, language=language))
    shown = []
    for page in range(first.pages):
        sheet = sheet_of(scene(None, width, height, sight=sight, language=language, page=page), first)
        assert all(cells_of(sheet.line(y)) == width for y in range(height))
        assert len(sheet.above) == header_rows(height) + len(banners(sight, WORDS[language], width, height))
        shown += [tile.key.evse for tile in sheet.tiles]
        for tile in sheet.tiles:
            assert len(sheet.above) <= tile.y
            assert tile.y + len(tile.lines) <= height - len(sheet.below)
    assert tuple(shown) == snapshot.evses


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 9), st.sampled_from(Language), st.booleans())
def test_a_screen_that_is_too_small_is_cropped_and_no_crash(
    width: int, height: int, count: int, language: Language, is_fresh: bool
) -> None:
    sight = Sight(site=down(site(count)), is_fresh=is_fresh, lost_at=None if is_fresh else AT, warning="x" * 50)
    sheet = sheet_of(scene(None, width, height, sight=sight, language=language))
    assert all(cells_of(sheet.line(y)) == width for y in range(height))


@pytest.mark.parametrize("language", list(Language))
def test_before_the_first_picture(language: Language) -> None:
    text = sheet_of(scene(None, 80, 24, language=language)).text()
    assert "ws://127.0.0.1:9001" in text
    sight = told(Sight(), Lost(trouble=Trouble.TOKEN_REFUSED, detail="HTTP 401"), AT)
    text = sheet_of(scene(None, 80, 24, sight=sight, language=language)).text()
    assert "--token-file" in text
    assert "401" in text


def test_wan_banner_says_that_charging_and_billing_go_on() -> None:
    text = sheet_of(scene(down(site(4)), 160, 30)).text()
    assert "NO INTERNET since 14:32" in text
    assert "charging and billing go on" in text
    assert "1204" in text
    without_uplink = replace(site(4), totals=totals(has_uplink=False, is_uplink_online=False))
    assert "INTERNET" not in sheet_of(scene(without_uplink, 160, 30)).text()


def test_commissioning_banner() -> None:
    text = sheet_of(scene(site(4, totals=totals(allows_unknown_stations=True)), 80, 24)).text()
    assert "unknown charging stations are let in" in text


def test_a_stale_board_says_since_when_and_from_when() -> None:
    sight = told(Sight(site=down(site(7)), is_fresh=True), Lost(trouble=Trouble.CLOSED), AT + timedelta(seconds=70))
    text = sheet_of(scene(None, 120, 30, sight=sight)).text()
    assert "NO CONNECTION TO THE CONTROLLER since 14:33:18" in text
    assert "last picture from 14:32:08" in text
    assert "INTERNET" not in text
    fresh = sheet_of(scene(site(7), 120, 30))
    stale = sheet_of(scene(None, 120, 30, sight=sight))
    colours = {segment.style.color for tile in stale.tiles for row in tile.lines for segment in row if segment.style}
    assert len(colours) < 6
    assert all(was.lines != now.lines for was, now in zip(fresh.tiles, stale.tiles, strict=True))


def test_counts_and_power() -> None:
    text = sheet_of(scene(site(7), 160, 30)).text()
    for word in ("✓ 1 FREE", "■ 1 OCCUPIED", "↯ 1 CHARGING", "42.3 kW", "Harbour Street", "14:32"):
        assert word in text


def test_an_unknown_time_zone_is_utc() -> None:
    assert "13:32" in sheet_of(scene(site(1, time_zone="Mars/Base"), 80, 24)).text()


def test_a_name_full_of_escapes_is_inert() -> None:
    sight = Sight(site=site(1, name="\x1b[2J[bold]x" * 40, currency="\x1b"), is_fresh=True, warning="\x1b]0;x\x07")
    text = sheet_of(scene(None, 80, 24, sight=sight)).text()
    assert "\x1b" not in text
    assert "\x07" not in text


def test_pages_are_numbered() -> None:
    sheet = sheet_of(scene(site(200), 80, 24))
    assert sheet.pages == 10
    assert "page 1/10" in sheet.text()
    assert "page 10/10" in sheet_of(scene(site(200), 80, 24, page=-1)).text()
    assert sheet_of(scene(site(200), 320, 90)).pages == 1


def test_only_what_changed_is_repainted() -> None:
    before = Sight(site=site(12), is_fresh=True)
    one = sheet_of(scene(None, 120, 36, sight=before))
    same = sheet_of(scene(None, 120, 36, sight=before), one)
    assert changed_regions(one, same) == []
    after = told(before, Heard(message=Patch(totals=totals(), evses=(evse(5, EvseState.FREE),))), AT)
    two = sheet_of(scene(None, 120, 36, sight=after), one)
    regions = changed_regions(one, two)
    assert regions is not None
    tile = two.tiles[4]
    small = [region for region in regions if region.width < 120]
    assert small
    assert all(region.x == tile.x and tile.y <= region.y < tile.y + len(tile.lines) for region in small)
    assert sum(kept.lines is was.lines for kept, was in zip(two.tiles, one.tiles, strict=True)) == 11
    assert changed_regions(one, sheet_of(scene(None, 160, 45, sight=after))) is None


def test_where_the_power_comes_from_is_shown_and_what_is_not_known_is_not() -> None:
    flows = (
        PowerFlow(part=BalancePart.GRID, power_w=-4_800, age_s=1),
        PowerFlow(part=BalancePart.PV, power_w=6_000, age_s=1),
        PowerFlow(part=BalancePart.EVSES, power_w=None),
    )
    snapshot = site(3, totals=totals(balance=flows))
    text = sheet_of(scene(snapshot, 120, 50)).text()
    assert "grid -4.8 kW  ·  sun 6 kW  ·  charging ?" in text
    stale = told(Sight(site=snapshot, is_fresh=True), Lost(trouble=Trouble.SILENT), AT)
    assert "grid ~-4.8 kW" in sheet_of(scene(None, 120, 50, sight=stale)).text()
    bare = sheet_of(scene(site(3), 120, 50))
    assert "grid" not in bare.text()


def test_a_warning_is_shown() -> None:
    sight = told(Sight(site=site(3), is_fresh=True), Warned(detail="kind weather"), AT)
    assert "kind weather" in sheet_of(scene(None, 120, 30, sight=sight)).text()


@pytest.mark.parametrize(
    ("name", "width", "height", "language"),
    [
        ("sample-80x24", 80, 24, Language.ENGLISH),
        ("sample-80x24-zh", 80, 24, Language.CHINESE),
        ("sample-120x36", 120, 36, Language.ENGLISH),
        ("sample-200x60-zh", 200, 60, Language.CHINESE),
    ],
)
def test_golden_screens(name: str, width: int, height: int, language: Language) -> None:
    """Rewrite one by deleting it; the next run writes it and fails once."""
    snapshot = SHOWN.validate_json(SAMPLE.read_bytes())
    assert isinstance(snapshot, Snapshot)
    text = sheet_of(scene(snapshot, width, height, language=language)).text()
    golden = GOLDEN / f"{name}.txt"
    if not golden.exists():
        golden.write_text(text, "utf-8")
        pytest.fail(f"{golden.name} was written; look at it and run again")
    assert text == golden.read_text("utf-8")
