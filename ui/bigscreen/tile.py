"""One EVSE as a tile: exactly as many lines as the grid gives it, each exactly as wide. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from protocols.site.view import EvseView
from ui.bigscreen.cells import Line, crop, ends, line, plain, wrap
from ui.bigscreen.facts import OLD_MARK, Facts, facts_of, packed
from ui.bigscreen.glyphs import Scale, draw_pixels, scaled, width_of
from ui.bigscreen.looks import LOOKS, Look, Paint, paint_of
from ui.bigscreen.words import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The parts of a tile from top to bottom: label with icon, band with the state, power, further facts.

    `power` is None where the power has no rows of its own: it stands in the band or among the facts.
    `fact_rows` counts rows of `fact_scale`.
    """

    head: Scale
    band: Scale
    power: Scale | None
    fact_rows: int
    fact_scale: Scale = Scale.TEXT

    @property
    def rows(self) -> int:
        """Rows that the parts take; a band of big text needs air around it and in it."""
        return self.head.rows + self.band_rows + self.lower_rows + (0 if self.band is Scale.TEXT else 2)

    @property
    def band_rows(self) -> int:
        """Rows of the band, with its own above and below big text."""
        return 1 if self.band is Scale.TEXT else self.band.rows + 2

    @property
    def lower_rows(self) -> int:
        """Rows below the band."""
        return (self.power.rows if self.power else 0) + self.fact_rows * self.fact_scale.rows


def _plan(head: Scale, band: Scale, power: Scale | None, fact_rows: int, fact_scale: Scale = Scale.TEXT) -> Plan:
    return Plan(head=head, band=band, power=power, fact_rows=fact_rows, fact_scale=fact_scale)


_PLANS: Final = (
    _plan(Scale.TEXT, Scale.TEXT, None, 0),
    _plan(Scale.TEXT, Scale.TEXT, None, 1),
    _plan(Scale.TEXT, Scale.TEXT, None, 2),
    _plan(Scale.TEXT, Scale.TEXT, None, 3),
    _plan(Scale.HALF, Scale.TEXT, None, 2),
    _plan(Scale.HALF, Scale.TEXT, None, 3),
    _plan(Scale.HALF, Scale.TEXT, Scale.HALF, 2),
    _plan(Scale.HALF, Scale.TEXT, Scale.HALF, 3),
    _plan(Scale.FULL, Scale.TEXT, Scale.HALF, 2),
    _plan(Scale.FULL, Scale.TEXT, Scale.HALF, 3),
    _plan(Scale.FULL, Scale.HALF, Scale.HALF, 2),
    _plan(Scale.FULL, Scale.HALF, Scale.HALF, 3),
    _plan(Scale.FULL, Scale.HALF, Scale.HALF, 2, Scale.HALF),
    _plan(Scale.FULL, Scale.FULL, Scale.HALF, 2, Scale.HALF),
    _plan(Scale.FULL, Scale.FULL, Scale.FULL, 2, Scale.HALF),
    _plan(Scale.FULL, Scale.FULL, Scale.FULL, 3, Scale.HALF),
    _plan(Scale.DOUBLE, Scale.FULL, Scale.FULL, 2, Scale.HALF),
)
"""From the smallest tile to the largest; a tile takes the last one that fits."""
_WIDEST_ICON_PX: Final = 7
_POWER_SAMPLE: Final = "~22.2 kW"


@dataclass(frozen=True, slots=True, kw_only=True)
class TileShape:
    """What all tiles of a page have in common, so that the eye finds the same thing in the same place."""

    width: int
    height: int
    plan: Plan

    @property
    def margin(self) -> int:
        """Blank cells inside the frame at either side."""
        return 1 if self.width >= 20 else 0

    @property
    def inner_width(self) -> int:
        """Cells between frame and margins."""
        return self.width - 2 - 2 * self.margin


def shape_of(width: int, height: int, labels: Iterable[str]) -> TileShape:
    """The largest plan in which the longest label and a usual power fit."""
    inner_width = width - 2 - (2 if width >= 20 else 0)
    longest = max({plain(label).upper() for label in labels}, key=lambda text: width_of(text, Scale.HALF), default="")
    fitting = [plan for plan in _PLANS if plan.rows <= height - 2 and _is_wide_enough(plan, longest, inner_width)]
    return TileShape(width=width, height=height, plan=fitting[-1] if fitting else _PLANS[0])


def _is_wide_enough(plan: Plan, longest: str, inner_width: int) -> bool:
    if plan.head is Scale.TEXT:
        return True
    head = width_of(longest, plan.head) + 2 + _WIDEST_ICON_PX * plan.head.across
    return head <= inner_width and (plan.power is None or width_of(_POWER_SAMPLE, plan.power) <= inner_width)


def tile_lines(
    evse: EvseView, shape: TileShape, words: Words, currency: str, *, is_stale: bool, reserved_until: str = ""
) -> tuple[Line, ...]:
    """The tile of an EVSE. `is_stale` says that the whole picture is old: no colour, and every number marked."""
    paint = paint_of(evse.state, is_stale=is_stale)
    look = LOOKS[evse.state]
    is_old = is_stale or evse.is_reading_old
    facts = facts_of(evse, words, currency, is_old=is_old, reserved_until=reserved_until)
    head, facts = _head(evse, shape, words, look, paint, facts)
    band, facts = _band(evse, shape, words, paint, facts)
    blank = line(shape.width - 2, paint.fill)
    lower = _lower(shape, paint, facts)
    lower += [blank] * (shape.plan.lower_rows - len(lower))
    space = max(0, shape.height - 2 - len(head) - len(band) - len(lower))
    above, between, below = _shares(space)
    inside = [*[blank] * above, *head, *[blank] * between, *band, *[blank] * below, *lower]
    inside = (inside + [blank] * space)[: max(0, shape.height - 2)]
    return _framed(inside, shape, look, paint)[: shape.height]


def _shares(space: int) -> tuple[int, int, int]:
    """Blank rows above the label, above the band and below it; the rest stays at the bottom."""
    return space // 4, (space + 2) // 4, (space + 3) // 4


def _head(
    evse: EvseView, shape: TileShape, words: Words, look: Look, paint: Paint, facts: Facts
) -> tuple[list[Line], Facts]:
    """Label and icon; on a small tile the symbol, and at the right the cost or that the reading is old."""
    scale, width = shape.plan.head, shape.inner_width
    label = plain(evse.label) or plain(f"{evse.station_id}*{evse.evse_id}")
    if scale is not Scale.TEXT:
        icon = draw_pixels(look.icon, scale)
        text = scaled(label.upper(), scale, width - len(icon[0]) - 2)
        return [
            _row(shape, paint.fill, ends(width, paint.fill, [Segment(left, paint.label)], [Segment(right, paint.icon)]))
            for left, right in zip(text, icon, strict=True)
        ], facts
    name = f"{look.symbol} {label}"
    corner, rest = "", facts
    if evse.is_reading_old:
        corner = _fitting((words.old_reading,), width - cell_len(name))
        corner, rest = (corner, facts.without("note")) if corner else (OLD_MARK, facts)
    elif corner := _fitting((facts.cost, facts.cost.replace(" ", "")), width - cell_len(name)):
        rest = facts.without("cost")
    left = crop(name, width - cell_len(corner) - 1) if corner else crop(name, width)
    parts = ends(width, paint.fill, [Segment(left, paint.label)], [Segment(corner, paint.fact)])
    return [_row(shape, paint.fill, parts)], rest


def _fitting(texts: Iterable[str], width: int) -> str:
    """The first text that fits with a blank before it, or none."""
    return next((text for text in texts if cell_len(text) + 1 <= width), "")


def _band(evse: EvseView, shape: TileShape, words: Words, paint: Paint, facts: Facts) -> tuple[list[Line], Facts]:
    """The state, over the whole width; on a small tile the power stands beside it."""
    scale, width = shape.plan.band, shape.width - 2
    word = words.state[evse.state]
    if scale is Scale.TEXT:
        left = " " * shape.margin + word
        powers = (facts.power, facts.power.replace(" ", ""), facts.power_short)
        power = _fitting(powers, width - cell_len(left) - shape.margin) if shape.plan.head is Scale.TEXT else ""
        right = Segment(power + " " * shape.margin, paint.band)
        parts = ends(width, paint.band, [Segment(left, paint.band)], [right])
        return [parts], facts.without("power") if power else facts
    rows = ["", *scaled(word, scale, shape.inner_width), ""]
    return [line(width, paint.band, Segment(" " * shape.margin + row, paint.band)) for row in rows], facts


def _lower(shape: TileShape, paint: Paint, facts: Facts) -> list[Line]:
    """Power in big digits, then the rest of the facts; an error in words takes the place of both."""
    plan, width = shape.plan, shape.inner_width
    lines: list[Line] = []
    if plan.power and facts.power and not facts.error:
        lines += [
            _row(shape, paint.fill, line(width, paint.fill, Segment(row, paint.label)))
            for row in scaled(facts.power, plan.power, width)
        ]
        facts = facts.without("power")
    rows = plan.lower_rows - len(lines)
    for text in wrap(facts.error, width, rows):
        lines.append(_row(shape, paint.fill, line(width, paint.fill, Segment(text, paint.fact))))
        rows -= 1
    for left, right in packed(facts, width, rows // plan.fact_scale.rows, plan.fact_scale):
        style = paint.quiet if facts.is_quiet else paint.fact
        lines += [_row(shape, paint.fill, row) for row in _pair(left, right, plan.fact_scale, width, paint.fill, style)]
    return lines


def _pair(left: str, right: str, scale: Scale, width: int, fill: Style, style: Style) -> list[Line]:
    """Two facts on one row, left and right."""
    at_left = scaled(left, scale, width)
    at_right = scaled(right, scale, width) if right else [""] * scale.rows
    return [
        ends(width, fill, [Segment(first, style)], [Segment(second, style)])
        for first, second in zip(at_left, at_right, strict=True)
    ]


def _row(shape: TileShape, fill: Style, parts: Line) -> Line:
    """A line inside the margins."""
    margin = Segment(" " * shape.margin, fill)
    return (margin, *parts, margin)


def _framed(inside: list[Line], shape: TileShape, look: Look, paint: Paint) -> tuple[Line, ...]:
    border = look.border
    return (
        _edge(border.upper, shape.width, paint.frame),
        *(
            line(shape.width, paint.fill, Segment(border.left, paint.frame), *row, Segment(border.right, paint.frame))
            for row in inside
        ),
        _edge(border.lower, shape.width, paint.frame),
    )


def _edge(characters: tuple[str, str, str], width: int, style: Style) -> Line:
    left, side, right = characters
    return line(width, style, Segment(left + side * max(0, width - 2) + right, style))
