"""A tariff made ready for pricing: its restrictions as numbers, and where along a session they can change.

Whatever restricts the elements of a tariff divides time, energy and power into bands, within which nothing changes. A
band's `Cell` says which component prices each dimension there. Bounds are inclusive below and exclusive above
(OCPI 2.2.1 §11.4.6), so that the thresholds at or below a number tell its band.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final

from edge.domain.pricing.local_time import LocalTime
from protocols.ocpi.tariff import (
    DayOfWeek,
    PriceComponent,
    ReservationRestrictionType,
    Tariff,
    TariffDimensionType,
    TariffElement,
    TariffRestrictions,
)

Number = int | Fraction
"""An exact quantity, an int where it is whole."""
Cell = tuple[int | None, int | None, int | None, int | None]
"""Of each slot the rate that holds, None where nothing prices it."""
Kind = ReservationRestrictionType | None
"""What an element is for: a kind of reservation, or sessions."""
Slots = Mapping[tuple[Kind, TariffDimensionType], int]

DAY_S: Final = 86_400
FLAT_SLOT, ENERGY_SLOT, TIME_SLOT, PARKING_SLOT = range(4)
"""The slots of a session's cell."""
EXPIRED_FLAT, RESERVED_FLAT, EXPIRED_TIME, RESERVED_TIME = range(4)
"""The slots of a reservation's cell."""
_MAX_CELLS: Final = 4096

_FLAT, _ENERGY = TariffDimensionType.FLAT, TariffDimensionType.ENERGY
_TIME, _PARKING = TariffDimensionType.TIME, TariffDimensionType.PARKING_TIME
_RESERVED, _EXPIRED = ReservationRestrictionType.RESERVATION, ReservationRestrictionType.RESERVATION_EXPIRES
_SESSION_SLOTS: Final[Slots] = {
    (None, _FLAT): FLAT_SLOT,
    (None, _ENERGY): ENERGY_SLOT,
    (None, _TIME): TIME_SLOT,
    (None, _PARKING): PARKING_SLOT,
}
_RESERVED_SLOTS: Final[Slots] = {(_RESERVED, _FLAT): RESERVED_FLAT, (_RESERVED, _TIME): RESERVED_TIME}
_EXPIRED_SLOTS: Final[Slots] = {**_RESERVED_SLOTS, (_EXPIRED, _FLAT): EXPIRED_FLAT, (_EXPIRED, _TIME): EXPIRED_TIME}
_NO_CELL: Final[Cell] = (None, None, None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """When by the clock on the wall: seconds of the day, days as ordinals, weekdays from Monday 0."""

    start_s: int
    end_s: int
    first_day: int | None
    end_day: int | None
    weekdays: frozenset[int]

    def is_open(self, day: int, second: int) -> bool:
        if self.first_day is not None and day < self.first_day:
            return False
        if self.end_day is not None and day >= self.end_day:
            return False
        if self.weekdays and (day + 6) % 7 not in self.weekdays:  # ordinal 1 was a Monday
            return False
        if self.start_s < self.end_s:
            return self.start_s <= second < self.end_s
        return second >= self.start_s or second < self.end_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """From `low` on, and below `high`; None: no bound. A number that is not known is within none but these."""

    low: Number | None
    high: Number | None

    def hold(self, number: Number | None) -> bool:
        if self.low is None and self.high is None:
            return True
        if number is None:
            return False
        return (self.low is None or number >= self.low) and (self.high is None or number < self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """An element's restrictions, in Wh, s, W and mA; and the rates that it has for slots of the cell."""

    wall: Wall | None
    energy_wh: Bounds
    seconds: Bounds
    power_w: Bounds
    current_ma: Bounds
    rates: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RateCard:
    """What prices sessions, or one kind of reservation. `rates` are the components, each of which makes one line.

    `day_cuts` are the seconds of the day at which something may change, empty where the time of day is all the same;
    the others are thresholds in ascending order. `cells` and
    `clocks` remember what was found for a band and a time zone.
    """

    elements: tuple[Conditions, ...]
    rates: tuple[PriceComponent, ...]
    day_cuts: tuple[int, ...]
    energies_wh: tuple[Number, ...]
    seconds: tuple[Number, ...]
    powers_w: tuple[Number, ...]
    currents_ma: tuple[Number, ...]
    cells: dict[tuple[int | None, ...], Cell] = field(default_factory=dict)
    clocks: dict[str, LocalTime] = field(default_factory=dict)

    def openings(self, day: int, second: int) -> int:
        """A bit for each element that may be active at this local time."""
        bits = 0
        for index, element in enumerate(self.elements):
            if element.wall is None or element.wall.is_open(day, second):
                bits |= 1 << index
        return bits

    def local_time(self, time_zone: str) -> LocalTime:
        """One for all sessions, so that what a thousand of them cost now asks the zone once."""
        found = self.clocks.get(time_zone)
        if found is None:
            found = self.clocks[time_zone] = LocalTime(time_zone, self.day_cuts, self.openings)
        return found

    def cell(
        self, openings: int, seconds: Number, energy_wh: Number, power_w: Number | None, current_ma: Number | None
    ) -> Cell:
        """What holds at an instant: `seconds` and `energy_wh` since the beginning, power and current as they are."""
        band = (
            openings,
            bisect_right(self.seconds, seconds) if self.seconds else None,
            bisect_right(self.energies_wh, energy_wh) if self.energies_wh else None,
            bisect_right(self.powers_w, power_w) if self.powers_w and power_w is not None else None,
            bisect_right(self.currents_ma, current_ma) if self.currents_ma and current_ma is not None else None,
        )
        found = self.cells.get(band)
        if found is None:
            if len(self.cells) >= _MAX_CELLS:
                self.cells.clear()
            found = self.cells[band] = self._judged(openings, seconds, energy_wh, power_w, current_ma)
        return found

    def _judged(
        self, openings: int, seconds: Number, energy_wh: Number, power_w: Number | None, current_ma: Number | None
    ) -> Cell:
        cell = list(_NO_CELL)
        for index, element in enumerate(self.elements):
            if (
                openings >> index & 1
                and element.seconds.hold(seconds)
                and element.energy_wh.hold(energy_wh)
                and element.power_w.hold(power_w)
                and element.current_ma.hold(current_ma)
            ):
                for slot, rate in element.rates:
                    if cell[slot] is None:
                        cell[slot] = rate
        return (cell[0], cell[1], cell[2], cell[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledTariff:
    """`plain`, where nothing restricts the elements for sessions: of each dimension the component that prices it."""

    plain: Mapping[TariffDimensionType, PriceComponent] | None
    session: RateCard
    reserved: RateCard
    expired: RateCard

    @property
    def asks_power(self) -> bool:
        return bool(self.session.powers_w)

    @property
    def asks_current(self) -> bool:
        return bool(self.session.currents_ma)


@lru_cache(maxsize=256)
def compiled(tariff: Tariff) -> CompiledTariff:
    """Kept for the tariffs in use: a tariff remembers its hash, so that looking it up costs a fraction of a µs."""
    return CompiledTariff(
        plain=_plain(tariff),
        session=_card(tariff, _SESSION_SLOTS),
        reserved=_card(tariff, _RESERVED_SLOTS),
        expired=_card(tariff, _EXPIRED_SLOTS),
    )


def prices_time(tariff: Tariff) -> bool:
    """Whether a wrong clock would make a wrong bill."""
    card = compiled(tariff).session
    priced = {component.type for component in card.rates}
    return bool(priced & {_TIME, _PARKING} or card.day_cuts or card.seconds)


def prices_energy(tariff: Tariff) -> bool:
    """Whether energy that was not measured would make another bill."""
    card = compiled(tariff).session
    return bool(card.energies_wh) or any(component.type is _ENERGY for component in card.rates)


def _kind(element: TariffElement) -> Kind:
    return element.restrictions.reservation if element.restrictions is not None else None


def _plain(tariff: Tariff) -> Mapping[TariffDimensionType, PriceComponent] | None:
    prices: dict[TariffDimensionType, PriceComponent] = {}
    if tariff.idle is not None:
        return None
    for element in tariff.elements:
        if _kind(element) is None:
            if element.restrictions not in (None, TariffRestrictions()):
                return None
            for component in element.price_components:
                prices.setdefault(component.type, component)
    return prices


def _card(tariff: Tariff, slots: Slots) -> RateCard:
    rates: list[PriceComponent] = []
    kinds = {kind for kind, _ in slots}
    elements = [_conditions(element, slots, rates) for element in tariff.elements if _kind(element) in kinds]
    walls = [element.wall for element in elements if element.wall is not None]
    return RateCard(
        elements=tuple(elements),
        rates=tuple(rates),
        day_cuts=tuple(sorted({0} | {cut % DAY_S for wall in walls for cut in (wall.start_s, wall.end_s)}))
        if walls
        else (),
        energies_wh=_thresholds(element.energy_wh for element in elements),
        seconds=_thresholds(element.seconds for element in elements),
        powers_w=_thresholds(element.power_w for element in elements),
        currents_ma=_thresholds(element.current_ma for element in elements),
    )


def _thresholds(bounds: Iterable[Bounds]) -> tuple[Number, ...]:
    found = {number for each in bounds for number in (each.low, each.high) if number is not None}
    return tuple(sorted(found))


def _conditions(element: TariffElement, slots: Slots, rates: list[PriceComponent]) -> Conditions:
    told = element.restrictions or TariffRestrictions()
    placed = []
    for component in element.price_components:
        slot = slots.get((told.reservation, component.type))
        if slot is not None:
            placed.append((slot, _place(component, rates)))
    return Conditions(
        wall=_wall(told),
        energy_wh=_bounds(told.min_kwh, told.max_kwh),
        seconds=Bounds(low=told.min_duration, high=told.max_duration),
        power_w=_bounds(told.min_power, told.max_power),
        current_ma=_bounds(told.min_current, told.max_current),
        rates=tuple(placed),
    )


def _place(component: PriceComponent, rates: list[PriceComponent]) -> int:
    """Where it stands among the rates: those of one label that are alike share their place, and so their lines."""
    if component.label and component in rates:
        return rates.index(component)
    rates.append(component)
    return len(rates) - 1


def _bounds(low: Decimal | None, high: Decimal | None) -> Bounds:
    return Bounds(low=_thousandfold(low), high=_thousandfold(high))


def _thousandfold(amount: Decimal | None) -> Number | None:
    return whole(Fraction(amount) * 1000) if amount is not None else None


def whole(number: Number) -> Number:
    """As an int where it is one: integers are a tenth of the work."""
    return number.numerator if number.denominator == 1 else number


def _wall(told: TariffRestrictions) -> Wall | None:
    if not (told.start_time or told.end_time or told.start_date or told.end_date or told.day_of_week):
        return None
    return Wall(
        start_s=_second(told.start_time) if told.start_time else 0,
        end_s=(_second(told.end_time) or DAY_S) if told.end_time else DAY_S,
        first_day=date.fromisoformat(told.start_date).toordinal() if told.start_date else None,
        end_day=date.fromisoformat(told.end_date).toordinal() if told.end_date else None,
        weekdays=_weekdays(told.day_of_week),
    )


def _weekdays(days: Sequence[DayOfWeek]) -> frozenset[int]:
    order = list(DayOfWeek)
    return frozenset(order.index(day) for day in days)


def _second(time_of_day: str) -> int:
    hour, minute = time_of_day.split(":")
    return int(hour) * 3600 + int(minute) * 60
