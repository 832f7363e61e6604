"""Lists of customers: all is read, or every problem is named with its line."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from edge.customer_toml import parse_toml
from edge.domain.customer_file import CustomerList, parse_csv
from protocols.ocpi.customer import Billing, Contract, Customer, StatementPeriod, Vehicle
from protocols.ocpi.token import Token

TARIFFS = frozenset({"standard", "staff"})
CSV = """\
customer_id,name,language,vehicles,contract_id,billing,credit_limit,cards,statement_period,expires_at,tariff_id
K1,Anna Müller,DE,B-AB 123=van; B-XY 9,W1,prepaid,,04AA;04BB,,,
K1,,,,P1,postpaid,150,,week,2027-01-01T00:00:00Z,staff

K2,"Fleet, Inc.",,,,,,,,,
"""
TOML = """\
[[customers]]
id = "K1"
name = "Anna Müller"
language = "DE"
vehicles = [{ plate = "B-AB 123", name = "van" }, { plate = "B-XY 9" }]

[[customers.contracts]]
id = "W1"
billing = "prepaid"
cards = ["04AA", "04BB"]

[[customers.contracts]]
id = "P1"
billing = "postpaid"
credit_limit = 150.00
statement_period = "week"
expires_at = 2027-01-01T00:00:00Z
tariff_id = "staff"

[[customers]]
id = "K2"
name = "Fleet, Inc."
"""


def read(text: str) -> CustomerList:
    return parse_csv(text, "EUR", TARIFFS)


def test_both_kinds_of_files_say_the_same() -> None:
    found = read(CSV)
    assert found.problems == ()
    vehicles = (Vehicle(plate="B-AB 123", name="van"), Vehicle(plate="B-XY 9"))
    assert found.customers == (
        Customer(id="K1", name="Anna Müller", language="de", vehicles=vehicles),
        Customer(id="K2", name="Fleet, Inc."),
    )
    assert found.contracts == (
        Contract(id="W1", customer_id="K1", billing=Billing.PREPAID, currency="EUR"),
        Contract(
            id="P1",
            customer_id="K1",
            billing=Billing.POSTPAID,
            currency="EUR",
            credit_limit=Decimal("150.00"),
            statement_period=StatementPeriod.WEEK,
            expires_at=datetime(2027, 1, 1, tzinfo=UTC),
            tariff_id="staff",
        ),
    )
    assert found.tokens == (Token(uid="04AA", contract_id="W1"), Token(uid="04BB", contract_id="W1"))
    assert parse_toml(TOML, "EUR", TARIFFS) == found


def test_every_problem_is_named_with_its_line() -> None:
    found = read(
        "customer_id,name,email,contract_id,billing,credit_limit,offline_limit,payment_days,valid,expires_at,cards,"
        "currency,tariff_id,vehicles\n"
        "K1,Anna,anna,W1,cash,-1,1.005,x,maybe,2027-01-01,04AA,USD,other,B-1;=van\n"
        "K2,Bert,,W1,prepaid,,,,,,04aa,,,\n"
        "K2,Bertha,,,,,,,,,,,,\n"
        ",Carl,,,,,,,,,,,,\n"
        "K3,,,W2,prepaid,,,,,nonsense,,,,\n"
        "K4,Dora,,,prepaid,,,,,,,,,,surplus\n"
    )
    for problem in (
        "line 2: email 'anna' has no @",
        "line 2: '=van' is not a vehicle: a plate of 1 to 20 characters, or PLATE=NAME",
        "line 2: billing 'cash' is not one of prepaid, postpaid",
        "line 2: currency 'USD': this site's is EUR",
        "line 2: tariff_id 'other' is no tariff of this site",
        "line 2: valid must be true or false, not 'maybe'",
        "line 2: credit_limit '-1' is not a sum such as 50 or 49.90",
        "line 2: offline_limit '1.005' is not a sum such as 50 or 49.90",
        "line 2: payment_days 'x' is not a number of days from 0 to 365",
        "line 2: expires_at '2027-01-01' has no time zone; add Z or an offset",
        "line 3: contract_id 'W1' stands in line 2 already",
        "line 3: card '04aa' stands in line 2 already",
        "line 4: customer 'K2' stands otherwise in line 3",
        "line 5: customer_id must be 1 to 36 printable characters",
        "line 6: customer 'K3' has no name in any line",
        "line 6: expires_at 'nonsense' is not an ISO 8601 time",
        "line 7: more values than columns (15 for 14)",
        "line 7: billing is given, but no contract_id",
    ):
        assert problem in found.problems, found.problems
    assert len(found.problems) == 18


def test_the_phone_numbers_of_an_export_are_read_as_they_were() -> None:
    """A cell that a spreadsheet would take for a formula is exported as text."""
    (customer,) = read("customer_id,name,phone\nK1,'=Anna,'+49 30 123\n").customers
    assert (customer.name, customer.phone) == ("=Anna", "+49 30 123")


def test_columns_that_nobody_knows_and_empty_lists() -> None:
    assert read("").problems == ("line 1: there is no column 'customer_id'", "line 1: there is no column 'name'")
    assert read("customer_id,name\n").problems == ("there is no customer in the list",)
    (unknown, twice) = read("customer_id,name,name,shoe\nK,N,N,44\n").problems
    assert unknown == "line 1: column 'name' stands there twice"
    assert twice.startswith("line 1: column 'shoe' is not known; known are customer_id")


def test_toml_problems_have_lines_too() -> None:
    found = parse_toml(TOML.replace('billing = "prepaid"', 'billing = "gift"\ncolour = "red"'), "EUR", TARIFFS)
    assert any(problem.startswith("line 7: 'colour' is not known") for problem in found.problems)
    assert "line 7: billing 'gift' is not one of prepaid, postpaid" in found.problems
    assert parse_toml("[customers]\n", "EUR", TARIFFS).problems == (
        "customers must be a list of tables: [[customers]]",
    )
    (problem,) = parse_toml("[[customers]\n", "EUR", TARIFFS).problems
    assert problem.startswith("line 1: not TOML")
    assert "'guests' is not known: expected [[customers]]" in parse_toml("guests = 1\n", "EUR", TARIFFS).problems


@given(st.text() | st.text(alphabet='customer_id,name,"\n;=K1W 0.5'))
def test_any_text_is_read_or_refused(text: str) -> None:
    for found in (read(text), read(f"customer_id,name,vehicles,contract_id,billing,cards,credit_limit\n{text}")):
        assert bool(found.problems) != bool(found.customers and not found.problems)
    parse_toml(text, "EUR", TARIFFS)
