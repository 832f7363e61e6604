"""Prices a session by its tariff, exactly: integers and Fractions until a line is priced, rounded once per line.

Rules (OCPI 2.2.1 §10 and §11): per dimension the first tariff element that has it gives the price; a dimension that
no element prices is free. ENERGY is stepped once per session; of TIME and PARKING_TIME only the one that was billable
last is stepped, to the session's total of that dimension. Exactly at a step's boundary there is no further step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from protocols.money import ZERO, Price, round_line
from protocols.ocpi.cdr import ChargingPeriod, PriceLine
from protocols.ocpi.tariff import PriceComponent, Tariff, TariffDimensionType

ENGINE = "ohmstead-pricing-1"
"""Which rules priced a bill; printed on it."""

_UNITS_PER_PRICE = {
    TariffDimensionType.FLAT: 1,
    TariffDimensionType.ENERGY: 1000,
    TariffDimensionType.TIME: 3600,
    TariffDimensionType.PARKING_TIME: 3600,
}
_ORDER = (
    TariffDimensionType.FLAT,
    TariffDimensionType.ENERGY,
    TariffDimensionType.TIME,
    TariffDimensionType.PARKING_TIME,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The lines of a session and their sum."""

    lines: tuple[PriceLine, ...]
    total: Price


def price_session(tariff: Tariff, periods: Sequence[ChargingPeriod]) -> Bill:
    """The bill of a session that consists of these periods, in order. Units as in ChargingPeriod."""
    components = {dimension: _component(tariff, dimension) for dimension in _ORDER}
    stepped = _last_billable_time(components, periods)
    lines = []
    for dimension in _ORDER:
        component = components[dimension]
        quantity = _quantity(dimension, periods)
        if component is None or quantity == 0:
            continue
        is_stepped = dimension is TariffDimensionType.ENERGY or dimension is stepped
        billed = _step_up(quantity, component.step_size) if is_stepped else quantity
        lines.append(_line(component, quantity, billed))
    total = Price()
    for line in lines:
        total += line.cost
    return Bill(lines=tuple(lines), total=total)


def prices_time(tariff: Tariff) -> bool:
    """Whether a wrong clock would make a wrong bill."""
    return any(
        _component(tariff, dimension) is not None
        for dimension in (TariffDimensionType.TIME, TariffDimensionType.PARKING_TIME)
    )


def _component(tariff: Tariff, dimension: TariffDimensionType) -> PriceComponent | None:
    for element in tariff.elements:
        for component in element.price_components:
            if component.type is dimension:
                return component
    return None


def _quantity(dimension: TariffDimensionType, periods: Sequence[ChargingPeriod]) -> int:
    match dimension:
        case TariffDimensionType.FLAT:
            return 1
        case TariffDimensionType.ENERGY:
            return sum(period.energy_wh for period in periods)
        case TariffDimensionType.TIME:
            return sum(period.time_s for period in periods)
        case TariffDimensionType.PARKING_TIME:
            return sum(period.parking_time_s for period in periods)


def _last_billable_time(
    components: dict[TariffDimensionType, PriceComponent | None], periods: Sequence[ChargingPeriod]
) -> TariffDimensionType | None:
    for period in reversed(periods):
        if period.parking_time_s and components[TariffDimensionType.PARKING_TIME]:
            return TariffDimensionType.PARKING_TIME
        if period.time_s and components[TariffDimensionType.TIME]:
            return TariffDimensionType.TIME
    return None


def _step_up(quantity: int, step_size: int) -> int:
    return -(-quantity // step_size) * step_size if step_size > 1 else quantity


def _line(component: PriceComponent, quantity: int, billed: int) -> PriceLine:
    # Both amounts are one exact fraction each: their parts are multiplied as integers and reduced once.
    price, per_unit = component.price.as_integer_ratio()
    excl_vat = round_line(Fraction(billed * price, _UNITS_PER_PRICE[component.type] * per_unit))
    percent, per_percent = (component.vat or ZERO).as_integer_ratio()
    net, per_net = excl_vat.as_integer_ratio()
    incl_vat = round_line(Fraction(net * (100 * per_percent + percent), per_net * 100 * per_percent))
    return PriceLine(
        type=component.type,
        quantity=quantity,
        billed_quantity=billed,
        price=component.price,
        vat=component.vat,
        cost=Price(excl_vat=excl_vat, incl_vat=incl_vat),
    )
