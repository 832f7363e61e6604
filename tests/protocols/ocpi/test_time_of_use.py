"""The time-of-use sheet: what it compiles to, and what is wrong with one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.pricing.price import price_session
from protocols.ocpi.cdr import ChargingPeriod
from protocols.ocpi.tariff_document import BadTariff, read_tariff, write_tariff
from protocols.ocpi.time_of_use import read_sheet

SHANGHAI = ZoneInfo("Asia/Shanghai")
FEES = {
    "尖": {"electricity": "1.41213", "service": "0.8"},
    "峰": {"electricity": "1.13456", "service": "0.8"},
    "平": {"electricity": "0.70123", "service": "0.8"},
    "谷": {"electricity": "0.31234", "service": "0.45"},
}
DAY = "谷" * 14 + "峰" * 8 + "尖" * 4 + "平" * 22


def sheet(**more: Any) -> dict[str, Any]:
    return {
        "id": "CN",
        "currency": "CNY",
        "last_updated": "2026-01-01T00:00:00+08:00",
        "fees": FEES,
        "seasons": [{"half_hours": DAY}],
        **more,
    }


@given(st.lists(st.sampled_from("尖峰平谷"), min_size=48, max_size=48), st.integers(0, 47), st.integers(1, 96))
def test_each_half_hour_costs_what_its_band_does(bands: list[str], first: int, length: int) -> None:
    """A session of whole half-hours of 100 Wh: by band, electricity and service each rounded once."""
    tariff = read_sheet(sheet(seasons=[{"half_hours": "".join(bands)}]))
    start = datetime(2026, 5, 4, tzinfo=SHANGHAI) + timedelta(minutes=30 * first)
    period = ChargingPeriod(start_date_time=start.astimezone(UTC), energy_wh=length * 100, time_s=length * 1800)
    bill = price_session(tariff, [period], "Asia/Shanghai")
    taken: dict[str, int] = {}
    for number in range(length):
        band = bands[(first + number) % 48]
        taken[band] = taken.get(band, 0) + 100
    expected = {
        f"{band} {fee}": (wh, round(Decimal(wh) / 1000 * Decimal(FEES[band][fee]) + Decimal("1e-9"), 2))
        for band, wh in taken.items()
        for fee in ("electricity", "service")
    }
    assert {line.label: (line.quantity, line.cost.excl_vat) for line in bill.lines} == expected


def test_holidays_come_before_seasons_and_seasons_in_their_order() -> None:
    summer = {"half_hours": "尖" * 48, "start_date": "2026-07-01", "end_date": "2026-09-01"}
    weekend = {"half_hours": "平" * 48, "day_of_week": ["SATURDAY", "SUNDAY"]}
    holidays = {"dates": ["2026-08-01"], "half_hours": "谷" * 48}
    tariff = read_sheet(sheet(seasons=[summer, weekend, {"half_hours": "峰" * 48}], holidays=holidays))

    def band(day: datetime) -> str:
        period = ChargingPeriod(start_date_time=day.replace(tzinfo=SHANGHAI), energy_wh=1000, time_s=60)
        return price_session(tariff, [period], "Asia/Shanghai").lines[0].label[0]

    days = [datetime(2026, 7, 31, 23, 59), datetime(2026, 8, 1), datetime(2026, 8, 2), datetime(2026, 9, 5)]  # noqa: DTZ001
    assert [band(day) for day in days] == ["尖", "谷", "尖", "平"]
    assert band(datetime(2026, 9, 7)) == "峰"  # noqa: DTZ001


def test_letters_names_and_other_elements() -> None:
    fees = {"valley": FEES["谷"], "sharp": FEES["尖"]}
    tariff = read_sheet(
        sheet(
            fees=fees,
            seasons=[{"half_hours": " ".join(["ssss"] * 2 + ["vvvv"] * 10)}],
            elements=[{"price_components": [{"type": "PARKING_TIME", "price": 6}]}],
            vat=13,
            service_vat=6,
        )
    )
    assert [component.type for element in tariff.elements for component in element.price_components] == [
        "ENERGY",
        "ENERGY",
        "PARKING_TIME",
    ]
    assert tariff.elements[0].price_components[0].vat is None
    exported = write_tariff(tariff, country_code="CN", party_id="OHM")
    assert read_tariff(exported).elements[0].price_components[0].price == Decimal("2.21213")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"seasons": []}, "seasons: a list of seasons is needed"),
        ({"seasons": [5]}, "season 1 is no table of fields"),
        ({"seasons": [{"half_hours": "谷" * 47}]}, "season 1: half_hours has 47 bands"),
        ({"seasons": [{"half_hours": "x" * 48}]}, "season 1: half_hours has 'x'; the bands are 尖峰平谷 or spfv"),
        ({"seasons": [{"half_hours": DAY, "form": 1}]}, "season 1 has 'form', which is not known"),
        ({"seasons": [{"half_hours": DAY, "day_of_week": ["MON"]}]}, "day_of_week 'MON' is none of"),
        ({"seasons": [{"half_hours": DAY, "start_date": "2026-13-01"}]}, "start_date '2026-13-01' is no date"),
        ({"fees": {"尖": FEES["尖"]}}, "season 1: band 谷 has no fees"),
        ({"fees": FEES | {"sharpest": {}}}, "'sharpest' is no band"),
        ({"fees": FEES | {"尖": {"electricity": 1}}}, "尖 needs electricity and service"),
        ({"fees": FEES | {"尖": {"electricity": "a", "service": 1}}}, "尖: electricity 'a' is no number"),
        ({"fees": FEES | {"谷": {"electricity": "0.123456", "service": 1}}}, "has more than 5 decimals"),
        ({"holidays": {"dates": ["soon"], "half_hours": DAY}}, "holidays: 'soon' is no date"),
        ({"holidays": {"half_hours": DAY}}, "holidays: the `dates` and their `half_hours` are needed"),
        ({"vat": "many"}, "vat 'many' is no number"),
        ({"curency": "CNY"}, "has 'curency', which is not known"),
    ],
)
def test_what_is_wrong_with_a_sheet(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(BadTariff) as raised:
        read_sheet(sheet(**changes))
    assert any(expected in problem for problem in raised.value.problems)
