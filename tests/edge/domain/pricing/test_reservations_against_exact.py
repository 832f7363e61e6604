"""Reservations that nobody used, expired or cancelled, by the engine and minute by minute."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.domain.pricing.price import price_reservation
from tests.edge.domain.pricing.exact_calculator import Moment, Stretch, component, stepped, totals
from tests.edge.domain.pricing.test_against_exact import STARTS, TARIFF, ZONES, periods, restrictions, vat

MINUTE_S = 60
EXPIRED, RESERVED = "RESERVATION_EXPIRES", "RESERVATION"


@st.composite
def tariffs(draw: st.DrawFn, first: datetime) -> dict[str, Any]:
    elements = []
    for _ in range(draw(st.integers(1, 5))):
        components = [
            {
                "type": kind,
                "price": str(draw(st.decimals(0, 20, places=draw(st.integers(0, 5))))),
                "vat": draw(vat),
                "step_size": draw(st.sampled_from([0, 1, 60, 300, 600, 900])),
            }
            for kind in draw(st.lists(st.sampled_from(["FLAT", "TIME"]), unique=True, min_size=1))
        ]
        told = draw(restrictions(MINUTE_S, 0, first))
        told = {name: each for name, each in told.items() if name.endswith(("time", "date", "week", "duration"))}
        told["reservation"] = draw(st.sampled_from([RESERVED, EXPIRED]))
        elements.append({"price_components": components, "restrictions": told})
    included = draw(st.sampled_from(["NO", "YES", "N/A"]))
    head = {"id": "T", "currency": "EUR", "last_updated": "2026-01-01T00:00:00Z", "tax_included": included}
    return head | {"elements": elements}


def cost(tariff: dict[str, Any], minutes: int, start: datetime, zone: str, kinds: list[str]) -> tuple[Decimal, Decimal]:
    """`kinds` of elements that serve it, the first before the second where both have a TIME at an instant."""
    used: dict[tuple[str, tuple[int, int]], Fraction] = {}
    paid: set[str] = set()
    last = None
    at = start.astimezone(UTC)
    for minute in range(minutes):
        moment = Moment(at.astimezone(ZoneInfo(zone)), minute * MINUTE_S, 0, None, None)
        at += timedelta(seconds=MINUTE_S)
        for kind in kinds:
            flat = component(tariff, "FLAT", moment, kind)
            if flat is not None and kind not in paid:
                paid.add(kind)
                used["FLAT", flat] = Fraction(1)
        times = [component(tariff, "TIME", moment, kind) for kind in kinds]
        time = next((each for each in times if each is not None), None)
        if time is not None:
            used["TIME", time] = used.get(("TIME", time), Fraction()) + MINUTE_S
            last = time
    if last is not None:
        whole = sum((amount for (kind, _), amount in used.items() if kind == "TIME"), Fraction())
        step = tariff["elements"][last[0]]["price_components"][last[1]]["step_size"]
        used["TIME", last] += stepped(whole, step) - whole
    return totals(tariff, used)


@settings(max_examples=60)
@given(st.data(), st.booleans())
def test_what_nobody_used_costs_what_the_rules_say(data: st.DataObject, is_expired: bool) -> None:
    zone, first = data.draw(st.sampled_from(ZONES)), data.draw(st.sampled_from(STARTS))
    start = first + timedelta(minutes=data.draw(st.integers(0, 1439)))
    told, minutes = data.draw(tariffs(first)), data.draw(st.integers(1, 900))
    tariff = TARIFF.validate_json(json.dumps(told))
    reserved = periods([Stretch(RESERVED, minutes)], start, MINUTE_S)
    bill = price_reservation(tariff, reserved, is_expired=is_expired, time_zone=zone)
    expected = cost(told, minutes, start, zone, [EXPIRED, RESERVED] if is_expired else [RESERVED])
    assert (bill.total.excl_vat, bill.total.incl_vat) == expected
