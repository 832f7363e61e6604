"""The Chinese time-of-use sheet (分时电价: 尖峰平谷), which compiles into a tariff of intervals.

Each of the 48 half-hours of a day is of one of four bands, and each band has an electricity fee and a service fee per
kWh, which are lines of their own on the bill. Seasons and holidays have days of their own. What a sheet cannot say,
such as a price for parking, follows as elements of OCPI.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import groupby
from typing import Any, Final

from msgspec import structs

from protocols.ocpi.numbers import exact_number
from protocols.ocpi.tariff import (
    DayOfWeek,
    Fee,
    PriceComponent,
    Tariff,
    TariffDimensionType,
    TariffElement,
    TariffRestrictions,
)
from protocols.ocpi.tariff_document import BadTariff, read_tariff
from protocols.ocpi.tariff_problems import problems

HALF_HOURS: Final = 48
ELECTRICITY, SERVICE = "electricity", "service"


class Band(StrEnum):
    """尖 sharp, 峰 peak, 平 flat, 谷 valley."""

    SHARP = "尖"
    PEAK = "峰"
    FLAT = "平"
    VALLEY = "谷"


_LETTERS: Final = {"s": Band.SHARP, "p": Band.PEAK, "f": Band.FLAT, "v": Band.VALLEY} | {
    band.value: band for band in Band
}
_NAMES: Final = {"sharp": Band.SHARP, "peak": Band.PEAK, "flat": Band.FLAT, "valley": Band.VALLEY} | {
    band.value: band for band in Band
}
_SHEET: Final = frozenset({"fees", "seasons", "holidays", "vat", "service_vat"})
_SEASON: Final = frozenset({"half_hours", "start_date", "end_date", "day_of_week", "fees"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BandFees:
    """Per kWh, with 5 decimals at most."""

    electricity: Decimal
    service: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """The bands of a day from `start_date` on and before `end_date`, on these days of the week, all without any."""

    half_hours: tuple[Band, ...]
    fees: Mapping[Band, BandFees]
    start_date: str | None = None
    end_date: str | None = None
    days: tuple[DayOfWeek, ...] = ()


def compile_seasons(seasons: Sequence[Season], vat: Decimal | None, service_vat: Decimal | None) -> list[TariffElement]:
    """The first season that a day is of holds for it. Energy is billed as measured, without steps."""
    elements = []
    for season in seasons:
        for first, last, band in _runs(season.half_hours):
            fees = season.fees[band]
            component = PriceComponent(
                type=TariffDimensionType.ENERGY,
                price=fees.electricity + fees.service,
                vat=vat if vat == service_vat else None,
                step_size=0,
                label=band.value,
                fees=(
                    Fee(label=ELECTRICITY, price=fees.electricity, vat=vat),
                    Fee(label=SERVICE, price=fees.service, vat=service_vat),
                ),
            )
            whole_day = last - first == HALF_HOURS
            told = TariffRestrictions(
                start_time=None if whole_day else _clock(first),
                end_time=None if whole_day else _clock(last % HALF_HOURS),
                start_date=season.start_date,
                end_date=season.end_date,
                day_of_week=season.days,
            )
            elements.append(
                TariffElement(
                    price_components=(component,), restrictions=told if told != TariffRestrictions() else None
                )
            )
    return elements


def _runs(half_hours: Sequence[Band]) -> Iterator[tuple[int, int, Band]]:
    at = 0
    for band, run in groupby(half_hours):
        length = len(list(run))
        yield at, at + length, band
        at += length


def _clock(half_hour: int) -> str:
    return f"{half_hour // 2:02}:{half_hour % 2 * 30:02}"


# --- read ---


def read_sheet(document: object) -> Tariff:
    """The tariff that a sheet compiles to (docs/pricing.md). Raises BadTariff."""
    if not isinstance(document, Mapping):
        raise BadTariff(["the sheet is no table of fields"])
    found: list[str] = []
    vat = _amount("vat", document["vat"], found) if "vat" in document else None
    service_vat = _amount("service_vat", document["service_vat"], found) if "service_vat" in document else vat
    fees = _fees("fees", document.get("fees", {}), found)
    holidays = document.get("holidays", {})
    seasons = _holidays(holidays, fees, found) if holidays else []
    listed = document.get("seasons", ())
    if not isinstance(listed, list | tuple) or not listed:
        found.append("seasons: a list of seasons is needed; one that names no dates holds on all days")
        listed = ()
    seasons += [_season(f"season {number}", each, fees, found) for number, each in enumerate(listed, 1)]
    rest = {name: each for name, each in document.items() if name not in _SHEET}
    placeholder = {"price_components": [{"type": "FLAT", "price": 0}]}
    try:
        tariff = read_tariff(rest if rest.get("elements") else rest | {"elements": [placeholder]})
    except BadTariff as error:
        raise BadTariff([*found, *error.problems]) from None
    if found:
        raise BadTariff(found)
    elements = compile_seasons(seasons, vat, service_vat)
    more = tariff.elements if rest.get("elements") else ()
    return _checked(tariff, (*elements, *more))


def _checked(tariff: Tariff, elements: tuple[TariffElement, ...]) -> Tariff:
    whole = structs.replace(tariff, elements=elements)
    if found := problems(whole):
        raise BadTariff(found)
    return whole


def _season(at: str, document: object, fees: Mapping[Band, BandFees], found: list[str]) -> Season:
    if not isinstance(document, Mapping):
        found.append(f"{at} is no table of fields")
        return Season(half_hours=(), fees=fees)
    found += [f"{at} has {name!r}, which is not known" for name in document if name not in _SEASON]
    own = {**fees, **_fees(f"{at}: fees", document.get("fees", {}), found)}
    half_hours = _half_hours(at, document.get("half_hours"), found)
    found += [f"{at}: band {band.value} has no fees" for band in dict.fromkeys(half_hours) if band not in own]
    days = []
    listed = document.get("day_of_week", ())
    if not isinstance(listed, list | tuple):
        found.append(f"{at}: day_of_week is no list")
        listed = ()
    for day in listed:
        if day in list(DayOfWeek):
            days.append(DayOfWeek(day))
        else:
            found.append(f"{at}: day_of_week {day!r} is none of {', '.join(DayOfWeek)}")
    return Season(
        half_hours=half_hours if not found else (),
        fees=own,
        start_date=_day(document.get("start_date")),
        end_date=_day(document.get("end_date")),
        days=tuple(days),
    )


def _holidays(document: Any, fees: Mapping[Band, BandFees], found: list[str]) -> list[Season]:
    """Each holiday is a season of one day, before all others."""
    if not isinstance(document, Mapping) or not isinstance(document.get("dates"), list | tuple):
        found.append("holidays: the `dates` and their `half_hours` are needed")
        return []
    rest = {name: each for name, each in document.items() if name != "dates"}
    seasons = []
    for told in document["dates"]:
        try:
            day = date.fromisoformat(_day(told) or "")
            ends = (day + timedelta(days=1)).isoformat()
        except (ValueError, OverflowError):
            found.append(f"holidays: {told!r} is no date, such as 2026-10-01")
            continue
        seasons.append(_season("holidays", rest | {"start_date": day.isoformat(), "end_date": ends}, fees, found))
    return seasons


def _half_hours(at: str, told: object, found: list[str]) -> tuple[Band, ...]:
    """48 letters, in groups parted by blanks as one likes: 尖峰平谷 or s p f v."""
    letters = "".join(str(told or "").split())
    unknown = sorted({letter for letter in letters if letter not in _LETTERS})
    if unknown:
        found.append(f"{at}: half_hours has {''.join(unknown)!r}; the bands are 尖峰平谷 or spfv")
    elif len(letters) != HALF_HOURS:
        found.append(f"{at}: half_hours has {len(letters)} bands, and a day has {HALF_HOURS} half-hours")
    else:
        return tuple(_LETTERS[letter] for letter in letters)
    return ()


def _fees(at: str, document: Any, found: list[str]) -> dict[Band, BandFees]:
    if not isinstance(document, Mapping):
        found.append(f"{at} is no table of bands")
        return {}
    fees = {}
    for name, told in document.items():
        if name not in _NAMES:
            found.append(f"{at}: {name!r} is no band; these are 尖峰平谷, or sharp, peak, flat and valley")
        elif not isinstance(told, Mapping) or set(told) != {ELECTRICITY, SERVICE}:
            found.append(f"{at}: {name} needs {ELECTRICITY} and {SERVICE}, and nothing else")
        else:
            fees[_NAMES[name]] = BandFees(
                electricity=_amount(f"{at}: {name}: {ELECTRICITY}", told[ELECTRICITY], found),
                service=_amount(f"{at}: {name}: {SERVICE}", told[SERVICE], found),
            )
    return fees


def _amount(at: str, told: object, found: list[str]) -> Decimal:
    number = exact_number(told)
    if number is None:
        found.append(f"{at} {told!r} is no number")
    return number or Decimal(0)


def _day(told: object) -> str | None:
    return told.isoformat() if isinstance(told, date) else None if told is None else str(told)
