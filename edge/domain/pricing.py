"""Prices a session by its tariff, exactly: in integers until a line is priced, rounded once per line.

Rules (OCPI 2.2.1 §10 and §11): per dimension the first tariff element that has it gives the price; a dimension that
no element prices is free. ENERGY is stepped once per session; of TIME and PARKING_TIME only the one that was billable
last is stepped, to the session's total of that dimension. Exactly at a step's boundary there is no further step.

What is reserved is priced apart, by the elements that are restricted to it, and stepped by itself. One that expired is
priced by RESERVATION_EXPIRES as well, and where that has a TIME, by that TIME instead of RESERVATION's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from protocols.money import ZERO, Price, from_cents, round_cents
from protocols.ocpi.cdr import ChargingPeriod, PriceLine
from protocols.ocpi.tariff import PriceComponent, ReservationRestrictionType, Tariff, TariffDimensionType

ENGINE = "ohmstead-pricing-2"
"""Which rules priced a bill; printed on it."""


_FLAT, _ENERGY = TariffDimensionType.FLAT, TariffDimensionType.ENERGY
_TIME, _PARKING_TIME = TariffDimensionType.TIME, TariffDimensionType.PARKING_TIME
_RESERVED, _EXPIRED = ReservationRestrictionType.RESERVATION, ReservationRestrictionType.RESERVATION_EXPIRES


class Bill(Struct, frozen=True, kw_only=True):
    """The lines of a session and their sum; `reservation` is what of it the reservation cost, None without one. And
    what the bill is for: the periods' dimensions, each in all."""

    lines: tuple[PriceLine, ...]
    total: Price
    reservation: Price | None = None
    energy_wh: int = 0
    time_s: int = 0
    parking_time_s: int = 0
    reservation_time_s: int = 0


def price_session(tariff: Tariff, periods: Sequence[ChargingPeriod]) -> Bill:
    """The bill of a session that consists of these periods, in order, the reserved time that it used among them. Units
    as in ChargingPeriod."""
    energy_wh = time_s = parking_time_s = reserved_s = 0
    for period in periods:
        energy_wh += period.energy_wh
        time_s += period.time_s
        parking_time_s += period.parking_time_s
        reserved_s += period.reservation_time_s
    reserved = _reservation_lines(tariff, reserved_s, is_expired=False) if reserved_s else []
    prices = _prices(tariff)
    stepped = _last_billable_time(prices, periods)
    lines = list(reserved)
    for dimension, quantity, units_per_price in (
        (_FLAT, 1, 1),
        (_ENERGY, energy_wh, 1000),
        (_TIME, time_s, 3600),
        (_PARKING_TIME, parking_time_s, 3600),
    ):
        component = prices.get(dimension) if quantity else None
        if component is not None:
            is_stepped = dimension is _ENERGY or dimension is stepped
            billed = _step_up(quantity, component.step_size) if is_stepped else quantity
            lines.append(_line(component, quantity, billed, units_per_price))
    return Bill(
        lines=tuple(lines),
        total=_total(lines),
        reservation=_total(reserved) if reserved_s else None,
        energy_wh=energy_wh,
        time_s=time_s,
        parking_time_s=parking_time_s,
        reservation_time_s=reserved_s,
    )


def price_reservation(tariff: Tariff, reserved_s: int, *, is_expired: bool) -> Bill:
    """The bill of a reservation that no session used."""
    lines = _reservation_lines(tariff, reserved_s, is_expired=is_expired)
    total = _total(lines)
    return Bill(lines=tuple(lines), total=total, reservation=total)


def _reservation_lines(tariff: Tariff, reserved_s: int, *, is_expired: bool) -> list[PriceLine]:
    kinds = (_EXPIRED, _RESERVED) if is_expired else (_RESERVED,)
    prices = {kind: _prices(tariff, kind) for kind in kinds}
    lines = [_line(prices[kind][_FLAT], 1, 1, 1, kind) for kind in kinds if _FLAT in prices[kind]]
    for kind in kinds:
        time = prices[kind].get(_TIME)
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
    if len(lines) == 1:
        return lines[0].cost
    return Price(
        excl_vat=sum([line.cost.excl_vat for line in lines], ZERO),
        incl_vat=sum([line.cost.incl_vat for line in lines], ZERO),
    )


def prices_time(tariff: Tariff) -> bool:
    """Whether a wrong clock would make a wrong bill."""
    prices = _prices(tariff)
    return _TIME in prices or _PARKING_TIME in prices


def prices_energy(tariff: Tariff) -> bool:
    """Whether energy that was not measured would make another bill."""
    return _ENERGY in _prices(tariff)


def _prices(
    tariff: Tariff, reservation: ReservationRestrictionType | None = None
) -> dict[TariffDimensionType, PriceComponent]:
    """Of each dimension the first component, among the elements for this kind of reservation or for sessions."""
    prices: dict[TariffDimensionType, PriceComponent] = {}
    for element in tariff.elements:
        restricted_to = element.restrictions.reservation if element.restrictions is not None else None
        if restricted_to is reservation:
            for component in element.price_components:
                prices.setdefault(component.type, component)
    return prices


def _last_billable_time(
    prices: Mapping[TariffDimensionType, PriceComponent], periods: Sequence[ChargingPeriod]
) -> TariffDimensionType | None:
    for period in reversed(periods):
        if period.parking_time_s and _PARKING_TIME in prices:
            return _PARKING_TIME
        if period.time_s and _TIME in prices:
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
