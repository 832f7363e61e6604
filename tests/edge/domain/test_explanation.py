"""What is told of a bill is what was priced: the engine's own intervals, and each line's reckoning."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from msgspec import structs

from edge.domain.explanation import explain
from edge.domain.rerating import credit_of, rated
from protocols.ocpi.cdr import Cdr, ChargingPeriod
from protocols.ocpi.tariff import Tariff, TariffElement, TariffRestrictions
from tests.edge.domain.site_kit import START, component, reserving
from tests.protocols.sync.sample_things import CDR

DAY = TariffElement(
    price_components=(component("ENERGY", "0.50", "19", 100), component("PARKING_TIME", "6.00", "19", 60)),
    restrictions=TariffRestrictions(start_time="08:00", end_time="10:00"),
)
NIGHT = TariffElement(price_components=(component("ENERGY", "0.30", "19", 100),))
TARIFF = Tariff(id="bands", currency="EUR", elements=(DAY, NIGHT), last_updated=START)


def bill() -> Cdr:
    """From 09:30 in Berlin: an hour of 9 kWh, then a quarter of an hour parked."""
    start = START + timedelta(minutes=30)
    periods = (
        ChargingPeriod(start_date_time=start, energy_wh=9_050, time_s=3600),
        ChargingPeriod(start_date_time=start + timedelta(hours=1), parking_time_s=900),
    )
    changes = {"tariff": TARIFF, "charging_periods": periods, "time_zone": "Europe/Berlin", "quarantine": ()}
    end = start + timedelta(minutes=75)
    return rated(structs.replace(CDR, start_date_time=start, end_date_time=end, signed_data=None, **changes))


def test_intervals_are_cut_where_the_tariff_changes() -> None:
    told = explain(bill())
    assert told.is_same
    assert [(f"{each.local:%H:%M}", each.kind, each.seconds) for each in told.intervals] == [
        ("09:30", "charging", "1800"),
        ("10:00", "charging", "1800"),
        ("10:30", "parked", "900"),
    ]
    assert sum(Fraction(each.energy_wh) for each in told.intervals) == 9_050
    day, night, parked = told.intervals
    assert [(rate.dimension, rate.price, rate.element) for rate in day.rates] == [("ENERGY", Decimal("0.50"), 1)]
    assert day.rates[0].matched == {"start_time": "08:00", "end_time": "10:00"}
    assert (night.rates[0].element, night.rates[0].matched) == (2, {})
    assert parked.rates == ()


def test_what_is_paid_once_stands_where_it_is_paid() -> None:
    once = TariffElement(price_components=(component("FLAT", "1.00"),))
    cdr = rated(
        structs.replace(bill(), tariff=Tariff(id="t", currency="EUR", elements=(once, DAY), last_updated=START))
    )
    dimensions = [[rate.dimension for rate in interval.rates] for interval in explain(cdr).intervals]
    assert dimensions == [["FLAT", "ENERGY"], [], []]


def test_a_line_tells_measure_steps_price_and_rounding() -> None:
    told = explain(bill())
    first, second = told.lines
    assert first.sentences == (
        "4525 Wh measured",
        "0.50 EUR per kWh x 4525 / 1000 = 2.2625 EUR",
        "rounded half-up to 2.26; with 19 % VAT, rounded again, 2.69",
    )
    assert second.sentences[:2] == (
        "4525 Wh measured",
        "4575 Wh billed: whole steps of 100 Wh over the session",
    )


def test_a_credit_is_told_as_what_it_takes_back_and_old_rules_are_said_to_be_unknown() -> None:
    told = explain(credit_of(bill(), "c"))
    assert told.is_same
    assert told.lines[0].sentences[-1] == "taken back: the negative of what was billed"
    assert explain(structs.replace(bill(), engine="other")).is_same is None
    assert explain(structs.replace(bill(), lines=())).is_same is False


def test_what_was_reserved_is_told_by_what_priced_it() -> None:
    expired = {
        "RESERVATION_EXPIRES": [component("TIME", "6.00", "20")],
        "RESERVATION": [component("TIME", "3.00", "20")],
    }
    period = ChargingPeriod(start_date_time=START, reservation_time_s=5400)
    for reason, price in (("ReservationExpired", "6.00"), ("ReservationCancelled", "3.00")):
        told = explain(
            rated(
                structs.replace(
                    CDR, tariff=reserving(expired), charging_periods=(period,), stop_reason=reason, signed_data=None
                )
            )
        )
        assert told.is_same
        (interval,) = told.intervals
        assert [(rate.dimension, str(rate.price)) for rate in interval.rates] == [("TIME", price)]
        assert [str(story.line.price) for story in told.lines] == [price]
