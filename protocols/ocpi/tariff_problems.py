"""What is wrong with a tariff, each problem with its place: "element 2, component 1: …"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final

from protocols.ocpi.tariff import (
    PriceComponent,
    PriceLimit,
    Tariff,
    TariffDimensionType,
    TariffElement,
    TariffRestrictions,
    TaxIncluded,
)

_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_DATE: Final = re.compile(r"[12]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_MAX_PRICE: Final = Decimal(10_000_000)
_MAX_STEP: Final = 1_000_000
_RESERVED: Final = (TariffDimensionType.FLAT, TariffDimensionType.TIME)


def problems(tariff: Tariff) -> list[str]:
    """Everything that is wrong with it; none for one that can price."""
    return list(_all(tariff))


def _all(tariff: Tariff) -> Iterator[str]:
    if not 1 <= len(tariff.id) <= 100:
        yield f"id {tariff.id!r} has not 1 to 100 characters"
    if not re.fullmatch("[A-Z]{3}", tariff.currency):
        yield f"currency {tariff.currency!r} is no ISO 4217 code, such as EUR"
    if not tariff.elements:
        yield "there is no element; one with FLAT 0.00 is free of charge"
    for number, element in enumerate(tariff.elements, 1):
        for problem in _element(element, tariff.tax_included):
            yield f"element {number}{problem}"
    for name, limit in (("min_price", tariff.min_price), ("max_price", tariff.max_price)):
        yield from _limit(name, limit, tariff.tax_included)
    low, high = tariff.min_price, tariff.max_price
    if low is not None and high is not None:
        if low.excl_vat > high.excl_vat:
            yield f"min_price {low.excl_vat} is above max_price {high.excl_vat} before taxes"
        if low.incl_vat is not None and high.incl_vat is not None and low.incl_vat > high.incl_vat:
            yield f"min_price {low.incl_vat} is above max_price {high.incl_vat} after taxes"
    begin, end = tariff.start_date_time, tariff.end_date_time
    if begin is not None and end is not None and begin >= end:
        yield f"start_date_time {begin.isoformat()} is not before end_date_time {end.isoformat()}"
    if (idle := tariff.idle) is not None:
        for name, seconds in (("grace_s", idle.grace_s), ("warn_s", idle.warn_s)):
            if not 0 <= seconds <= 7 * 86_400:
                yield f"idle: {name} {seconds} is not between 0 and 604800 (a week)"
        if idle.max_price is not None:
            yield from _money("idle: max_price", idle.max_price)


def _limit(name: str, limit: PriceLimit | None, included: TaxIncluded) -> Iterator[str]:
    if limit is None:
        return
    yield from _money(f"{name} before taxes", limit.excl_vat)
    if limit.incl_vat is not None:
        yield from _money(f"{name} after taxes", limit.incl_vat)
        if limit.incl_vat < limit.excl_vat:
            yield f"{name}: {limit.incl_vat} after taxes is less than {limit.excl_vat} before them"
        if included is TaxIncluded.NOT_APPLICABLE and limit.incl_vat != limit.excl_vat:
            yield f"{name}: differs after taxes, and tax_included says that there are none"


def _money(name: str, amount: Decimal) -> Iterator[str]:
    if not amount.is_finite() or not 0 <= amount < _MAX_PRICE:
        yield f"{name} {amount} is not between 0 and {_MAX_PRICE}"
    elif _places(amount) > 2:
        yield f"{name} {amount} has more than 2 decimals"


def _element(element: TariffElement, included: TaxIncluded) -> Iterator[str]:
    seen: set[TariffDimensionType] = set()
    if not element.price_components:
        yield ": there is no price component"
    is_reserving = element.restrictions is not None and element.restrictions.reservation is not None
    for number, component in enumerate(element.price_components, 1):
        for problem in _component(component, included):
            yield f", component {number}: {problem}"
        if component.type in seen:
            yield f", component {number}: {component.type} has a price in this element already"
        if is_reserving and component.type not in _RESERVED:
            yield f", component {number}: a reservation is priced by FLAT and TIME only (OCPI 2.2.1 §11.4.6)"
        seen.add(component.type)
    for problem in _restrictions(element.restrictions or TariffRestrictions()):
        yield f", restrictions: {problem}"


def _component(component: PriceComponent, included: TaxIncluded) -> Iterator[str]:
    yield from _price("price", component.price, component.vat, included)
    if not 0 <= component.step_size <= _MAX_STEP:
        yield f"step_size {component.step_size} is not between 0 and {_MAX_STEP}"
    for fee in component.fees:
        if not fee.label:
            yield "a fee has no label"
        yield from _price(f"fee {fee.label!r}", fee.price, fee.vat, included)
    if component.fees and sum(fee.price for fee in component.fees) != component.price:
        yield f"the fees do not sum up to the price {component.price}"


def _price(name: str, price: Decimal, vat: Decimal | None, included: TaxIncluded) -> Iterator[str]:
    if not price.is_finite() or not 0 <= price < _MAX_PRICE:
        yield f"{name} {price} is not between 0 and {_MAX_PRICE}"
    elif _places(price) > 5:
        yield f"{name} {price} has more than 5 decimals"
    if vat is None:
        return
    if not vat.is_finite() or not 0 <= vat <= 100:
        yield f"{name}: vat {vat} is not between 0 and 100 percent"
    elif _places(vat) > 4:
        yield f"{name}: vat {vat} has more than 4 decimals"
    elif included is TaxIncluded.NOT_APPLICABLE and vat:
        yield f"{name}: vat {vat}, and tax_included says that there are no taxes"


def _places(amount: Decimal) -> int:
    return -int(amount.normalize().as_tuple().exponent)


def _restrictions(told: TariffRestrictions) -> Iterator[str]:
    for name, clock in (("start_time", told.start_time), ("end_time", told.end_time)):
        if clock is not None and not _CLOCK.fullmatch(clock):
            yield f"{name} {clock!r} is no time of day, such as 13:30; the end of the day is 00:00"
    days = {"start_date": told.start_date, "end_date": told.end_date}
    for name, day in days.items():
        if day is not None and not _is_date(day):
            yield f"{name} {day!r} is no date, such as 2026-12-24"
    if told.start_date and told.end_date and told.start_date >= told.end_date:
        yield f"start_date {told.start_date} is not before end_date {told.end_date}, which is exclusive"
    if len(set(told.day_of_week)) != len(told.day_of_week):
        yield "day_of_week names a day twice"
    for name, low, high in (
        ("kwh", told.min_kwh, told.max_kwh),
        ("current", told.min_current, told.max_current),
        ("power", told.min_power, told.max_power),
        ("duration", told.min_duration, told.max_duration),
    ):
        for side, bound in (("min", low), ("max", high)):
            if bound is not None and not (Decimal(bound).is_finite() and 0 <= bound < _MAX_PRICE):
                yield f"{side}_{name} {bound} is not between 0 and {_MAX_PRICE}"
        if low is not None and high is not None and low >= high:
            yield f"min_{name} {low} is not below max_{name} {high}, which is exclusive: it never matches"
        if high is not None and high == 0:
            yield f"max_{name} 0 is exclusive: it never matches"


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
