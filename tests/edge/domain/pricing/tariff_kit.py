"""Tariffs and sessions written as briefly as in the worked cases, for tests of the prices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from protocols.ocpi.cdr import ChargingPeriod
from protocols.ocpi.tariff import (
    DayOfWeek,
    PriceComponent,
    ReservationRestrictionType,
    Tariff,
    TariffDimensionType,
    TariffElement,
    TariffRestrictions,
)

UPDATED = datetime(2026, 1, 1, tzinfo=UTC)
BERLIN = "Europe/Berlin"
MONDAY = datetime(2026, 3, 2, tzinfo=ZoneInfo(BERLIN))
"""Midnight of a Monday, local to the Location."""
SHORT = {"PARKING": "PARKING_TIME"}


def part(text: str) -> PriceComponent:
    """`DIM price vat% step`, as in "ENERGY 0.25 10% 1"; what is left out is none, and a step of 1."""
    kind, price, *rest = text.split()
    vat = next((Decimal(word[:-1]) for word in rest if word.endswith("%")), None)
    step = next((int(word) for word in rest if not word.endswith("%")), 1)
    return PriceComponent(
        type=TariffDimensionType(SHORT.get(kind, kind)), price=Decimal(price), vat=vat, step_size=step
    )


def element(parts: str, **restrictions: Any) -> TariffElement:
    """Components between ";", and the restrictions by their names in OCPI."""
    for name in ("min_kwh", "max_kwh", "min_current", "max_current", "min_power", "max_power"):
        if name in restrictions:
            restrictions[name] = Decimal(restrictions[name])
    if "day_of_week" in restrictions:
        restrictions["day_of_week"] = tuple(DayOfWeek(day) for day in restrictions["day_of_week"].split())
    if "reservation" in restrictions:
        restrictions["reservation"] = ReservationRestrictionType(restrictions["reservation"])
    return TariffElement(
        price_components=tuple(part(text) for text in parts.split(";")),
        restrictions=TariffRestrictions(**restrictions) if restrictions else None,
    )


def of(*elements: TariffElement | str, **more: Any) -> Tariff:
    return Tariff(
        id="T",
        currency="EUR",
        elements=tuple(element(each) if isinstance(each, str) else each for each in elements),
        last_updated=UPDATED,
        **more,
    )


def session(start: datetime, *parts: tuple[str, float, float] | tuple[str, float]) -> list[ChargingPeriod]:
    """Periods one after the other: ("charge", minutes, kWh), ("park", minutes), ("reserve", minutes); a charge may
    end with its power in W and its current in mA."""
    periods = []
    at = start.astimezone(UTC)
    for kind, minutes, *more in parts:
        seconds = round(minutes * 60)
        kwh, power_w, current_ma = (*more, None, None, None)[:3]
        periods.append(
            ChargingPeriod(
                start_date_time=at,
                energy_wh=round((kwh or 0) * 1000),
                time_s=seconds if kind == "charge" else 0,
                parking_time_s=seconds if kind == "park" else 0,
                reservation_time_s=seconds if kind == "reserve" else 0,
                power_w=None if power_w is None else round(power_w),
                current_ma=None if current_ma is None else round(current_ma),
            )
        )
        at += timedelta(seconds=seconds)
    return periods
