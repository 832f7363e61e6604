"""What holds for every tariff and every session."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.domain.pricing.price import price_session
from protocols.ocpi.cdr import PriceLine
from protocols.ocpi.tariff import Tariff
from tests.edge.domain.pricing.exact_calculator import Stretch
from tests.edge.domain.pricing.test_against_exact import STARTS, TARIFF, ZONES, periods, stretches, tariffs

MINUTE_S = 60


def read(told: dict[str, Any]) -> Tariff:
    return TARIFF.validate_json(json.dumps(told))


def quantity(line: PriceLine) -> Fraction:
    return Fraction(line.exact or line.quantity)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_splitting_a_session_anywhere_changes_no_cost_where_steps_are_one(data: st.DataObject) -> None:
    zone, start = data.draw(st.sampled_from(ZONES)), data.draw(st.sampled_from(STARTS))
    wh = data.draw(st.sampled_from([1, 50, 367]))
    told = data.draw(tariffs(MINUTE_S, wh, start))
    for element in told["elements"]:
        for component in element["price_components"]:
            component["step_size"] = 1
    session = data.draw(stretches(900, wh))
    split: list[Stretch] = []
    for each in session:
        first = data.draw(st.integers(0, each.ticks))
        split += [
            Stretch(each.kind, ticks, each.wh_per_tick, each.power_kw, each.current_a)
            for ticks in (first, each.ticks - first)
            if ticks
        ]
    tariff = read(told)
    whole = price_session(tariff, periods(session, start, MINUTE_S), zone)
    parts = price_session(tariff, periods(split, start, MINUTE_S), zone)
    assert (parts.lines, parts.total) == (whole.lines, whole.total)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_all_that_was_used_is_billed_once_and_within_the_limits(data: st.DataObject) -> None:
    zone, start = data.draw(st.sampled_from(ZONES)), data.draw(st.sampled_from(STARTS))
    wh = data.draw(st.sampled_from([1, 50, 367]))
    told = data.draw(tariffs(MINUTE_S, wh, start))
    rest = [{"type": kind, "price": "0.25", "step_size": 1} for kind in ("ENERGY", "TIME", "PARKING_TIME")]
    told["elements"].append({"price_components": rest})
    session = data.draw(stretches(900, wh))
    bill = price_session(read(told), periods(session, start, MINUTE_S), zone)
    for kind, used in (("ENERGY", bill.energy_wh), ("TIME", bill.time_s), ("PARKING_TIME", bill.parking_time_s)):
        assert sum(quantity(line) for line in bill.lines if line.type == kind and line.reservation is None) == used
    assert all(line.billed_quantity >= line.quantity for line in bill.lines)
    if (low := told.get("min_price")) is not None:
        assert bill.total.excl_vat >= Decimal(low["excl_vat"])
        assert bill.total.incl_vat >= Decimal(low["incl_vat"])
    if "max_price" in told:
        assert bill.total.excl_vat <= Decimal(told["max_price"]["excl_vat"])
        assert bill.total.incl_vat <= Decimal(told["max_price"]["incl_vat"])
    assert bill.total.incl_vat == sum(line.cost.incl_vat for line in bill.lines)
    assert bill.total.excl_vat == sum(line.cost.excl_vat for line in bill.lines)
