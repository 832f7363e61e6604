"""Tariffs as a table: the same as those of TOML, and every problem with its line."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import customer_toml, token_toml
from edge.domain.customer_file import parse_csv
from edge.domain.pricing.price import price_session
from edge.domain.token_list import parse_tokens
from edge.local.staff_import import parse_staff
from edge.tariff_csv import COLUMNS, read_table
from edge.tariff_files import TariffFile, all_tariffs, one_tariff, read_tariffs
from protocols.errors import BadText
from protocols.ocpi.cdr import ChargingPeriod
from protocols.ocpi.tariff import Tariff
from tests.edge.domain.pricing.tariff_kit import element, of

DOCS = Path(__file__).parents[2] / "docs"
LISTS = DOCS / "examples" / "lists"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
NO_TARIFF = "has no tariff: one has an id and elements, several stand under [[tariffs]] or in a list"
WEEK = "MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY"


def read(text: str, currency: str = "EUR") -> list[Tariff]:
    table = read_table(text)
    file = TariffFile(document=table.document, lines=table.lines, problems=table.problems)
    return all_tariffs(file, currency, NOW)


def problems(text: str) -> list[str]:
    with pytest.raises(BadText) as raised:
        read(text)
    return str(raised.value).splitlines()


def test_the_example_is_the_tariff_that_it_describes() -> None:
    complex_, night = all_tariffs(read_tariffs(LISTS / "tariffs.csv"), "EUR", NOW)
    assert (
        complex_.elements
        == of(
            "FLAT 2.50 15% 1",
            element("TIME 1.00 20% 900", max_current=32),
            element("TIME 2.00 20% 600", min_current=32, day_of_week=WEEK),
            element("TIME 1.25 20% 600", min_current=32, day_of_week="SATURDAY SUNDAY"),
            element("PARKING 5.00 10% 300", start_time="09:00", end_time="18:00", day_of_week=WEEK),
            element("PARKING 6.00 10% 300", start_time="10:00", end_time="17:00", day_of_week="SATURDAY"),
        ).elements
    )
    assert complex_.max_price is not None
    assert (str(complex_.max_price.excl_vat), str(complex_.max_price.incl_vat)) == ("50", "60")
    assert night.idle is not None
    assert (night.currency, night.last_updated, night.idle.grace_s) == ("EUR", NOW, 900)


def test_the_examples_of_the_document_are_read() -> None:
    tariffs = re.findall(r"```csv\n(.*?)```", (DOCS / "lists.md").read_text(encoding="utf-8"), re.DOTALL)
    assert [[each.id for each in read(text)] for text in tariffs] == [["night"], ["sh"]]
    tokens = [
        parse_tokens((LISTS / "tokens.csv").read_text()),
        token_toml.parse_toml((LISTS / "tokens.toml").read_text()),
    ]
    assert tokens[0] == tokens[1]
    assert (len(tokens[0][0]), tokens[0][1]) == (2, ())
    texts = [(LISTS / f"customers.{kind}").read_text(encoding="utf-8") for kind in ("csv", "toml")]
    customers = [parse_csv(texts[0], "EUR", frozenset()), customer_toml.parse_toml(texts[1], "EUR", frozenset())]
    assert customers[0] == customers[1]
    assert (len(customers[0].contracts), customers[0].problems) == (3, ())
    texts = [(LISTS / f"staff.{kind}").read_text(encoding="utf-8") for kind in ("csv", "toml")]
    staff = [parse_staff(texts[0], is_toml=False), parse_staff(texts[1], is_toml=True)]
    assert staff[0] == staff[1]
    assert (len(staff[0][0]), staff[0][1]) == (2, [])
    assert len(list(LISTS.iterdir())) == 8


def test_a_sheet_of_bands_prices_as_the_one_of_toml() -> None:
    table = one_tariff(read_tariffs(LISTS / "sheet.csv"), None)
    sheet = one_tariff(read_tariffs(DOCS / "examples" / "pricing" / "sheet.toml"), None)
    random = Random(1)
    for _ in range(60):
        at = datetime(2026, 6, 25, tzinfo=UTC) + timedelta(minutes=random.randrange(60 * 24 * 110))
        charged = ChargingPeriod(start_date_time=at, energy_wh=random.randrange(90_000), time_s=60 * 60 * 13)
        parked = ChargingPeriod(start_date_time=at + timedelta(hours=13), parking_time_s=random.randrange(40_000))
        bills = [price_session(each, [charged, parked], "Asia/Shanghai") for each in (table, sheet)]
        assert (bills[0].lines, bills[0].total) == (bills[1].lines, bills[1].total)


def test_rows_with_one_number_are_one_element() -> None:
    (tariff,) = read(
        "tariff_id;element;type;price;vat;step_size;day_of_week;Currency\r\n"
        "a;20;ENERGY;0.5;;;;EUR\r\n"
        "a;10;energy;0.3;10;;sat-sun;\r\n"
        "a;10;TIME;1;10;60;;\r\n"
    )
    weekend = element("ENERGY 0.3 10%;TIME 1 10% 60", day_of_week="SATURDAY SUNDAY")
    assert tariff.elements == of(weekend, "ENERGY 0.5").elements


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["line 1: there is no column 'tariff_id'", "line 1: there is no column 'type'"]),
        (
            "tariff_id,type\n",
            ["has no tariff: one has an id and elements, several stand under [[tariffs]] or in a list"],
        ),
        ("tariff_id,type,price\n,ENERGY,1\n", ["line 2: there is no tariff_id"]),
        (
            "tariff_id,type,price\na,ENERGY,1\na,WATER,1\na,TIME,\n",
            [
                "line 3: tariff a: element 2, component 1: type 'WATER' is none of ENERGY, FLAT, PARKING_TIME, TIME",
                "line 4: tariff a: element 3, component 1: price is missing",
            ],
        ),
        (
            "tariff_id;type;price;vat\na;ENERGY;0,49;1900\n",
            [
                "line 2: tariff a: element 1, component 1: price '0,49' is no number; decimals follow a point, "
                "as in 0.49"
            ],
        ),
        (
            "tariff_id,type,price,vat,start_time,min_kwh,max_kwh\na,FLAT,x,,,,\na,ENERGY,1,1900,25:00,5,5\n",
            [
                "line 2: tariff a: element 1, component 1: price 'x' is no number",
                "line 3: tariff a: element 2, component 1: price: vat 1900 is not between 0 and 100 percent",
                "line 3: tariff a: element 2, restrictions: start_time '25:00' is no time of day, such as 13:30; "
                "the end of the day is 00:00",
                "line 3: tariff a: element 2, restrictions: min_kwh 5 is not below max_kwh 5, which is exclusive: "
                "it never matches",
            ],
        ),
        (
            "tariff_id,type,price,element,start_time\na,ENERGY,1,1,08:00\na,ENERGY,2,1,09:00\n",
            [
                "line 3: start_time is another one in line 2; it is to be said once, or the same",
                "line 3: tariff a: element 1, component 2: ENERGY has a price in this element already",
            ],
        ),
        (
            "tariff_id,type,price,element\na,ENERGY,1,1\na,TIME,1,\na,FLAT,1,one\n",
            [
                "line 3: element is to be given in all rows of a tariff, or in none",
                "line 4: element 'one' is no whole number, such as 1",
            ],
        ),
        (
            "tariff_id,type,label,electricity,service\na,ENERGY,P,1.1,\na,ENERGY,V,cheap,0\n",
            ["line 2: service is missing", "line 3: electricity 'cheap' is no number such as 0.80123"],
        ),
        (
            "tariff_id,type,price,day_of_week\na,FLAT,1,T\na,FLAT,1,MON-FREI\n",
            [
                f"line {n}: day_of_week {day!r} is none of {', '.join([*WEEK.split(), 'SATURDAY', 'SUNDAY'])}"
                for n, day in ((2, "T"), (3, "FREI"))
            ],
        ),
        (
            "tariff_id,type,price,currency,max_price_after_taxes\na,FLAT,1,,\na,TIME,1,USD,5\nb,FLAT,1,USD,\n",
            [
                "line 3: tariff a: max_price: before_taxes is missing",
                "line 4: tariff b: currency USD: this site's is EUR",
            ],
        ),
    ],
)
def test_every_problem_has_its_line(text: str, expected: list[str]) -> None:
    assert sorted(problems(text)) == sorted(expected)


def test_toml_problems_have_lines_too(tmp_path: Path) -> None:
    path = tmp_path / "tariffs.toml"
    path.write_text(
        """
[[tariffs]]
id = "a"
max_price = { before_taxes = -1 }
[[tariffs.elements]]
price_components = [{ type = "WATER", price = 1 }]
[[tariffs.elements]]
price_components = [{ type = "ENERGY", price = 1 }]
restrictions = { start_time = "25:00" }

[[tariffs]]
id = "a"
elements = [{ price_components = [{ type = "FLAT", price = 1 }] }]
[[tariffs]]
id = "a"
elements = [{ price_components = [{ type = "FLAT", price = 1 }] }]
[[time_of_use]]
id = "s"
[[time_of_use.seasons]]
half_hours = "sp"
"""
    )
    with pytest.raises(BadText) as raised:
        all_tariffs(read_tariffs(path), "EUR", NOW)
    expected = (
        "line 6: tariff a: element 1, component 1: type 'WATER' is none of",
        "line 9: tariff a: element 2, restrictions: start_time '25:00'",
        "line 4: tariff a: max_price before taxes -1 is not between",
        "line 15: tariff a: id: stands there twice",
        "line 20: tariff s: season 1: half_hours has 2 bands",
    )
    found = str(raised.value).splitlines()
    assert [line.startswith(begin) for line, begin in zip(found, expected, strict=True)] == [True] * 5, found


@given(st.text(max_size=200), st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=12, unique=True))
def test_any_table_is_read_or_refused(text: str, columns: list[str]) -> None:
    for body in (text, ",".join(["tariff_id", "type", *columns]) + "\na,ENERGY," + text):
        with contextlib.suppress(BadText):
            assert read(body)
