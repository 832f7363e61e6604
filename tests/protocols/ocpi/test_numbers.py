"""Numbers as people and programs write them, and what is none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.ocpi.numbers import exact_number


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (5, "5"),
        (0.1, "0.1"),
        (Decimal("0.30"), "0.30"),
        (" 1.5 ", "1.5"),
        ("-2", "-2"),
        ("1e3", "1E+3"),
        (5e-7, "5E-7"),
        (0, "0"),
        ("0e-99", "0"),
    ],
)
def test_what_is_a_number_is_exact(told: object, expected: str) -> None:
    assert str(exact_number(told)) == expected


@pytest.mark.parametrize(
    "told",
    [
        *(None, True, [], "", "x", "0,5", "1_000", "１２", "NaN", "1e31", "1e-31", "1e999999999", "9" * 41, 10**31),
        *(float("inf"), float("nan"), Decimal("NaN"), Decimal("1e400"), Decimal("-Infinity")),
    ],
)
def test_what_is_none(told: object) -> None:
    assert exact_number(told) is None


@given(st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**9), max_value=10**9))
def test_all_that_anybody_pays_is_one(number: Decimal) -> None:
    assert exact_number(number) == exact_number(str(number)) == number
