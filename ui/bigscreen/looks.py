"""How each state looks: a symbol, an icon and a border of its own, so that nobody needs to tell colours apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from rich.color import Color
from rich.style import Style

from protocols.terms import EvseState

GROUND: Final = "#0b0f14"


@dataclass(frozen=True, slots=True, kw_only=True)
class Border:
    """Characters of a frame: the upper edge and the lower edge (left corner, side, right corner), left and right."""

    upper: tuple[str, str, str]
    lower: tuple[str, str, str]
    left: str
    right: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Shape (`symbol`, `icon` of 5 rows, `border`) and colour of a state."""

    symbol: str
    icon: tuple[str, str, str, str, str]
    border: Border
    hue: str
    tint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    """The styles of one tile."""

    fill: Style
    frame: Style
    label: Style
    icon: Style
    band: Style
    fact: Style
    quiet: Style


LOOKS: Final = MappingProxyType(
    {
        EvseState.FREE: Look(
            symbol="✓",
            icon=("......#", ".....##", "#...##.", "##.##..", ".###..."),
            border=Border(upper=("╭", "─", "╮"), lower=("╰", "─", "╯"), left="│", right="│"),
            hue="#43d17c",
            tint="#0d2417",
        ),
        EvseState.CHARGING: Look(
            symbol="↯",
            icon=("...##", "..##.", ".####", "..##.", ".##.."),
            border=Border(upper=("┏", "━", "┓"), lower=("┗", "━", "┛"), left="┃", right="┃"),
            hue="#58a6ff",
            tint="#0d1f36",
        ),
        EvseState.OCCUPIED: Look(
            symbol="■",
            icon=("..###..", ".#...#.", "#######", "#######", ".#...#."),
            border=Border(upper=("┌", "─", "┐"), lower=("└", "─", "┘"), left="│", right="│"),
            hue="#f0b72f",
            tint="#2a210b",
        ),
        EvseState.RESERVED: Look(
            symbol="◆",
            icon=("..#..", ".###.", "#####", ".###.", "..#.."),
            border=Border(upper=("╔", "═", "╗"), lower=("╚", "═", "╝"), left="║", right="║"),
            hue="#c297f5",
            tint="#221633",
        ),
        EvseState.FAULTED: Look(
            symbol="!",
            icon=("##", "##", "##", "..", "##"),
            border=Border(upper=("▛", "▀", "▜"), lower=("▙", "▄", "▟"), left="▌", right="▐"),
            hue="#ff6b60",
            tint="#331313",
        ),
        EvseState.UNAVAILABLE: Look(
            symbol="×",
            icon=("#...#", ".#.#.", "..#..", ".#.#.", "#...#"),
            border=Border(upper=("┌", "╌", "┐"), lower=("└", "╌", "┘"), left="╎", right="╎"),
            hue="#a8b3bf",
            tint="#181d23",
        ),
        EvseState.OFFLINE: Look(
            symbol="?",
            icon=("###.", "...#", ".##.", "....", ".#.."),
            border=Border(upper=("·", "·", "·"), lower=("·", "·", "·"), left="·", right="·"),
            hue="#8b96a2",
            tint="#12161b",
        ),
    }
)

_STALE_HUE: Final = "#6b747d"
_STALE_TINT: Final = "#101317"


@lru_cache(maxsize=32)
def paint_of(state: EvseState, *, is_stale: bool) -> Paint:
    """The styles of a tile in `state`; when the picture is stale all colour is gone and everything is dim."""
    hue, tint = (_STALE_HUE, _STALE_TINT) if is_stale else (LOOKS[state].hue, LOOKS[state].tint)
    bright = "#8d969f" if is_stale else "#ffffff"
    fact = "#7b848d" if is_stale else "#dce3ea"
    return Paint(
        fill=ink(hue, tint),
        frame=ink(hue, tint),
        label=ink(bright, tint, bold=True),
        icon=ink(hue, tint, bold=True),
        band=ink(_STALE_TINT if is_stale else GROUND, hue, bold=True),
        fact=ink(fact, tint),
        quiet=ink("#666f78" if is_stale else "#98a3ae", tint),
    )


@lru_cache(maxsize=128)
def ink(colour: str, ground: str = GROUND, *, bold: bool = False) -> Style:
    """Colours as `#rrggbb`."""
    return Style.from_color(Color.parse(colour), Color.parse(ground)) + Style(bold=bold)
