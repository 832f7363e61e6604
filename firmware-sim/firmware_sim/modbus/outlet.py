"""One EVSE of a charger without OCPP: vehicle, contactor and meter, and what it makes of its limits. Pure.

Time is in whole microseconds of the device's own clock, which begins at 0. Energy is summed in microjoules, so that
nothing is ever lost to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from firmware_sim.vehicle import MIN_CURRENT_A, NOMINAL_V, Vehicle
from protocols.terms import ChargingState, ConnectorStatus

US_PER_S: Final = 1_000_000
_CELL_US: Final = 10 * US_PER_S
"""Power is chosen anew every ten seconds, on a grid that does not depend on who asks when."""
_CARD_SHOWN_US: Final = 60 * US_PER_S
_DC_EMPTY_V: Final = 360
_DC_V_PER_PERCENT: Final = 0.6


@dataclass(slots=True, kw_only=True, eq=False)
class Outlet:
    """`phases` 1 or 3, 0 for DC. Limits are in mA per phase, or in W where `counts_watts`; `limit` None is none."""

    evse_id: int = 1
    phases: int = 3
    counts_watts: bool = False
    highest: int = 16_000
    lowest: int = 6_000
    limit: int | None = None
    enabled: bool = True
    active_phases: int = 3
    fail_safe: int | None = None
    """While the watchdog has run out: goes before all that was set."""
    vehicle: Vehicle | None = None
    card: str = ""
    card_until_us: int | None = None
    fault: int | None = None
    is_out_of_service: bool = False
    is_locked: bool = False
    session_restarts: bool = True
    at_us: int = 0
    power_w: int = 0
    plugged_at_us: int | None = None
    charging_us: int = 0
    session_uj: int = 0
    total_uj: int = 0
    phase_uj: list[int] = field(default_factory=lambda: [0, 0, 0])
    _cell_end_us: int | None = None

    # --- what happens to it; time is to be settled before ---

    def plug(self, vehicle: Vehicle) -> None:
        """A cable with a vehicle at its other end. Raises ValueError where there is one already."""
        if self.vehicle is not None:
            raise ValueError("a vehicle is plugged in already")
        self.vehicle = vehicle
        self.plugged_at_us = self.at_us
        self.charging_us = 0
        self.card_until_us = None
        self.is_locked = True
        if self.session_restarts:
            self.session_uj = 0
        self.choose_power()

    def unplug(self) -> Vehicle | None:
        """The vehicle goes as it is now; None where there was none."""
        vehicle, self.vehicle = self.vehicle, None
        self.plugged_at_us = None
        self.card = ""
        self.is_locked = self.is_out_of_service = False
        self.choose_power()
        return vehicle

    def present_card(self, uid: str) -> None:
        """Shown until the vehicle goes; without one, for a minute."""
        self.card = uid
        self.card_until_us = self.at_us + _CARD_SHOWN_US if self.vehicle is None else None

    # --- time ---

    def settle(self, now_us: int) -> None:
        """Let time pass until `now_us`."""
        while self.at_us < now_us:
            end_us = now_us if self._cell_end_us is None else min(now_us, self._cell_end_us)
            self._count(end_us - self.at_us)
            self.at_us = end_us
            if end_us == self._cell_end_us:
                self.choose_power()
        if self.card_until_us is not None and self.card_until_us <= self.at_us:
            self.card, self.card_until_us = "", None

    def choose_power(self) -> None:
        """Ask the vehicle what it draws from now on; to be called after every change of a fact."""
        self.power_w, self._cell_end_us = 0, None
        if self.vehicle is None:
            return
        self.power_w = self.vehicle.power_w(offered_w=self.offered_w, phases=self.used_phases)
        if self.power_w:
            to_grid_us = _CELL_US - self.at_us % _CELL_US
            to_target_us = -(-self.vehicle.missing_uj // self.power_w)
            self._cell_end_us = self.at_us + min(to_grid_us, to_target_us)

    def _count(self, duration_us: int) -> None:
        if not self.power_w or self.vehicle is None:
            return
        energy_uj = self.power_w * duration_us
        self.vehicle = self.vehicle.charged(energy_uj)
        self.total_uj += energy_uj
        self.session_uj += energy_uj
        self.charging_us += duration_us
        used = max(1, self.used_phases)
        for phase in range(used):
            self.phase_uj[phase] += energy_uj // used

    # --- what is ---

    @property
    def applied(self) -> int:
        """The limit in force, in mA or W: of what was set, its own and the fail-safe's; 0 where it must not charge."""
        if self.fail_safe is not None:
            wanted = self.fail_safe
        elif not self.enabled:
            wanted = 0
        else:
            wanted = self.highest if self.limit is None else self.limit
        return 0 if wanted < self.lowest else min(wanted, self.highest)

    @property
    def is_stopped(self) -> bool:
        return self.fault is not None or self.is_out_of_service

    @property
    def offered_w(self) -> int:
        """What the vehicle may draw."""
        if self.is_stopped:
            return 0
        if self.counts_watts:
            return self.applied
        return self.applied * NOMINAL_V * max(1, self.used_phases) // 1000

    @property
    def used_phases(self) -> int:
        """Over how many phases it would charge; 0 for DC."""
        if self.phases == 0:
            return 0
        own = min(self.phases, self.active_phases)
        return own if self.vehicle is None else min(own, self.vehicle.ac_phases)

    def phase_power_w(self, phase: int) -> int:
        return self.power_w // self.used_phases if phase < self.used_phases else 0

    def current_ma(self, phase: int) -> int:
        """Of a phase; for DC, where there is none, all of it."""
        if self.phases == 0:
            return self.power_w * 1000 // self.voltage_v(0)
        return self.phase_power_w(phase) * 1000 // NOMINAL_V

    def voltage_v(self, phase: int) -> int:
        """Of a phase; for DC, the battery's."""
        if self.phases == 0:
            return round(_DC_EMPTY_V + _DC_V_PER_PERCENT * (self.vehicle.soc_percent if self.vehicle else 0))
        return NOMINAL_V if phase < self.phases else 0

    @property
    def is_wanting(self) -> bool:
        """Whether the vehicle would charge if it were let."""
        return self.vehicle is not None and self.vehicle.missing_uj > 0

    @property
    def status(self) -> ConnectorStatus:
        """In OCPP's words."""
        if self.fault is not None:
            return ConnectorStatus.FAULTED
        if self.is_out_of_service:
            return ConnectorStatus.UNAVAILABLE
        return ConnectorStatus.AVAILABLE if self.vehicle is None else ConnectorStatus.OCCUPIED

    @property
    def charging_state(self) -> ChargingState | None:
        """None where no vehicle is there, or it is stopped."""
        if self.vehicle is None or self.is_stopped:
            return None
        if self.power_w:
            return ChargingState.CHARGING
        if self.offered_w == 0:
            return ChargingState.SUSPENDED_EVSE
        return ChargingState.SUSPENDED_EV


def least_w(phases: int) -> int:
    """The least power that a vehicle charges with (IEC 61851-1 Table A.8)."""
    return MIN_CURRENT_A * NOMINAL_V * max(1, phases)
