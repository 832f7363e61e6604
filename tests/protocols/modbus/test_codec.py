"""Values to words and back, for every type, order, scale and missing value; and what is no value."""

from __future__ import annotations

import math
import struct
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from protocols.modbus.codec import NOT_AVAILABLE, BadValue, Coding, Decoded
from protocols.modbus.register import BASE_UNITS, Order, Register, Table, TextForm, Unit

NUMBERS = ("uint16", "uint32", "uint64", "acc32", "int16", "int32", "int64")
SCALES = tuple(Decimal(text) for text in ("1", "0.1", "0.01", "0.001", "10", "100", "0.06"))
orders = st.sampled_from(Order)


def register(type_name: str, **fields: object) -> Register:
    table = Table.COIL if type_name == "bool" else Table.HOLDING
    return Register(address=0, table=table, type=type_name, source="test", **{"word_order": Order.BIG, **fields})  # type: ignore[arg-type]


@st.composite
def number_registers(draw: st.DrawFn) -> Register:
    return register(
        draw(st.sampled_from(NUMBERS)),
        scale=draw(st.sampled_from(SCALES)),
        unit=draw(st.sampled_from(Unit)),
        word_order=draw(orders),
        byte_order=draw(orders),
        unavailable=tuple(draw(st.lists(st.integers(-(2**15), 2**64 - 1), max_size=3))),
    )


words = st.integers(0, 0xFFFF)


@given(number_registers().filter(lambda of: Coding(of).step.denominator == 1), st.data())
def test_what_a_register_shows_is_what_is_written_for_it(of: Register, data: st.DataObject) -> None:
    shown = data.draw(st.lists(words, min_size=of.form.words, max_size=of.form.words))
    value, reason = Coding(of).decode(shown)
    if value is None:
        assert reason
    else:
        assert list(Coding(of).encode(value)) == shown


@given(number_registers(), st.data())
def test_every_multiple_of_the_step_that_fits_comes_back_as_it_was(of: Register, data: st.DataObject) -> None:
    coding = Coding(of)
    raw = data.draw(st.integers(-40_000, 70_000) | st.integers(-(2**63), 2**64 - 1))
    value = raw * coding.step
    assume(value.denominator == 1)
    try:
        written = coding.encode(value.numerator)
    except BadValue:
        return
    assert coding.decode(written).value == value
    assert all(0 <= word <= 0xFFFF for word in written)
    assert len(written) == of.form.words


@given(number_registers(), st.data())
def test_a_decoded_number_is_the_exact_one_rounded_half_to_even(of: Register, data: st.DataObject) -> None:
    shown = data.draw(st.lists(words, min_size=of.form.words, max_size=of.form.words))
    value = Coding(of).decode(shown).value
    if value is None:
        return
    ordered = shown if of.word_order is Order.BIG else shown[::-1]
    pattern = b"".join(word.to_bytes(2, "big" if of.byte_order is Order.BIG else "little") for word in ordered)
    raw = int.from_bytes(pattern, "big", signed=of.type.startswith("int"))
    base = BASE_UNITS.get(of.unit)
    assert value == round(Fraction(raw) * Fraction(of.scale) * 10 ** (base.power_of_ten if base else 0))


@given(
    st.sampled_from(("float32", "float64")),
    orders,
    orders,
    st.sampled_from((Unit.AMPERE, Unit.WATT, Unit.HERTZ)),
    st.integers(0, 1_000_000),
)
def test_floats_come_back_in_every_order(type_name: str, word: Order, byte: Order, unit: Unit, value: int) -> None:
    coding = Coding(register(type_name, word_order=word, byte_order=byte, unit=unit))
    assert coding.decode(coding.encode(value)) == Decoded(value)


@given(st.floats(width=32), st.sampled_from(SCALES), st.sampled_from(Unit))
def test_a_float_is_read_as_the_exact_number_it_is(number: float, scale: Decimal, unit: Unit) -> None:
    coding = Coding(register("float32", scale=scale, unit=unit))
    value, reason = coding.decode(struct.unpack(">2H", struct.pack(">f", number)))
    if value is None:
        assert reason
    else:
        base = BASE_UNITS.get(unit)
        assert value == round(Fraction(number) * Fraction(scale) * 10 ** (base.power_of_ten if base else 0))


def test_a_float_beside_a_half_is_not_taken_for_the_half() -> None:
    # The double nearest to 0.0025 lies above it; times 1000 in floating point it is 2.5, and even would be 2.
    shown = struct.unpack(">4H", struct.pack(">d", 0.0025))
    assert Coding(register("float64", unit=Unit.AMPERE)).decode(shown) == Decoded(3)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 3e38])
def test_what_is_no_number_is_no_value(number: float) -> None:
    value, reason = Coding(register("float32", unit=Unit.WATT)).decode(struct.unpack(">2H", struct.pack(">f", number)))
    assert value is None
    assert reason


def test_every_nan_is_missing() -> None:
    assert Coding(register("float64", unit=Unit.WATT_HOUR)).decode([0xFFFF] * 4) == Decoded(None, NOT_AVAILABLE)


@pytest.mark.parametrize(
    ("type_name", "sentinel", "shown"),
    [
        ("uint16", 0xFFFF, [0xFFFF]),
        ("int16", -32768, [0x8000]),
        ("int16", 0x8000, [0x8000]),
        ("int32", 0x7FFFFFFF, [0x7FFF, 0xFFFF]),
        ("uint32", 0xFFFFFFFF, [0xFFFF, 0xFFFF]),
        ("acc32", 0, [0, 0]),
        ("uint64", 0xFFFFFFFFFFFFFFFF, [0xFFFF] * 4),
        ("bytes4", 0xFFFFFFFF, [0xFFFF, 0xFFFF]),
    ],
)
def test_the_devices_word_for_missing_is_no_value_and_is_never_written(
    type_name: str, sentinel: int, shown: list[int]
) -> None:
    coding = Coding(register(type_name, unavailable=(sentinel,)))
    assert coding.decode(shown) == Decoded(None, NOT_AVAILABLE)
    if type_name != "bytes4":
        with pytest.raises(BadValue, match="not available"):
            coding.encode(
                int.from_bytes(b"".join(w.to_bytes(2, "big") for w in shown), "big", signed=type_name[:3] == "int")
            )


@pytest.mark.parametrize(
    ("unit", "scale", "shown", "why"),
    [
        (Unit.VOLT, "1", [0xFFFF], "65535000 cannot be"),
        (Unit.PERCENT, "1", [101], "101 cannot be"),
        (Unit.HERTZ, "1", [5000], "5000000 cannot be"),
    ],
)
def test_what_cannot_be_is_no_value(unit: Unit, scale: str, shown: list[int], why: str) -> None:
    value, reason = Coding(register("uint16", unit=unit, scale=Decimal(scale))).decode(shown)
    assert value is None
    assert why in str(reason)


@pytest.mark.parametrize(
    ("type_name", "fields", "value", "why"),
    [
        ("uint16", {"unit": Unit.AMPERE}, 6_500, "no multiple"),
        ("uint16", {"unit": Unit.AMPERE, "scale": Decimal("0.1")}, -100, "does not fit"),
        ("uint16", {}, 65_536, "does not fit"),
        ("int16", {}, -32_769, "does not fit"),
        ("uint16", {}, "6", "a number is expected"),
        ("float32", {"unit": Unit.WATT_HOUR}, 123_456_789, "more digits"),
        ("bool", {}, 2, "0 or 1"),
        ("char", {}, "AB", "one printable"),
        ("string4", {}, "ABCDE", "too many"),
        ("string4", {}, "é", "ASCII"),
        ("bytes4", {}, b"123", "4 bytes"),
        ("uint32", {"unit": Unit.WATT, "lowest": 1}, 0, "cannot be"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_reason(
    type_name: str, fields: dict[str, object], value: int | str | bytes, why: str
) -> None:
    with pytest.raises(BadValue, match=why):
        Coding(register(type_name, **fields)).encode(value)


printable = st.characters(min_codepoint=32, max_codepoint=126)


@given(st.text(printable, max_size=20).map(lambda t: t.strip(" ")), orders, st.sampled_from(TextForm))
def test_text_comes_back(text: str, byte_order: Order, form: TextForm) -> None:
    coding = Coding(register("string40", byte_order=byte_order, text=form))
    assert coding.decode(coding.encode(text)) == Decoded(text)


def test_text_in_two_bytes_is_found_out() -> None:
    wide = struct.unpack(">4H", "V1.2".encode("utf-16-be"))
    assert Coding(register("string8", text=TextForm.AUTO)).decode(wide) == Decoded("V1.2")


@given(st.binary(min_size=5, max_size=5), orders)
def test_bytes_come_back_also_an_odd_number_of_them(data: bytes, byte_order: Order) -> None:
    coding = Coding(register("bytes5", byte_order=byte_order))
    assert coding.decode(coding.encode(data)) == Decoded(data)


@given(st.integers(0, 127), st.integers(0, 25), words, words)
def test_a_part_of_a_register_does_not_see_the_rest(field: int, first_bit: int, high: int, low: int) -> None:
    mask = 0x7F << first_bit
    shown = (high << 16 | low) & ~mask | field << first_bit
    coding = Coding(register("uint32", first_bit=first_bit, bit_count=7))
    assert coding.decode([shown >> 16, shown & 0xFFFF]) == Decoded(field)
    assert coding.decode(coding.encode(field)) == Decoded(field)


@pytest.mark.parametrize("first_bit", [0, 8])
def test_a_letter_stands_in_either_byte(first_bit: int) -> None:
    coding = Coding(register("char", first_bit=first_bit))
    assert coding.encode("C") == (ord("C") << first_bit,)
    assert coding.decode([ord("C") << first_bit]) == Decoded("C")
    assert coding.decode([0]).value is None


@given(st.integers(0, 100_000), st.sampled_from(SCALES))
def test_a_limit_is_rounded_down_to_what_the_register_knows(limit_ma: int, scale: Decimal) -> None:
    coding = Coding(register("uint32", unit=Unit.AMPERE, scale=scale))
    rounded = coding.round_down(limit_ma)
    assert limit_ma - coding.step < rounded <= limit_ma
    assert coding.decode(coding.encode(rounded)) == Decoded(rounded)


def test_a_scale_factor_is_a_power_of_ten() -> None:
    coding = Coding(register("int16", unit=Unit.WATT, scale_register="sf"))
    assert coding.decode([1234], 1) == Decoded(12_340)
    assert coding.decode([1235], -1) == Decoded(124)
    assert coding.decode([1225], -1) == Decoded(122)
    assert coding.encode(12_340, 1) == (1234,)
    assert coding.decode([1234], 99).value is None
    with pytest.raises(BadValue, match="scale factor"):
        coding.encode(1, -99)


def test_a_counter_wraps_at_its_types_end() -> None:
    assert Coding(register("uint32", unit=Unit.WATT_HOUR)).wraps_at == 2**32
    assert Coding(register("uint32", unit=Unit.WATT_HOUR, scale=Decimal("0.1"))).wraps_at == 429_496_730
    assert Coding(register("uint16", unit=Unit.KILOWATT_HOUR, scale=Decimal("0.1"))).wraps_at == 6_553_600
    assert Coding(register("float32", unit=Unit.WATT_HOUR)).wraps_at is None


@pytest.mark.parametrize("count", [0, 1, 3])
def test_words_that_were_cut_wrongly_are_a_fault_of_ours(count: int) -> None:
    with pytest.raises(ValueError, match="takes 2 words"):
        Coding(register("uint32")).decode([0] * count)


@given(st.sampled_from((*NUMBERS, "float32", "float64")), st.integers(0, 0x7FFF), orders, orders)
def test_raw_numbers_come_back(type_name: str, raw: int, word: Order, byte: Order) -> None:
    coding = Coding(register(type_name, word_order=word, byte_order=byte, scale=Decimal("0.1"), unit=Unit.AMPERE))
    shown = coding.encode_raw(raw)
    if type_name.startswith("float"):
        assert coding.decode(shown).value == raw * 100
    else:
        assert coding.decode_raw(shown) == raw
