"""The rules of OCPI's tariffs as they are written, minute by minute or second by second, in Fractions: slow, and made
without anything of the product. It takes a tariff as OCPI writes it in JSON.

It is right where all that happens within a session happens at whole ticks: the tests see to that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
UNITS = {"FLAT": 1, "ENERGY": 1000, "TIME": 3600, "PARKING_TIME": 3600}
CENT = Decimal("0.01")


@dataclass
class Stretch:
    """What a vehicle did: `kind` "TIME" (charging), "PARKING_TIME" or "RESERVATION", for so many ticks."""

    kind: str
    ticks: int
    wh_per_tick: int = 0
    power_kw: Fraction | None = None
    current_a: Fraction | None = None


@dataclass
class Moment:
    local: datetime
    seconds: int
    wh: int
    power_kw: Fraction | None
    current_a: Fraction | None


def half_up(amount: Fraction) -> Decimal:
    return (Decimal(amount.numerator) / Decimal(amount.denominator)).quantize(CENT, ROUND_HALF_UP)


def applies(restrictions: dict[str, Any], moment: Moment) -> bool:
    clock, day = moment.local.strftime("%H:%M"), moment.local.strftime("%Y-%m-%d")
    start, end = restrictions.get("start_time", "00:00"), restrictions.get("end_time", "24:00")
    if end == "00:00":
        end = "24:00"
    in_window = start <= clock < end if start < end else clock >= start or clock < end
    if not in_window:
        return False
    if "start_date" in restrictions and day < restrictions["start_date"]:
        return False
    if "end_date" in restrictions and day >= restrictions["end_date"]:
        return False
    if restrictions.get("day_of_week") and DAYS[moment.local.weekday()] not in restrictions["day_of_week"]:
        return False
    for name, now in (
        ("kwh", Fraction(moment.wh, 1000)),
        ("duration", Fraction(moment.seconds)),
        ("power", moment.power_kw),
        ("current", moment.current_a),
    ):
        low, high = restrictions.get(f"min_{name}"), restrictions.get(f"max_{name}")
        if (low is not None or high is not None) and now is None:
            return False
        if low is not None and now < Fraction(low):
            return False
        if high is not None and now >= Fraction(high):
            return False
    return True


def component(
    tariff: dict[str, Any], dimension: str, moment: Moment, reservation: str | None
) -> tuple[int, int] | None:
    for number, element in enumerate(tariff["elements"]):
        restrictions = element.get("restrictions") or {}
        if restrictions.get("reservation") != reservation:
            continue
        for place, each in enumerate(element["price_components"]):
            if each["type"] == dimension and applies(restrictions, moment):
                return number, place
    return None


def stepped(total: Fraction, step: int) -> Fraction:
    return Fraction(-(-total // step) * step) if step else total


def price(
    tariff: dict[str, Any], stretches: list[Stretch], start: datetime, zone: str, tick_s: int
) -> tuple[Decimal, Decimal]:
    """Before and after taxes. The start of a session is the end of what was reserved before it."""
    used: dict[tuple[str, tuple[int, int]], Fraction] = {}
    last_energy = last_time = last_reserved = None
    at = start.astimezone(UTC)
    seconds = wh = 0
    for stretch in stretches:
        if stretch.kind == "RESERVATION":
            for tick in range(stretch.ticks):
                moment = Moment(at.astimezone(ZoneInfo(zone)), tick * tick_s, 0, None, None)
                at += timedelta(seconds=tick_s)
                flat = component(tariff, "FLAT", moment, "RESERVATION")
                if flat is not None and not any(kind == "reserved FLAT" for kind, _ in used):
                    used["reserved FLAT", flat] = Fraction(1)
                time = component(tariff, "TIME", moment, "RESERVATION")
                if time is not None:
                    used["reserved TIME", time] = used.get(("reserved TIME", time), Fraction()) + tick_s
                    last_reserved = time
            continue
        for _ in range(stretch.ticks):
            idle = stretch.kind == "PARKING_TIME"
            moment = Moment(
                at.astimezone(ZoneInfo(zone)),
                seconds,
                wh,
                Fraction(0) if idle and stretch.power_kw is None else stretch.power_kw,
                Fraction(0) if idle and stretch.current_a is None else stretch.current_a,
            )
            flat = component(tariff, "FLAT", moment, None)
            if flat is not None and not any(kind == "FLAT" for kind, _ in used):
                used["FLAT", flat] = Fraction(1)
            energy = component(tariff, "ENERGY", moment, None)
            if energy is not None and stretch.wh_per_tick:
                used["ENERGY", energy] = used.get(("ENERGY", energy), Fraction()) + stretch.wh_per_tick
                last_energy = energy
            time = component(tariff, stretch.kind, moment, None)
            if time is not None:
                used[stretch.kind, time] = used.get((stretch.kind, time), Fraction()) + tick_s
                last_time = (stretch.kind, time)
            at += timedelta(seconds=tick_s)
            seconds += tick_s
            wh += stretch.wh_per_tick
    for key in (
        ("ENERGY", last_energy),
        last_time or ("", None),
        ("reserved TIME", last_reserved),
    ):
        if key[1] is not None:
            whole = sum((amount for (kind, _), amount in used.items() if kind == key[0]), Fraction())
            number, place = key[1]
            step = tariff["elements"][number]["price_components"][place]["step_size"]
            used[key] += stepped(whole, step) - whole
    return totals(tariff, used)


def totals(tariff: dict[str, Any], used: dict[tuple[str, tuple[int, int]], Fraction]) -> tuple[Decimal, Decimal]:
    told, other = Decimal("0.00"), Fraction()
    included = tariff.get("tax_included", "NO")
    for (kind, (number, place)), amount in used.items():
        each = tariff["elements"][number]["price_components"][place]
        line = half_up(amount * Fraction(each["price"]) / UNITS[kind.removeprefix("reserved ")])
        rate = Fraction(0) if included == "N/A" else Fraction(each.get("vat") or 0) / 100
        told += line
        other += Fraction(line) / (1 + rate) if included == "YES" else Fraction(line) * (1 + rate)
    excl, incl = (half_up(other), told) if included == "YES" else (told, half_up(other))
    for name, choose in (("min_price", max), ("max_price", min)):
        if (limit := tariff.get(name)) is not None:
            excl, incl = choose(excl, Decimal(limit["excl_vat"])), choose(incl, Decimal(limit["incl_vat"]))
    return excl, incl
