"""The meter of an EVSE: an odometer that only counts up, and what it reads at an instant. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from firmware_sim.vehicle import NOMINAL_V, UJ_PER_WH
from protocols.terms import ReadingContext

_DC_EMPTY_V = 360
_DC_V_PER_PERCENT = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the meter showed at `at` (UTC): the register in Wh, and per phase (one value for DC, 0 phases) mA and V."""

    at: datetime
    context: ReadingContext
    register_wh: int
    phases: int
    power_w: int
    current_ma: tuple[int, ...]
    voltage_v: tuple[int, ...]
    soc_percent: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """The odometer in microjoules. It survives everything: power failures, resets, restarts."""

    register_uj: int = 0
    phases: int = 3

    @property
    def register_wh(self) -> int:
        """Energy.Active.Import.Register in whole Wh."""
        return self.register_uj // UJ_PER_WH

    def after(self, energy_uj: int) -> Meter:
        """The meter after `energy_uj` more have passed. Raises ValueError for energy that flows backwards."""
        if energy_uj < 0:
            raise ValueError(f"a meter counts up, not by {energy_uj} µJ")
        return replace(self, register_uj=self.register_uj + energy_uj)

    def read(
        self, at: datetime, context: ReadingContext, *, power_w: int, used: int, soc_percent: int | None
    ) -> Reading:
        """A reading while `power_w` flow over `used` phases."""
        if self.phases == 0:
            voltage_v = round(_DC_EMPTY_V + _DC_V_PER_PERCENT * (soc_percent or 0))
            currents: tuple[int, ...] = (power_w * 1000 // voltage_v,)
            voltages: tuple[int, ...] = (voltage_v,)
        else:
            used = max(1, min(used, self.phases))
            flowing = power_w * 1000 // (NOMINAL_V * used)
            currents = tuple(flowing if phase < used else 0 for phase in range(self.phases))
            voltages = (NOMINAL_V,) * self.phases
        return Reading(
            at=at,
            context=context,
            register_wh=self.register_wh,
            phases=self.phases,
            power_w=power_w,
            current_ma=currents,
            voltage_v=voltages,
            soc_percent=soc_percent if self.phases == 0 else None,
        )
