"""An electric vehicle as the charger sees it: a battery that takes power until it has what its driver wanted. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

UJ_PER_WH = 3_600_000_000
"""Microjoules (watt × microsecond) in a watt-hour: energy is summed in these, so that no rounding ever adds up."""

NOMINAL_V = 230
MIN_CURRENT_A = 6
"""Below 6 A per phase an AC vehicle does not charge (IEC 61851-1, Table A.8)."""

_TAPERED_PERCENT = 10
"""What a full battery still accepts, in percent of its maximum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vehicle:
    """A battery and its limits; `energy_uj` is what it holds now. `max_dc_power_w` 0: it cannot charge from DC."""

    name: str = "vehicle"
    battery_wh: int
    energy_uj: int
    target_uj: int
    max_ac_power_w: int = 11_000
    ac_phases: int = 3
    max_dc_power_w: int = 0
    taper_from_percent: int = 80

    @property
    def soc_percent(self) -> int:
        """State of charge, 0–100, rounded down."""
        return min(100, self.energy_uj * 100 // (self.battery_wh * UJ_PER_WH))

    @property
    def missing_uj(self) -> int:
        """Energy until the driver's target; 0 when it is reached."""
        return max(0, self.target_uj - self.energy_uj)

    def power_w(self, *, offered_w: int, phases: int) -> int:
        """Power drawn from an EVSE that offers `offered_w` on `phases` AC phases (0: DC). Never more than offered."""
        if self.missing_uj == 0 or offered_w <= 0:
            return 0
        if phases == 0:
            return min(offered_w, self._tapered(self.max_dc_power_w))
        used = min(phases, self.ac_phases)
        own_w = self._tapered(self.max_ac_power_w) // self.ac_phases
        per_phase_w = min(offered_w // phases, own_w)
        if offered_w // phases < MIN_CURRENT_A * NOMINAL_V:
            return 0
        return per_phase_w * used

    def _tapered(self, max_w: int) -> int:
        """The battery's own limit: whole up to `taper_from_percent`, then falling in a line to a tenth when full."""
        full_uj = self.battery_wh * UJ_PER_WH
        knee_uj = full_uj * self.taper_from_percent // 100
        over_uj = min(self.energy_uj, full_uj) - knee_uj
        if over_uj <= 0 or full_uj == knee_uj:
            return max_w
        return max_w - max_w * (100 - _TAPERED_PERCENT) * over_uj // (100 * (full_uj - knee_uj))

    def charged(self, energy_uj: int) -> Vehicle:
        """The same vehicle with `energy_uj` more in its battery."""
        return replace(self, energy_uj=self.energy_uj + energy_uj)

    @classmethod
    def at_percent(
        cls,
        soc_percent: int,
        *,
        battery_wh: int,
        target_percent: int = 100,
        energy_wh: int | None = None,
        name: str = "vehicle",
        max_ac_power_w: int = 11_000,
        ac_phases: int = 3,
        max_dc_power_w: int = 0,
    ) -> Vehicle:
        """A vehicle that arrives with `soc_percent` and leaves content at `target_percent`, or after `energy_wh`."""
        full_uj = battery_wh * UJ_PER_WH
        energy_uj = full_uj * soc_percent // 100
        target_uj = full_uj * target_percent // 100
        if energy_wh is not None:
            target_uj = min(full_uj, energy_uj + energy_wh * UJ_PER_WH)
        return cls(
            name=name,
            battery_wh=battery_wh,
            energy_uj=energy_uj,
            target_uj=target_uj,
            max_ac_power_w=max_ac_power_w,
            ac_phases=ac_phases,
            max_dc_power_w=max_dc_power_w,
        )
