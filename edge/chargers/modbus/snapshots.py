"""A round of reading made into a snapshot: status, card and fault in the house's words, each value with its time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from edge.chargers.modbus.plausibility import EnergyWatch
from protocols.charger.snapshot import Change, EvseSnapshot, LimitShown, Phase, Reading, Shown, ShownStatus
from protocols.modbus.codec import Decoded, Value
from protocols.modbus.profile import Profile
from protocols.modbus.register import Scope
from protocols.modbus.samples import is_estimated, samples
from protocols.modbus.status import read_card, read_fault, read_status
from protocols.terms import Measurand

Values = Mapping[tuple[int, str, int], Decoded]
"""By EVSE, register and index, as `reads.decode` gives them."""


class SnapshotMaker:
    """One EVSE's. Keeps what was read before: a round that reads less takes nothing away."""

    def __init__(self, device_id: str, profile: Profile, evse_id: int, *, is_only: bool = True) -> None:
        self.snapshot = EvseSnapshot(
            device_id=device_id, evse_id=evse_id, is_session_reliable=profile.energy.session_is_reliable
        )
        self._profile = profile
        self._evse_id = evse_id
        self._is_only = is_only
        self._watches: dict[tuple[str, int], EnergyWatch] = {}
        self._known: dict[str, Value | None] = {}
        measuring = [register for register in profile.registers.values() if register.measurand is not None]
        self._told = {each.measurand for each in measuring if any(each.phase(n) is None for n in range(each.count))}
        self._has_sums = any(each.measurand not in self._told for each in measuring)
        rule = profile.limit
        unit = profile.registers[rule.register].base_unit if rule is not None else None
        self._limit_unit = unit.name if unit is not None else ""

    def take(self, values: Values, at: datetime) -> frozenset[Change]:
        """Put what was read at `at` into `snapshot`; returns what changed in it."""
        mine = {
            (name, index): found
            for (of, name, index), found in values.items()
            if of == self._evse_id or self._profile.registers[name].scope is Scope.STATION
        }
        firsts = {name: found.value for (name, index), found in mine.items() if index == 0}
        self._known.update(firsts)
        before = self.snapshot
        doubts = {name: why for name, why in before.doubts.items() if name not in firsts}
        readings = self._readings(mine, at, doubts)
        self.snapshot = replace(
            before,
            status=self._status(firsts, at),
            fault=self._fault(firsts, at),
            card=self._card(firsts, at),
            readings=MappingProxyType(readings),
            session_energy=self._session(mine, at, doubts),
            session_time=self._session_time(firsts, at),
            limit=self._limit(firsts, at),
            phases_in_use=self._phases(firsts, at),
            doubts=MappingProxyType(doubts),
        )
        return _changes(before, self.snapshot)

    def number(self, name: str | None) -> int | None:
        """What was last read of a register, if that was a number."""
        value = self._known.get(name) if name is not None else None
        return value if isinstance(value, int) else None

    # --- states ---

    def _status(self, firsts: Mapping[str, Value | None], at: datetime) -> ShownStatus | None:
        if not any(block.register in firsts for block in self._profile.status):
            return self.snapshot.status
        found = read_status(self._profile, self._known)
        return None if found is None else ShownStatus(status=found.status, charging_state=found.charging_state, at=at)

    def _fault(self, firsts: Mapping[str, Value | None], at: datetime) -> Shown | None:
        faults = self._profile.faults
        if faults is None or faults.register not in firsts:
            return self.snapshot.fault
        if firsts[faults.register] is None:
            return None
        return Shown(text=read_fault(faults, firsts), at=at)

    def _card(self, firsts: Mapping[str, Value | None], at: datetime) -> Shown | None:
        card = self._profile.card
        if card is None or card.register not in firsts:
            return self.snapshot.card
        if firsts[card.register] is None:
            return None
        return Shown(text=read_card(self._profile, firsts), at=at)

    def _phases(self, firsts: Mapping[str, Value | None], at: datetime) -> Reading | None:
        switch = self._profile.phase_switch
        name = None if switch is None else switch.state or switch.register
        if switch is None or name is None or name not in firsts:
            return self.snapshot.phases_in_use
        value = firsts[name]
        if not isinstance(value, int):
            return None
        one = switch.one if switch.state_one is None else switch.state_one
        return Reading(value=1 if value == one else 3, at=at)

    # --- values ---

    def _readings(
        self, mine: Mapping[tuple[str, int], Decoded], at: datetime, doubts: dict[str, str]
    ) -> dict[tuple[Measurand, Phase], Reading]:
        readings = dict(self.snapshot.readings)
        for (name, index), found in mine.items():
            register = self._profile.registers[name]
            if register.measurand is None or (register.scope is Scope.STATION and not self._is_only):
                continue  # what a station with several EVSEs measures in all is no EVSE's
            key = (register.measurand, register.phase(index))
            value = self._believed(name, index, found, at, doubts)
            if value is None:
                if name not in doubts or found.value is None:
                    readings.pop(
                        key, None
                    )  # the device says that it has none; a doubted one leaves the old with its time
                continue
            readings[key] = Reading(value=value, at=at, is_estimated=register.is_estimate)
        readings |= self._sums(mine, at, doubts)
        self._note_frozen(readings, at)
        return readings

    def _sums(
        self, mine: Mapping[tuple[str, int], Decoded], at: datetime, doubts: Mapping[str, str]
    ) -> dict[tuple[Measurand, Phase], Reading]:
        """What three phases tell together, where no register does."""
        if not self._has_sums:
            return {}
        doubted = {self._profile.registers[name].measurand for name in doubts}
        values = {(self._evse_id, name, index): found for (name, index), found in mine.items()}
        return {
            (sample.measurand, None): Reading(
                value=sample.value, at=at, is_estimated=is_estimated(self._profile, sample.measurand)
            )
            for sample in samples(self._profile, values, at, self._evse_id)
            if sample.phase is None and sample.measurand not in self._told and sample.measurand not in doubted
        }

    def _session(self, mine: Mapping[tuple[str, int], Decoded], at: datetime, doubts: dict[str, str]) -> Reading | None:
        name = self._profile.energy.session
        found = mine.get((name, 0)) if name is not None else None
        if name is None or found is None:
            return self.snapshot.session_energy
        if not isinstance(found.value, int):
            if found.reason is not None:
                doubts[name] = found.reason
            return None
        return Reading(value=found.value, at=at, is_estimated=self._profile.registers[name].is_estimate)

    def _session_time(self, firsts: Mapping[str, Value | None], at: datetime) -> Reading | None:
        name = self._profile.energy.session_time
        if name is None or name not in firsts:
            return self.snapshot.session_time
        value = firsts[name]
        return Reading(value=value, at=at) if isinstance(value, int) else None

    def _believed(self, name: str, index: int, found: Decoded, at: datetime, doubts: dict[str, str]) -> int | None:
        register = self._profile.registers[name]
        if not isinstance(found.value, int):
            if found.reason is not None:
                doubts[name] = found.reason
            return None
        if register.measurand not in (Measurand.ENERGY_REGISTER, Measurand.ENERGY_EXPORT_REGISTER):
            return found.value
        watch = self._watches.get((name, index))
        if watch is None:
            step_wh = int(register.scale * 1000) if register.unit.value.startswith("k") else int(register.scale)
            watch = self._watches[name, index] = EnergyWatch(step_wh=max(1, step_wh))
        if (reason := watch.doubt(found.value, at)) is not None:
            doubts[name] = reason
            return None
        return found.value

    def _note_frozen(self, readings: dict[tuple[Measurand, Phase], Reading], at: datetime) -> None:
        """Of the sum alone: phases may well carry nothing."""
        for (name, index), watch in self._watches.items():
            register = self._profile.registers[name]
            phase = register.phase(index)
            is_import = register.measurand is Measurand.ENERGY_REGISTER
            measurand = Measurand.ENERGY_REGISTER if is_import else Measurand.ENERGY_EXPORT_REGISTER
            power = readings.get((Measurand.POWER if is_import else Measurand.POWER_EXPORT, phase))
            reading = readings.get((measurand, phase))
            if phase is not None or reading is None or power is None or power.at != at:
                continue
            flowing_w = max(0, power.value)  # where one register tells both ways, what flows back moves the other one
            if (is_frozen := watch.is_frozen(flowing_w, at)) != reading.is_frozen:
                readings[measurand, phase] = replace(reading, is_frozen=is_frozen)

    def _limit(self, firsts: Mapping[str, Value | None], at: datetime) -> LimitShown | None:
        rule = self._profile.limit
        if rule is None:
            return None
        was = self.snapshot.limit or LimitShown(unit=self._limit_unit)
        fail_safe = self._profile.fail_safe

        def shown(name: str | None, before: Reading | None) -> Reading | None:
            if name is None or name not in firsts:
                return before
            value = firsts[name]
            return Reading(value=value, at=at) if isinstance(value, int) else None

        return LimitShown(
            unit=self._limit_unit,
            setpoint=shown(rule.readback or rule.register, was.setpoint),
            applied=shown(rule.applied, was.applied),
            fail_safe=shown(fail_safe.register if fail_safe else None, was.fail_safe),
            lowest=shown(rule.minimum_register, was.lowest),
            highest=shown(rule.maximum_register, was.highest),
        )


def _changes(before: EvseSnapshot, after: EvseSnapshot) -> frozenset[Change]:
    """What differs, beside the times."""
    found = set()
    if _status_of(before) != _status_of(after):
        found.add(Change.STATUS)
    if _text_of(before.card) != _text_of(after.card):
        found.add(Change.CARD)
    if _text_of(before.fault) != _text_of(after.fault):
        found.add(Change.FAULT)
    if _values_of(before) != _values_of(after):
        found.add(Change.READINGS)
    if _limits_of(before) != _limits_of(after):
        found.add(Change.LIMIT)
    return frozenset(found)


def _status_of(snapshot: EvseSnapshot) -> object:
    return None if snapshot.status is None else (snapshot.status.status, snapshot.status.charging_state)


def _text_of(shown: Shown | None) -> object:
    return None if shown is None else (shown.text,)


def _values_of(snapshot: EvseSnapshot) -> object:
    session = snapshot.session_energy
    values = {key: (reading.value, reading.is_frozen) for key, reading in snapshot.readings.items()}
    return values, None if session is None else session.value, dict(snapshot.doubts)


def _limits_of(snapshot: EvseSnapshot) -> object:
    limit, phases = snapshot.limit, snapshot.phases_in_use
    shown = () if limit is None else (limit.setpoint, limit.applied, limit.fail_safe, limit.lowest, limit.highest)
    values = {number: reading.value for number, reading in enumerate(shown) if reading is not None}
    return values, phases and phases.value
