"""A bill priced once more: from its own snapshot, or with other energy, another end or another tariff."""

from __future__ import annotations

from datetime import datetime

from msgspec import structs

from edge.domain.pricing.price import ENGINE
from edge.domain.pricing.re_rate import re_rate
from protocols.money import ROUNDING_RULE, Price
from protocols.ocpi.cdr import Cdr, ChargingPeriod, PriceLine
from protocols.ocpi.tariff import Tariff


def rated(cdr: Cdr) -> Cdr:
    """The bill with the lines and totals that follow from its tariff and charging periods."""
    cdr = structs.replace(cdr, rounding_rule=ROUNDING_RULE, engine=ENGINE)
    bill = re_rate(cdr)
    periods = cdr.charging_periods
    return structs.replace(
        cdr,
        lines=bill.lines,
        total_cost=bill.total,
        total_reservation_cost=bill.reservation,
        total_energy_wh=sum(period.energy_wh for period in periods),
        total_time_s=sum(period.time_s for period in periods),
        total_parking_time_s=sum(period.parking_time_s for period in periods),
    )


def changed(cdr: Cdr, *, energy_wh: int | None, ended_at: datetime | None, tariff: Tariff | None) -> Cdr:
    """The bill with other inputs, priced. Units as in the Cdr; None leaves an input as it is."""
    periods = list(cdr.charging_periods)
    if ended_at is not None:
        periods = _ended(periods, ended_at)
        cdr = structs.replace(cdr, end_date_time=ended_at)
    if energy_wh is not None:
        periods = _scaled(periods, energy_wh)
        cdr = structs.replace(cdr, meter_stop_wh=cdr.meter_start_wh + energy_wh)
    if tariff is not None:
        cdr = structs.replace(cdr, tariff=tariff, currency=tariff.currency)
    return rated(structs.replace(cdr, charging_periods=tuple(periods)))


def credit_of(cdr: Cdr, credit_id: str) -> Cdr:
    """OCPI 2.2.1 §10.3.1: the credit that takes back all of a bill."""
    reservation = cdr.total_reservation_cost
    return structs.replace(
        cdr,
        id=credit_id,
        lines=tuple(negated(line) for line in cdr.lines),
        total_cost=_negative(cdr.total_cost),
        total_reservation_cost=None if reservation is None else _negative(reservation),
        credit=True,
        credit_reference_id=cdr.id,
        replaces=None,
    )


def negated(line: PriceLine) -> PriceLine:
    """The line with the negative of its cost; its quantities stay."""
    return structs.replace(line, cost=_negative(line.cost))


def _negative(price: Price) -> Price:
    return Price(excl_vat=-price.excl_vat, incl_vat=-price.incl_vat)


def _ended(periods: list[ChargingPeriod], ended_at: datetime) -> list[ChargingPeriod]:
    """Up to another end: the last period that began before it is longer or shorter, and has the energy of those that
    began later."""
    kept = [period for period in periods if period.reservation_time_s or period.start_date_time < ended_at]
    late_wh = sum(period.energy_wh for period in periods[len(kept) :])
    if not kept or kept[-1].reservation_time_s:
        return kept
    began_at = next(period.start_date_time for period in kept if not period.reservation_time_s)
    last = kept[-1]
    length_s = int((ended_at - began_at).total_seconds()) - int((last.start_date_time - began_at).total_seconds())
    is_parked = last.parking_time_s > 0
    kept[-1] = structs.replace(
        last,
        energy_wh=last.energy_wh + late_wh,
        time_s=0 if is_parked else length_s,
        parking_time_s=length_s if is_parked else 0,
    )
    return kept


def _scaled(periods: list[ChargingPeriod], energy_wh: int) -> list[ChargingPeriod]:
    """Other energy in all, spread over the periods as it was: whole Wh that add up exactly."""
    before_wh = sum(period.energy_wh for period in periods)
    if not before_wh:
        busiest = max(range(len(periods)), key=lambda n: (periods[n].time_s, -periods[n].reservation_time_s, n))
        return [structs.replace(each, energy_wh=energy_wh if n == busiest else 0) for n, each in enumerate(periods)]
    scaled, passed_wh, given_wh = [], 0, 0
    for period in periods:
        passed_wh += period.energy_wh
        upto_wh = passed_wh * energy_wh // before_wh
        scaled.append(structs.replace(period, energy_wh=upto_wh - given_wh))
        given_wh = upto_wh
    return scaled
