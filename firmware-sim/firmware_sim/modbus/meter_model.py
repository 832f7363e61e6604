"""A meter and an inverter: power by phase, the energy that it adds up to, and what registers tell of it. Pure.

What is counted in and out is summed over the phases, as the meters of the grid do; each phase is counted by itself too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, Protocol

from firmware_sim.modbus.bits import Cell, Counter
from firmware_sim.modbus.charger_model import ChargerModel
from firmware_sim.modbus.layout import Written
from firmware_sim.modbus.outlet import US_PER_S
from firmware_sim.modbus.pdu import Refusal
from firmware_sim.modbus.plate import plate_cells
from firmware_sim.vehicle import NOMINAL_V, UJ_PER_WH
from protocols.modbus.profile import Condition, Profile
from protocols.modbus.reads import Point
from protocols.modbus.register import Unit
from protocols.terms import Measurand

_PHASES: Final = {"L1": 0, "L2": 1, "L3": 2}
_CELL_US: Final = US_PER_S
_SWING_PERCENT: Final = (0, 3, 5, 3, 0, -3, -5, -3)
"""How a house's load moves about its mean, every second."""
_POWER_FACTOR_PER_MILLE: Final = 980
_REACTIVE_PER_MILLE: Final = 203
"""tan φ at that power factor."""
_FREQUENCY_MHZ: Final = 50_000


class Flow(Protocol):
    """Something behind a meter that takes (or, below 0, gives) power."""

    def settle(self, now_us: int) -> None: ...

    def phase_power_w(self, phase: int) -> int: ...

    def phase_energy_uj(self, phase: int) -> int:
        """Taken until now, less what was given."""
        ...


@dataclass(frozen=True, slots=True)
class EvseFlow:
    """An EVSE behind a meter; one for DC takes from all phases alike."""

    charger: ChargerModel
    evse_id: int

    def settle(self, now_us: int) -> None:
        self.charger.settle(now_us)

    def phase_power_w(self, phase: int) -> int:
        outlet = self.charger.outlets[self.evse_id - 1]
        return outlet.power_w // 3 if outlet.phases == 0 else outlet.phase_power_w(phase)

    def phase_energy_uj(self, phase: int) -> int:
        outlet = self.charger.outlets[self.evse_id - 1]
        return outlet.total_uj // 3 if outlet.phases == 0 else outlet.phase_uj[phase]


@dataclass(slots=True, eq=False)
class House:
    """A load by phase that moves about `load_w`, or stands still with `is_steady`. Below 0 it gives."""

    load_w: tuple[int, int, int] = (400, 300, 500)
    is_steady: bool = False
    at_us: int = 0
    energy_uj: list[int] = field(default_factory=lambda: [0, 0, 0])

    def settle(self, now_us: int) -> None:
        while self.at_us < now_us:
            end_us = min(now_us, (self.at_us // _CELL_US + 1) * _CELL_US)
            for phase in range(3):
                self.energy_uj[phase] += self.phase_power_w(phase) * (end_us - self.at_us)
            self.at_us = end_us

    def phase_power_w(self, phase: int) -> int:
        if self.is_steady:
            return self.load_w[phase]
        swing = _SWING_PERCENT[(self.at_us // _CELL_US + 2 * phase) % len(_SWING_PERCENT)]
        return self.load_w[phase] + self.load_w[phase] * swing // 100

    def phase_energy_uj(self, phase: int) -> int:
        return self.energy_uj[phase]


class MeterModel:
    """What flows through it is the sum of `flows`."""

    def __init__(
        self,
        profile: Profile,
        *,
        signs: Sequence[Condition] = (),
        odometer_wh: int = 1_234_567,
        plate: Mapping[str, Cell],
    ) -> None:
        self.profile = profile
        self.house = House()
        self.flows: list[Flow] = [self.house]
        self.import_uj = odometer_wh * UJ_PER_WH
        self.export_uj = odometer_wh // 10 * UJ_PER_WH
        self.phase_import_uj = [self.import_uj // 3] * 3
        self.phase_export_uj = [self.export_uj // 3] * 3
        self._plate = plate_cells(profile, signs, plate)
        self._written: dict[tuple[str, int], tuple[int, ...]] = {}
        self._at_us = 0
        self._seen_uj: list[list[int]] = [[0, 0, 0]]

    def add(self, flow: Flow) -> None:
        """From now on it flows through this meter too. Raises ValueError where it does already."""
        if flow in self.flows:
            raise ValueError("it is measured already")
        flow.settle(self._at_us)
        self.flows.append(flow)
        self._seen_uj.append([flow.phase_energy_uj(phase) for phase in range(3)])

    def settle(self, now_us: int) -> None:
        """Let time pass, second by second: within one, what comes in and goes out is netted."""
        while self._at_us < now_us:
            end_us = min(now_us, (self._at_us // _CELL_US + 1) * _CELL_US)
            net_uj = [0, 0, 0]
            for flow, seen in zip(self.flows, self._seen_uj, strict=True):
                flow.settle(end_us)
                for phase in range(3):
                    energy_uj = flow.phase_energy_uj(phase)
                    net_uj[phase] += energy_uj - seen[phase]
                    seen[phase] = energy_uj
            self._count(net_uj)
            self._at_us = end_us

    def heard(self, unit_id: int) -> None:
        """A meter does not mind who asks."""

    def cell(self, point: Point) -> Cell:
        """What a register shows now."""
        if (words := self._written.get(point.key)) is not None:
            return words
        register = point.register
        phase = _PHASES.get(register.phase(point.index) or "")
        if register.measurand is None:
            return self._unnamed(point)
        tell = _MEASURED.get(register.measurand)
        return tell(self, phase) if tell is not None else None

    def write(self, written: Written) -> Refusal | None:
        """What may be written is kept and shown."""
        if written.point.coding.decode(written.words).reason is not None:
            return Refusal.ILLEGAL_VALUE
        self._written[written.point.key] = written.words
        return None

    def power_w(self, phase: int | None = None) -> int:
        """Taken now, of a phase or of all; below 0 it is given."""
        phases = range(3) if phase is None else (phase,)
        return sum(flow.phase_power_w(each) for flow in self.flows for each in phases)

    def _count(self, net_uj: Sequence[int]) -> None:
        for phase, energy_uj in enumerate(net_uj):
            self.phase_import_uj[phase] += max(0, energy_uj)
            self.phase_export_uj[phase] += max(0, -energy_uj)
        self.import_uj += max(0, sum(net_uj))
        self.export_uj += max(0, -sum(net_uj))

    def _unnamed(self, point: Point) -> Cell:
        register = point.register
        if point.name == "energy_sum":
            return _energy(self.import_uj + self.export_uj)
        if register.unit in (Unit.VOLT_AMPERE, Unit.KILOVOLT_AMPERE):
            phase = point.index if register.count == 3 else None
            return Fraction(abs(self.power_w(phase)) * 1000, _POWER_FACTOR_PER_MILLE)
        return self._plate[point.name]


class InverterModel(MeterModel):
    """A photovoltaic inverter: `sun_w` shines on it, of which it gives what its limit lets it (SunSpec model 123).

    Its limit is in percent of `rated_w` and holds for the time that stands beside it, or for ever where that is 0.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        signs: Sequence[Condition] = (),
        odometer_wh: int = 1_234_567,
        plate: Mapping[str, Cell],
        rated_w: int = 10_000,
        sun_w: int = 6_000,
    ) -> None:
        super().__init__(profile, signs=signs, odometer_wh=odometer_wh, plate=plate)
        self.rated_w = rated_w
        self.sun_w = sun_w
        self.connect = True
        self.limit_percent = 100
        self.is_limited = False
        self.reverts_after_us = 0
        self._limited_at_us = 0
        self.house.load_w, self.house.is_steady = (0, 0, 0), True
        self.choose_power()

    @property
    def output_w(self) -> int:
        """What it gives now."""
        if not self.connect:
            return 0
        most_w = self.rated_w * self.limit_percent // 100 if self.is_limited else self.rated_w
        return min(self.sun_w, most_w)

    def choose_power(self) -> None:
        """To be called after every change of a fact; time is to be settled before."""
        each = self.output_w // 3
        self.house.load_w = (-(self.output_w - 2 * each), -each, -each)

    def settle(self, now_us: int) -> None:
        """The limit is dropped at the very instant at which its time is over."""
        if self.is_limited and self.reverts_after_us:
            reverts_at_us = self._limited_at_us + self.reverts_after_us
            if reverts_at_us <= now_us:
                super().settle(max(reverts_at_us, self._at_us))
                self.is_limited = False
                self.choose_power()
        super().settle(now_us)

    def write(self, written: Written) -> Refusal | None:
        """Take the controls of model 123; what comes in one request takes effect together."""
        raw = written.point.coding.decode_raw(written.words)
        if raw is None:
            return Refusal.ILLEGAL_VALUE
        match written.point.name:
            case "connect":
                if raw not in (0, 1):
                    return Refusal.ILLEGAL_VALUE
                self.connect = raw == 1
            case "power_limit":
                if raw > 10_000:
                    return Refusal.ILLEGAL_VALUE
                self.limit_percent = raw // 100
                self._limited_at_us = self._at_us
            case "power_limit_revert":
                self.reverts_after_us = raw * US_PER_S
                self._limited_at_us = self._at_us
            case "power_limit_enable":
                if raw not in (0, 1):
                    return Refusal.ILLEGAL_VALUE
                self.is_limited = raw == 1
                self._limited_at_us = self._at_us
            case _:
                return super().write(written)
        self.choose_power()
        return None

    def _unnamed(self, point: Point) -> Cell:
        match point.name:
            case "connect":
                return Fraction(int(self.connect))
            case "power_limit":
                return Fraction(self.limit_percent)
            case "power_limit_revert":
                return Fraction(self.reverts_after_us, 1000)
            case "power_limit_enable":
                return Fraction(int(self.is_limited))
            case "dc_power" | "dc_power_float":
                return Fraction(self.output_w * 102, 100)
            case _:
                return super()._unnamed(point)


def _energy(energy_uj: int) -> Cell:
    return Counter(Fraction(energy_uj, UJ_PER_WH))


def _imported(model: MeterModel, phase: int | None) -> Cell:
    return _energy(model.import_uj if phase is None else model.phase_import_uj[phase])


def _exported(model: MeterModel, phase: int | None) -> Cell:
    return _energy(model.export_uj if phase is None else model.phase_export_uj[phase])


def _power(model: MeterModel, phase: int | None) -> Cell:
    return Fraction(model.power_w(phase))


def _power_export(model: MeterModel, phase: int | None) -> Cell:
    return Fraction(-model.power_w(phase))


def _reactive(model: MeterModel, phase: int | None) -> Cell:
    return Fraction(model.power_w(phase) * _REACTIVE_PER_MILLE, 1000)


def _current(model: MeterModel, phase: int | None) -> Cell:
    """Without its direction, as most meters tell it."""
    most_w = max(abs(model.power_w(each)) for each in (range(3) if phase is None else (phase,)))
    return Fraction(most_w * 1_000_000, NOMINAL_V * _POWER_FACTOR_PER_MILLE)


_MEASURED: Final[Mapping[Measurand, Callable[[MeterModel, int | None], Cell]]] = {
    Measurand.ENERGY_REGISTER: _imported,
    Measurand.ENERGY_EXPORT_REGISTER: _exported,
    Measurand.POWER: _power,
    Measurand.POWER_EXPORT: _power_export,
    Measurand.REACTIVE_POWER: _reactive,
    Measurand.CURRENT: _current,
    Measurand.CURRENT_EXPORT: _current,
    Measurand.VOLTAGE: lambda _, __: Fraction(NOMINAL_V * 1000),
    Measurand.FREQUENCY: lambda _, __: Fraction(_FREQUENCY_MHZ),
    Measurand.POWER_FACTOR: lambda _, __: Fraction(_POWER_FACTOR_PER_MILLE),
}
