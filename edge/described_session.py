"""A session as somebody describes it, for `ohmstead-edge price`: its periods, one after the other (docs/pricing.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edge.domain.pricing.compiled import Number, compiled, whole
from protocols.errors import BadText
from protocols.ocpi.numbers import exact_number
from protocols.ocpi.tariff import Tariff

CHARGING, PARKING, RESERVATION = "charging", "parking", "reservation"
_KINDS: Final = (CHARGING, PARKING, RESERVATION)
_SESSION: Final = frozenset({"time_zone", "start", "periods", "reservation_expired"})
_PERIOD: Final = frozenset({"type", "start", "duration_s", "duration_min", "energy_kwh", "power_kw", "current_a"})
_ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MAX_PERIODS: Final = 100_000
_FIRST_YEAR, _LAST_YEAR = 1970, 2200


class BadSession(BadText):
    """The description is of no session; `problems` names everything that is wrong with it."""

    def __init__(self, found: Sequence[str]) -> None:
        super().__init__("\n".join(found))
        self.problems = tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedPeriod:
    """As a ChargingPeriod, but with parts of Wh and s where somebody describes them."""

    start_date_time: datetime
    energy_wh: Number
    time_s: Number
    parking_time_s: Number
    reservation_time_s: Number
    power_w: Number | None
    current_ma: Number | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedSession:
    """`is_reservation`: nobody came; `is_expired`: and the reservation was not cancelled."""

    time_zone: str
    periods: tuple[DescribedPeriod, ...]
    is_reservation: bool
    is_expired: bool


def read_session(document: object, tariff: Tariff) -> DescribedSession:
    """The session that a document describes, with all that the tariff asks for. Raises BadSession."""
    reader = _Reader(tariff)
    session = reader.session(document)
    if reader.problems:
        raise BadSession(reader.problems)
    return session


class _Reader:
    def __init__(self, tariff: Tariff) -> None:
        self.problems: list[str] = []
        self._ready = compiled(tariff)

    def session(self, document: object) -> DescribedSession:
        told = self._table("the session", document, _SESSION)
        zone = self._zone(told.get("time_zone", "UTC"))
        listed = told.get("periods")
        if not isinstance(listed, list | tuple) or not 1 <= len(listed) <= _MAX_PERIODS:
            self.problems.append(f"periods: a list of 1 to {_MAX_PERIODS} periods is needed")
            listed = ()
        at = self._instant("start", told["start"], zone) if "start" in told else None
        periods = []
        for number, each in enumerate(listed, 1):
            period, at = self._period(f"period {number}", each, zone, at)
            periods.append(period)
        expired = told.get("reservation_expired", False)
        if not isinstance(expired, bool):
            self.problems.append(f"reservation_expired {expired!r} is neither true nor false")
        is_reservation = all(period.reservation_time_s for period in periods)
        if expired is True and not is_reservation:
            self.problems.append("reservation_expired: the reservation was used, for there are other periods")
        if any(before.reservation_time_s == 0 and after.reservation_time_s for before, after in pairwise(periods)):
            self.problems.append("a reservation comes before the session that uses it, not within")
        return DescribedSession(
            time_zone=zone.key,
            periods=tuple(periods),
            is_reservation=is_reservation,
            is_expired=expired is True,
        )

    def _period(
        self, at: str, document: object, zone: ZoneInfo, due: datetime | None
    ) -> tuple[DescribedPeriod, datetime | None]:
        """The period, and when it ends; `due` is when it begins, where the one before it tells."""
        told = self._table(at, document, _PERIOD)
        kind = told.get("type", CHARGING)
        if kind not in _KINDS:
            self.problems.append(f"{at}: type {kind!r} is none of {', '.join(_KINDS)}")
        seconds = self._seconds(at, told)
        start = self._instant(f"{at}: start", told["start"], zone) if "start" in told else due
        if start is None:
            if self._ready.session.day_cuts or self._ready.reserved.day_cuts or self._ready.expired.day_cuts:
                self.problems.append(f"{at}: start is missing, and the tariff depends on the time of day or the date")
            start = _ANY_TIME
        elif due is not None and start != due:
            kinds = "before" if start < due else "after"
            self.problems.append(
                f"{at}: starts at {start.isoformat()}, {kinds} the end of the one before at {due.isoformat()}:"
                " periods follow one another without a gap"
            )
        energy_wh = self._number(f"{at}: energy_kwh", told.get("energy_kwh", 0)) * 1000
        power_w, current_ma = self._drawn(at, told, kind, energy_wh, seconds)
        if kind == RESERVATION and (energy_wh or power_w or current_ma):
            self.problems.append(f"{at}: what is reserved draws nothing")
        return (
            DescribedPeriod(
                start_date_time=start,
                energy_wh=whole(energy_wh),
                time_s=seconds if kind == CHARGING else 0,
                parking_time_s=seconds if kind == PARKING else 0,
                reservation_time_s=seconds if kind == RESERVATION else 0,
                power_w=power_w,
                current_ma=current_ma,
            ),
            self._end(at, start, seconds),
        )

    def _end(self, at: str, start: datetime, seconds: Number) -> datetime:
        """To the microsecond, which is as fine as times are told."""
        end = start + timedelta(microseconds=round(seconds * 1_000_000))
        if end.year > _LAST_YEAR:
            self.problems.append(f"{at}: ends after the year {_LAST_YEAR}")
            return _ANY_TIME
        return end

    def _seconds(self, at: str, told: Mapping[str, Any]) -> Number:
        if ("duration_s" in told) == ("duration_min" in told):
            self.problems.append(f"{at}: one of duration_s and duration_min is needed")
            return 0
        if "duration_s" in told:
            return whole(self._number(f"{at}: duration_s", told["duration_s"]))
        return whole(self._number(f"{at}: duration_min", told["duration_min"]) * 60)

    def _drawn(
        self, at: str, told: Mapping[str, Any], kind: str, energy_wh: Fraction, seconds: Number
    ) -> tuple[Number | None, Number | None]:
        """Power and current. Power that is not told is the mean; of current nothing is known then."""
        power_w: Number | None = None
        current_ma: Number | None = None
        if "power_kw" in told:
            power_w = whole(self._number(f"{at}: power_kw", told["power_kw"]) * 1000)
        elif kind == CHARGING and seconds:
            power_w = whole(energy_wh * 3600 / seconds)
        if "current_a" in told:
            current_ma = whole(self._number(f"{at}: current_a", told["current_a"]) * 1000)
        elif kind == CHARGING and self._ready.asks_current:
            self.problems.append(f"{at}: current_a is missing, and the tariff depends on it")
        return power_w, current_ma

    # --- what fields are made of ---

    def _table(self, at: str, document: object, known: frozenset[str]) -> Mapping[str, Any]:
        if not isinstance(document, Mapping):
            self.problems.append(f"{at} is no table of fields")
            return {}
        self.problems += [f"{at} has {name!r}, which is not known" for name in document if name not in known]
        return document

    def _zone(self, told: object) -> ZoneInfo:
        try:
            return ZoneInfo(str(told))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.problems.append(f"time_zone {told!r} is no IANA name, such as Europe/Berlin")
            return ZoneInfo("UTC")

    def _instant(self, at: str, told: object, zone: ZoneInfo) -> datetime | None:
        """A time without an offset is local to the time zone."""
        try:
            instant = told if isinstance(told, datetime) else datetime.fromisoformat(str(told))
        except ValueError:
            self.problems.append(f"{at} {told!r} is no time, such as 2026-03-02T16:55:00")
            return None
        if not _FIRST_YEAR <= instant.year <= _LAST_YEAR:
            self.problems.append(f"{at} {told!s} is not between the years {_FIRST_YEAR} and {_LAST_YEAR}")
            return None
        if instant.tzinfo is None:
            local = instant.replace(tzinfo=zone)
            instant = local.astimezone(UTC)
            if instant.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
                self.problems.append(f"{at} {told!s} does not exist in {zone.key}: the clocks are put forward over it")
        return instant.astimezone(UTC)

    def _number(self, at: str, told: object) -> Fraction:
        number = exact_number(told)
        if number is None:
            self.problems.append(f"{at} {told!r} is no number")
        elif not 0 <= number < 10_000_000:
            self.problems.append(f"{at} {told} is not between 0 and 10000000")
        else:
            return Fraction(number)
        return Fraction(0)
