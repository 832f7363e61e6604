"""How a bill came about: the engine's own intervals with what priced each, and the reckoning of each line.

It walks through the session as the engine does (edge/domain/pricing/atoms.py), so what is told is what was priced.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import structs

from edge.domain.pricing.atoms import Walk
from edge.domain.pricing.compiled import EXPIRED_TIME, RESERVED_TIME, Number, RateCard, compiled
from edge.domain.pricing.re_rate import UnknownRules, re_rate
from edge.domain.rerating import negated
from protocols.ocpi.cdr import Cdr, ChargingPeriod, PriceLine
from protocols.ocpi.tariff import PriceComponent, Tariff, TariffDimensionType, TaxIncluded

_UNITS: Final = {
    TariffDimensionType.FLAT: (1, "", "session"),
    TariffDimensionType.ENERGY: (1000, "Wh", "kWh"),
    TariffDimensionType.TIME: (3600, "s", "h"),
    TariffDimensionType.PARKING_TIME: (3600, "s", "h"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What priced a dimension in an interval: `element` counts from 1 in the tariff, `matched` are its restrictions."""

    dimension: str
    price: Decimal
    vat: Decimal | None
    step_size: int
    element: int
    matched: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A stretch in which nothing of the tariff changes. `local` is the time at the Location; quantities are exact,
    whole numbers or ratios such as "10000/3"."""

    start: datetime
    local: datetime
    kind: str
    seconds: str
    energy_wh: str
    power_w: int | None
    current_ma: int | None
    rates: tuple[Rate, ...]
    is_in_grace: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LineStory:
    """How a line was reckoned, in sentences."""

    line: PriceLine
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`is_same`: made again today it comes to the same lines; None where the rules it was made by are not known."""

    intervals: tuple[Interval, ...]
    lines: tuple[LineStory, ...]
    is_same: bool | None


def explain(cdr: Cdr) -> Explanation:
    """How the bill came about, by what stands on it."""
    try:
        again = re_rate(cdr).lines
        is_same: bool | None = cdr.lines == (tuple(negated(line) for line in again) if cdr.credit else again)
    except UnknownRules:
        is_same = None
    return Explanation(
        intervals=tuple(_intervals(cdr)),
        lines=tuple(LineStory(line=line, sentences=tuple(_reckoning(cdr, line))) for line in cdr.lines),
        is_same=is_same,
    )


def _intervals(cdr: Cdr) -> Iterator[Interval]:
    tariff, zone = cdr.tariff, ZoneInfo(cdr.time_zone)
    ready = compiled(tariff)
    grace_s = tariff.idle.grace_s if tariff.idle is not None else None
    charged = Walk(ready.session, cdr.time_zone, grace_s)
    card = ready.expired if cdr.stop_reason == "ReservationExpired" else ready.reserved
    reserved = Walk(card, cdr.time_zone)
    paid_once: set[bool] = set()  # FLAT: of what is reserved, and of the session
    for period in cdr.charging_periods:
        is_reserved = period.reservation_time_s > 0
        walk, rates = (reserved, card) if is_reserved else (charged, ready.session)
        for atom in walk.atoms(period):
            start = period.start_date_time + timedelta(seconds=float(atom.offset_s))
            priced = list(_rates(tariff, rates, atom.cell, period, atom.energy_wh))
            if is_reserved in paid_once:
                priced = [rate for rate in priced if rate.dimension != TariffDimensionType.FLAT]
            elif any(rate.dimension == TariffDimensionType.FLAT for rate in priced):
                paid_once.add(is_reserved)
            yield Interval(
                start=start,
                local=start.astimezone(zone),
                kind=_kind(period),
                seconds=str(atom.seconds),
                energy_wh=str(atom.energy_wh),
                power_w=period.power_w,
                current_ma=period.current_ma,
                rates=tuple(priced),
                is_in_grace=atom.is_in_grace,
            )


def _kind(period: ChargingPeriod) -> str:
    if period.reservation_time_s:
        return "reserved"
    return "parked" if period.parking_time_s else "charging"


def _rates(
    tariff: Tariff, card: RateCard, cell: tuple[int | None, ...], period: ChargingPeriod, energy_wh: Number
) -> Iterator[Rate]:
    """Of each dimension that happened in the interval. An expired reservation's own TIME replaces the other one."""
    is_reserved = period.reservation_time_s > 0
    if is_reserved and cell[EXPIRED_TIME] is not None:
        cell = tuple(None if slot == RESERVED_TIME else rate for slot, rate in enumerate(cell))
    happened = {
        TariffDimensionType.FLAT: True,
        TariffDimensionType.ENERGY: energy_wh > 0,
        TariffDimensionType.TIME: period.time_s > 0 or is_reserved,
        TariffDimensionType.PARKING_TIME: period.parking_time_s > 0,
    }
    for rate in cell:
        if rate is None or not happened[card.rates[rate].type]:
            continue
        component = card.rates[rate]
        number, matched = _element_of(tariff, component)
        yield Rate(
            dimension=component.type.value,
            price=component.price,
            vat=component.vat,
            step_size=component.step_size,
            element=number,
            matched=matched,
        )


def _element_of(tariff: Tariff, component: PriceComponent) -> tuple[int, dict[str, str]]:
    """The first element that has the component, and what it is restricted to."""
    for number, element in enumerate(tariff.elements, 1):
        if component in element.price_components:
            told = structs.asdict(element.restrictions) if element.restrictions is not None else {}
            return number, {name: _said(value) for name, value in told.items() if value not in (None, ())}
    return 0, {}


def _said(value: object) -> str:
    return ", ".join(str(each) for each in value) if isinstance(value, tuple) else str(value)


def _reckoning(cdr: Cdr, line: PriceLine) -> Iterator[str]:
    if line.adjustment is not None:
        yield f"{line.adjustment}: the whole comes to a limit of the tariff"
        return
    per, unit, named = _UNITS[line.type]
    measured, billed = Fraction(line.exact or line.quantity), Fraction(line.billed_exact or line.billed_quantity)
    if line.type is not TariffDimensionType.FLAT:
        yield f"{measured} {unit} measured"
    if billed != measured:
        steps = sorted({each.step_size for element in cdr.tariff.elements for each in element.price_components
                        if each.type is line.type and each.price == line.price})  # fmt: skip
        yield f"{billed} {unit} billed: whole steps of {' or '.join(map(str, steps))} {unit} over the session"
    exact = Fraction(line.price) * billed / per
    sign = "-" if cdr.credit else ""
    over = f" / {per}" if per > 1 else ""
    yield f"{line.price} {cdr.currency} per {named} x {billed}{over} = {_decimal(exact)} {cdr.currency}"
    excl, incl = line.cost.excl_vat, line.cost.incl_vat
    match cdr.tariff.tax_included:
        case TaxIncluded.YES:
            yield f"taxes included: rounded half-up to {incl}, of which {incl - excl} are {line.vat or 0} % VAT"
        case TaxIncluded.NOT_APPLICABLE:
            yield f"rounded half-up to {excl}; taxes do not apply"
        case TaxIncluded.NO:
            yield f"rounded half-up to {excl}; with {line.vat or 0} % VAT, rounded again, {incl}"
    if sign:
        yield "taken back: the negative of what was billed"


def _decimal(exact: Fraction) -> str:
    """As a decimal number where it is one, or as near as 8 places are."""
    number = Decimal(exact.numerator) / Decimal(exact.denominator)
    rounded = round(number, 8)
    return f"{rounded.normalize():f}" if Fraction(rounded) == exact else f"{rounded:f}…"
