"""Sampled values: exact against Decimal, bounded against everything."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from protocols.ocpp.reading import MAX_INT
from protocols.ocpp.sampled_values import read_samples_16, read_samples_201, register_wh
from protocols.terms import Measurand, ReadingContext

AT = "2026-03-02T06:00:00Z"
EXACT = Decimal(1)


def one_16(value: str, unit: str, measurand: str) -> int | None:
    item = {"value": value, "unit": unit, "measurand": measurand}
    samples = read_samples_16([{"timestamp": AT, "sampledValue": [item]}])
    return samples[0].value if samples else None


@given(st.decimals(-(10**9), 10**9, places=9, allow_nan=False))
def test_scaling_is_exact_and_rounds_once_half_to_even(value: Decimal) -> None:
    text = format(value, "f")
    for unit, measurand, factor in (
        ("Wh", "Energy.Active.Import.Register", 1),
        ("kWh", "Energy.Active.Import.Register", 1000),
        ("kW", "Power.Active.Import", 1000),
        ("A", "Current.Import", 1000),
        ("Percent", "SoC", 1),
    ):
        assert one_16(text, unit, measurand) == int((value * factor).quantize(EXACT, ROUND_HALF_EVEN))


@given(st.floats(-1e9, 1e9), st.integers(-6, 6))
def test_a_number_with_a_multiplier_is_what_the_station_wrote(value: float, multiplier: int) -> None:
    item = {"value": value, "unitOfMeasure": {"unit": "Wh", "multiplier": multiplier}}
    (sample,) = read_samples_201([{"timestamp": AT, "sampledValue": [item]}])
    exact = Decimal(repr(value)).scaleb(multiplier)
    if abs(sample.value) < 2**50:
        assert abs(Decimal(sample.value) - exact) <= Decimal("0.5")


@given(st.text(max_size=50) | st.from_regex(r"[+-]?[0-9]{0,25}\.?[0-9]{0,25}([eE][+-]?[0-9]{0,5})?", fullmatch=True))
def test_no_text_gets_through_that_is_no_sane_number(text: str) -> None:
    value = one_16(text, "kWh", "Energy.Active.Import.Register")
    assert value is None or -MAX_INT <= value <= MAX_INT


@given(st.floats() | st.integers(-(2**63), 2**64 - 1), st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_no_number_gets_through_that_is_not_sane(value: Any, multiplier: Any) -> None:
    item = {"value": value, "unitOfMeasure": {"unit": "kWh", "multiplier": multiplier}}
    for sample in read_samples_201([{"timestamp": AT, "sampledValue": [item]}]):
        assert -MAX_INT <= sample.value <= MAX_INT


def test_the_register_of_a_transaction_is_the_overall_one_that_says_so() -> None:
    samples = read_samples_16(
        [
            {
                "timestamp": AT,
                "sampledValue": [
                    {"value": "1", "context": "Sample.Clock"},
                    {"value": "2", "context": "Transaction.Begin"},
                    {"value": "9", "context": "Transaction.End"},
                    {"value": "10", "context": "Other"},
                    {"value": "5", "measurand": "Power.Active.Import", "context": "Transaction.Begin"},
                ],
            }
        ]
    )
    assert register_wh(samples, ReadingContext.TRANSACTION_BEGIN, is_last=False) == 2
    assert register_wh(samples, ReadingContext.TRANSACTION_END, is_last=True) == 9
    assert register_wh(samples, ReadingContext.TRIGGER, is_last=True) == 10
    assert register_wh((), ReadingContext.TRANSACTION_END, is_last=True) is None


def test_registers_of_phases_alone_are_no_register_of_a_transaction() -> None:
    samples = read_samples_16([{"timestamp": AT, "sampledValue": [{"value": "1", "phase": "L1"}]}])
    assert [sample.measurand for sample in samples] == [Measurand.ENERGY_REGISTER]
    assert register_wh(samples, ReadingContext.TRANSACTION_BEGIN, is_last=False) is None
