"""Days of 23, 25 and 23.5 hours, midnights that are left out, leap days, and windows over midnight."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from edge.domain.pricing.price import price_session
from protocols.ocpi.cdr import ChargingPeriod
from protocols.ocpi.tariff import Tariff
from tests.edge.domain.pricing.exact_calculator import Stretch, price
from tests.edge.domain.pricing.tariff_kit import BERLIN, element, of
from tests.edge.domain.pricing.test_against_exact import TARIFF

WINDOWS = [
    ("02:30", "04:00"),
    ("02:00", "02:30"),
    ("01:30", "02:30"),
    ("22:00", "03:00"),
    ("03:00", "02:00"),
    ("00:00", "00:30"),
    ("23:30", "00:00"),
    ("00:00", "00:00"),
]
DAYS = [
    (BERLIN, datetime(2026, 3, 28, 20, tzinfo=UTC)),
    (BERLIN, datetime(2026, 10, 24, 20, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 10, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 10, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2018, 11, 3, 20, tzinfo=UTC)),
    ("Asia/Beirut", datetime(2022, 3, 26, 12, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 29, 12, tzinfo=UTC)),
    ("America/New_York", datetime(2028, 2, 28, 20, tzinfo=UTC)),
]


@pytest.mark.parametrize(("zone", "start"), DAYS)
@pytest.mark.parametrize(("opens", "closes"), WINDOWS)
def test_windows_across_days_of_any_length(zone: str, start: datetime, opens: str, closes: str) -> None:
    """In one period of 40 hours, and cut into hours."""
    told: dict[str, Any] = {
        "id": "T",
        "currency": "EUR",
        "last_updated": "2026-01-01T00:00:00Z",
        "elements": [
            {
                "price_components": [{"type": "TIME", "price": "6", "step_size": 1}],
                "restrictions": {"start_time": opens, "end_time": closes, "day_of_week": ["SUNDAY", "TUESDAY"]},
            },
            {
                "price_components": [{"type": "TIME", "price": "0.6", "step_size": 1}],
                "restrictions": {"start_time": opens, "end_time": closes},
            },
        ],
    }
    hours = 40
    expected = price(told, [Stretch("TIME", hours * 60)], start, zone, 60)
    tariff = TARIFF.validate_json(json.dumps(told))
    whole = [ChargingPeriod(start_date_time=start, time_s=hours * 3600)]
    cut = [ChargingPeriod(start_date_time=start + timedelta(hours=h), time_s=3600) for h in range(hours)]
    for periods in (whole, cut):
        bill = price_session(tariff, periods, zone)
        assert (bill.total.excl_vat, bill.total.incl_vat) == expected


def hours(tariff: Tariff, start: datetime, length_h: float) -> dict[str, float]:
    period = ChargingPeriod(start_date_time=start, time_s=round(length_h * 3600))
    return {str(line.price): line.quantity / 3600 for line in price_session(tariff, [period], BERLIN).lines}


NIGHT = of(element("TIME 1", start_time="22:00", end_time="06:00"), "TIME 2")


@pytest.mark.parametrize(
    ("local_midnight", "night_h"),
    [
        (datetime(2026, 3, 28, 23, tzinfo=UTC), 5),  # 29 March, clocks forward
        (datetime(2026, 10, 24, 22, tzinfo=UTC), 7),  # 25 October, clocks back
        (datetime(2026, 6, 1, 22, tzinfo=UTC), 6),
    ],
)
def test_the_night_is_an_hour_shorter_or_longer(local_midnight: datetime, night_h: int) -> None:
    assert hours(NIGHT, local_midnight, 12) == {"1": night_h, "2": 12 - night_h}


def test_a_window_that_begins_in_the_hour_that_is_left_out_begins_after_it() -> None:
    """29 March 2026 has no 02:30: at 03:00 it is past."""
    tariff = of(element("TIME 1", start_time="02:30", end_time="03:30"), "TIME 2")
    assert hours(tariff, datetime(2026, 3, 29, 0, tzinfo=UTC), 2) == {"2": 1.5, "1": 0.5}


def test_the_hour_that_comes_twice_is_twice_in_a_window() -> None:
    tariff = of(element("TIME 1", start_time="02:00", end_time="03:00"), "TIME 2")
    assert hours(tariff, datetime(2026, 10, 24, 23, tzinfo=UTC), 4) == {"2": 2, "1": 2}


def test_dates_and_weekdays_end_at_the_midnight_of_the_location() -> None:
    leap = of(element("TIME 1", start_date="2028-02-29", end_date="2028-03-01"), "TIME 2")
    assert hours(leap, datetime(2028, 2, 28, 20, tzinfo=UTC), 48) == {"2": 24, "1": 24}
    sunday = of(element("TIME 1", day_of_week="SUNDAY"), "TIME 2")
    assert hours(sunday, datetime(2026, 3, 28, 12, tzinfo=UTC), 48) == {"2": 25, "1": 23}


def test_the_restrictions_of_a_reservation_are_reckoned_from_when_it_was_made() -> None:
    tariff = of(
        element("TIME 6", reservation="RESERVATION", max_duration=600),
        element("TIME 12", reservation="RESERVATION"),
        "FLAT 1",
    )
    start = datetime(2026, 6, 1, 12, tzinfo=UTC)
    periods = [
        ChargingPeriod(start_date_time=start, reservation_time_s=1800),
        ChargingPeriod(start_date_time=start + timedelta(minutes=30), time_s=600),
    ]
    bill = price_session(tariff, periods, BERLIN)
    assert [str(line.cost.excl_vat) for line in bill.lines] == ["1.00", "4.00", "1.00"]
    assert bill.reservation is not None
    assert str(bill.reservation.excl_vat) == "5.00"
