"""A device as a peer sees it: a request goes in, an answer comes out, by its layout and what lives behind it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from firmware_sim.modbus import pdu as wire
from firmware_sim.modbus.bits import Cell, is_whole, put, words_of
from firmware_sim.modbus.chain import USUAL_MODELS, lay_out
from firmware_sim.modbus.charger_model import ChargerModel
from firmware_sim.modbus.habits import habits_of
from firmware_sim.modbus.layout import Layout, Written
from firmware_sim.modbus.meter_model import InverterModel, MeterModel
from firmware_sim.modbus.pdu import Refusal, Request
from protocols.errors import BadText
from protocols.modbus.catalogue import load, parsed
from protocols.modbus.profile import Condition, DeviceKind, Profile
from protocols.modbus.reads import Point, points

_USUAL_EVSES = 2


class Model(Protocol):
    """What lives behind the registers."""

    def settle(self, now_us: int) -> None: ...

    def heard(self, unit_id: int) -> None: ...

    def cell(self, point: Point) -> Cell: ...

    def write(self, written: Written) -> Refusal | None: ...


class SimulatedDevice:
    """`reads` and `writes` are what was asked of it and granted, `refusals` what was not; `first_tries` are those that
    only woke a device which wants everything twice."""

    def __init__(self, profile: Profile, layout: Layout, model: Model) -> None:
        self.profile = profile
        self.model = model
        self.layout = layout
        self.reads = self.writes = self.refusals = self.first_tries = 0
        self._exponents: dict[str, int] = {}
        self._woken_by: bytes | None = None
        self._stuck: dict[tuple[int, str, int], tuple[int, ...]] = {}

    @property
    def unit_ids(self) -> frozenset[int]:
        """The units behind which something stands."""
        return self.layout.unit_ids

    def answer(self, unit_id: int, pdu: bytes, now_us: int) -> bytes:
        """Carry out a request for one of its units at `now_us` of its clock."""
        self.model.settle(now_us)
        self.model.heard(unit_id)
        request = wire.parse(pdu)
        if isinstance(request, Refusal):
            self.refusals += 1
            return wire.refused(pdu, request)
        if self.profile.reads.twice and self._woken_by != pdu:
            self._woken_by = pdu
            self.first_tries += 1
            return wire.answer(request, (0,) * request.count)
        self._woken_by = None
        refusal = self._write(unit_id, request) if request.is_write else None
        words: tuple[int, ...] = ()
        if not request.is_write and (refusal := self.layout.refusal_to_read(unit_id, request)) is None:
            words = self._read(unit_id, request)
        if refusal is not None:
            self.refusals += 1
            return wire.refused(pdu, refusal)
        self.writes += request.is_write
        self.reads += not request.is_write
        return wire.answer(request, words)

    def words(self, point: Point) -> tuple[int, ...] | None:
        """What a value shows; None where it leaves its bits to another."""
        if (stuck := self._stuck.get((point.evse_id, *point.key))) is not None:
            return stuck
        cell = self.model.cell(point)
        if cell is None and not is_whole(point):
            return None
        return words_of(point, cell, self._exponent(point))

    def stick(self, now_us: int, names: Iterable[str] | None = None) -> None:
        """Registers go on showing what they show now: those that are named, or all."""
        self.model.settle(now_us)
        chosen = None if names is None else frozenset(names)
        for point in self.layout.readable_points():
            if (chosen is None or point.name in chosen) and (words := self.words(point)) is not None:
                self._stuck[point.evse_id, *point.key] = words

    def unstick(self) -> None:
        """All registers live again."""
        self._stuck.clear()

    def _read(self, unit_id: int, request: Request) -> tuple[int, ...]:
        memory = dict(self.layout.fixed_in(unit_id, request))
        for point in self.layout.points_in(unit_id, request):
            if point.register.is_readable and (words := self.words(point)) is not None:
                put(memory, point, words)
        return tuple(memory.get(at, 0) for at in range(request.address, request.end))

    def _write(self, unit_id: int, request: Request) -> Refusal | None:
        found = self.layout.written(unit_id, request)
        if isinstance(found, Refusal):
            return found
        for written in found:
            if (refusal := self.model.write(written)) is not None:
                return refusal
        return None

    def _exponent(self, point: Point) -> int:
        """What stands in the scale register of a value."""
        name = point.register.scale_register
        if name is None:
            return 0
        if name not in self._exponents:
            (scale,) = points(self.profile, [name])
            found = scale.coding.decode_raw(words_of(scale, self.model.cell(scale)))
            self._exponents[name] = found or 0
        return self._exponents[name]


def simulated(
    profile_id: str,
    *,
    variant: str | None = None,
    unit_id: int | None = None,
    evses: int | None = None,
    highest: int | None = None,
    fail_safe: int | None = None,
    watchdog_s: int | None = None,
    odometer_wh: int = 1_234_567,
    plate: Mapping[str, Cell] | None = None,
    absent: Iterable[str] = (),
    sunspec_base: int | None = None,
    sunspec_models: Iterable[int] = USUAL_MODELS,
) -> SimulatedDevice:
    """A device of a profile that ships with the house. `highest` and `fail_safe` are limits in mA or W, as its limit
    counts; `plate` is what its type plate says instead of the usual, by register; `absent` are optional
    registers that it has not. Raises BadText for a profile, a variant or EVSEs that there are not.
    """
    profile = load(profile_id, variant)
    if unit_id is not None:
        profile = replace(profile, unit_id=unit_id)
    signs: list[Condition] = list(profile.identify)
    if profile.phase_switch is not None and profile.phase_switch.requires is not None:
        signs.append(profile.phase_switch.requires)
    if variant is not None:
        signs += parsed(profile_id).variants[variant][0].when
    fixed: dict[int, int] = {}
    if profile.sunspec is not None:
        base = profile.sunspec.bases[0] if sunspec_base is None else sunspec_base
        profile, fixed = lay_out(profile, base, tuple(sunspec_models))
    count = min(profile.evses.at_most, _USUAL_EVSES) if evses is None else evses
    if not 1 <= count <= profile.evses.at_most:
        raise BadText(f"{profile_id} has 1 to {profile.evses.at_most} EVSEs, not {count}")
    habits = habits_of(profile_id)
    habits = replace(habits, plate={**habits.plate, **(plate or {})})
    layout = Layout(profile, count, absent, fixed)
    model: Model
    match profile.kind:
        case DeviceKind.CHARGER:
            model = ChargerModel(
                profile,
                habits,
                evses=count,
                signs=signs,
                highest=highest,
                fail_safe=fail_safe,
                watchdog_s=watchdog_s,
                odometer_wh=odometer_wh,
            )
        case DeviceKind.METER:
            model = MeterModel(profile, signs=signs, odometer_wh=odometer_wh, plate=habits.plate)
        case DeviceKind.INVERTER:
            model = InverterModel(profile, signs=signs, odometer_wh=odometer_wh, plate=habits.plate)
    return SimulatedDevice(profile, layout, model)
