"""Values of a device to the Samples that every charger and meter gives, in OCPP's measurands and phases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from protocols.charger.events import Sample
from protocols.modbus.codec import Decoded
from protocols.modbus.profile import Profile
from protocols.terms import Measurand, ReadingContext

_SUMS: Final = (Measurand.POWER, Measurand.POWER_EXPORT, Measurand.ENERGY_REGISTER, Measurand.ENERGY_EXPORT_REGISTER)
"""What a device's phases tell together, where it does not tell the sum itself."""


def samples(
    profile: Profile,
    values: Mapping[tuple[int, str, int], Decoded],
    at: datetime,
    evse_id: int = 1,
    context: ReadingContext = ReadingContext.SAMPLE_PERIODIC,
) -> tuple[Sample, ...]:
    """What was measured, of the values that `reads.decode` gives; what is missing is left out.

    A sum is made of three phases where all of them are there and no register tells it: not of two, for it would be less
    than what flows.
    """
    found = tuple(_measured(profile, values, at, evse_id, context))
    return found + tuple(_sums(profile, found, at, context))


def _measured(
    profile: Profile,
    values: Mapping[tuple[int, str, int], Decoded],
    at: datetime,
    evse_id: int,
    context: ReadingContext,
) -> Iterator[Sample]:
    for name, register in profile.registers.items():
        if register.measurand is None:
            continue
        for index in range(register.count):
            value = values.get((evse_id, name, index), Decoded(None)).value
            if isinstance(value, int):
                phase = register.phase(index)
                yield Sample(measurand=register.measurand, value=value, at=at, context=context, phase=phase)


def _sums(profile: Profile, found: tuple[Sample, ...], at: datetime, context: ReadingContext) -> Iterator[Sample]:
    for measurand in _SUMS:
        of_phases = {
            register.phase(index)
            for register in profile.registers.values()
            if register.measurand is measurand
            for index in range(register.count)
        }
        if None in of_phases or len(of_phases) != 3:
            continue
        parts = [sample.value for sample in found if sample.measurand is measurand]
        if len(parts) == len(of_phases):
            yield Sample(measurand=measurand, value=sum(parts), at=at, context=context)


def is_estimated(profile: Profile, measurand: Measurand) -> bool:
    """Whether the device tells apparent power or energy only, and it stands in for the active one."""
    return any(register.is_estimate for register in profile.registers.values() if register.measurand is measurand)
