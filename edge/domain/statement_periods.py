"""The periods of statements: whole days of the Location, a month or a week of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from protocols.errors import BadText
from protocols.ocpi.customer import StatementPeriod

_MONTH: Final = re.compile(r"\d{4}-\d{2}")


@dataclass(frozen=True, slots=True)
class Period:
    """From the beginning of `first` to the beginning of `after`, by the Location's clock. `key` is the month
    ("2026-10") or the first day of a week."""

    key: str
    first: date
    after: date

    def since(self, zone: ZoneInfo) -> datetime:
        return _midnight(self.first, zone)

    def until(self, zone: ZoneInfo) -> datetime:
        return _midnight(self.after, zone)


@dataclass(frozen=True, slots=True)
class Due:
    """A contract that gets a statement of this period."""

    contract_id: str
    period: Period


def month_of(day: date) -> Period:
    first = day.replace(day=1)
    return Period(f"{first:%Y-%m}", first, (first + timedelta(days=32)).replace(day=1))


def week_of(day: date) -> Period:
    first = day - timedelta(days=day.weekday())
    return Period(first.isoformat(), first, first + timedelta(days=7))


def period_of(kind: StatementPeriod, day: date) -> Period:
    """The period that holds a day; a month where the contract has none of its own."""
    return week_of(day) if kind is StatementPeriod.WEEK else month_of(day)


def last_complete(kind: StatementPeriod, now: datetime, zone: ZoneInfo) -> Period:
    """The newest period that is over."""
    today = now.astimezone(zone).date()
    return period_of(kind, period_of(kind, today).first - timedelta(days=1))


def parse_period(text: str) -> Period:
    """A month such as 2026-10, or the week that holds a day such as 2026-10-26. Raises BadText."""
    try:
        if _MONTH.fullmatch(text):
            return month_of(date.fromisoformat(f"{text}-01"))
        return week_of(date.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise BadText(f"{text!r} is no period: say a month, such as 2026-10, or a day of a week, 2026-10-26") from error


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a day begins; where its clocks are put forward at midnight, the instant of that."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
