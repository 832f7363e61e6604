"""What an EVSE of an OCPP station takes, as a meter of the site sees it: `feeder.let_through(StationFlow(charger, 1))`.

The station keeps its own time, so the meter sees what has flowed when the station has counted it. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware_sim.station_model import StationModel


@dataclass(slots=True, eq=False)
class StationFlow:
    """A Flow of `firmware_sim.modbus.meter_model`. One for DC takes from all phases alike; energy is in µJ."""

    charger: StationModel
    evse_id: int
    phase_uj: list[int] = field(default_factory=lambda: [0, 0, 0])
    _seen_uj: int = field(init=False)
    _used: int = 3
    """Phases; a vehicle that has gone may have charged until just now."""

    def __post_init__(self) -> None:
        self._seen_uj = self.charger.evses[self.evse_id].meter.register_uj

    def settle(self, now_us: int) -> None:
        """Take note of what the station has counted since; its time is not ours to move."""
        evse = self.charger.evses[self.evse_id]
        if evse.vehicle is not None:
            self._used = min(evse.spec.phases, evse.vehicle.ac_phases) or 3
        drawn_uj = evse.meter.register_uj - self._seen_uj
        if not drawn_uj:
            return
        self._seen_uj += drawn_uj
        for phase in range(self._used):
            self.phase_uj[phase] += drawn_uj // self._used
        self.phase_uj[0] += drawn_uj % self._used

    def phase_power_w(self, phase: int) -> int:
        return self.charger.evses[self.evse_id].power_w // self._used if phase < self._used else 0

    def phase_energy_uj(self, phase: int) -> int:
        return self.phase_uj[phase]
