"""Tariffs, time-of-use sheets and rules in the settings, and the tariff that a transaction gets by them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from edge.domain.rules import SiteRules
from edge.domain.tariff_choice import choose
from edge.site_rules import rules_of
from protocols.ocpi.tariff import DayOfWeek, IdleRules, TaxIncluded
from tests.edge.test_config import GOOD, load, problems, written

MORE = """
[[tariffs]]
id = "fast"
last_updated = 2026-01-01T00:00:00Z
tax_included = "YES"
max_price = { before_taxes = 50, after_taxes = 60 }
end_date_time = 2027-01-01T00:00:00Z
idle = { grace_s = 900, max_price = 20 }
[[tariffs.elements]]
price_components = [{ type = "ENERGY", price = 0.7 }, { type = "PARKING_TIME", price = 6 }]
restrictions = { start_time = "08:00", end_time = "20:00", day_of_week = ["MONDAY"], min_power = 50 }

[[tariffs]]
id = "fleet"
last_updated = 2026-01-01T00:00:00Z
elements = [{ price_components = [{ type = "FLAT", price = 0 }] }]

[[time_of_use]]
id = "sheet"
fees = { flat = { electricity = 0.70123, service = 0.8 } }
seasons = [{ half_hours = "HALF" }]

[[tariff_rules]]
tariff = "fleet"
groups = ["FLEET"]

[[tariff_rules]]
tariff = "fast"
min_power_kw = 50

[[tariff_rules]]
tariff = "sheet"
evses = ["A2"]
contracts = ["C-CN"]
""".replace("HALF", "f" * 48)


def rules(tmp_path: Path) -> SiteRules:
    return rules_of(load(written(tmp_path, GOOD.replace('label = "A2"', 'label = "A2"\nmax_power_kw = 50') + MORE)))


def test_all_of_a_tariff_is_read(tmp_path: Path) -> None:
    fast = rules(tmp_path).tariffs["fast"]
    assert fast.tax_included is TaxIncluded.YES
    assert fast.idle == IdleRules(grace_s=900, max_price=Decimal(20))
    assert fast.max_price is not None
    assert fast.max_price.incl_vat == 60
    told = fast.elements[0].restrictions
    assert told is not None
    assert (told.start_time, told.day_of_week, told.min_power) == ("08:00", (DayOfWeek.MONDAY,), 50)


@pytest.mark.parametrize(
    ("evse", "at", "group", "contract", "expected"),
    [
        (0, 2026, None, None, "standard"),
        (1, 2026, None, None, "fast"),
        (1, 2026, "FLEET", "C-1", "fleet"),
        (1, 2027, None, None, "standard"),  # not valid any more
        (1, 2027, None, "C-CN", "sheet"),
        (0, 2027, None, "C-CN", "standard"),
    ],
)
def test_the_first_rule_that_is_for_a_driver_at_an_evse_chooses(
    tmp_path: Path, evse: int, at: int, group: str | None, contract: str | None, expected: str
) -> None:
    site = rules(tmp_path)
    chosen = choose(
        site.tariff_rules,
        site.tariffs,
        site.default_tariff_id,
        location_id=site.location.id,
        evse=site.location.evses[evse],
        at=datetime(at, 1, 1, tzinfo=UTC),
        group_id=group,
        contract_id=contract,
    )
    assert chosen.id == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('tariff = "fleet"', 'tariff = "flet"', "tariff_rules[1].tariff: there is no tariff 'flet'"),
        ('id = "sheet"', 'id = "fast"', "time_of_use[1].id: tariff 'fast' stands here a second time"),
        ("f" * 48, "f" * 47, "season 1: half_hours has 47 bands, and a day has 48 half-hours"),
        ("min_power = 50", "min_power = 50, max_power = 20", "element 1, restrictions: min_power 50 is not below"),
        ("min_power = 50", "min_pwr = 50", "min_pwr: Extra inputs are not permitted"),
        ('"20:00"', '"24:00"', "element 1, restrictions: end_time '24:00' is no time of day"),
        ("max_price = 20", "max_price = 20.001", "decimal"),
        ("before_taxes = 50,", "before_taxes = 70,", "max_price: 60 after taxes is less than 70 before them"),
    ],
)
def test_what_is_refused_has_its_place(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert (GOOD + MORE).count(old) == 1
    assert any(expected in problem for problem in problems(tmp_path, (GOOD + MORE).replace(old, new)))


def test_the_default_tariff_is_always_valid(tmp_path: Path) -> None:
    text = GOOD.replace('id = "standard"', 'id = "standard"\nend_date_time = 2027-01-01T00:00:00Z', 1)
    assert any("the default tariff is always valid" in problem for problem in problems(tmp_path, text))
