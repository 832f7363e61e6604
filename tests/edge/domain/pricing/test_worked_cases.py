"""The worked examples of the tariff module of OCPI 2.2.1 and 2.3.0, recomputed with exact arithmetic."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import pytest

from edge.domain.pricing.price import price_reservation, price_session
from protocols.ocpi.cdr import ChargingPeriod
from protocols.ocpi.tariff import PriceLimit, Tariff, TaxIncluded
from tests.edge.domain.pricing.tariff_kit import BERLIN, MONDAY, element, of, session

E, FLAT = "ENERGY 0.25 10% 1", "FLAT 0.50 20%"
T04 = of(
    "FLAT 2.50 15%",
    element("TIME 1.00 20% 900", max_current="32"),
    element("TIME 2.00 20% 600", min_current="32", day_of_week="MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY"),
    element("TIME 1.25 20% 600", min_current="32", day_of_week="SATURDAY SUNDAY"),
    element(
        "PARKING 5.00 10% 300",
        start_time="09:00",
        end_time="18:00",
        day_of_week="MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY",
    ),
    element("PARKING 6.00 10% 300", start_time="10:00", end_time="17:00", day_of_week="SATURDAY"),
)
T07 = of(
    element("PARKING 0.00", max_duration=3600),
    element("PARKING 2.00 60", min_duration=3600, max_duration=14400),
    element("PARKING 3.00 60", min_duration=14400),
    element("ENERGY 0.00", max_kwh="1"),
    element("ENERGY 0.20"),
)
T14 = of(
    element("TIME 1.20 1800; PARKING 1.00 900", start_time="00:00", end_time="17:00"),
    element("TIME 2.40 900; PARKING 1.00 900", start_time="17:00", end_time="20:00"),
    element("TIME 2.40 900", start_time="20:00", end_time="00:00"),
)
RESERVED = {"reservation": "RESERVATION"}
EXPIRES = {"reservation": "RESERVATION_EXPIRES"}
T15 = of(element("TIME 5.00 20% 60", **RESERVED), FLAT, E)
T16 = of(element("FLAT 2.00 20%; TIME 5.00 20% 300", **RESERVED), FLAT, E)
T17 = of(element("FLAT 4.00 20%", **EXPIRES), element("TIME 2.00 20% 600", **RESERVED), FLAT, E)
T18 = of(element("TIME 6.00 20% 600", **EXPIRES), element("TIME 3.00 20% 600", **RESERVED), FLAT, E)
TD = of(element("ENERGY 0.00", max_duration=1800), element("ENERGY 0.25", max_duration=3600), "ENERGY 0.40")
TP = of(element("ENERGY 0.20", max_power="16"), element("ENERGY 0.35", max_power="32"), "ENERGY 0.50")
S4 = of(element("ENERGY 0.20 500", end_time="17:00"), element("ENERGY 0.27 500", start_time="17:00"))
S5 = of(element("TIME 5.00 600", end_time="17:00"), element("TIME 7.00 600", start_time="17:00"))


class Case(NamedTuple):
    name: str
    tariff: Tariff
    start: datetime
    parts: list[Any]
    excl_vat: str
    incl_vat: str


def at(clock: str, days: int = 0) -> datetime:
    hour, minute = clock.split(":")
    return MONDAY + timedelta(days=days, hours=int(hour), minutes=int(minute))


TWENTY = ("charge", 60, 20)
LONG = ("charge", 150, 0)
CASES = [
    Case("T08", of(E), MONDAY, [TWENTY], "5.00", "5.50"),
    Case("T09", of(f"{FLAT};{E}"), MONDAY, [TWENTY], "5.50", "6.10"),
    Case("T09 in two elements", of(FLAT, E), MONDAY, [TWENTY], "5.50", "6.10"),
    Case(
        "T12a",
        of(E, min_price=PriceLimit(excl_vat=Decimal("0.50"), incl_vat=Decimal("0.55"))),
        MONDAY,
        [TWENTY],
        "5.00",
        "5.50",
    ),
    Case(
        "T12 below the minimum",
        of(E, min_price=PriceLimit(excl_vat=Decimal("0.50"), incl_vat=Decimal("0.55"))),
        MONDAY,
        [("charge", 5, 1.5)],
        "0.50",
        "0.55",
    ),
    Case("T10", of(FLAT, E, "PARKING 2.00 20% 900"), MONDAY, [TWENTY, ("park", 40)], "7.00", "7.90"),
    Case(
        "T06a",
        of(FLAT, E, max_price=PriceLimit(excl_vat=Decimal(10), incl_vat=Decimal(11))),
        MONDAY,
        [("charge", 60, 50)],
        "10.00",
        "11.00",
    ),
    Case("T01", of("TIME 2.00 10% 60"), MONDAY, [LONG], "5.00", "5.50"),
    Case("T20", of("TIME 2.10", tax_included=TaxIncluded.YES), MONDAY, [LONG], "5.25", "5.25"),
    Case("T19", of("TIME 2.00", tax_included=TaxIncluded.NO), MONDAY, [LONG], "5.00", "5.00"),
    Case("T13", of("TIME 3.00 10% 60", "PARKING 5.00 20% 300"), MONDAY, [LONG, ("park", 42)], "11.25", "12.75"),
    Case("T02", of("TIME 1.90 5.2% 300"), MONDAY, [LONG], "4.75", "5.00"),
    Case("T03", of("ENERGY 0.25 10% 100"), MONDAY, [("charge", 60, 20.45)], "5.13", "5.64"),
    Case("T04a", T04, at("09:30"), [("charge", 165, 10, 3680, 16_000), ("park", 42)], "9.00", "10.30"),
    Case("T04b", T04, at("13:30", 5), [("charge", 114, 30, 29_700, 43_000), ("park", 71)], "12.38", "13.98"),
    Case("T05", of("FLAT 0.00 0"), MONDAY, [TWENTY, ("park", 99)], "0.00", "0.00"),
    Case("T07", T07, MONDAY, [("charge", 75, 20), ("park", 165)], "9.30", "9.30"),
    Case("T15", T15, MONDAY, [("reserve", 15), TWENTY], "6.75", "7.60"),
    Case("T16", T16, MONDAY, [("reserve", 13), TWENTY], "8.75", "10.00"),
    Case("T17a", T17, MONDAY, [("reserve", 22), TWENTY], "6.50", "7.30"),
    Case("T18a", T18, MONDAY, [("reserve", 22), TWENTY], "7.00", "7.90"),
    Case("T14a", T14, at("16:55"), [("charge", 10, 0), ("park", 2)], "0.55", "0.55"),
    Case("T14b", T14, at("16:35"), [("charge", 35, 0)], "1.30", "1.30"),
    Case("T14c", T14, at("19:40"), [("charge", 12, 0), ("park", 20)], "0.73", "0.73"),
    Case("T14d", T14, at("19:55"), [("charge", 10, 0), ("park", 2)], "0.60", "0.60"),
    Case("TD", TD, MONDAY, [("charge", 30, 5), ("charge", 10, 1.2)], "0.30", "0.30"),
    Case("TD in one period", TD, MONDAY, [("charge", 40, 8)], "0.50", "0.50"),
    Case(
        "TP",
        TP,
        MONDAY,
        [("charge", 10, 1, 6000), ("charge", 50, 40, 48_000), ("charge", 8, 0.5, 4000)],
        "20.30",
        "20.30",
    ),
    Case("S2", of("TIME 6.00 300"), MONDAY, [("charge", 6, 0)], "1.00", "1.00"),
    Case("S4", S4, at("16:00"), [("charge", 60, 4.3), ("charge", 10, 1.1)], "1.18", "1.18"),
    Case("S5", S5, at("16:54"), [("charge", 28, 0)], "3.30", "3.30"),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_worked_cases(case: Case) -> None:
    bill = price_session(case.tariff, session(case.start, *case.parts), BERLIN)
    assert (bill.total.excl_vat, bill.total.incl_vat) == (Decimal(case.excl_vat), Decimal(case.incl_vat))
    assert sum(line.cost.excl_vat for line in bill.lines) == bill.total.excl_vat
    assert sum(line.cost.incl_vat for line in bill.lines) == bill.total.incl_vat


@pytest.mark.parametrize(
    ("tariff", "minutes", "excl_vat", "incl_vat"),
    [(T17, 60, "6.00", "7.20"), (T18, 90, "9.00", "10.80"), (T16, 13, "3.25", "3.90")],
    ids=["T17b", "T18b", "T16 expired"],
)
def test_worked_cases_of_reservations_that_expired(tariff: Tariff, minutes: int, excl_vat: str, incl_vat: str) -> None:
    bill = price_reservation(tariff, session(MONDAY, ("reserve", minutes)), is_expired=True, time_zone=BERLIN)
    assert (bill.total.excl_vat, bill.total.incl_vat) == (Decimal(excl_vat), Decimal(incl_vat))


def billed(tariff: Tariff, *parts: Any, start: datetime = MONDAY) -> dict[str, list[int]]:
    """The billed quantities by dimension."""
    found: dict[str, list[int]] = {}
    for line in price_session(tariff, session(start, *parts), BERLIN).lines:
        found.setdefault(line.type, []).append(line.billed_quantity)
    return found


def test_only_the_last_time_is_stepped_and_its_component_bears_the_excess() -> None:
    both = of("TIME 1.00 300", "PARKING 1.00 300")
    assert billed(both, ("charge", 21, 0), ("park", 7)) == {"TIME": [21 * 60], "PARKING_TIME": [10 * 60]}  # S3
    assert billed(both, ("park", 7), ("charge", 21, 0)) == {"TIME": [25 * 60], "PARKING_TIME": [7 * 60]}
    assert billed(S4, ("charge", 60, 4.3), ("charge", 10, 1.1), start=at("16:00")) == {"ENERGY": [4300, 1200]}
    assert billed(S5, ("charge", 6, 0), ("charge", 22, 0), start=at("16:54")) == {"TIME": [6 * 60, 24 * 60]}


@pytest.mark.parametrize(("step", "billed_wh"), [(0, "115.2"), (1, "116"), (25, "125"), (500, "500")])
def test_a_part_of_a_watt_hour_is_stepped_to_a_whole_one(step: int, billed_wh: str) -> None:
    """OCPI 2.2.1 §11.4.2, the note on step_size."""

    class Tenths(NamedTuple):
        start_date_time: datetime = MONDAY
        energy_wh: Fraction = Fraction("115.2")
        time_s: int = 600
        parking_time_s: int = 0
        reservation_time_s: int = 0
        power_w: int | None = None
        current_ma: int | None = None

    (line,) = price_session(of(f"ENERGY 0.25 {step}"), [Tenths()]).lines
    assert Fraction(line.billed_exact or line.billed_quantity) == Fraction(billed_wh)


def test_no_period_costs_no_more_than_what_is_paid_for_any_session() -> None:
    assert price_session(of(FLAT, E), []).total.excl_vat == Decimal("0.50")
    nothing = ChargingPeriod(start_date_time=MONDAY)
    assert price_session(T14, [nothing], BERLIN).lines == ()
