"""Random tariffs and sessions, priced by the engine and by a calculator that was made another way."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from edge.domain.pricing.price import price_session
from protocols.ocpi.cdr import ChargingPeriod
from protocols.ocpi.tariff import Tariff
from tests.edge.domain.pricing.exact_calculator import DAYS, Stretch, price

TARIFF = TypeAdapter(Tariff)
ZONES = ["Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC"]
STARTS = [
    datetime(2026, 3, 28, 12, tzinfo=UTC),  # before the clocks go forward in Europe
    datetime(2026, 10, 24, 12, tzinfo=UTC),  # before they go back
    datetime(2026, 10, 3, 6, tzinfo=UTC),  # Lord Howe goes forward by half an hour
    datetime(2028, 2, 28, 9, tzinfo=UTC),  # a leap day follows
    datetime(2018, 11, 3, 20, tzinfo=UTC),  # São Paulo has no midnight
    datetime(2026, 12, 31, 18, tzinfo=UTC),
    datetime(2026, 6, 12, 4, tzinfo=UTC),
]
vat = st.sampled_from([None, "0", "5.2", "7", "10", "19", "20"])
clock = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))


@st.composite
def restrictions(draw: st.DrawFn, tick_s: int, wh_per_tick: int, first: datetime) -> dict[str, Any]:
    """Thresholds are reached at whole ticks."""
    told: dict[str, Any] = {}
    names = draw(st.sets(st.sampled_from(["time", "date", "days", "kwh", "duration", "power", "current"]), max_size=2))
    if "time" in names:
        told |= draw(
            st.fixed_dictionaries({}, optional={"start_time": clock, "end_time": st.one_of(clock, st.just("00:00"))})
        )
    if "date" in names:
        near = st.integers(-1, 3).map(lambda days: f"{first + timedelta(days=days):%Y-%m-%d}")
        told |= draw(st.fixed_dictionaries({}, optional={"start_date": near, "end_date": near}))
    if "days" in names:
        told["day_of_week"] = draw(st.lists(st.sampled_from(DAYS), unique=True, min_size=1))
    for name, unit in (
        ("kwh", Fraction(wh_per_tick or 1, 1000)),
        ("duration", Fraction(tick_s)),
        ("power", Fraction(1)),
        ("current", Fraction(1)),
    ):
        if name in names:
            steps = {"kwh": 400, "duration": 1500, "power": 60, "current": 60}[name]
            for side in draw(st.sampled_from([("min",), ("max",), ("min", "max")])):
                amount = unit * draw(st.integers(0, steps))
                told[f"{side}_{name}"] = (
                    int(amount) if name == "duration" else str(Decimal(amount.numerator) / amount.denominator)
                )
    return told


@st.composite
def tariffs(draw: st.DrawFn, tick_s: int, wh_per_tick: int, first: datetime) -> dict[str, Any]:
    elements = []
    for _ in range(draw(st.integers(1, 5))):
        reserves = draw(st.integers(0, 5)) == 0
        kinds = ["FLAT", "TIME"] if reserves else ["FLAT", "ENERGY", "TIME", "PARKING_TIME"]
        components = [
            {
                "type": kind,
                "price": str(draw(st.decimals(0, 20, places=draw(st.integers(0, 5))))),
                "vat": draw(vat),
                "step_size": draw(st.sampled_from([0, 1, 1, 60, 300, 500, 900, 1800])),
            }
            for kind in draw(st.lists(st.sampled_from(kinds), unique=True, min_size=1))
        ]
        told = draw(restrictions(tick_s, 0 if reserves else wh_per_tick, first))
        if reserves:
            told = {name: each for name, each in told.items() if name.endswith(("time", "date", "week", "duration"))}
            told["reservation"] = "RESERVATION"
        elements.append({"price_components": components, "restrictions": told or None})
    tariff: dict[str, Any] = {
        "id": "T",
        "currency": "EUR",
        "last_updated": "2026-01-01T00:00:00Z",
        "elements": elements,
        "tax_included": draw(st.sampled_from(["NO", "NO", "YES", "N/A"])),
    }
    for name, least in (("min_price", 0), ("max_price", 20)):
        if draw(st.integers(0, 4)) == 0:
            excl = draw(st.decimals(least, least + 30, places=2))
            tariff[name] = {"excl_vat": str(excl), "incl_vat": str(excl + draw(st.decimals(0, 5, places=2)))}
    if "min_price" in tariff and "max_price" in tariff:
        del tariff["max_price"]
    return tariff


@st.composite
def stretches(draw: st.DrawFn, most_ticks: int, wh_per_tick: int) -> list[Stretch]:
    ticks = st.integers(1, most_ticks)
    measured = st.one_of(st.none(), st.integers(0, 60).map(Fraction))
    drawn = [Stretch("RESERVATION", draw(ticks))] if draw(st.integers(0, 3)) == 0 else []
    for _ in range(draw(st.integers(1, 5))):
        if draw(st.booleans()):
            drawn.append(Stretch("TIME", draw(ticks), wh_per_tick, draw(measured), draw(measured)))
        else:
            drawn.append(Stretch("PARKING_TIME", draw(ticks)))
    return drawn


def periods(session: list[Stretch], start: datetime, tick_s: int) -> list[ChargingPeriod]:
    found, at = [], start
    for stretch in session:
        seconds = stretch.ticks * tick_s
        found.append(
            ChargingPeriod(
                start_date_time=at,
                energy_wh=stretch.ticks * stretch.wh_per_tick,
                time_s=seconds if stretch.kind == "TIME" else 0,
                parking_time_s=seconds if stretch.kind == "PARKING_TIME" else 0,
                reservation_time_s=seconds if stretch.kind == "RESERVATION" else 0,
                power_w=None if stretch.power_kw is None else int(stretch.power_kw * 1000),
                current_ma=None if stretch.current_a is None else int(stretch.current_a * 1000),
            )
        )
        at += timedelta(seconds=seconds)
    return found


@pytest.mark.parametrize(("tick_s", "most_ticks", "examples"), [(60, 900, 150), (1, 1500, 60)])
def test_any_session_costs_what_the_rules_say(tick_s: int, most_ticks: int, examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        zone, first = data.draw(st.sampled_from(ZONES)), data.draw(st.sampled_from(STARTS))
        wh_per_tick = data.draw(st.sampled_from([1, 3, 50, 367]))
        start = first + timedelta(minutes=data.draw(st.integers(0, 1439)))
        tariff = data.draw(tariffs(tick_s, wh_per_tick, first))
        session = data.draw(stretches(most_ticks, wh_per_tick))
        bill = price_session(TARIFF.validate_json(json.dumps(tariff)), periods(session, start, tick_s), zone)
        assert (bill.total.excl_vat, bill.total.incl_vat) == price(tariff, session, start, zone, tick_s)
        assert sum(line.cost.excl_vat for line in bill.lines) == bill.total.excl_vat
        assert sum(line.cost.incl_vat for line in bill.lines) == bill.total.incl_vat

    check()
