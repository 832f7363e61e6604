"""Prices a session by its tariff, exactly: in integers until a line is priced, rounded once per line.

Rules (OCPI 2.2.1 §10 and §11): per dimension the first tariff element that has it gives the price; a dimension that
no element prices is free. ENERGY is stepped once per session; of TIME and PARKING_TIME only the one that was billable
last is stepped, to the session's total of that dimension. Exactly at a step's boundary there is no further step.

What is reserved is priced apart, by the elements that are restricted to it, and stepped by itself. One that expired is
priced by RESERVATION_EXPIRES as well, and where that has a TIME, by that TIME instead of RESERVATION's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protocols.money import ZERO, Price, from_cents, round_cents
from protocols.ocpi.cdr import ChargingPeriod, PriceLine
from protocols.ocpi.tariff import PriceComponent, ReservationRestrictionType, Tariff, TariffDimensionType

ENGINE = "ohmstead-pricing-2"
"""Which rules priced a bill; printed on it."""


_FLAT, _ENERGY = TariffDimensionType.FLAT, TariffDimensionType.ENERGY
_TIME, _PARKING_TIME = TariffDimensionType.TIME, TariffDimensionType.PARKING_TIME
_RESERVED, _EXPIRED = ReservationRestrictionType.RESERVATION, ReservationRestrictionType.RESERVATION_EXPIRES


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The lines of a session and their sum; `reservation` is what of it the reservation cost, None without one."""

    lines: tuple[PriceLine, ...]
    total: Price
    reservation: Price | None = None


def price_session(tariff: Tariff, periods: Sequence[ChargingPeriod]) -> Bill:
    """The bill of a session that consists of these periods, in order, the reserved time that it used among them. Units
    as in ChargingPeriod."""
    reserved_s = sum([period.reservation_time_s for period in periods])
    if not reserved_s:
        lines = _session_lines(tariff, periods)
        return Bill(lines=tuple(lines), total=_total(lines))
    reserved = _reservation_lines(tariff, reserved_s, is_expired=False)
    lines = reserved + _session_lines(tariff, [period for period in periods if not period.reservation_time_s])
    return Bill(lines=tuple(lines), total=_total(lines), reservation=_total(reserved))


def price_reservation(tariff: Tariff, reserved_s: int, *, is_expired: bool) -> Bill:
    """The bill of a reservation that no session used."""
    lines = _reservation_lines(tariff, reserved_s, is_expired=is_expired)
    total = _total(lines)
    return Bill(lines=tuple(lines), total=total, reservation=total)


def _session_lines(tariff: Tariff, periods: Sequence[ChargingPeriod]) -> list[PriceLine]:
    stepped = _last_billable_time(tariff, periods)
    lines = []
    for dimension, quantity, units_per_price in (
        (_FLAT, 1, 1),
        (_ENERGY, sum([period.energy_wh for period in periods]), 1000),
        (_TIME, sum([period.time_s for period in periods]), 3600),
        (_PARKING_TIME, sum([period.parking_time_s for period in periods]), 3600),
    ):
        component = _component(tariff, dimension) if quantity else None
        if component is not None:
            is_stepped = dimension is _ENERGY or dimension is stepped
            billed = _step_up(quantity, component.step_size) if is_stepped else quantity
            lines.append(_line(component, quantity, billed, units_per_price))
    return lines


def _reservation_lines(tariff: Tariff, reserved_s: int, *, is_expired: bool) -> list[PriceLine]:
    kinds = (_EXPIRED, _RESERVED) if is_expired else (_RESERVED,)
    flats = [(kind, _component(tariff, _FLAT, kind)) for kind in kinds]
    lines = [_line(flat, 1, 1, 1, kind) for kind, flat in flats if flat is not None]
    for kind in kinds:
        time = _component(tariff, _TIME, kind)
        if time is not None:
            if reserved_s:
                lines.append(_line(time, reserved_s, _step_up(reserved_s, time.step_size), 3600, kind))
            break
    return lines


def _line(
    component: PriceComponent,
    quantity: int,
    billed: int,
    units_per_price: int,
    reservation: ReservationRestrictionType | None = None,
) -> PriceLine:
    excl, incl = _cost_cents(component, billed, units_per_price)
    return PriceLine(
        type=component.type,
        quantity=quantity,
        billed_quantity=billed,
        price=component.price,
        vat=component.vat,
        cost=Price(excl_vat=from_cents(excl), incl_vat=from_cents(incl)),
        reservation=reservation,
    )


def _total(lines: Sequence[PriceLine]) -> Price:
    return Price(
        excl_vat=sum([line.cost.excl_vat for line in lines], ZERO),
        incl_vat=sum([line.cost.incl_vat for line in lines], ZERO),
    )


def prices_time(tariff: Tariff) -> bool:
    """Whether a wrong clock would make a wrong bill."""
    return any(_component(tariff, dimension) is not None for dimension in (_TIME, _PARKING_TIME))


def _component(
    tariff: Tariff, dimension: TariffDimensionType, reservation: ReservationRestrictionType | None = None
) -> PriceComponent | None:
    for element in tariff.elements:
        restricted_to = element.restrictions.reservation if element.restrictions is not None else None
        if restricted_to is not reservation:
            continue
        for component in element.price_components:
            if component.type is dimension:
                return component
    return None


def _last_billable_time(tariff: Tariff, periods: Sequence[ChargingPeriod]) -> TariffDimensionType | None:
    for period in reversed(periods):
        if period.parking_time_s and _component(tariff, _PARKING_TIME):
            return _PARKING_TIME
        if period.time_s and _component(tariff, _TIME):
            return _TIME
    return None


def _step_up(quantity: int, step_size: int) -> int:
    return -(-quantity // step_size) * step_size if step_size > 1 else quantity


def _cost_cents(component: PriceComponent, billed: int, units_per_price: int) -> tuple[int, int]:
    """Before and after taxes, each rounded once; the tax is reckoned upon the rounded amount."""
    price, per_unit = component.price.as_integer_ratio()
    excl_cents = round_cents(billed * price, units_per_price * per_unit)
    percent, per_percent = (component.vat or ZERO).as_integer_ratio()
    return excl_cents, round_cents(excl_cents * (100 * per_percent + percent), 100 * 100 * per_percent)
