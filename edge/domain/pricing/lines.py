"""The lines of a bill, each rounded once, half-up; their taxes, rounded once in all; their sum is the total."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Final

from msgspec import Struct, structs

from edge.domain.pricing.compiled import Number
from protocols.money import ZERO, Price, from_cents, round_cents
from protocols.ocpi.cdr import Adjustment, PriceLine
from protocols.ocpi.tariff import (
    PriceComponent,
    PriceLimit,
    ReservationRestrictionType,
    Tariff,
    TariffDimensionType,
    TaxIncluded,
)

_PER_PRICE: Final = {
    TariffDimensionType.FLAT: 1,
    TariffDimensionType.ENERGY: 1000,
    TariffDimensionType.TIME: 3600,
    TariffDimensionType.PARKING_TIME: 3600,
}
_NO = TaxIncluded.NO


class Bill(Struct, frozen=True, kw_only=True):
    """The lines of a session and their sum; `reservation` is what of it the reservation cost, None without one. And
    what the bill is for: the periods' dimensions, each in all."""

    lines: tuple[PriceLine, ...]
    total: Price
    reservation: Price | None = None
    energy_wh: Number = 0
    time_s: Number = 0
    parking_time_s: Number = 0
    reservation_time_s: Number = 0


def step_up(quantity: Number, step_size: int) -> Number:
    """The blocks that are billed (OCPI 2.2.1 §11.4.2); exactly at a boundary there is no further one."""
    if step_size > 1 or (step_size == 1 and quantity.denominator != 1):
        return -(-quantity // step_size) * step_size
    return quantity


def lines_of(
    tariff: Tariff,
    component: PriceComponent,
    quantity: Number,
    billed: Number,
    reservation: ReservationRestrictionType | None = None,
) -> list[PriceLine]:
    """A line, or one for each fee that the component is made of."""
    if not component.fees:
        return [
            _line(tariff, component, component.price, component.vat, component.label, quantity, billed, reservation)
        ]
    return [
        _line(
            tariff,
            component,
            fee.price,
            fee.vat,
            f"{component.label} {fee.label}" if component.label else fee.label,
            quantity,
            billed,
            reservation,
        )
        for fee in component.fees
    ]


def _line(
    tariff: Tariff,
    component: PriceComponent,
    price: Decimal,
    vat: Decimal | None,
    label: str,
    quantity: Number,
    billed: Number,
    reservation: ReservationRestrictionType | None,
) -> PriceLine:
    exact = billed_exact = ""
    price_units, units = price.as_integer_ratio()
    units *= _PER_PRICE[component.type]
    if type(billed) is int:
        cents = round_cents(billed * price_units, units)
    else:
        cents = round_cents(billed.numerator * price_units, billed.denominator * units)
    if type(billed) is not int or type(quantity) is not int:
        exact, billed_exact = _exact(quantity), _exact(billed)
        quantity, billed = _nearest(quantity), _nearest(billed)
    excl, incl = _taxed(cents, vat, tariff.tax_included)
    return PriceLine(
        type=component.type,
        quantity=quantity,
        billed_quantity=billed,
        price=price,
        vat=vat,
        cost=Price(excl_vat=from_cents(excl), incl_vat=from_cents(incl)),
        reservation=reservation,
        label=label,
        exact=exact,
        billed_exact=billed_exact,
    )


def _exact(quantity: Number) -> str:
    return "" if quantity.denominator == 1 else str(quantity)


def _nearest(quantity: Number) -> int:
    return int(quantity + Fraction(1, 2))


def _taxed(cents: int, vat: Decimal | None, included: TaxIncluded) -> tuple[int, int]:
    """Before and after taxes, of a rounded amount as prices are told."""
    if vat is None or included is TaxIncluded.NOT_APPLICABLE:
        return cents, cents
    percent, per_percent = vat.as_integer_ratio()
    hundred = 100 * per_percent
    if included is _NO:
        return cents, round_cents(cents * (hundred + percent), 100 * hundred)
    return round_cents(cents * hundred, 100 * (hundred + percent)), cents


def total(lines: Sequence[PriceLine]) -> Price:
    if len(lines) == 1:
        return lines[0].cost
    return Price(
        excl_vat=sum([line.cost.excl_vat for line in lines], ZERO),
        incl_vat=sum([line.cost.incl_vat for line in lines], ZERO),
    )


def share_taxes(tariff: Tariff, lines: list[PriceLine]) -> None:
    """Bring the lines to what the taxes come to in all, rounded once. The cents go to the lines that were rounded the
    other way the most, the last of them first."""
    if tariff.tax_included is TaxIncluded.NOT_APPLICABLE or sum([line.vat is not None for line in lines]) < 2:
        return
    is_included = tariff.tax_included is TaxIncluded.YES
    if not is_included and _is_even(lines):
        return
    told = [_cents(line.cost.excl_vat if is_included else line.cost.incl_vat) for line in lines]
    exact, per = _net(lines) if is_included else _gross(lines)
    odd = round_cents(sum(exact), 100 * per) - sum(told)
    if not odd:
        return
    sign = 1 if odd > 0 else -1
    order = sorted(range(len(lines)), key=lambda n: (sign * (exact[n] - told[n] * per), n), reverse=True)
    for n in order[: abs(odd)]:
        cost, cents = lines[n].cost, from_cents(told[n] + sign)
        excl, incl = (cents, cost.incl_vat) if is_included else (cost.excl_vat, cents)
        lines[n] = structs.replace(lines[n], cost=Price(excl_vat=excl, incl_vat=incl))


def _is_even(lines: Sequence[PriceLine]) -> bool:
    """Whether nothing is to be shared, told at a glance where all lines have one rate, as most bills have."""
    vat = lines[0].vat
    if vat is None or any(line.vat != vat for line in lines):
        return False
    percent, per = vat.as_integer_ratio()
    excl = _cents(sum([line.cost.excl_vat for line in lines], ZERO))
    incl = _cents(sum([line.cost.incl_vat for line in lines], ZERO))
    return incl == round_cents(excl * (100 * per + percent), 10_000 * per)


def _gross(lines: Sequence[PriceLine]) -> tuple[list[int], int]:
    """Of each line, exactly, its cents after taxes, as integers over one denominator."""
    rates = [line.vat.as_integer_ratio() if line.vat is not None else (0, 1) for line in lines]
    per = lcm(*[each for _, each in rates])
    return [
        _cents(line.cost.excl_vat) * (100 * per + percent * (per // each))
        for line, (percent, each) in zip(lines, rates, strict=True)
    ], 100 * per


def _net(lines: Sequence[PriceLine]) -> tuple[list[int], int]:
    """The same before taxes, where the prices hold them."""
    exact = [Fraction(_cents(line.cost.incl_vat)) / (1 + Fraction(line.vat or 0) / 100) for line in lines]
    per = lcm(*[each.denominator for each in exact])
    return [int(each * per) for each in exact], per


def limit(tariff: Tariff, lines: list[PriceLine]) -> None:
    """Add the line that brings the total of a session to the tariff's minimum or maximum, where one is needed."""
    if tariff.min_price is None and tariff.max_price is None:
        return
    cost = total(lines)
    excl, incl, why = cost.excl_vat, cost.incl_vat, None
    if (low := tariff.min_price) is not None:
        excl, incl, why = _raised(excl, incl, low)
    if (high := tariff.max_price) is not None and (
        excl > high.excl_vat or (high.incl_vat is not None and incl > high.incl_vat)
    ):
        excl = min(excl, high.excl_vat)
        incl = incl if high.incl_vat is None else min(incl, high.incl_vat)
        why = Adjustment.MAX_PRICE
    if why is not None:
        rates = {line.vat for line in lines}
        vat = rates.pop() if len(rates) == 1 else None
        lines.append(_adjustment(why, excl - cost.excl_vat, incl - cost.incl_vat, vat))


def _raised(excl: Decimal, incl: Decimal, low: PriceLimit) -> tuple[Decimal, Decimal, Adjustment | None]:
    """Where no minimum is told after taxes, the total after them is at least the one before."""
    raised = max(excl, low.excl_vat)
    least = low.incl_vat if low.incl_vat is not None else raised if raised > excl else incl
    if raised == excl and incl >= least:
        return excl, incl, None
    return raised, max(incl, least), Adjustment.MIN_PRICE


def idle_adjustments(tariff: Tariff, parking: Sequence[PriceLine]) -> list[PriceLine]:
    """What parking costs beyond the ceiling is taken off again, from what was parked last, with its tax."""
    if tariff.idle is None or tariff.idle.max_price is None:
        return []
    is_included = tariff.tax_included is TaxIncluded.YES
    costs = [_cents(line.cost.incl_vat if is_included else line.cost.excl_vat) for line in parking]
    over = sum(costs) - _cents(tariff.idle.max_price)
    adjustments = []
    for line, cost in zip(reversed(parking), reversed(costs), strict=True):
        if (off := min(over, cost)) > 0:
            over -= off
            excl, incl = _taxed(-off, line.vat, tariff.tax_included)
            adjustments.append(_adjustment(Adjustment.IDLE_MAX_PRICE, from_cents(excl), from_cents(incl), line.vat))
    return adjustments


def _adjustment(why: Adjustment, excl: Decimal, incl: Decimal, vat: Decimal | None) -> PriceLine:
    return PriceLine(
        type=TariffDimensionType.FLAT,
        quantity=1,
        billed_quantity=1,
        price=excl,
        vat=vat,
        cost=Price(excl_vat=excl, incl_vat=incl),
        adjustment=why,
    )


def _cents(amount: Decimal) -> int:
    return int(amount * 100)
