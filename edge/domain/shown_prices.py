"""Prices and bills in words and numbers for the display of a station: taxes included, as a driver pays them.

They are shown and no more; what is billed is reckoned from the tariff alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Final

from edge.domain.phases import Phase
from edge.domain.pricing.compiled import ENERGY_SLOT, FLAT_SLOT, PARKING_SLOT, TIME_SLOT, Number, compiled
from edge.domain.transaction import Transaction
from protocols.charger.operations.transactions import UnitPrices
from protocols.ocpi.cdr import Cdr
from protocols.ocpi.tariff import PriceComponent, Tariff, TaxIncluded

MAX_TEXT: Final = 512
_PRICE_UNIT: Final = Decimal("0.0001")
_MONEY_UNIT: Final = Decimal("0.01")


def prices_now(transaction: Transaction, now: datetime) -> UnitPrices:
    """What holds for it at this instant: by the time, what it has drawn so far, and how much it draws."""
    charging = next((phase for phase in reversed(transaction.phases) if phase.is_charging), None)
    seconds = max(0, int((now - transaction.started_at).total_seconds()))
    return _prices(
        transaction.tariff,
        transaction.time_zone,
        now,
        seconds=seconds,
        energy_wh=transaction.energy_wh,
        charging=charging,
        parked=_parked_before(transaction),
    )


def price_text(tariff: Tariff, time_zone: str, now: datetime) -> str:
    """The tariff's own text, else one of what it costs to begin now; empty where nothing is priced."""
    if tariff.tariff_alt_text:
        return tariff.tariff_alt_text[:MAX_TEXT]
    prices = _prices(tariff, time_zone, now, seconds=0, energy_wh=0, charging=None, parked=timedelta())
    currency = tariff.currency
    grace = f" after {prices.grace_min} min" if prices.grace_min else ""
    told = [
        text
        for price, text in (
            (prices.kwh, f"{prices.kwh} {currency}/kWh"),
            (prices.hour, f"{prices.hour} {currency}/h charging"),
            (prices.idle_hour, f"{prices.idle_hour} {currency}/h parking{grace}"),
            (prices.flat, f"{prices.flat} {currency} once"),
        )
        if price is not None
    ]
    if not told:
        return ""
    since = "" if compiled(tariff).plain is not None or tariff.idle is not None else "now "
    return f"{since}{', '.join(told)}{_taxes(tariff)}"


def bill_text(cdr: Cdr) -> str:
    """What was billed, in a line."""
    hours, seconds = divmod(int((cdr.end_date_time - cdr.start_date_time).total_seconds()), 3600)
    kwh = (Decimal(cdr.total_energy_wh) / 1000).quantize(_MONEY_UNIT, ROUND_HALF_UP)
    lasted = f"{hours} h {seconds // 60:02} min"
    return f"{cdr.total_cost.incl_vat} {cdr.currency} for {kwh} kWh in {lasted}{_taxes(cdr.tariff)}"


def _prices(
    tariff: Tariff,
    time_zone: str,
    now: datetime,
    *,
    seconds: int,
    energy_wh: Number,
    charging: Phase | None,
    parked: timedelta,
) -> UnitPrices:
    card = compiled(tariff).session
    openings, _ = card.local_time(time_zone).at(now)
    power_w, current_ma = (charging.power_w, charging.current_ma) if charging is not None else (None, None)
    cell = card.cell(openings, seconds, energy_wh, power_w, current_ma)
    parking = card.cell(openings, seconds, energy_wh, 0, 0)
    rates = [
        card.rates[index] if index is not None else None
        for index in (cell[ENERGY_SLOT], cell[TIME_SLOT], cell[FLAT_SLOT], parking[PARKING_SLOT])
    ]
    kwh, hour, flat, idle_hour = (_with_taxes(tariff, rate) if rate is not None else None for rate in rates)
    grace = timedelta(seconds=tariff.idle.grace_s) - parked if tariff.idle is not None else timedelta()
    grace_min = -(-max(timedelta(), grace) // timedelta(minutes=1)) if idle_hour is not None else 0
    return UnitPrices(kwh=kwh, hour=hour, flat=flat, idle_hour=idle_hour, grace_min=grace_min)


def _parked_before(transaction: Transaction) -> timedelta:
    """How long it has been parked, without the present stretch: the display counts that one itself."""
    stretches = pairwise(transaction.phases)
    return sum((after.start - phase.start for phase, after in stretches if not phase.is_charging), timedelta())


def _with_taxes(tariff: Tariff, component: PriceComponent) -> Decimal:
    """Two decimals at least, four at most."""
    price = component.price
    if component.vat is not None and tariff.tax_included is TaxIncluded.NO:
        price += price * component.vat / 100
    price = price.quantize(_PRICE_UNIT, ROUND_HALF_UP)
    short = price.quantize(_MONEY_UNIT, ROUND_HALF_UP)
    return short if short == price else price.normalize()


def _taxes(tariff: Tariff) -> str:
    return "" if tariff.tax_included is TaxIncluded.NOT_APPLICABLE else ", taxes included"
