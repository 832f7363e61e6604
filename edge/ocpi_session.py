"""A CDR or Session as OCPI has it, in the words of a described session (docs/pricing.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from protocols.errors import BadText
from protocols.ocpi.numbers import exact_number

_HOURS: Final = {"TIME": "charging", "PARKING_TIME": "parking", "RESERVATION_TIME": "reservation"}
_DRAWN: Final = {
    "power_kw": ("POWER", "MAX_POWER", "MIN_POWER"),
    "current_a": ("CURRENT", "MAX_CURRENT", "MIN_CURRENT"),
}


def is_ocpi(document: object) -> bool:
    return isinstance(document, Mapping) and "charging_periods" in document


def from_ocpi(document: Mapping[str, Any]) -> dict[str, Any]:
    """The periods with their dimensions (OCPI 2.2.1 §10.4.6). A period lasts until the next one or the end; where there
    is no end, as long as its time says. Nothing else of the document is used but `time_zone`, which is ours. Raises
    BadText."""
    listed = document["charging_periods"]
    if not isinstance(listed, list | tuple) or not listed or not all(isinstance(each, Mapping) for each in listed):
        raise BadText("charging_periods is no list of periods")
    starts = [_instant(f"period {n}: start_date_time", each.get("start_date_time")) for n, each in enumerate(listed, 1)]
    ends: list[datetime | None] = [*starts[1:], None]
    if ends and document.get("end_date_time") is not None:
        ends[-1] = _instant("end_date_time", document["end_date_time"])
    session: dict[str, Any] = {
        "periods": [
            _period(f"period {n}", each, start, end)
            for n, (each, start, end) in enumerate(zip(listed, starts, ends, strict=True), 1)
        ]
    }
    if "time_zone" in document:
        session["time_zone"] = document["time_zone"]
    return session


def _period(at: str, told: Mapping[str, Any], start: datetime, end: datetime | None) -> dict[str, Any]:
    volumes = _volumes(at, told.get("dimensions", ()))
    times = {name: volume for name, volume in volumes.items() if name in _HOURS and volume}
    if len(times) > 1:
        raise BadText(f"{at} has {' and '.join(sorted(times))}: a period is of one kind")
    name = next(iter(times), "TIME" if volumes.get("ENERGY") else "PARKING_TIME")
    if end is not None:
        lasted = end - start
        seconds = lasted.days * 86_400 + lasted.seconds + Decimal(lasted.microseconds) / 1_000_000
    elif times:
        seconds = Decimal(round(times[name] * 3600))
    else:
        raise BadText(f"{at}: nothing tells how long it lasts; end_date_time is needed")
    if seconds < 0:
        raise BadText(f"{at} ends before it begins")
    period: dict[str, Any] = {
        "type": _HOURS[name],
        "start": start,
        "duration_s": seconds,
        "energy_kwh": volumes.get("ENERGY", 0),
    }
    for field, names in _DRAWN.items():
        found = next((volumes[each] for each in names if each in volumes), None)
        if found is not None:
            period[field] = found
    return period


def _volumes(at: str, told: Any) -> dict[str, Decimal]:
    if not isinstance(told, Sequence) or not all(isinstance(each, Mapping) and "type" in each for each in told):
        raise BadText(f"{at}: dimensions is no list of types and volumes")
    volumes = {}
    for each in told:
        volume = exact_number(each.get("volume"))
        if volume is None:
            raise BadText(f"{at}: the volume of {each['type']} is no number")
        volumes[str(each["type"])] = volume
    return volumes


def _instant(at: str, told: object) -> datetime:
    """OCPI's times without an offset are UTC."""
    try:
        instant = told if isinstance(told, datetime) else datetime.fromisoformat(str(told))
    except ValueError:
        raise BadText(f"{at} {told!r} is no time, such as 2026-03-02T16:55:00Z") from None
    return instant.replace(tzinfo=instant.tzinfo or UTC)
