"""MeterValue lists of both versions to Samples in base units: Wh, W, mA, mV, percent, rounded once, half to even.

A value that cannot be read is left out and harms nothing else (field_quirks 1): no NaN, no 1e308 gets further.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from protocols.charger.events import Sample
from protocols.ocpp.reading import MAX_INT, read_stamp
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
_NUMBER: Final = re.compile(r"\s*([+-]?)([0-9]{1,20})(?:\.([0-9]{0,20}))?(?:[eE]([+-]?[0-9]{1,3}))?\s*")
_MAX_DIGITS: Final = 41
"""Longer than whole and fraction of a _NUMBER together: what is divided by more is nothing."""
_MAX_POWER_OF_TEN: Final = 15
"""One and more times a higher power is beyond MAX_INT."""


def read_samples_16(meter_values: Iterable[Mapping[str, Any]]) -> tuple[Sample, ...]:
    """OCPP 1.6 §7.33 MeterValue: values are texts, the unit is a field beside them."""
    samples = []
    for meter_value in meter_values:
        at = read_stamp(meter_value.get("timestamp"))
        for item in meter_value.get("sampledValue", ()):
            if item.get("format") == "SignedData":
                continue  # a signed blob of hex digits may look like a number
            sample = _sample(item, item.get("unit"), 0, at)
            if sample is not None:
                samples.append(sample)
    return _without_parts(samples)


def read_samples_201(meter_values: Iterable[Mapping[str, Any]]) -> tuple[Sample, ...]:
    """OCPP 2.0.1 MeterValueType: values are numbers, the unit has a multiplier (a power of ten)."""
    samples = []
    for meter_value in meter_values:
        at = read_stamp(meter_value.get("timestamp"))
        for item in meter_value.get("sampledValue", ()):
            unit = item.get("unitOfMeasure")
            if unit is None:
                sample = _sample(item, None, 0, at)
            else:
                sample = _sample(item, unit.get("unit"), unit.get("multiplier", 0), at)
            if sample is not None:
                samples.append(sample)
    return _without_parts(samples)


def register_wh(samples: tuple[Sample, ...], context: ReadingContext, *, is_last: bool) -> int | None:
    """The overall energy register at the begin or end of a transaction: the one that says so by its context, or else
    the first or last there is. None where there is none."""
    registers = [sample for sample in samples if sample.measurand is Measurand.ENERGY_REGISTER and sample.phase is None]
    chosen = [sample for sample in registers if sample.context is context] or registers
    if not chosen:
        return None
    return chosen[-1 if is_last else 0].value


def _sample(item: Mapping[str, Any], unit: str | None, multiplier: Any, at: datetime | None) -> Sample | None:
    known = _UNITS.get(item.get("measurand", _DEFAULT_MEASURAND))
    if known is None:
        return None
    measurand, units = known
    power_of_ten = units.get(unit)
    if power_of_ten is None:
        return None
    if multiplier != 0:
        if abs(multiplier) > _MAX_POWER_OF_TEN:
            return None
        power_of_ten += int(multiplier)
    value = _scaled(item.get("value"), power_of_ten)
    if value is None:
        return None
    context = _CONTEXTS.get(item.get("context", ""), ReadingContext.SAMPLE_PERIODIC)
    return Sample(measurand=measurand, value=value, at=at, context=context, phase=item.get("phase"))


def _scaled(value: Any, power_of_ten: int) -> int | None:
    """The number times a power of ten, exact until it is rounded once; None where it is no sane number."""
    found = _NUMBER.fullmatch(value if type(value) is str else repr(value))  # a float's repr is what the charger wrote
    if found is None:
        return None
    sign, whole, fraction, exponent = found.groups("")
    power_of_ten += int(exponent or 0) - len(fraction)
    number = int(whole + fraction)
    if power_of_ten < -_MAX_DIGITS or number == 0:
        return 0
    if power_of_ten > _MAX_POWER_OF_TEN:
        return None
    scaled = number * 10**power_of_ten if power_of_ten >= 0 else _divided(number, 10**-power_of_ten)
    if scaled > MAX_INT:
        return None
    return -scaled if sign == "-" else scaled


def _divided(number: int, divisor: int) -> int:
    """Rounded half to even."""
    quotient, remainder = divmod(number, divisor)
    is_up = remainder * 2 > divisor or (remainder * 2 == divisor and quotient % 2 == 1)
    return quotient + is_up


def _without_parts(samples: list[Sample]) -> tuple[Sample, ...]:
    """Leave out the energy registers of single phases where the overall register is there too."""
    if any(sample.phase is not None and sample.measurand is Measurand.ENERGY_REGISTER for sample in samples):
        registers = [sample for sample in samples if sample.measurand is Measurand.ENERGY_REGISTER]
        if any(sample.phase is None for sample in registers):
            return tuple(s for s in samples if s.phase is None or s.measurand is not Measurand.ENERGY_REGISTER)
    return tuple(samples)
