"""A transaction: its state machine, one table, and what is known of it until it is billed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from protocols.ocpi.cdr import ChargingPeriod
from protocols.ocpi.tariff import Tariff
from protocols.terms import ChargingState, EvseRef


class TransactionState(StrEnum):
    """RUNNING and INTERRUPTED are open; BILLED and QUARANTINED are final; HANDED_OVER goes on at another agent."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    BILLED = "billed"
    QUARANTINED = "quarantined"
    HANDED_OVER = "handed over"


class Cause(StrEnum):
    """What moves a transaction on. FINISHED_* covers every end: by the station, superseded, abandoned."""

    HEARD_OF = "heard of"
    STATION_REBOOTED = "station rebooted"
    FINISHED_SOUND = "finished, bill is plausible"
    FINISHED_SUSPECT = "finished, bill is suspect"
    CLAIMED = "claimed by another agent"
    TAKEN_OVER = "taken over by that agent"


_S, _C = TransactionState, Cause
TABLE: dict[tuple[TransactionState, Cause], TransactionState] = {
    (_S.RUNNING, _C.HEARD_OF): _S.RUNNING,
    (_S.RUNNING, _C.STATION_REBOOTED): _S.INTERRUPTED,
    (_S.RUNNING, _C.FINISHED_SOUND): _S.BILLED,
    (_S.RUNNING, _C.FINISHED_SUSPECT): _S.QUARANTINED,
    (_S.INTERRUPTED, _C.HEARD_OF): _S.RUNNING,
    (_S.INTERRUPTED, _C.STATION_REBOOTED): _S.INTERRUPTED,
    (_S.INTERRUPTED, _C.FINISHED_SOUND): _S.BILLED,
    (_S.INTERRUPTED, _C.FINISHED_SUSPECT): _S.QUARANTINED,
    (_S.RUNNING, _C.CLAIMED): _S.HANDED_OVER,
    (_S.INTERRUPTED, _C.CLAIMED): _S.HANDED_OVER,
    (_S.HANDED_OVER, _C.TAKEN_OVER): _S.RUNNING,
}
"""What is not here does not happen: BILLED and QUARANTINED have no way out, so no transaction is billed twice. Who
handed one over has only a copy, which it cannot bill; `moves` tells an old copy from the newest."""


ROUNDING_WH = 10
"""A station that samples in kWh and stops in Wh may show this much less at the end."""


class Doubt(StrEnum):
    """Why a bill needs a person; the values are shown to that person."""

    CLOCK = "the station's clock was implausible and the tariff prices time"
    METER_BACKWARDS = "the meter ran backwards"
    METER_MISSING = "the station sent no meter reading"
    TOO_MUCH_ENERGY = "more energy than the EVSE can deliver in that time"


@dataclass(slots=True, kw_only=True)
class Phase:
    """A stretch of a transaction in which the vehicle was charging or was not, from `start` and register `start_wh`."""

    start: datetime
    start_wh: int
    is_charging: bool


@dataclass(slots=True, kw_only=True)
class Transaction:
    """An open transaction, checkpointed to the ledger whole. Registers in Wh as the station's meter shows them.

    `start_key` tells a retried start from a new one. `is_start_assumed`: the station's Started message never came and
    the transaction was opened by a later one. `is_evse_assumed`: the start named no EVSE; a later message does.
    `kept_until`: the time of the newest reading in the last checkpoint. `moves`: how often it was handed over from one
    agent of a node to another; of two copies the one with more moves is the transaction.
    """

    transaction_id: str
    charger_transaction_id: str
    station_id: str
    evse_id: int
    connector_id: int
    start_key: str
    token_uid: str | None
    contract_id: str
    group_id: str | None
    started_at: datetime
    meter_start_wh: int | None
    tariff: Tariff
    state: TransactionState = TransactionState.RUNNING
    charging_state: ChargingState = ChargingState.CHARGING
    phases: list[Phase] = field(default_factory=list)
    last_wh: int | None = None
    last_at: datetime | None = None
    checkpointed_at: datetime | None = None
    kept_until: datetime | None = None
    doubts: list[Doubt] = field(default_factory=list)
    is_start_assumed: bool = False
    is_evse_assumed: bool = False
    moves: int = 0

    @property
    def ref(self) -> EvseRef:
        return EvseRef(self.station_id, self.evse_id)

    @property
    def energy_wh(self) -> int:
        """Delivered so far; never negative."""
        if self.meter_start_wh is None or self.last_wh is None:
            return 0
        return max(0, self.last_wh - self.meter_start_wh)

    @property
    def last_heard_at(self) -> datetime:
        """Up to when something is known of it."""
        return max(self.last_at or self.started_at, self.started_at)

    def learn_start(self, started_at: datetime, register_wh: int | None) -> None:
        """The start came after all: it began then if that is earlier, and at that register if that is lower."""
        self.is_start_assumed = False
        self.started_at = self.phases[0].start = min(self.started_at, started_at)
        if register_wh is not None and register_wh <= (self.meter_start_wh or register_wh):
            self.meter_start_wh = self.phases[0].start_wh = register_wh

    def doubt(self, doubt: Doubt) -> None:
        if doubt not in self.doubts:
            self.doubts.append(doubt)

    def move(self, cause: Cause) -> None:
        """Follow the table. Raises KeyError for a move that does not exist: a fault of ours."""
        self.state = TABLE[self.state, cause]

    def read(self, register_wh: int, at: datetime) -> None:
        """Take in a meter reading; one that is older than the last known changes nothing."""
        if self.meter_start_wh is None:
            self.meter_start_wh = register_wh
            for phase in self.phases:
                phase.start_wh = register_wh
        if self.last_at is not None and at < self.last_at:
            return
        before_wh = self.last_wh if self.last_wh is not None else self.meter_start_wh
        if register_wh < before_wh:
            if register_wh < before_wh - ROUNDING_WH:
                self.doubt(Doubt.METER_BACKWARDS)
            return
        self.last_wh, self.last_at = register_wh, at

    def enter(self, charging_state: ChargingState, at: datetime) -> bool:
        """Note what the vehicle does from `at` on; returns whether that is a change."""
        if self.phases and charging_state is self.charging_state:
            return False
        self.charging_state = charging_state
        is_charging = charging_state is ChargingState.CHARGING
        if not self.phases or self.phases[-1].is_charging != is_charging:
            start = max(at, self.phases[-1].start) if self.phases else at
            start_wh = self.last_wh if self.last_wh is not None else self.meter_start_wh or 0
            self.phases.append(Phase(start=start, start_wh=start_wh, is_charging=is_charging))
        return True

    def finish(self, meter_stop_wh: int | None, at: datetime) -> None:
        """Take the end's register as the truth, and leave no phase beyond it in time or energy.

        A register a little below the last sample is rounding on the station's side; more than that is a doubt.
        """
        if meter_stop_wh is not None:
            before_wh = self.last_wh if self.last_wh is not None else self.meter_start_wh
            if before_wh is not None and meter_stop_wh < before_wh - ROUNDING_WH:
                self.doubt(Doubt.METER_BACKWARDS)
            if self.meter_start_wh is None:
                self.read(meter_stop_wh, at)
                self.doubt(Doubt.METER_MISSING)
            self.last_wh = meter_stop_wh
        elif self.last_wh is None:
            self.doubt(Doubt.METER_MISSING)
        stop_wh = self.last_wh if self.last_wh is not None else self.meter_start_wh or 0
        for phase in self.phases:
            phase.start_wh = min(phase.start_wh, stop_wh)
            phase.start = min(phase.start, at)

    def charging_periods(self, until: datetime) -> tuple[ChargingPeriod, ...]:
        """The phases so far as OCPI charging periods, whole seconds that add up exactly to the whole duration."""
        periods = []
        last_wh = self.last_wh if self.last_wh is not None else self.meter_start_wh or 0
        for index, phase in enumerate(self.phases):
            following = self.phases[index + 1] if index + 1 < len(self.phases) else None
            end, end_wh = (following.start, following.start_wh) if following else (until, last_wh)
            seconds = max(0, self._second(end) - self._second(phase.start))
            periods.append(
                ChargingPeriod(
                    start_date_time=phase.start,
                    energy_wh=max(0, end_wh - phase.start_wh),
                    time_s=seconds if phase.is_charging else 0,
                    parking_time_s=0 if phase.is_charging else seconds,
                )
            )
        return tuple(periods)

    def _second(self, at: datetime) -> int:
        return int((at - self.started_at).total_seconds())
