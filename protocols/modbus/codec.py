"""Words of a register to a value and back: integers in base units (W, Wh, mA, mV, mHz, ms, percent), text or bytes.

What goes in is exact and rounded once, half to even. A value that a device marks as missing, that is no number, or that
cannot be, is None with the reason: nothing that is not a measurement gets further.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import Final, NamedTuple, assert_never

from protocols.errors import OhmsteadError
from protocols.modbus.register import Form, Kind, Order, Register, TextForm

Value = int | str | bytes
"""A number in the register's base unit, 0 or 1 for a bit; or text; or bytes as they stand."""

NOT_AVAILABLE: Final = "not available"
"""The device's own word for a value that it does not have."""

_WORD: Final = 0xFFFF
_MAX_EXPONENT: Final = 10
_EXACT_LIMIT: Final = 2.0**40
"""A product of floats below it is off by less than 0.001 from the exact one."""


class BadValue(OhmsteadError):
    """A value that cannot be written to a register; the message says why."""


class Decoded(NamedTuple):
    """A value, or None and why there is none."""

    value: Value | None
    reason: str | None = None


class Coding:
    """How one register's words are read and written; made once per register, used at every poll."""

    __slots__ = (
        "_bits",
        "_denominator",
        "_factor",
        "_form",
        "_highest",
        "_is_high_first",
        "_is_swapped",
        "_lowest",
        "_mask",
        "_missing",
        "_numerator",
        "_register",
        "_shift",
        "_words_long",
    )

    def __init__(self, register: Register) -> None:
        self._register = register
        self._form: Form = register.form
        self._words_long = self._form.words
        self._shift = register.first_bit
        self._bits = register.bit_count or max(1, self._form.size_bytes * 8)
        unit = register.base_unit
        self._mask = _mask(self._bits)
        self._is_high_first = register.word_order is not Order.LITTLE
        self._is_swapped = register.byte_order is Order.LITTLE
        self._factor = Fraction(register.scale) * 10 ** (unit.power_of_ten if unit else 0)
        self._lowest = register.lowest if register.lowest is not None else unit.lowest if unit else None
        self._numerator, self._denominator = self._factor.numerator, self._factor.denominator
        self._highest = register.highest if register.highest is not None else unit.highest if unit else None
        self._missing = frozenset(raw & _mask(self._bits) for raw in register.unavailable or ())

    def decode(self, words: Sequence[int], exponent: int = 0) -> Decoded:
        """The value of `words` (bits: of 0 or 1); `exponent` is what stands in the register's scale register.

        Raises ValueError when the number of words is not the register's: the reader has cut them wrongly.
        """
        if len(words) != self._words_long:
            raise ValueError(f"{self._register.type} takes {self._words_long} words, not {len(words)}")
        match self._form.kind:
            case Kind.UINT | Kind.INT:
                return self._number(words, exponent)
            case Kind.FLOAT:
                return self._float(words, exponent)
            case Kind.BOOL:
                return Decoded(int(words[0] != 0))
            case Kind.CHAR:
                return self._char(words)
            case Kind.STRING:
                return self._text(self._bytes(words))
            case Kind.BYTES:
                return self._raw_bytes(self._bytes(words))
            case kind:
                assert_never(kind)

    def encode(self, value: Value, exponent: int = 0) -> tuple[int, ...]:
        """The words that `decode` reads as `value`. Raises BadValue for one that the register cannot hold exactly."""
        match self._form.kind:
            case Kind.UINT | Kind.INT:
                return self._integer_words(self._exact_raw(value, exponent))
            case Kind.FLOAT:
                return self._float_words(value, exponent)
            case Kind.BOOL:
                if value not in (0, 1):
                    raise BadValue(f"a bit is 0 or 1, not {value!r}")
                return (int(value),)
            case Kind.CHAR:
                if not (isinstance(value, str) and len(value) == 1 and value.isascii() and value.isprintable()):
                    raise BadValue(f"one printable ASCII letter is expected, not {value!r}")
                return ((ord(value) << self._shift) & _WORD,)
            case Kind.STRING:
                return self._text_words(value)
            case Kind.BYTES:
                if not isinstance(value, bytes) or len(value) != self._form.size_bytes:
                    raise BadValue(f"{self._form.size_bytes} bytes are expected, not {value!r}")
                return self._words(value + b"\0" * (len(value) % 2))
            case kind:
                assert_never(kind)

    def encode_raw(self, raw: int) -> tuple[int, ...]:
        """The words of a raw number: a code, a token or a switch that the profile gives as the device knows it.

        Raises BadValue where it does not fit.
        """
        if self._form.kind is Kind.FLOAT:
            return self._big_words(struct.pack(_FLOATS[self._form.size_bytes], raw))
        if self._form.kind is Kind.BOOL:
            return self.encode(raw)
        if self._form.kind not in (Kind.UINT, Kind.INT):
            raise BadValue(f"a {self._register.type} holds no number")
        return self._integer_words(raw)

    def decode_raw(self, words: Sequence[int]) -> int | None:
        """The raw number of `words`, for codes and switches; None where the register holds none."""
        if self._form.kind is Kind.BOOL:
            return int(words[0] != 0)
        return self._raw(words) if self._form.kind in (Kind.UINT, Kind.INT) else None

    @property
    def step(self) -> Fraction:
        """The smallest change that the register knows, in its base unit; of a float, one."""
        return Fraction(1) if self._form.kind is Kind.FLOAT else self._factor

    @property
    def wraps_at(self) -> int | None:
        """Where a counter begins again from 0, in its base unit; None for a float, which does not."""
        return None if self._form.kind is Kind.FLOAT else round((1 << self._bits) * self._factor)

    def round_down(self, value: int) -> int:
        """The largest value not above `value` that the register holds: a limit is never rounded up."""
        most = value if self._highest is None else min(value, self._highest)
        if self._form.kind is not Kind.FLOAT:
            largest_raw = _mask(self._bits - 1) if self._form.kind is Kind.INT else _mask(self._bits)
            most = min(most, math.floor(largest_raw * self._factor))
        return math.floor(most // self.step * self.step)

    # --- numbers ---

    def _number(self, words: Sequence[int], exponent: int) -> Decoded:
        raw = self._raw(words)
        if self._missing and raw & self._mask in self._missing:
            return Decoded(None, NOT_AVAILABLE)
        numerator, denominator = self._numerator, self._denominator
        if exponent:
            factor = self._scaled_factor(exponent)
            if factor is None:
                return Decoded(None, f"a scale factor of 10^{exponent} is none")
            numerator, denominator = factor.numerator, factor.denominator
        return self._plausible(raw * numerator if denominator == 1 else _divided(raw * numerator, denominator))

    def _float(self, words: Sequence[int], exponent: int) -> Decoded:
        pattern = self._ordered(words)
        if self._missing and int.from_bytes(pattern, "big") in self._missing:
            return Decoded(None, NOT_AVAILABLE)
        (number,) = struct.unpack(_FLOATS[self._form.size_bytes], pattern)
        if not math.isfinite(number):
            return Decoded(None, "no number" if math.isinf(number) else NOT_AVAILABLE)
        if exponent:
            factor = self._scaled_factor(exponent)
            if factor is None:
                return Decoded(None, f"a scale factor of 10^{exponent} is none")
            return self._plausible(round(Fraction(number) * factor))
        if self._denominator == 1 and -_EXACT_LIMIT < (product := number * self._numerator) < _EXACT_LIMIT:
            nearest = round(product)
            if self._numerator == 1 or -0.499 < product - nearest < 0.499:
                return self._plausible(nearest)
        return self._plausible(round(Fraction(number) * self._factor))

    def _scaled_factor(self, exponent: int) -> Fraction | None:
        return self._factor * Fraction(10) ** exponent if abs(exponent) <= _MAX_EXPONENT else None

    def _plausible(self, value: int) -> Decoded:
        if (self._lowest is not None and value < self._lowest) or (self._highest is not None and value > self._highest):
            return Decoded(None, f"{value} cannot be: {self._lowest} to {self._highest} are possible")
        return Decoded(value)

    def _raw(self, words: Sequence[int]) -> int:
        if self._is_swapped:
            raw = int.from_bytes(self._ordered(words), "big")
        else:
            raw = 0
            for word in words if self._is_high_first else reversed(words):
                raw = raw << 16 | word
        raw = raw >> self._shift & self._mask
        return raw - (1 << self._bits) if self._form.kind is Kind.INT and raw >> (self._bits - 1) else raw

    def _exact_raw(self, value: Value, exponent: int) -> int:
        if not isinstance(value, int):
            raise BadValue(f"a number is expected, not {value!r}")
        self._refuse_impossible(value)
        raw = value / self._factor_for(exponent)
        if raw.denominator != 1:
            raise BadValue(f"{value} is no multiple of the register's step, {self._factor_for(exponent)}")
        if raw.numerator & _mask(self._bits) in self._missing:
            raise BadValue(f"{value} is the device's word for: {NOT_AVAILABLE}")
        return raw.numerator

    def _factor_for(self, exponent: int) -> Fraction:
        factor = self._scaled_factor(exponent)
        if factor is None:
            raise BadValue(f"a scale factor of 10^{exponent} is none")
        return factor

    def _refuse_impossible(self, value: int) -> None:
        if reason := self._plausible(value).reason:
            raise BadValue(reason)

    def _integer_words(self, raw: int) -> tuple[int, ...]:
        signed = self._form.kind is Kind.INT
        lowest, highest = (-(1 << self._bits - 1), (1 << self._bits - 1) - 1) if signed else (0, _mask(self._bits))
        if not lowest <= raw <= highest:
            raise BadValue(f"{raw} does not fit: the register holds {lowest} to {highest}")
        pattern = (raw & _mask(self._bits)) << self._shift
        return self._big_words(pattern.to_bytes(self._form.size_bytes, "big"))

    def _float_words(self, value: Value, exponent: int) -> tuple[int, ...]:
        if not isinstance(value, int):
            raise BadValue(f"a number is expected, not {value!r}")
        self._refuse_impossible(value)
        number = float(value / self._factor_for(exponent))
        try:
            words = self._big_words(struct.pack(_FLOATS[self._form.size_bytes], number))
        except OverflowError:
            raise BadValue(f"{value} is too large for a {self._register.type}") from None
        if self.decode(words, exponent).value != value:
            raise BadValue(f"{value} has more digits than a {self._register.type} holds")
        return words

    # --- text and bytes ---

    def _char(self, words: Sequence[int]) -> Decoded:
        letter = chr(words[0] >> self._shift & 0xFF)
        if not (letter.isascii() and letter.isprintable()):
            return Decoded(None, "no letter")
        return Decoded(letter)

    def _text(self, data: bytes) -> Decoded:
        text_form = self._register.text
        if text_form is TextForm.AUTO:
            is_wide = any(data) and not any(data[0::2])
            text_form = TextForm.UTF_16 if is_wide else TextForm.ASCII
        try:
            text = data.decode("utf-16-be" if text_form is TextForm.UTF_16 else "ascii")
        except UnicodeDecodeError:
            return Decoded(None, "no text")
        text = text.split("\0", 1)[0].strip(" ")
        return Decoded(text) if text.isprintable() else Decoded(None, "no text")

    def _text_words(self, value: Value) -> tuple[int, ...]:
        if not isinstance(value, str) or not value.isprintable() or value != value.strip(" "):
            raise BadValue(f"printable text without blanks around it is expected, not {value!r}")
        try:
            data = value.encode("utf-16-be" if self._register.text is TextForm.UTF_16 else "ascii")
        except UnicodeEncodeError:
            raise BadValue("the register holds ASCII only") from None
        if len(data) > self._form.size_bytes:
            raise BadValue(f"{len(data)} bytes are too many: the register holds {self._form.size_bytes}")
        return self._words(data.ljust(self._form.words * 2, b"\0"))

    def _raw_bytes(self, data: bytes) -> Decoded:
        if self._missing and int.from_bytes(data, "big") in self._missing:
            return Decoded(None, NOT_AVAILABLE)
        return Decoded(data)

    def _bytes(self, words: Sequence[int]) -> bytes:
        """Text and bytes stand in the order of the words, whatever the order of numbers is."""
        order = "<" if self._register.byte_order is Order.LITTLE else ">"
        return struct.pack(f"{order}{len(words)}H", *words)[: self._form.size_bytes]

    def _words(self, data: bytes) -> tuple[int, ...]:
        order = "<" if self._register.byte_order is Order.LITTLE else ">"
        return struct.unpack(f"{order}{len(data) // 2}H", data)

    # --- the order of words and bytes ---

    def _ordered(self, words: Sequence[int]) -> bytes:
        """The bytes of a number, most significant first."""
        if self._register.word_order is Order.LITTLE:
            words = words[::-1]
        return struct.pack(f"{'<' if self._register.byte_order is Order.LITTLE else '>'}{len(words)}H", *words)

    def _big_words(self, data: bytes) -> tuple[int, ...]:
        words = self._words(data)
        return words[::-1] if self._register.word_order is Order.LITTLE else words


_FLOATS: Final = {4: ">f", 8: ">d"}


def _mask(bits: int) -> int:
    return (1 << bits) - 1


def _divided(number: int, divisor: int) -> int:
    """Rounded half to even."""
    quotient, remainder = divmod(number, divisor)
    return quotient + (remainder * 2 > divisor or (remainder * 2 == divisor and quotient % 2 == 1))
