"""Values put into words, also those that are not whole: rounded as a device rounds, rolled over, or missing. Pure."""

from __future__ import annotations

import math
import struct
from collections.abc import MutableMapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final

from protocols.modbus.codec import BadValue, Value
from protocols.modbus.reads import Point
from protocols.modbus.register import Kind

_FLOATS: Final = {4: ">f", 8: ">d"}
_NAN: Final = {4: 0x7FC00000, 8: 0x7FF8000000000000}


@dataclass(frozen=True, slots=True)
class Raw:
    """A number as the device knows it: a code, a switch."""

    number: int


@dataclass(frozen=True, slots=True)
class Counter:
    """A number that begins again from 0 where the register ends, or at `rolls_over_at`, in the register's base unit."""

    value: Fraction
    rolls_over_at: int | None = None


Cell = Raw | Counter | Fraction | Value | tuple[int, ...] | None
"""What a register shows: in its base unit, raw, text or bytes, words as they were written; None where the device has no
such value."""


def words_of(point: Point, cell: Cell, exponent: int = 0) -> tuple[int, ...]:
    """The words of a value. What is too large for the register stands at its end, but for a counter."""
    form, coding = point.register.form, point.coding
    if cell is None:
        return _missing(point)
    if isinstance(cell, tuple):
        return cell
    if isinstance(cell, Raw):
        return coding.encode_raw(cell.number)
    if form.kind in (Kind.STRING, Kind.BYTES, Kind.CHAR):
        return coding.encode(_fitted(point, cell))
    if isinstance(cell, str | bytes):
        raise BadValue(f"a {point.register.type} holds no {type(cell).__name__}")
    number, is_counter = (cell.value, True) if isinstance(cell, Counter) else (Fraction(cell), False)
    if isinstance(cell, Counter) and cell.rolls_over_at is not None:
        number %= cell.rolls_over_at
    match form.kind:
        case Kind.BOOL:
            return coding.encode(int(number != 0))
        case Kind.FLOAT:
            return _float_words(point, number, exponent)
        case _:
            return coding.encode_raw(_raw(point, number, exponent, is_counter))


def is_whole(point: Point) -> bool:
    """Whether a value has its words for itself."""
    return point.register.bit_count is None and point.register.first_bit == 0


def mask_of(point: Point) -> tuple[int, ...]:
    """Which bits of its words are the value's."""
    register = point.register
    if is_whole(point):
        return (0xFFFF,) * point.words
    bits = register.bit_count or (8 if register.form.kind is Kind.CHAR else point.words * 16 - register.first_bit)
    if register.form.kind is Kind.CHAR:
        return ((1 << bits) - 1 << register.first_bit & 0xFFFF,)
    return point.coding.encode_raw((1 << bits) - 1)


def width_bits(point: Point) -> int:
    """How many bits are the value's. Of values that share a word the wider one is laid down first."""
    return sum(mask.bit_count() for mask in mask_of(point))


def put(memory: MutableMapping[int, int], point: Point, words: tuple[int, ...]) -> None:
    """Lay the words of a value over a memory by address; bits that are not its own stay."""
    if is_whole(point):
        memory.update(zip(range(point.address, point.end), words, strict=True))
        return
    for offset, (word, mask) in enumerate(zip(words, mask_of(point), strict=True)):
        at = point.address + offset
        memory[at] = memory.get(at, 0) & ~mask | word & mask


def _missing(point: Point) -> tuple[int, ...]:
    form, register = point.register.form, point.register
    if form.kind is Kind.FLOAT:
        data = (register.unavailable[0] if register.unavailable else _NAN[form.size_bytes]).to_bytes(
            form.size_bytes, "big"
        )
        return _ordered(point, data)
    if form.is_number and register.unavailable:
        return point.coding.encode_raw(register.unavailable[0])
    return (0,) * point.words


def _ordered(point: Point, data: bytes) -> tuple[int, ...]:
    words = struct.unpack(f"{'<' if point.register.byte_order == 'little' else '>'}{len(data) // 2}H", data)
    return words[::-1] if point.register.word_order == "little" else words


def _fitted(point: Point, cell: Cell) -> Value:
    size = point.register.form.size_bytes
    match point.register.form.kind, cell:
        case Kind.BYTES, bytes():
            return cell[:size].ljust(size, b"\0")
        case Kind.STRING | Kind.CHAR, str():
            return cell[: size // 2 if point.register.text == "utf-16" else size]
        case _:
            raise BadValue(f"a {point.register.type} does not hold {cell!r}")


def _float_words(point: Point, number: Fraction, exponent: int) -> tuple[int, ...]:
    register = point.register
    unit = register.base_unit
    factor = _factor(register.scale, (unit.power_of_ten if unit else 0) + exponent)
    return _ordered(point, struct.pack(_FLOATS[register.form.size_bytes], float(number / factor)))


@lru_cache(maxsize=256)
def _factor(scale: Decimal, power_of_ten: int) -> Fraction:
    return Fraction(scale) * Fraction(10) ** power_of_ten


def _raw(point: Point, number: Fraction, exponent: int, is_counter: bool) -> int:
    step = point.coding.step * Fraction(10) ** exponent if exponent else point.coding.step
    raw = math.floor(number / step) if is_counter else round(number / step)
    bits = point.register.bit_count or point.register.form.size_bytes * 8
    lowest, highest = (-(1 << bits - 1), (1 << bits - 1) - 1)
    if point.register.form.kind is not Kind.INT:
        lowest, highest = 0, (1 << bits) - 1
    if is_counter:
        return (raw - lowest) % (1 << bits) + lowest
    return min(max(raw, lowest), highest)
