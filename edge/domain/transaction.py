"""A transaction: its state machine, one table, and what is known of it until it is billed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from edge.domain.numbering import Numbering
from edge.domain.phases import Phase, Reading, cut, feel, is_cut, whole_second
from edge.domain.pricing.compiled import compiled
from protocols.ocpi.cdr import ChargingPeriod, SignedData
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


MAX_REMARKS: Final = 8
ROUNDING_WH: Final = 10
"""A station that samples in kWh and stops in Wh may show this much less at the end."""
MARGIN_WH: Final = 1000
MARGIN_PERCENT: Final = 120
"""Energy is suspect above 1.2 times what the EVSE's rating can deliver in the time, plus 1 kWh."""
POWER_HOLDS: Final = timedelta(minutes=5)
"""Between two measured powers so long at most is known."""
_MILLISECOND: Final = timedelta(milliseconds=1)
_WMS_PER_WH: Final = 3_600_000


class Doubt(StrEnum):
    """Why a bill needs a person; the values are shown to that person."""

    CLOCK = "the station's clock was implausible and the tariff prices time"
    METER_BACKWARDS = "the meter ran backwards"
    METER_MISSING = "the station sent no meter reading"
    TOO_MUCH_ENERGY = "more energy than the EVSE can deliver in that time"
    METER_JUMPED = "the meter rose faster than the EVSE can deliver"
    MAIN_METER = "more energy than the station's main meter shows"
    METER_TOO_SLOW = "the meter rose by far less than the power that was measured"
    INCOMPLETE = "messages of the station are missing that could change the bill"
    ESTIMATED = "the energy was estimated and the tariff prices it"
    METERS_DISAGREE = "the site's own meters show something else"
    RESTORED = "the ledger was restored from a backup while it was open: it may have been billed already"
    UNMEASURED = "the tariff prices by power or current that was not measured"
    TOO_MANY_PERIODS = "power or current crossed the tariff's bounds too often"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fall:
    """The register fell from `from_wh`, reckoned with `offset_wh`: a reset, a roll-over, or one bad reading (field
    quirk 12)."""

    from_wh: int
    offset_wh: int
    is_first: bool


@dataclass(slots=True, kw_only=True)
class Transaction:
    """An open transaction, checkpointed to the ledger whole. Registers in Wh as the station's meter shows them.

    `start_key` tells a retried start from a new one. `is_start_assumed`: the station's Started message never came and
    the transaction was opened by a later one. `is_evse_assumed`: the start named no EVSE; a later message does.
    `kept_until`: the time of the newest reading in the last checkpoint. `moves`: how often it was handed over from one
    agent of a node to another; of two copies the one with more moves is the transaction. `remarks` are for its bill.

    `offset_wh` is added to what the meter shows since its register fell, `fall` is the last time it did: so `last_wh`
    goes on and no energy is negative. `first_wh` is the first reading after the start. `measured_wms` is what the
    measured power comes to, in W·ms, `power_w` holds since `power_at`. `evidence` says what a doubt stands on.
    `main_wh` is what the station's main meter showed when it began, None where that is not known.
    `rating_w` 0: not known. `reservation_id` is the reservation that it used, made at `reserved_at`. `time_zone` is the
    Location's.
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
    rating_w: int = 0
    evidence: dict[Doubt, str] = field(default_factory=dict)
    first_wh: int | None = None
    first_at: datetime | None = None
    offset_wh: int = 0
    fall: Fall | None = None
    power_w: int = 0
    power_at: datetime | None = None
    measured_wms: int = 0
    numbering: Numbering | None = None
    reservation_id: int | None = None
    reserved_at: datetime | None = None
    signed: SignedData | None = None
    main_wh: int | None = None
    time_zone: str = "UTC"
    remarks: list[str] = field(default_factory=list)

    @property
    def ref(self) -> EvseRef:
        return tuple.__new__(EvseRef, (self.station_id, self.evse_id))  # called by name it takes twice as long

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

    def copied(self) -> Transaction:
        """Another one, that goes its own way."""
        return replace(
            self,
            phases=[replace(phase) for phase in self.phases],
            doubts=list(self.doubts),
            evidence=dict(self.evidence),
            remarks=list(self.remarks),
            numbering=replace(self.numbering) if self.numbering is not None else None,
        )

    @property
    def measured_wh(self) -> int:
        """What the power comes to that was measured while the station was heard."""
        return self.measured_wms // _WMS_PER_WH

    def doubt(self, doubt: Doubt, evidence: str = "") -> None:
        """The first evidence for a doubt is kept."""
        if doubt not in self.doubts:
            self.doubts.append(doubt)
            if evidence:
                self.evidence[doubt] = evidence

    def remark(self, text: str) -> None:
        """Say on the bill what nobody needs to decide upon; the first few of them."""
        if text not in self.remarks and len(self.remarks) < MAX_REMARKS:
            self.remarks.append(text)

    def shift(self, step: timedelta) -> None:
        """The clock by which all of it was timed was put on by so much."""
        self.started_at += step
        for phase in self.phases:
            phase.start += step
        self.last_at, self.first_at, self.power_at, self.kept_until, self.reserved_at = (
            at + step if at is not None else None
            for at in (self.last_at, self.first_at, self.power_at, self.kept_until, self.reserved_at)
        )

    def hear(self, seq_no: int | None) -> bool:
        """Note the number of a message (OCPP 2.0.1); returns whether it is late: newer ones were heard before it."""
        if seq_no is None:
            return False
        if self.numbering is None:
            self.numbering = Numbering(highest=seq_no)
            return False
        return self.numbering.note(seq_no)

    def draw(self, power_w: int, now: datetime) -> None:
        """The measured power is this now. Of the time since the last one, the lower of both counts: one reading alone
        proves nothing, nor does one that the EVSE cannot give."""
        before_w, before_at = self.power_w, self.power_at
        if power_w < 0 or (self.rating_w and power_w * 100 > self.rating_w * MARGIN_PERCENT):
            power_w = 0
        self.power_w, self.power_at = power_w, now
        if power_w and before_w and before_at is not None:
            held = now - before_at
            if held > POWER_HOLDS:
                held = POWER_HOLDS
            self.measured_wms += (power_w if power_w < before_w else before_w) * (held // _MILLISECOND)

    def move(self, cause: Cause) -> None:
        """Follow the table. Raises KeyError for a move that does not exist: a fault of ours."""
        if self.state is not _S.RUNNING or cause is not _C.HEARD_OF:
            self.state = TABLE[self.state, cause]

    def read(self, register_wh: int, at: datetime, *, is_stamped: bool = True) -> None:
        """Take in a meter reading; one that is older than the last known changes nothing. `is_stamped`: `at` is when it
        was read, by the station's clock, so that how fast the register rose can be told."""
        if self.meter_start_wh is None:
            self.meter_start_wh = register_wh
            for phase in self.phases:
                phase.start_wh = register_wh
        if self.last_at is not None and at < self.last_at:
            self._compare_past(register_wh, at)
            return
        before_wh = self.last_wh if self.last_wh is not None else self.meter_start_wh
        now_wh = register_wh + self.offset_wh
        if now_wh < before_wh or self.fall is not None:
            now_wh = self._reckoned(register_wh, before_wh, at)
            if now_wh < before_wh:
                return
        is_timed = is_stamped and Doubt.CLOCK not in self.doubts
        if now_wh - before_wh > MARGIN_WH and is_timed and self._is_beyond_rating(now_wh - before_wh, at):
            since = (self.last_at or self.started_at).isoformat()
            jump = f"from {before_wh} Wh at {since} to {now_wh} Wh at {at.isoformat()}"
            self.doubt(Doubt.METER_JUMPED, f"{jump}, where {self.rating_w} W are rated")
        if self.first_at is None:
            self.first_wh, self.first_at = register_wh, at
        if compiled(self.tariff).plain is None:  # is_cut, spelled out: here it is asked with every reading
            self._cut(before_wh, at, now_wh)
        self.last_wh, self.last_at = now_wh, at

    def _compare_past(self, register_wh: int, at: datetime) -> None:
        """A reading from before the last one, with more on the register: the station's clock was put back since."""
        last_wh, last_at = self.last_wh, self.last_at
        if last_wh is None or last_at is None or self.offset_wh or self.fall is not None:
            return
        if register_wh > last_wh + ROUNDING_WH:
            told = f"{register_wh} Wh at {at.isoformat()} after {last_wh} Wh at {last_at.isoformat()}"
            self.doubt(Doubt.CLOCK, f"{told}: it was put back")

    def _cut(self, before_wh: int, at: datetime, now_wh: int) -> None:
        """The register went from the last reading to this one: into phases by the tariff's boundaries between."""
        before = Reading(at=self.last_at or self.started_at, wh=before_wh)
        if self.phases and not cut(self.phases, self.tariff, self.time_zone, before, Reading(at=at, wh=now_wh)):
            self.doubt(Doubt.TOO_MANY_PERIODS)

    def feel(self, at: datetime, power_w: int | None, current_ma: int | None) -> None:
        """The vehicle draws this from `at` on, where the tariff asks; None where it was not measured."""
        if self.phases and (self.last_at is None or at >= self.last_at):
            now = Reading(at=at, wh=self.last_wh if self.last_wh is not None else self.meter_start_wh or 0)
            if not feel(self.phases, self.tariff, self.time_zone, now, power_w, current_ma):
                self.doubt(Doubt.TOO_MANY_PERIODS)

    def _reckoned(self, register_wh: int, before_wh: int, at: datetime) -> int:
        """What the register would show had it never fallen."""
        now_wh = register_wh + self.offset_wh
        fall = self.fall
        if (
            fall is not None
            and register_wh + fall.offset_wh >= fall.from_wh
            and now_wh - before_wh > MARGIN_WH
            and self._is_beyond_rating(now_wh - before_wh, at)
        ):  # it is where it was before: only readings between were wrong
            self.offset_wh, self.fall = fall.offset_wh, None
            if fall.is_first:
                self.doubts.remove(Doubt.METER_BACKWARDS)
                del self.evidence[Doubt.METER_BACKWARDS]
            return max(register_wh + self.offset_wh, before_wh)
        if now_wh < before_wh - ROUNDING_WH:
            is_first = Doubt.METER_BACKWARDS not in self.doubts
            fell = f"from {before_wh - self.offset_wh} Wh to {register_wh} Wh at {at.isoformat()}"
            self.doubt(Doubt.METER_BACKWARDS, f"{fell}; counted on from there")
            self.fall = Fall(from_wh=before_wh, offset_wh=self.offset_wh, is_first=is_first)
            self.offset_wh = before_wh - register_wh
            return before_wh
        return now_wh

    def _is_beyond_rating(self, energy_wh: int, at: datetime) -> bool:
        passed_s = (at - (self.last_at or self.started_at)).total_seconds()
        return self.rating_w > 0 and is_beyond_rating(energy_wh, self.rating_w, passed_s)

    def enter(self, charging_state: ChargingState, at: datetime) -> bool:
        """Note what the vehicle does from `at` on; returns whether that is a change."""
        if self.phases and charging_state is self.charging_state:
            return False
        if self.phases and is_cut(self.tariff):
            known_wh = self.last_wh if self.last_wh is not None else self.meter_start_wh or 0
            self._cut(known_wh, at, known_wh)
        self.charging_state = charging_state
        is_charging = charging_state is ChargingState.CHARGING
        if not self.phases or self.phases[-1].is_charging != is_charging:
            start = max(at, self.phases[-1].start) if self.phases else at
            start_wh = self.last_wh if self.last_wh is not None else self.meter_start_wh or 0
            self.phases.append(Phase(start=start, start_wh=start_wh, is_charging=is_charging))
        return True

    def finish(self, meter_stop_wh: int | None, at: datetime) -> None:
        """Take the end's register as the truth, and leave no phase beyond it in time or energy.

        A register a little below the last sample is rounding on the station's side; of one that fell further nothing is
        taken, and it is a doubt.
        """
        known_wh = self.last_wh
        if meter_stop_wh is not None:
            if self.last_at is not None and at < self.last_at:
                self._compare_past(meter_stop_wh, at)
            if self.meter_start_wh is None:
                self.read(meter_stop_wh, at)
                self.doubt(Doubt.METER_MISSING)
            before_wh = self.last_wh if self.last_wh is not None else self.meter_start_wh
            self.last_wh = meter_stop_wh if before_wh is None else self._reckoned(meter_stop_wh, before_wh, at)
        elif self.last_wh is None:
            self.doubt(Doubt.METER_MISSING)
        stop_wh = self.last_wh if self.last_wh is not None else self.meter_start_wh or 0
        if is_cut(self.tariff) and at >= (self.last_at or self.started_at):
            self._cut(known_wh if known_wh is not None else self.meter_start_wh or 0, at, stop_wh)
            self.last_at = at
            self._doubt_unmeasured()
        for phase in self.phases:
            phase.start_wh = min(phase.start_wh, stop_wh)
            phase.start = min(phase.start, at)

    def charging_periods(self, until: datetime) -> tuple[ChargingPeriod, ...]:
        """The phases so far as OCPI charging periods, whole seconds that add up exactly to the whole duration; before
        them the time that was reserved."""
        periods: list[ChargingPeriod] = []
        reserved_at = self.reserved_at or self.started_at
        if (reserved_s := int((self.started_at - reserved_at).total_seconds())) > 0:
            periods.append(ChargingPeriod(start_date_time=reserved_at, reservation_time_s=reserved_s))
        if is_cut(self.tariff):
            return (*periods, *self._cut_periods(until))
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

    def _cut_periods(self, until: datetime) -> list[ChargingPeriod]:
        """In whole seconds of the clock, as boundaries are. What is not measured yet has time, and no energy."""
        last_wh = self.last_wh if self.last_wh is not None else self.meter_start_wh or 0
        until = max(whole_second(until), self.phases[-1].start) if self.phases else until
        stretches = [(phase, whole_second(phase.start), phase.start_wh) for phase in self.phases]
        if self.phases and self.last_at is not None and stretches[-1][1] < whole_second(self.last_at) < until:
            stretches.append((self.phases[-1], whole_second(self.last_at), last_wh))
        periods = []
        for index, (phase, start, start_wh) in enumerate(stretches):
            is_last = index + 1 == len(stretches)
            end, end_wh = (until, last_wh) if is_last else stretches[index + 1][1:]
            seconds = max(0, int((end - start).total_seconds()))
            periods.append(
                ChargingPeriod(
                    start_date_time=start,
                    energy_wh=max(0, end_wh - start_wh),
                    time_s=seconds if phase.is_charging else 0,
                    parking_time_s=0 if phase.is_charging else seconds,
                    power_w=phase.power_w,
                    current_ma=phase.current_ma,
                )
            )
        return periods

    def _doubt_unmeasured(self) -> None:
        asks = compiled(self.tariff)
        for phase in self.phases:
            if phase.is_charging and (
                (asks.asks_power and phase.power_w is None) or (asks.asks_current and phase.current_ma is None)
            ):
                self.doubt(Doubt.UNMEASURED, f"from {phase.start.isoformat()} on")
                return

    def _second(self, at: datetime) -> int:
        return int((at - self.started_at).total_seconds())


def is_beyond_rating(energy_wh: int, rating_w: int, passed_s: float) -> bool:
    """Whether an EVSE of this rating can have delivered so much in so long, with a margin."""
    return (energy_wh - MARGIN_WH) * 3600 * 100 > rating_w * max(0, int(passed_s)) * MARGIN_PERCENT
