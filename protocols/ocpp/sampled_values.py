"""MeterValue lists of both versions to Samples in base units: Wh, W, mA, mV, percent, rounded once, half to even.

A value that cannot be read is left out and harms nothing else (field_quirks 1): no NaN, no 1e308 gets further.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from msgspec import UNSET

from protocols.charger.events import Sample
from protocols.ocpp.reading import MAX_INT, given, read_stamp
from protocols.terms import Measurand, ReadingContext

_POWER: Final = MappingProxyType({None: 0, "W": 0, "kW": 3})
_UNITS: Final[Mapping[str, tuple[Measurand, Mapping[str | None, int]]]] = MappingProxyType(
    {
        "Energy.Active.Import.Register": (Measurand.ENERGY_REGISTER, MappingProxyType({None: 0, "Wh": 0, "kWh": 3})),
        "Power.Active.Import": (Measurand.POWER, _POWER),
        "Power.Offered": (Measurand.POWER_OFFERED, _POWER),
        "Current.Import": (Measurand.CURRENT, MappingProxyType({None: 3, "A": 3})),
        "Voltage": (Measurand.VOLTAGE, MappingProxyType({None: 3, "V": 3})),
        "SoC": (Measurand.STATE_OF_CHARGE, MappingProxyType({None: 0, "Percent": 0, "%": 0})),
    }
)
"""The measurands that are read, and for each unit the power of ten that leads to the base unit."""

_CONTEXTS: Final = MappingProxyType({context.value: context for context in ReadingContext})
_DEFAULT_MEASURAND: Final = Measurand.ENERGY_REGISTER.value
_KINDS_KEPT: Final = 1024
"""A station writes a handful, and a site's stations mostly the same: only who makes them up ever goes beyond."""
_VALUES_KEPT: Final = 8192
"""Voltages, currents and percentages repeat all day over a whole fleet: found again, one costs a tenth."""
_NUMBER: Final = re.compile(r"\s*([+-]?)(?=\.?[0-9])([0-9]{0,20})(?:\.([0-9]{0,20}))?(?:[eE]([+-]?[0-9]{1,15}))?\s*")
_MAX_DIGITS: Final = 41
"""Longer than whole and fraction of a _NUMBER together: what is divided by more is nothing."""
_MAX_POWER_OF_TEN: Final = 15
"""One and more times a higher power is beyond MAX_INT."""
_POWERS: Final[tuple[int, ...]] = tuple(10**exponent for exponent in range(_MAX_POWER_OF_TEN + 1))
_EXACT_POWER: Final = 9
_EXACT_LIMIT: Final = 2.0**40
"""A product of a float and a power of ten up to these is off by less than 0.001 from what the decimal would give."""
_EXACT_LENGTH: Final = 15
"""No two texts of so many digits are the same float."""


class _Kind(NamedTuple):
    """How sampled values of one kind are read. `is_part`: an energy register of a single phase."""

    measurand: Measurand
    power_of_ten: int
    context: ReadingContext
    phase: str | None
    is_part: bool


def read_samples_16(meter_values: Iterable[Any]) -> tuple[Sample, ...]:
    """OCPP 1.6 §7.33 MeterValue: values are texts, the unit is a field beside them."""
    samples = []
    has_parts = False
    for meter_value in meter_values:
        at = read_stamp(meter_value.timestamp)
        for item in meter_value.sampledValue:
            kind = _kind(item.measurand, item.unit, 0, item.context, item.phase, item.format)
            if kind is None:
                continue
            measurand, power_of_ten, context, phase, is_part = kind
            text = item.value
            value: int | None
            if len(text) > _EXACT_LENGTH:
                value = scaled_by_rule(text, power_of_ten)  # nobody may make us remember long texts
            elif power_of_ten == 0 and text.isdigit() and text.isascii():
                value = int(text)  # a register: never the same again
            else:
                value = scaled(text, power_of_ten)
            if value is not None:
                samples.append(Sample(measurand, value, at, context, phase))
                has_parts |= is_part
    return _without_parts(samples) if has_parts else tuple(samples)


def read_samples_201(meter_values: Iterable[Any]) -> tuple[Sample, ...]:
    """OCPP 2.0.1 MeterValueType: values are numbers, the unit has a multiplier (a power of ten)."""
    samples = []
    has_parts = False
    for meter_value in meter_values:
        at = read_stamp(meter_value.timestamp)
        for item in meter_value.sampledValue:
            unit = item.unitOfMeasure
            if unit is UNSET:
                kind = _kind(item.measurand, UNSET, 0, item.context, item.phase, UNSET)
            else:
                kind = _kind(item.measurand, unit.unit, unit.multiplier, item.context, item.phase, UNSET)
            if kind is None:
                continue
            measurand, power_of_ten, context, phase, is_part = kind
            value = item.value
            if power_of_ten or type(value) is not int or not -_EXACT_LIMIT < value < _EXACT_LIMIT:
                value = scaled(value, power_of_ten)
            if value is not None:
                samples.append(Sample(measurand, value, at, context, phase))
                has_parts |= is_part
    return _without_parts(samples) if has_parts else tuple(samples)


def register_wh(samples: tuple[Sample, ...], context: ReadingContext, *, is_last: bool) -> int | None:
    """The overall energy register at the begin or end of a transaction: the one that says so by its context, or else
    the first or last there is. None where there is none."""
    registers = [sample for sample in samples if sample.measurand is Measurand.ENERGY_REGISTER and sample.phase is None]
    chosen = [sample for sample in registers if sample.context is context] or registers
    if not chosen:
        return None
    return chosen[-1 if is_last else 0].value


@lru_cache(_KINDS_KEPT)
def _kind(measurand: Any, unit: Any, multiplier: Any, context: Any, phase: Any, form: Any) -> _Kind | None:
    """None where the house does not read it: another measurand, a unit that does not fit, a multiplier beyond sense, a
    signed blob (its hex digits may look like a number)."""
    known = _UNITS.get(given(measurand, _DEFAULT_MEASURAND))
    if known is None or form == "SignedData":
        return None
    read_as, units = known
    power_of_ten = units.get(given(unit))
    multiplier = given(multiplier, 0)
    if power_of_ten is None or abs(multiplier) > _MAX_POWER_OF_TEN:
        return None
    read_phase = given(phase)
    return _Kind(
        measurand=read_as,
        power_of_ten=power_of_ten + int(multiplier),
        context=_CONTEXTS.get(given(context), ReadingContext.SAMPLE_PERIODIC),
        phase=read_phase,
        is_part=read_phase is not None and read_as is Measurand.ENERGY_REGISTER,
    )


@lru_cache(_VALUES_KEPT)
def scaled(value: str | float, power_of_ten: int) -> int | None:
    """The number times a power of ten, exact until it is rounded once; None where it is no sane number.

    A float stands for the decimal that the charger wrote, which is its repr. `scaled_by_rule` is the definition; but
    nearly every value can be reckoned with as a float, for the product lies nowhere near the half between two integers.
    Times one, the half itself is exact too: no two of the decimals that get here are the same float.
    """
    if not 0 <= power_of_ten <= _EXACT_POWER:
        return scaled_by_rule(value, power_of_ten)
    if not isinstance(value, str):
        number = value
    elif len(value) <= _EXACT_LENGTH and value.isascii() and "_" not in value:
        try:
            number = float(value)
        except ValueError:
            return None
    else:
        return scaled_by_rule(value, power_of_ten)
    product = number * _POWERS[power_of_ten]
    if -_EXACT_LIMIT < product < _EXACT_LIMIT:
        nearest = round(product)
        if power_of_ten == 0 or -0.499 < product - nearest < 0.499:
            return nearest
    return scaled_by_rule(value, power_of_ten)


def scaled_by_rule(value: Any, power_of_ten: int) -> int | None:
    """What `scaled` gives, read digit by digit."""
    found = _NUMBER.fullmatch(value if type(value) is str else repr(value))
    if found is None:
        return None
    sign, whole, fraction, exponent = found.groups("")
    power_of_ten += int(exponent or 0) - len(fraction)
    number = int(whole + fraction)
    if power_of_ten < -_MAX_DIGITS or number == 0:
        return 0
    if power_of_ten > _MAX_POWER_OF_TEN:
        return None
    result = number * 10**power_of_ten if power_of_ten >= 0 else _divided(number, 10**-power_of_ten)
    if result > MAX_INT:
        return None
    return -result if sign == "-" else result


def _divided(number: int, divisor: int) -> int:
    """Rounded half to even."""
    quotient, remainder = divmod(number, divisor)
    is_up = remainder * 2 > divisor or (remainder * 2 == divisor and quotient % 2 == 1)
    return quotient + is_up


def _without_parts(samples: list[Sample]) -> tuple[Sample, ...]:
    """Leave out the energy registers of single phases where the overall register is there too."""
    if any(sample.phase is None and sample.measurand is Measurand.ENERGY_REGISTER for sample in samples):
        return tuple(s for s in samples if s.phase is None or s.measurand is not Measurand.ENERGY_REGISTER)
    return tuple(samples)
