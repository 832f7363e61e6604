"""What is known of a charge in numbers, as short texts with their units. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Literal, assert_never

from rich.cells import cell_len

from protocols.site.view import EvseView
from protocols.terms import EvseState
from ui.bigscreen.cells import crop, plain
from ui.bigscreen.glyphs import Scale, width_of
from ui.bigscreen.words import Words

OLD_MARK: Final = "~"
_GAP: Final = 2
_NARROWEST_BAR: Final = 20
_MOST_PRICE_DIGITS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Texts in the order in which they matter; "" is not known. `is_quiet`: nothing goes on, only what could."""

    note: str = ""
    power: str = ""
    power_short: str = ""
    energy: str = ""
    cost: str = ""
    minutes: str = ""
    battery_percent: int | None = None
    battery: str = ""
    error: str = ""
    is_quiet: bool = False

    @property
    def texts(self) -> list[str]:
        """All but the error and the battery."""
        return [text for text in (self.note, self.power, self.energy, self.cost, self.minutes) if text]

    def without(self, name: Literal["note", "power", "cost"]) -> Facts:
        """These facts, less one that is shown elsewhere."""
        match name:
            case "note":
                return replace(self, note="")
            case "power":
                return replace(self, power="")
            case "cost":
                return replace(self, cost="")
            case _:
                assert_never(name)


def facts_of(evse: EvseView, words: Words, currency: str, *, is_old: bool, reserved_until: str = "") -> Facts:
    """The facts of an EVSE; `is_old` marks each number as not the present. `reserved_until` is a time of the site's
    day, "" where it is not reserved."""
    mark = OLD_MARK if is_old else ""
    error = plain(evse.error or "")
    measured = (evse.power_w, evse.energy_wh, evse.duration_s, evse.cost, evse.state_of_charge_percent)
    if all(value is None for value in measured):
        if reserved_until and evse.state is EvseState.RESERVED:
            return Facts(note=words.reserved_until.format(time=reserved_until), error=error, is_quiet=True)
        could = words.up_to.format(power=power_text(evse.max_power_w)) if evse.max_power_w > 0 else ""
        note = words.old_reading if evse.is_reading_old else could if _is_inviting(evse.state) else ""
        return Facts(note=note, error=error, is_quiet=not evse.is_reading_old)
    charge = evse.state_of_charge_percent
    return Facts(
        note=words.old_reading if evse.is_reading_old else words.leaving if evse.is_leaving_service else "",
        power="" if evse.power_w is None else mark + power_text(evse.power_w),
        power_short="" if evse.power_w is None else mark + power_text(evse.power_w, most_tenths=10).replace(" ", ""),
        energy="" if evse.energy_wh is None else mark + energy_text(evse.energy_wh),
        cost="" if evse.cost is None else mark + cost_text(evse.cost, currency),
        minutes="" if evse.duration_s is None else mark + words.minutes.format(minutes=evse.duration_s // 60),
        battery_percent=None if charge is None else min(100, max(0, charge)),
        battery="" if charge is None else mark + words.battery.format(percent=charge),
        error=error,
    )


def _is_inviting(state: EvseState) -> bool:
    """Where a driver may want to know how fast it charges."""
    return state in (EvseState.FREE, EvseState.RESERVED, EvseState.OCCUPIED)


def power_text(power_w: int, *, most_tenths: int = 100) -> str:
    """Kilowatts; with a decimal below `most_tenths` kW, unless it is a zero."""
    kilo = Decimal(power_w) / 1000
    return f"{kilo:.1f} kW" if abs(kilo) < most_tenths and power_w % 1000 else f"{kilo:.0f} kW"


def energy_text(energy_wh: int) -> str:
    """Kilowatt-hours: two decimals up to 100 kWh, one above."""
    kilo = Decimal(energy_wh) / 1000
    return f"{kilo:.2f} kWh" if abs(kilo) < 100 else f"{kilo:.1f} kWh"


def cost_text(cost: Decimal, currency: str) -> str:
    """The amount as the edge priced it, with the site's currency; never more than two decimals."""
    digits = cost.as_tuple().exponent
    if isinstance(digits, int) and digits < -_MOST_PRICE_DIGITS:
        cost = cost.quantize(Decimal(1).scaleb(-_MOST_PRICE_DIGITS), rounding=ROUND_HALF_UP)
    return f"{cost:f} {plain(currency)}"


def packed(facts: Facts, width: int, rows: int, scale: Scale) -> list[tuple[str, str]]:
    """The facts as at most `rows` pairs (left, right) that fit side by side; the battery last, as a bar if it can."""
    texts = list(facts.texts)
    pairs: list[tuple[str, str]] = []
    while texts and len(pairs) < rows:
        left = texts.pop(0)
        pair = _paired(left, texts[0], width, scale) if texts else None
        if pair is not None:
            texts.pop(0)
        pairs.append(pair or (crop(left, width), ""))
    if facts.battery:
        if len(pairs) < rows:
            is_bar = scale is Scale.TEXT and width >= _NARROWEST_BAR
            pairs.append(
                (_bar(facts.battery_percent or 0, width - 7), facts.battery) if is_bar else (facts.battery, "")
            )
        elif pairs and not pairs[-1][1]:
            pairs[-1] = _paired(pairs[-1][0], facts.battery, width, scale) or pairs[-1]
    return pairs


def _paired(left: str, right: str, width: int, scale: Scale) -> tuple[str, str] | None:
    """Both side by side, if need be without the blanks before their units; None if there is no room."""
    if width_of(left, scale) + _GAP + width_of(right, scale) <= width:
        return left, right
    left, right = left.replace(" ", ""), right.replace(" ", "")
    if scale is Scale.TEXT and cell_len(left) + 1 + cell_len(right) <= width:
        return left, right
    return None


def _bar(percent: int, width: int) -> str:
    filled = round(width * percent / 100)
    return "█" * filled + "░" * (width - filled)
