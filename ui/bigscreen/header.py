"""The lines above and below the tiles: the site at a glance, banners for what one must know, the keys. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from protocols.site.view import Snapshot
from protocols.terms import EvseState
from ui.bigscreen.cells import Line, cells_of, centred, crop, ends, line, plain
from ui.bigscreen.facts import OLD_MARK, power_text
from ui.bigscreen.glyphs import Scale, draw_pixels, scaled
from ui.bigscreen.looks import GROUND, LOOKS, ink
from ui.bigscreen.sight import Sight
from ui.bigscreen.words import Words

TALL_SCREEN: Final = 36
"""From this many rows on, counts and clock are big and banners are three rows high."""
_SEPARATOR: Final = "  ·  "
_BANNER_ROWS: Final = 3
_COLUMN_ROWS: Final = 4
_GREY: Final = "#6b747d"


def header_rows(height: int) -> int:
    """How many rows the header takes on a screen of this height."""
    return 2 if height < TALL_SCREEN else 3 + _COLUMN_ROWS


def header(site: Snapshot, sight: Sight, words: Words, width: int, height: int, page: tuple[int, int]) -> list[Line]:
    """Name, clock, counts and power; `page` is (which, of how many), counting from 1."""
    is_stale = not sight.is_fresh
    counts = Counter(evse.state for evse in site.evses)
    shown = [state for state in EvseState if counts[state] or state is EvseState.FREE]
    if height < TALL_SCREEN:
        return [
            _name_line(site, words, width, page, is_stale=is_stale, has_clock=True),
            _count_line(site, counts, shown, words, width, is_stale=is_stale),
        ]
    return [
        _name_line(site, words, width, page, is_stale=is_stale, has_clock=False),
        line(width, _ground()),
        *_big_lines(site, counts, shown, words, width, is_stale=is_stale),
        _balance_line(site, words, width, is_stale=is_stale),
    ]


def banners(sight: Sight, words: Words, width: int, height: int) -> list[Line]:
    """What everybody must see, the gravest first; each stands out by its whole line, not by its colour alone."""
    lines: list[Line] = []
    for mark, parts, ground in _notices(sight, words):
        style = ink("#000000" if ground != "#b3261e" else "#ffffff", ground, bold=True)
        packed = _parts_in_lines([f"{mark} {parts[0]}", *parts[1:]], width - 2)[:_BANNER_ROWS]
        rows = [centred(width, style, text, style) for text in packed]
        lines += [line(width, style), *rows, line(width, style)] if height >= TALL_SCREEN else rows
    return lines


def footer(words: Words, width: int) -> Line:
    """The keys."""
    return line(width, _ground(), Segment(" " + words.keys, ink("#6b747d")))


def clock_text(at: datetime, time_zone: str | None, *, has_seconds: bool = False) -> str:
    """The time at the site; while nobody knows where that is (None), the time of this machine's zone."""
    return at.astimezone(zone_of(time_zone) if time_zone is not None else None).strftime(
        "%H:%M:%S" if has_seconds else "%H:%M"
    )


def zone_of(name: str) -> tzinfo:
    """The site's time zone; UTC where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _notices(sight: Sight, words: Words) -> list[tuple[str, list[str], str]]:
    """(mark, parts of the sentence, colour of the line) of each banner."""
    notices: list[tuple[str, list[str], str]] = []
    site = sight.site
    zone = site.time_zone if site else None
    if not sight.is_fresh and sight.lost_at is not None:
        trouble = words.trouble[sight.trouble].format(detail=plain(sight.detail)) if sight.trouble else ""
        picture = words.last_picture.format(at=clock_text(site.totals.at, zone, has_seconds=True)) if site else ""
        since = words.stale_since.format(at=clock_text(sight.lost_at, zone, has_seconds=True))
        parts = [since, picture or words.no_picture_yet, trouble]
        notices.append(("!!", [part for part in parts if part], "#b3261e"))
    if site is not None and sight.is_fresh:  # what an old picture says of the WAN is old too
        totals = site.totals
        if totals.has_uplink and not totals.is_uplink_online:
            since = words.uplink_lost
            if totals.uplink_since is not None:
                since = words.uplink_lost_since.format(at=clock_text(totals.uplink_since, zone))
            notices.append(("!", [since, words.goes_on, words.backlog.format(count=totals.backlog)], "#f0b72f"))
        if totals.allows_unknown_stations:
            notices.append(("!", [words.allows_unknown], "#c297f5"))
    if sight.warning:
        notices.append(("!", [words.warning.format(detail=plain(sight.warning))], "#c9d1d9"))
    return notices


def _parts_in_lines(parts: Sequence[str], width: int) -> list[str]:
    """Parts joined into as few lines as they fit."""
    lines: list[str] = []
    for part in parts:
        joined = f"{lines[-1]}{_SEPARATOR}{part}" if lines else part
        if lines and cell_len(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(crop(part, width))
    return lines


def _name_line(
    site: Snapshot, words: Words, width: int, page: tuple[int, int], *, is_stale: bool, has_clock: bool
) -> Line:
    bright, quiet = _white(is_stale=is_stale), ink(_GREY if is_stale else "#98a3ae")
    right = []
    if site.totals.open_alarms:
        alarms = words.alarms.format(count=site.totals.open_alarms)
        right.append(Segment(f"! {alarms}   ", ink(_GREY if is_stale else LOOKS[EvseState.FAULTED].hue, bold=True)))
    if page[1] > 1:
        right.append(Segment(words.page.format(page=page[0], pages=page[1]) + "   ", bright))
    day = site.totals.at.astimezone(zone_of(site.time_zone)).strftime("%Y-%m-%d")
    right.append(Segment(day + (" " if not has_clock else "  "), quiet))
    if has_clock:
        right.append(Segment(_clock(site, is_stale=is_stale) + " ", bright))
    name = crop(plain(site.name), max(0, width - cells_of(right) - 2))
    return ends(width, _ground(), [Segment(" " + name, bright)], right)


def _balance_line(site: Snapshot, words: Words, width: int, *, is_stale: bool) -> Line:
    """Where the site's power comes from and goes to, where it has meters; what is not known now is a question mark."""
    mark = OLD_MARK if is_stale else ""
    parts = [
        f"{words.balance[flow.part]} {'?' if flow.power_w is None else mark + power_text(flow.power_w)}"
        for flow in site.totals.balance
    ]
    if not parts:
        return line(width, _ground())
    style = ink(_GREY if is_stale else "#98a3ae")
    return line(width, _ground(), Segment(crop(" " + _SEPARATOR.join(parts), width), style))


def _count_line(
    site: Snapshot,
    counts: Counter[EvseState],
    shown: Sequence[EvseState],
    words: Words,
    width: int,
    *,
    is_stale: bool,
) -> Line:
    """Counts with words if they fit, else with symbols alone; power and alarms at the right."""
    power = (OLD_MARK if is_stale else "") + power_text(site.totals.power_w)
    right = [Segment(f"{power} ", _white(is_stale=is_stale))]
    style = {state: ink(_GREY if is_stale else LOOKS[state].hue, bold=True) for state in shown}
    left: list[Segment] = []
    for has_words in (True, False):
        left = [Segment(" ", _ground())]
        for state in shown:
            word = f" {words.state[state]}" if has_words else ""
            left.append(Segment(f"{LOOKS[state].symbol} {counts[state]}{word}  ", style[state]))
        if cells_of(left) + cells_of(right) < width:
            break
    return ends(width, _ground(), left, right)


def _big_lines(
    site: Snapshot,
    counts: Counter[EvseState],
    shown: Sequence[EvseState],
    words: Words,
    width: int,
    *,
    is_stale: bool,
) -> list[Line]:
    """Four rows: numbers in big digits, and below each what it counts. What does not fit is left out from the end."""
    left = []
    for state in shown:
        style = ink(_GREY if is_stale else LOOKS[state].hue, bold=True)
        icon = draw_pixels(LOOKS[state].icon, Scale.HALF)
        number = scaled(str(counts[state]), Scale.HALF, width)
        big = [f"{drawn}  {digits}" for drawn, digits in zip(icon, number, strict=True)]
        left.append(_column(big, f"{LOOKS[state].symbol} {words.state[state]}", style))
    for right in _big_clocks(site, words, is_stale=is_stale):
        if sum(_column_width(column) for column in (*left, *right)) + 2 <= width:
            return [
                ends(
                    width,
                    _ground(),
                    [Segment(" ", _ground()), *(segment for column in left for segment in column[row])],
                    [segment for column in right for segment in column[row]],
                )
                for row in range(_COLUMN_ROWS)
            ]
    white = _white(is_stale=is_stale)
    clock = _column(scaled(_clock(site, is_stale=is_stale), Scale.HALF, width), "", white)
    return [
        *(ends(width, _ground(), [], row) for row in clock[: _COLUMN_ROWS - 1]),
        _count_line(site, counts, shown, words, width, is_stale=is_stale),
    ]


def _big_clocks(site: Snapshot, words: Words, *, is_stale: bool) -> list[list[list[Line]]]:
    """What stands at the right of the counts, where there is much room and where there is less."""
    white = _white(is_stale=is_stale)
    power = (OLD_MARK if is_stale else "") + power_text(site.totals.power_w)
    clock = scaled(_clock(site, is_stale=is_stale), Scale.HALF, 80)
    return [
        [_column(scaled(f"{power}  ", Scale.HALF, 80), words.site_power, white), _column(clock, "", white)],
        [_column(clock, f"{words.site_power} {power}", white)],
        [_column(clock, power, white)],
    ]


def _clock(site: Snapshot, *, is_stale: bool) -> str:
    return (OLD_MARK if is_stale else "") + clock_text(site.totals.at, site.time_zone)


def _white(*, is_stale: bool) -> Style:
    return ink(_GREY if is_stale else "#ffffff", bold=True)


def _column(big: Sequence[str], caption: str, style: Style) -> list[Line]:
    """Three rows of big text and a caption, all of one width, with blanks at the right."""
    width = max(cell_len(text) for text in (*big, caption)) + 2
    rows = [line(width, _ground(), Segment(text, style)) for text in big]
    return [*rows, line(width, _ground(), Segment(caption, style))]


def _column_width(column: Sequence[Line]) -> int:
    return cells_of(column[0])


def _ground() -> Style:
    return ink("#c9d1d9", GROUND)
