"""Prices a session by its tariff, exactly: in integers until a line is priced, rounded once per line.

Rules (OCPI 2.2.1 §10 and §11): per dimension the first tariff element that has it gives the price; a dimension that
no element prices is free. ENERGY is stepped once per session; of TIME and PARKING_TIME only the one that was billable
last is stepped, to the session's total of that dimension. Exactly at a step's boundary there is no further step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protocols.money import ZERO, Price, from_cents, round_cents
from protocols.ocpi.cdr import ChargingPeriod, PriceLine
from protocols.ocpi.tariff import PriceComponent, Tariff, TariffDimensionType

ENGINE = "ohmstead-pricing-1"
"""Which rules priced a bill; printed on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The lines of a session and their sum."""

    lines: tuple[PriceLine, ...]
    total: Price


def price_session(tariff: Tariff, periods: Sequence[ChargingPeriod]) -> Bill:
    """The bill of a session that consists of these periods, in order. Units as in ChargingPeriod."""
    energy_wh = sum([period.energy_wh for period in periods])
    time_s = sum([period.time_s for period in periods])
    parking_time_s = sum([period.parking_time_s for period in periods])
    stepped = _last_billable_time(tariff, periods)
    lines, excl_cents, incl_cents = [], 0, 0
    for dimension, quantity, units_per_price in (
        (TariffDimensionType.FLAT, 1, 1),
        (TariffDimensionType.ENERGY, energy_wh, 1000),
        (TariffDimensionType.TIME, time_s, 3600),
        (TariffDimensionType.PARKING_TIME, parking_time_s, 3600),
    ):
        component = _component(tariff, dimension) if quantity else None
        if component is None:
            continue
        is_stepped = dimension is TariffDimensionType.ENERGY or dimension is stepped
        billed = _step_up(quantity, component.step_size) if is_stepped else quantity
        excl, incl = _cost_cents(component, billed, units_per_price)
        excl_cents, incl_cents = excl_cents + excl, incl_cents + incl
        lines.append(
            PriceLine(
                type=dimension,
                quantity=quantity,
                billed_quantity=billed,
                price=component.price,
                vat=component.vat,
                cost=Price(excl_vat=from_cents(excl), incl_vat=from_cents(incl)),
            )
        )
    return Bill(lines=tuple(lines), total=Price(excl_vat=from_cents(excl_cents), incl_vat=from_cents(incl_cents)))


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


def _last_billable_time(tariff: Tariff, periods: Sequence[ChargingPeriod]) -> TariffDimensionType | None:
    for period in reversed(periods):
        if period.parking_time_s and _component(tariff, TariffDimensionType.PARKING_TIME):
            return TariffDimensionType.PARKING_TIME
        if period.time_s and _component(tariff, TariffDimensionType.TIME):
            return TariffDimensionType.TIME
    return None


def _step_up(quantity: int, step_size: int) -> int:
    return -(-quantity // step_size) * step_size if step_size > 1 else quantity


def _cost_cents(component: PriceComponent, billed: int, units_per_price: int) -> tuple[int, int]:
    """Before and after taxes, each rounded once; the tax is reckoned upon the rounded amount."""
    price, per_unit = component.price.as_integer_ratio()
    excl_cents = round_cents(billed * price, units_per_price * per_unit)
    percent, per_percent = (component.vat or ZERO).as_integer_ratio()
    return excl_cents, round_cents(excl_cents * (100 * per_percent + percent), 100 * 100 * per_percent)
