"""What a polled charger shows, as the events that an OCPP station would send of it. Pure but for what was told before.

A reading is told once: what was not read again is not said again. Within a round the meter comes first, then the card,
then the status, so that whoever begins or ends something by a status knows the meter of that moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, assert_never

from protocols.charger.abilities import Abilities, EnergySource, Polled
from protocols.charger.events import (
    BootReported,
    ChargerEvent,
    IdTokenPresented,
    MeterValuesReported,
    Sample,
    StationConnected,
    StationDisconnected,
    StatusReported,
    SteeringReported,
    VehicleReplaced,
)
from protocols.charger.snapshot import (
    Change,
    DeviceEvent,
    DeviceFound,
    DeviceLost,
    EvseChanged,
    EvseSnapshot,
    Phase,
    SetpointReported,
)
from protocols.modbus import catalogue
from protocols.modbus.codec import Coding
from protocols.modbus.profile import Profile
from protocols.terms import ChargingState, ConnectorStatus, Measurand

UNCHANGED_EVERY: Final = timedelta(seconds=5)
"""Readings that are the same as before are told this often: they are still true."""
NOMINAL_MV: Final = 230_000
_PHASES: Final = ("L1", "L2", "L3")
_TOLD: Final = frozenset(
    {
        Measurand.ENERGY_REGISTER,
        Measurand.POWER,
        Measurand.POWER_OFFERED,
        Measurand.CURRENT,
        Measurand.VOLTAGE,
        Measurand.STATE_OF_CHARGE,
    }
)


def polled(profile: Profile) -> Polled:
    """How a charger of a profile counts energy."""
    total, session = profile.energy.total, profile.energy.session
    register = profile.registers[total] if total is not None else None
    if register is not None and register.measurand is Measurand.ENERGY_REGISTER:
        rolls_over_at = profile.energy.rolls_over_at or Coding(register).wraps_at
        return _polled(profile, EnergySource.TOTAL, rolls_over_at, is_estimated=register.is_estimate)
    if session is not None:
        return _polled(profile, EnergySource.SESSION, is_estimated=profile.registers[session].is_estimate)
    measured = {each.measurand for each in profile.registers.values()}
    source = EnergySource.POWER if measured & {Measurand.POWER, Measurand.CURRENT} else EnergySource.NONE
    return _polled(profile, source, is_estimated=True)


def _polled(
    profile: Profile, energy: EnergySource, rolls_over_at_wh: int | None = None, *, is_estimated: bool
) -> Polled:
    return Polled(
        profile_id=profile.id,
        variant=profile.variant,
        energy=energy,
        rolls_over_at_wh=rolls_over_at_wh,
        is_estimated=is_estimated,
        has_lock=profile.cable_lock is not None,
    )


@dataclass(slots=True, kw_only=True)
class _Told:
    """Of one EVSE: the time of each reading that was told last. `is_first`: nothing was told since it was found as it
    is; `owes_status`: it is to be said whether it changed or not. `before` is what it showed then, `was_lost` whether
    it was silent since."""

    readings: dict[tuple[Measurand, Phase], datetime] = field(default_factory=dict)
    at: datetime | None = None
    is_first: bool = True
    owes_status: bool = True
    before: EvseSnapshot | None = None
    was_lost: bool = False


class Translator:
    """One device's. `evses` maps its EVSEs to those of the station; others of its EVSEs are not told of."""

    def __init__(self, station_id: str, evses: Mapping[int, int]) -> None:
        self._station_id = station_id
        self._evses = evses
        self._told: dict[int, _Told] = {}
        self._energy = EnergySource.TOTAL
        self._is_card_of_session = False

    def translate(self, event: DeviceEvent) -> list[ChargerEvent]:
        """The events, in their order."""
        match event:
            case DeviceFound():
                return self._found(event)
            case DeviceLost():
                return [StationDisconnected(station_id=self._station_id)]
            case EvseChanged():
                return self._changed(event)
            case SetpointReported():
                return self._steered(event)
            case _:
                assert_never(event)

    def _found(self, event: DeviceFound) -> list[ChargerEvent]:
        profile = catalogue.load(event.profile_id, event.variant)
        abilities = Abilities(ocpp_version=None, polled=polled(profile))
        self._energy = polled(profile).energy
        self._is_card_of_session = profile.card is not None and profile.card.is_of_session
        connected = StationConnected(station_id=self._station_id, abilities=abilities)
        if event.was_here:
            for told in self._told.values():
                told.owes_status = told.was_lost = True
            return [connected]
        self._told = {device_evse: _Told() for device_evse in self._evses}
        return [connected, self._boot(profile, event.facts)]

    def _boot(self, profile: Profile, facts: Mapping[str, int | str]) -> BootReported:
        def fact(name: str) -> str | None:
            return str(facts[name]).strip()[:50] or None if name in facts else None

        return BootReported(
            station_id=self._station_id,
            vendor=profile.vendor,
            model=fact("model") or fact("name") or profile.model,
            serial_number=fact("serial"),
            firmware_version=fact("firmware"),
        )

    def _steered(self, event: SetpointReported) -> list[ChargerEvent]:
        evse_id = self._evses.get(event.evse_id)
        if evse_id is None:
            return []
        return [
            SteeringReported(
                station_id=self._station_id,
                evse_id=evse_id,
                setpoint=event.name,
                is_followed=event.is_confirmed,
                detail=event.detail or f"{event.wanted} is wanted and {event.shown} is shown",
            )
        ]

    def _changed(self, event: EvseChanged) -> list[ChargerEvent]:
        snapshot, changes = event.snapshot, event.changes
        evse_id, told = self._evses.get(snapshot.evse_id), self._told.get(snapshot.evse_id)
        if evse_id is None or told is None:
            return []
        events: list[ChargerEvent] = []
        if told.before is not None and self._is_replaced(told.before, snapshot, was_lost=told.was_lost):
            told.owes_status = True  # whoever waits for a vehicle has one now
            events.append(VehicleReplaced(station_id=self._station_id, evse_id=evse_id))
        told.before, told.was_lost = snapshot, False
        if (meter := self._meter(snapshot, changes, evse_id, told)) is not None:
            events.append(meter)
        if Change.CARD in changes and snapshot.card is not None and snapshot.card.text:
            events.append(
                IdTokenPresented(
                    station_id=self._station_id,
                    token_uid=snapshot.card.text,
                    evse_id=evse_id,
                    is_old=told.is_first,
                )
            )
        told.is_first = False
        if snapshot.status is not None and (changes & {Change.STATUS, Change.FAULT} or told.owes_status):
            told.owes_status = False
            events.append(
                StatusReported(
                    station_id=self._station_id,
                    evse_id=evse_id,
                    connector_id=1,
                    status=snapshot.status.status,
                    charging_state=snapshot.status.charging_state,
                    error_code=snapshot.fault.text if snapshot.fault is not None else None,
                    at=snapshot.status.at,
                )
            )
        return events

    def _is_replaced(self, before: EvseSnapshot, after: EvseSnapshot, *, was_lost: bool) -> bool:
        """Whether the registers show another vehicle though one was there each time that they were read.

        What counts a session has begun anew: the energy, and the time it charged where it did so both times, for some
        may count anew after a pause; where there are both, both. A charger that was lost may have been without power
        and begun anew with the same vehicle: then the card must be another one, too.
        """
        if not (_is_occupied(before) and _is_occupied(after)):
            return False
        was, card = (shown.card.text if shown.card is not None else None for shown in (before, after))
        is_other_card = was is not None and card is not None and was != card
        if is_other_card and self._is_card_of_session:
            return True
        counts = []
        if after.is_session_reliable:
            counts.append((before.session_energy, after.session_energy))
        if _is_charging(before) and _is_charging(after):
            counts.append((before.session_time, after.session_time))
        fallen = [now.value < then.value for then, now in counts if then is not None and now is not None]
        return bool(fallen) and all(fallen) and (is_other_card or not was_lost)

    def _meter(
        self, snapshot: EvseSnapshot, changes: frozenset[Change], evse_id: int, told: _Told
    ) -> MeterValuesReported | None:
        samples = tuple(
            sample
            for sample in self._samples(snapshot)
            if sample.at is not None and not _is_told(told.readings.get((sample.measurand, sample.phase)), sample.at)
        )
        if not samples:
            return None
        newest = max(sample.at for sample in samples if sample.at is not None)
        is_quiet = not changes & {Change.READINGS, Change.STATUS} and not told.owes_status
        if is_quiet and told.at is not None and newest - told.at < UNCHANGED_EVERY:
            return None
        told.at = newest
        told.readings |= {(sample.measurand, sample.phase): sample.at for sample in samples if sample.at is not None}
        return MeterValuesReported(
            station_id=self._station_id, evse_id=evse_id, charger_transaction_id=None, samples=samples
        )

    def _samples(self, snapshot: EvseSnapshot) -> list[Sample]:
        samples = [sample for sample in snapshot.samples() if sample.measurand in _TOLD]
        if self._energy is not EnergySource.TOTAL:
            samples = [sample for sample in samples if sample.measurand is not Measurand.ENERGY_REGISTER]
        session = snapshot.session_energy
        if self._energy is EnergySource.SESSION and session is not None:
            samples.append(Sample(measurand=Measurand.ENERGY_REGISTER, value=session.value, at=session.at))
        if not any(sample.measurand is Measurand.POWER for sample in samples):
            samples += _power_of_currents(snapshot)
        return samples


def _is_occupied(snapshot: EvseSnapshot) -> bool:
    return snapshot.status is not None and snapshot.status.status is ConnectorStatus.OCCUPIED


def _is_charging(snapshot: EvseSnapshot) -> bool:
    return snapshot.status is not None and snapshot.status.charging_state is ChargingState.CHARGING


def _is_told(before: datetime | None, at: datetime) -> bool:
    return before is not None and at <= before


def _power_of_currents(snapshot: EvseSnapshot) -> list[Sample]:
    """Where power is not measured: what the currents come to, with a power factor of one."""
    currents = {phase: found for phase in _PHASES if (found := snapshot.value(Measurand.CURRENT, phase)) is not None}
    if not currents:
        return []
    power_w = 0
    for phase, current in currents.items():
        voltage = snapshot.value(Measurand.VOLTAGE, phase)
        power_w += current.value * (voltage.value if voltage is not None else NOMINAL_MV) // 1_000_000
    return [Sample(measurand=Measurand.POWER, value=power_w, at=min(current.at for current in currents.values()))]
