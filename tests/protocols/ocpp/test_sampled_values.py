"""Sampled values: exact against Decimal, bounded against everything."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Struct

from protocols.charger.events import Sample
from protocols.ocpp.reading import MAX_INT
from protocols.ocpp.sampled_values import read_samples_16, read_samples_201, register_wh, scaled, scaled_by_rule
from protocols.terms import Measurand, ReadingContext

AT = "2026-03-02T06:00:00Z"
EXACT = Decimal(1)


class Quantity(Struct, kw_only=True):
    unit: Any = UNSET
    multiplier: Any = UNSET


class Sampled(Struct, kw_only=True):
    """An item of sampledValue, of either version."""

    value: Any
    measurand: Any = UNSET
    context: Any = UNSET
    phase: Any = UNSET
    unit: Any = UNSET
    format: Any = UNSET
    unitOfMeasure: Any = UNSET


class MeterValue(Struct):
    sampledValue: list[Sampled]
    timestamp: str = AT


def one_16(value: str, unit: str, measurand: str) -> int | None:
    samples = read_samples_16([MeterValue([Sampled(value=value, unit=unit, measurand=measurand)])])
    return samples[0].value if samples else None


def read_201(value: Any, unit: str, multiplier: Any) -> tuple[Sample, ...]:
    quantity = Quantity(unit=unit, multiplier=multiplier)
    return read_samples_201([MeterValue([Sampled(value=value, unitOfMeasure=quantity)])])


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
    (sample,) = read_201(value, "Wh", multiplier)
    exact = Decimal(repr(value)).scaleb(multiplier)
    if abs(sample.value) < 2**50:
        assert abs(Decimal(sample.value) - exact) <= Decimal("0.5")


@given(st.text(max_size=50) | st.from_regex(r"[+-]?[0-9]{0,25}\.?[0-9]{0,25}([eE][+-]?[0-9]{0,5})?", fullmatch=True))
def test_no_text_gets_through_that_is_no_sane_number(text: str) -> None:
    value = one_16(text, "kWh", "Energy.Active.Import.Register")
    assert value is None or -MAX_INT <= value <= MAX_INT


@given(st.floats() | st.integers(-(2**63), 2**64 - 1), st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_no_number_gets_through_that_is_not_sane(value: Any, multiplier: Any) -> None:
    for sample in read_201(value, "kWh", multiplier):
        assert -MAX_INT <= sample.value <= MAX_INT


@settings(max_examples=1_000)
@given(
    st.from_regex(r"-?[0-9]{1,16}(\.[0-9]{0,14})?", fullmatch=True)
    | st.text("0123456789.-+eE_ ٣²", max_size=17)
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.floats(-1e7, 1e7)
    | st.decimals(-(10**6), 10**6, places=4).map(float),
    st.integers(-20, 20),
)
@example("1.", 0)
@example("-.5e1", 0)
@example("1e0005", 0)
@example("1_0", 0)
@example("٣", 0)
@example("nan", 0)
@example("-inf", 3)
@example("0.5000000000000000000001", 0)
@example("0.49999999999999999999", 0)
@example("0.5", 0)
@example(2.5, 0)
@example(1.0005, 3)
@example("2.0005", 3)
@example(-0.0, 0)
@example(2.0**40, 0)
def test_the_short_way_gives_what_the_rule_gives(value: Any, power_of_ten: int) -> None:
    short, by_rule = scaled(value, power_of_ten), scaled_by_rule(value, power_of_ten)
    assert (short, type(short)) == (by_rule, type(by_rule))


def test_a_long_text_is_not_remembered() -> None:
    """The standard gives the value of a sample no length: a station could fill our memory with it."""
    kept = scaled.cache_info().currsize
    for number in range(20):
        assert one_16(f"{number}." + "0" * 19, "Wh", "Energy.Active.Import.Register") == number
        assert one_16(f"{number}." + "0" * 10_000, "Wh", "Energy.Active.Import.Register") is None
    assert scaled.cache_info().currsize == kept


def test_the_register_of_a_transaction_is_the_overall_one_that_says_so() -> None:
    items = [
        Sampled(value="1", context="Sample.Clock"),
        Sampled(value="2", context="Transaction.Begin"),
        Sampled(value="9", context="Transaction.End"),
        Sampled(value="10", context="Other"),
        Sampled(value="5", measurand="Power.Active.Import", context="Transaction.Begin"),
    ]
    samples = read_samples_16([MeterValue(items)])
    assert register_wh(samples, ReadingContext.TRANSACTION_BEGIN, is_last=False) == 2
    assert register_wh(samples, ReadingContext.TRANSACTION_END, is_last=True) == 9
    assert register_wh(samples, ReadingContext.TRIGGER, is_last=True) == 10
    assert register_wh((), ReadingContext.TRANSACTION_END, is_last=True) is None


def test_registers_of_phases_alone_are_no_register_of_a_transaction() -> None:
    samples = read_samples_16([MeterValue([Sampled(value="1", phase="L1")])])
    assert [sample.measurand for sample in samples] == [Measurand.ENERGY_REGISTER]
    assert register_wh(samples, ReadingContext.TRANSACTION_BEGIN, is_last=False) is None
