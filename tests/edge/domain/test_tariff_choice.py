"""The tariff of a transaction is chosen when it begins, and once more only when its driver is known."""

from __future__ import annotations

from datetime import timedelta

from edge.domain.tariff_choice import TariffRule
from protocols.sync.up import CdrIssued
from tests.edge.domain.pricing.tariff_kit import of
from tests.edge.domain.site_kit import START, Play, new_site

FLEET = TariffRule(tariff_id="fleet", group_ids=frozenset({"FLEET"}))
SLOW = TariffRule(tariff_id="slow", max_power_w=22_000)


def play(*rules: TariffRule, fleet_until: timedelta | None = None) -> Play:
    site = new_site(tariff_rules=rules)
    ends = START + fleet_until if fleet_until is not None else None
    site.rules.tariffs["fleet"] = of("ENERGY 0.10", end_date_time=ends)
    site.rules.tariffs["slow"] = of("ENERGY 0.20")
    made = Play(site=site)
    made.connect()
    return made


def price_of(made: Play, token: str | None, later: str | None = None) -> str:
    """What a kWh costs at station B, of 11 kW."""
    made.began201(token=token)
    made.after(10)
    if later is not None:
        made.updated201(token=later)
        made.after(10)
    made.stop("T1", 2000, station_id="B")
    (bill,) = [found.cdr for found in made.found(CdrIssued)]
    return str(bill.lines[0].price)


def test_the_first_rule_that_is_for_a_driver() -> None:
    assert price_of(play(FLEET, SLOW), "FLEET1") == "0.10"
    assert price_of(play(FLEET, SLOW), "GOOD") == "0.20"
    assert price_of(play(SLOW, FLEET), "FLEET1") == "0.20"
    assert price_of(play(), "FLEET1") == "0.50"


def test_a_card_that_is_shown_later_counts() -> None:
    assert price_of(play(FLEET, SLOW), None, later="FLEET1") == "0.10"
    assert price_of(play(FLEET, SLOW), None, later="GOOD") == "0.20"


def test_a_tariff_counts_that_is_valid_when_the_transaction_begins() -> None:
    assert price_of(play(FLEET, SLOW, fleet_until=timedelta(minutes=5)), "FLEET1") == "0.10"
    assert price_of(play(FLEET, SLOW, fleet_until=timedelta(0)), "FLEET1") == "0.20"
