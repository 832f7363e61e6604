"""One EVSE: cable, vehicle, contactor and meter. It integrates power exactly and derives its state from facts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from firmware_sim.blocks.charging_profiles import ChargingProfile
from firmware_sim.messages import CARD_TYPE, ConnectorState, Trigger
from firmware_sim.meter import Meter, Reading
from firmware_sim.settings import EvseSpec
from firmware_sim.vehicle import Vehicle
from protocols.terms import ChargingState, ReadingContext

_CELL_S = 10
"""Power is chosen anew every ten seconds of site time, on a grid that does not depend on who asks when."""

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """A driver who may charge here but whose car is not ready yet; it lapses at `until`."""

    id_token: str
    until: datetime
    trigger: Trigger
    token_type: str = CARD_TYPE
    remote_start_id: int | None = None
    group: str | None = None
    profile: ChargingProfile | None = None
    """What RequestStartTransaction gave along for the transaction (OCPP 1.6 §5.11, 2.0.1 F01)."""


@dataclass(slots=True, kw_only=True)
class Evse:
    """The facts about one EVSE at the instant `at`; the charger changes them, `settle` lets time pass."""

    spec: EvseSpec
    meter: Meter
    at: datetime
    powered: bool = True
    vehicle: Vehicle | None = None
    permit: Permit | None = None
    asking: str | None = None
    """The IdToken of an Authorize that has not been answered."""
    remote: Permit | None = None
    """The remote start that this Authorize is for."""
    transaction_id: str | None = None
    finishing: bool = False
    faulted: bool = False
    operative: bool = True
    operative_next: bool | None = None
    limit_w: int | None = None
    profile_w: int | None = None
    """What the charging profiles allow now."""
    is_reserved: bool = False
    full_at: datetime | None = None
    """When the vehicle had what it wanted."""
    power_w: int = 0
    cell_end: datetime | None = None
    reported: ConnectorState | None = None
    next_sample_at: datetime | None = None
    interrupted_at: datetime | None = None
    """When the power went that cut the transaction off."""

    @property
    def evse_id(self) -> int:
        return self.spec.evse_id

    @property
    def offered_w(self) -> int:
        """What the EVSE offers to a vehicle now: its rating or its limit, nothing with an open contactor."""
        if self.transaction_id is None or self.faulted or not self.powered:
            return 0
        limits = [each for each in (self.limit_w, self.profile_w) if each is not None]
        return max(0, min((self.spec.max_power_w, *limits)))

    def settle(self, now: datetime) -> None:
        """Let time pass until `now`: cell by cell, each with the power chosen at its beginning."""
        while self.at < now:
            end = now if self.cell_end is None else min(now, self.cell_end)
            if self.power_w and self.vehicle is not None:
                energy_uj = self.power_w * ((end - self.at) // _MICROSECOND)
                self.meter = self.meter.after(energy_uj)
                self.vehicle = self.vehicle.charged(energy_uj)
            self.at = end
            if end == self.cell_end:
                self.choose_power()

    def choose_power(self) -> None:
        """Ask the vehicle what it draws from now on; to be called after every change of a fact."""
        vehicle = self.vehicle
        self.power_w = 0
        self.cell_end = None
        if vehicle is None:
            return
        self.power_w = vehicle.power_w(offered_w=self.offered_w, phases=self.spec.phases)
        if vehicle.missing_uj == 0 and self.full_at is None:
            self.full_at = self.at
        if self.power_w:
            since_epoch_s = int((self.at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
            to_grid = timedelta(seconds=_CELL_S - since_epoch_s % _CELL_S, microseconds=-self.at.microsecond)
            to_target = -(-vehicle.missing_uj // self.power_w) * _MICROSECOND
            self.cell_end = self.at + min(to_grid, to_target)

    def read(self, context: ReadingContext) -> Reading:
        """What the meter shows at `at`."""
        return self.meter.read(
            self.at,
            context,
            power_w=self.power_w,
            used=self.vehicle.ac_phases if self.vehicle else self.spec.phases,
            soc_percent=self.vehicle.soc_percent if self.vehicle else None,
        )

    @property
    def state(self) -> ConnectorState:
        """The connector's state, derived and never stored: what is not true cannot be told."""
        if self.faulted:
            return ConnectorState.FAULTED
        if self.transaction_id is not None:
            if self.power_w:
                return ConnectorState.CHARGING
            return ConnectorState.SUSPENDED_EV if self.offered_w else ConnectorState.SUSPENDED_EVSE
        if not self.operative:
            return ConnectorState.UNAVAILABLE
        if self.finishing:
            return ConnectorState.FINISHING
        if self.vehicle is not None or self.permit is not None:
            return ConnectorState.PREPARING
        return ConnectorState.RESERVED if self.is_reserved else ConnectorState.AVAILABLE

    @property
    def charging_state(self) -> ChargingState:
        """OCPP 2.0.1 ChargingState of the running (or just ended) transaction."""
        match self.state:
            case ConnectorState.CHARGING:
                return ChargingState.CHARGING
            case ConnectorState.SUSPENDED_EV:
                return ChargingState.SUSPENDED_EV
            case ConnectorState.SUSPENDED_EVSE:
                return ChargingState.SUSPENDED_EVSE
            case _:
                return ChargingState.IDLE if self.vehicle is None else ChargingState.EV_CONNECTED
