"""What a meter or an inverter shows, as events of the site. Each reading is told once."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType
from typing import Final, assert_never

from protocols.charger.events import ChargerEvent, MeterFound, MeterLost, MeterRead, Sample
from protocols.charger.snapshot import (
    DeviceEvent,
    DeviceFound,
    DeviceLost,
    EvseChanged,
    EvseSnapshot,
    Phase,
    SetpointReported,
)
from protocols.modbus import catalogue
from protocols.terms import Measurand

_OTHER_WAY: Final = MappingProxyType(
    {
        Measurand.POWER: Measurand.POWER_EXPORT,
        Measurand.POWER_EXPORT: Measurand.POWER,
        Measurand.CURRENT: Measurand.CURRENT_EXPORT,
        Measurand.CURRENT_EXPORT: Measurand.CURRENT,
        Measurand.ENERGY_REGISTER: Measurand.ENERGY_EXPORT_REGISTER,
        Measurand.ENERGY_EXPORT_REGISTER: Measurand.ENERGY_REGISTER,
    }
)


class MeterReadings:
    """One device's. `is_reversed`: it is wired so that it counts as taken what is given."""

    def __init__(self, meter_id: str, *, is_reversed: bool = False) -> None:
        self._meter_id = meter_id
        self._is_reversed = is_reversed
        self._told: dict[tuple[Measurand, Phase], datetime] = {}

    def translate(self, event: DeviceEvent) -> list[ChargerEvent]:
        match event:
            case DeviceFound():
                return [self._found(event)]
            case DeviceLost():
                return [MeterLost(meter_id=self._meter_id, reason=event.reason)]
            case EvseChanged():
                samples = self._new(event.snapshot)
                return [MeterRead(meter_id=self._meter_id, samples=samples)] if samples else []
            case SetpointReported():
                return []  # nothing is set here
            case _:
                assert_never(event)

    def _found(self, event: DeviceFound) -> MeterFound:
        profile = catalogue.load(event.profile_id, event.variant)

        def fact(*names: str) -> str | None:
            told = (str(event.facts[name]).strip()[:50] for name in names if name in event.facts)
            return next((text for text in told if text), None)

        return MeterFound(
            meter_id=self._meter_id,
            vendor=fact("manufacturer") or profile.vendor,
            model=fact("model") or profile.model,
            serial_number=fact("serial_number", "serial"),
        )

    def _new(self, snapshot: EvseSnapshot) -> tuple[Sample, ...]:
        samples = []
        for sample in snapshot.samples():
            key, at = (sample.measurand, sample.phase), sample.at
            if at is None or ((before := self._told.get(key)) is not None and at <= before):
                continue
            self._told[key] = at
            measurand = _OTHER_WAY.get(sample.measurand, sample.measurand) if self._is_reversed else sample.measurand
            samples.append(Sample(measurand=measurand, value=sample.value, at=at, phase=sample.phase))
        return tuple(samples)
