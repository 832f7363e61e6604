"""Prices a session by its tariff, exactly: in integers and Fractions until a line is priced, rounded once per line.

Rules (OCPI 2.2.1 §10 and §11): per dimension the first tariff element that has it and whose restrictions match gives
the price, at every instant; a dimension that no element prices then is free. FLAT is paid once, at the first instant
at which an element has it. ENERGY is stepped once per session, by the component that priced the last of it, which
bears the excess; of TIME and PARKING_TIME only the component that was billable last is stepped, to the session's total
of its dimension. One line for each component that was used.

What is reserved is priced apart (`reservation.py`), and stepped by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from edge.domain.pricing.atoms import Atom, Period, Walk
from edge.domain.pricing.compiled import (
    ENERGY_SLOT,
    FLAT_SLOT,
    PARKING_SLOT,
    TIME_SLOT,
    Number,
    RateCard,
    compiled,
)
from edge.domain.pricing.lines import Bill, idle_adjustments, limit, lines_of, share_taxes, step_up, total
from edge.domain.pricing.reservation import reservation_lines
from protocols.money import ROUNDING_RULE
from protocols.ocpi.cdr import PriceLine
from protocols.ocpi.tariff import PriceComponent, Tariff, TariffDimensionType

ENGINE = "ohmstead-pricing-3"
"""Which rules priced a bill; printed on it."""
ENGINES: Final = frozenset({"ohmstead-pricing-1", "ohmstead-pricing-2", ENGINE})
"""Those whose bills are made the same today: what 3 added, the others refused."""

_FLAT, _ENERGY = TariffDimensionType.FLAT, TariffDimensionType.ENERGY
_TIME, _PARKING_TIME = TariffDimensionType.TIME, TariffDimensionType.PARKING_TIME


def price_session(
    tariff: Tariff, periods: Sequence[Period], time_zone: str = "UTC", rounding_rule: str = ROUNDING_RULE
) -> Bill:
    """The bill of a session that consists of these periods, in order, the reserved time that it used among them. Units
    as in ChargingPeriod; `time_zone` is the Location's, an IANA name."""
    energy_wh: Number = 0
    time_s: Number = 0
    parking_time_s: Number = 0
    reserved_s: Number = 0
    for period in periods:
        energy_wh += period.energy_wh
        time_s += period.time_s
        parking_time_s += period.parking_time_s
        reserved_s += period.reservation_time_s
    ready = compiled(tariff)
    reserved = _reserved(tariff, periods, time_zone) if reserved_s else []
    if ready.plain is not None:
        lines = _plain(tariff, ready.plain, periods, energy_wh, time_s, parking_time_s)
    else:
        charged = [period for period in periods if not period.reservation_time_s] if reserved_s else periods
        lines = _restricted(tariff, ready.session, charged, time_zone)
    if reserved:
        lines = reserved + lines
    if len(lines) > 1 and rounding_rule == ROUNDING_RULE:
        share_taxes(tariff, lines)
    if tariff.min_price is not None or tariff.max_price is not None:
        limit(tariff, lines)
    return Bill(
        total=total(lines),
        lines=tuple(lines),
        reservation=total(lines[: len(reserved)]) if reserved_s else None,
        energy_wh=energy_wh,
        time_s=time_s,
        parking_time_s=parking_time_s,
        reservation_time_s=reserved_s,
    )


def price_reservation(
    tariff: Tariff,
    periods: Sequence[Period],
    *,
    is_expired: bool,
    time_zone: str = "UTC",
    rounding_rule: str = ROUNDING_RULE,
) -> Bill:
    """The bill of a reservation that no session used; minimum and maximum prices are for sessions."""
    lines = reservation_lines(tariff, periods, is_expired=is_expired, time_zone=time_zone)
    if rounding_rule == ROUNDING_RULE:
        share_taxes(tariff, lines)
    cost = total(lines)
    return Bill(
        lines=tuple(lines),
        total=cost,
        reservation=cost,
        reservation_time_s=sum(period.reservation_time_s for period in periods),
    )


def _reserved(tariff: Tariff, periods: Sequence[Period], time_zone: str) -> list[PriceLine]:
    used = [period for period in periods if period.reservation_time_s]
    return reservation_lines(tariff, used, is_expired=False, time_zone=time_zone)


# --- where nothing restricts the elements: one pass ---


def _plain(
    tariff: Tariff,
    prices: Mapping[TariffDimensionType, PriceComponent],
    periods: Sequence[Period],
    energy_wh: Number,
    time_s: Number,
    parking_time_s: Number,
) -> list[PriceLine]:
    stepped = _last_billable_time(prices, periods)
    lines: list[PriceLine] = []
    for dimension, quantity in ((_FLAT, 1), (_ENERGY, energy_wh), (_TIME, time_s), (_PARKING_TIME, parking_time_s)):
        component = prices.get(dimension) if quantity else None
        if component is not None:
            is_stepped = dimension is _ENERGY or dimension is stepped
            billed = step_up(quantity, component.step_size) if is_stepped else quantity
            lines += lines_of(tariff, component, quantity, billed)
    return lines


def _last_billable_time(
    prices: Mapping[TariffDimensionType, PriceComponent], periods: Sequence[Period]
) -> TariffDimensionType | None:
    for period in reversed(periods):
        if period.parking_time_s and _PARKING_TIME in prices:
            return _PARKING_TIME
        if period.time_s and _TIME in prices:
            return _TIME
    return None


# --- where something does: atom by atom ---


@dataclass(slots=True)
class _Sums:
    """What a session took of each rate, by the slot; the rate that came last of ENERGY, and of both times."""

    by_slot: tuple[dict[int, Number], ...] = field(default_factory=lambda: ({}, {}, {}, {}))
    last_energy: int | None = None
    last_time: tuple[int, int] | None = None

    def add(self, slot: int, rate: int, quantity: Number) -> None:
        sums = self.by_slot[slot]
        sums[rate] = sums.get(rate, 0) + quantity

    def take(self, atom: Atom, *, is_parking: bool) -> None:
        flat, energy, time, parking = atom.cell
        if flat is not None and not self.by_slot[FLAT_SLOT]:
            self.add(FLAT_SLOT, flat, 1)
        if atom.energy_wh and energy is not None:
            self.add(ENERGY_SLOT, energy, atom.energy_wh)
            self.last_energy = energy
        if not atom.seconds:
            return
        if is_parking:
            if parking is not None and not atom.is_in_grace:
                self.add(PARKING_SLOT, parking, atom.seconds)
                self.last_time = (PARKING_SLOT, parking)
        elif time is not None:
            self.add(TIME_SLOT, time, atom.seconds)
            self.last_time = (TIME_SLOT, time)


def _restricted(tariff: Tariff, card: RateCard, periods: Sequence[Period], time_zone: str) -> list[PriceLine]:
    walk = Walk(card, time_zone, tariff.idle.grace_s if tariff.idle is not None else None)
    sums = _Sums()
    for period in periods:
        is_parking = period.parking_time_s != 0
        for atom in walk.atoms(period):
            sums.take(atom, is_parking=is_parking)
    lines = _sum_lines(tariff, card, sums.by_slot[FLAT_SLOT], None)
    lines += _sum_lines(tariff, card, sums.by_slot[ENERGY_SLOT], sums.last_energy)
    for slot in (TIME_SLOT, PARKING_SLOT):
        last = sums.last_time[1] if sums.last_time is not None and sums.last_time[0] == slot else None
        priced = _sum_lines(tariff, card, sums.by_slot[slot], last)
        lines += priced
    return lines + idle_adjustments(tariff, priced)


def _sum_lines(tariff: Tariff, card: RateCard, sums: Mapping[int, Number], stepped: int | None) -> list[PriceLine]:
    """The lines of one dimension; the excess of the step is borne by the rate that came last."""
    lines: list[PriceLine] = []
    for rate, quantity in sums.items():
        component = card.rates[rate]
        billed = quantity
        if rate == stepped:
            used = sum(sums.values())
            billed += step_up(used, component.step_size) - used
        lines += lines_of(tariff, component, quantity, billed)
    return lines
