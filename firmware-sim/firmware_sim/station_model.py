"""The state of one ChargingStation and what it can do of itself: start and end transactions, sample, report. Pure.

What happens to it is decided beside it: `driver.py` (cards and cables), `answers.py` (what the CSMS said),
`requests.py` and `functions/` (what the CSMS asks), `charger.py` (time, power and link).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from firmware_sim.blocks.charging_profiles import Profiles
from firmware_sim.blocks.device_model import DeviceModel
from firmware_sim.blocks.files import FirmwareState, LogState, PublishState
from firmware_sim.blocks.kept import CertificateStore, Kept
from firmware_sim.blocks.monitors import Monitors
from firmware_sim.blocks.reservations import Reservations
from firmware_sim.blocks.tokens import LocalList, TokenEntry
from firmware_sim.blocks.variable_table import VariableId, variables
from firmware_sim.evse import Evse, Permit
from firmware_sim.habits import Habit
from firmware_sim.messages import (
    BootReason,
    ConnectorState,
    IdleMeterMessage,
    Note,
    Output,
    Phase,
    Reboot,
    Said,
    StatusMessage,
    StopReason,
    TransactionMessage,
    Trigger,
    masked,
)
from firmware_sim.meter import Meter
from firmware_sim.settings import OcppVersion, Settings, StationSpec
from firmware_sim.transaction import Transaction, new_transaction_id
from firmware_sim.vehicle import UJ_PER_WH
from protocols.terms import ReadingContext

_LOG_LINES = 2000
"""The diagnostics log keeps as many; the oldest line goes."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What a charger keeps without power: odometers, ids it saw accepted, transactions not yet settled."""

    register_uj: Mapping[int, int] = field(default_factory=dict)
    accepted: frozenset[str] = frozenset()
    transactions: tuple[Transaction, ...] = ()
    saved_at: datetime = _EPOCH
    values: Mapping[VariableId, str] = field(default_factory=dict)
    list_version: int = 0
    list_entries: tuple[TokenEntry, ...] = ()
    firmware: str | None = None


class StationModel:
    """All state of a station. Whatever it has to say is appended to `out`, in order."""

    def __init__(self, spec: StationSpec, now: datetime, remembered: Remembered | None = None) -> None:
        past = remembered or Remembered()
        self.spec = spec
        self.now = now
        self.out: list[Output] = []
        self.settings = Settings(
            sample_s=spec.sample_interval_s,
            aligned_s=spec.clock_aligned_s,
            offline_authorize=spec.offline_authorize,
        )
        self.powered = False
        self.connected = False
        self.registered = False
        self.accepted = set(past.accepted)
        self.transactions = {transaction.transaction_id: transaction for transaction in past.transactions}
        self.evses = {evse.evse_id: self._evse(evse.evse_id, past) for evse in spec.evses}
        self.boot_reason = BootReason.POWER_UP
        self.next_boot_at: datetime | None = None
        self.next_heartbeat_at: datetime | None = None
        self.next_aligned_at: datetime | None = None
        self.reset_when_idle = False
        self.habits: set[Habit] = set(spec.habits)
        self._take_up_blocks(past)
        for transaction in past.transactions:
            if transaction.ended_at is None and transaction.evse_id in self.evses:
                self.evses[transaction.evse_id].transaction_id = transaction.transaction_id
                self.evses[transaction.evse_id].interrupted_at = past.saved_at

    def _take_up_blocks(self, past: Remembered) -> None:
        """The functional blocks as they were left."""
        self.is_pending = False
        self.groups: dict[str, str] = {}
        self.device = DeviceModel(table={each.id: each for each in variables(self.spec)}, values=dict(past.values))
        self.local_list = LocalList(
            version=past.list_version, entries={each.id_token.casefold(): each for each in past.list_entries}
        )
        self.reservations = Reservations()
        self.profiles = Profiles()
        self.next_profile_at: datetime | None = None
        self.firmware = FirmwareState(version=past.firmware or self.spec.firmware)
        self.logs = LogState()
        self.publishing = PublishState(published={})
        self.monitors = Monitors()
        self.certificates = CertificateStore()
        self.kept = Kept()
        self.log: deque[Note] = deque(maxlen=_LOG_LINES)

    def _evse(self, evse_id: int, past: Remembered) -> Evse:
        spec = next(each for each in self.spec.evses if each.evse_id == evse_id)
        register_uj = past.register_uj.get(evse_id, spec.odometer_wh * UJ_PER_WH)
        return Evse(spec=spec, meter=Meter(register_uj=register_uj, phases=spec.phases), at=self.now, powered=False)

    @property
    def online(self) -> bool:
        """Whether the CSMS can be asked: connected, and the boot accepted."""
        return self.connected and self.registered

    def remembered(self) -> Remembered:
        """What has to outlive the power."""
        return Remembered(
            register_uj={evse.evse_id: evse.meter.register_uj for evse in self.evses.values()},
            accepted=frozenset(self.accepted),
            transactions=tuple(each for each in self.transactions.values() if not each.is_settled),
            saved_at=self.now,
            values=dict(self.device.values),
            list_version=self.local_list.version,
            list_entries=tuple(self.local_list.entries.values()),
            firmware=None if self.firmware.version == self.spec.firmware else self.firmware.version,
        )

    @property
    def is_v16(self) -> bool:
        """Whether the station speaks OCPP 1.6; it has its own words for some things."""
        return self.spec.ocpp is OcppVersion.V16

    def chosen(self, evse_id: int) -> Iterable[Evse]:
        """One EVSE, or all of them for 0."""
        return self.evses.values() if evse_id == 0 else (self.evses[evse_id],)

    def after(self, interval_s: int) -> datetime | None:
        """The instant in `interval_s`; None for a period that is switched off."""
        return self.now + timedelta(seconds=interval_s) if interval_s > 0 else None

    def set_register(self, evse_id: int, register_wh: int) -> None:
        """Let a meter show something else from now on; a good one never does."""
        evse = self.evses[evse_id]
        evse.meter = replace(evse.meter, register_uj=register_wh * UJ_PER_WH)
        self.note("register_reset", evse, register_wh=register_wh)

    def note(self, what: str, evse: Evse | None = None, **detail: str | int | bool | None) -> None:
        """Add a line to the story."""
        told = Note(what=what, at=self.now, evse_id=evse.evse_id if evse else None, detail=detail)
        self.log.append(told)
        self.out.append(told)

    def tell(self, action: str, *, is_asked: bool = False, **payload: Any) -> None:
        """Say something in the words of the station's OCPP version."""
        self.out.append(Said(action=action, payload=payload, is_asked=is_asked))

    # --- transactions ---

    def may_start(self, evse: Evse) -> bool:
        """Whether a transaction can begin here, once there is a driver and a car."""
        return self.powered and evse.operative and not evse.faulted and evse.transaction_id is None

    def permit(self, evse: Evse, driver: Permit) -> None:
        """A driver may charge: begin when the car is there, else wait for it until the permit lapses."""
        if evse.vehicle is not None and self.may_start(evse):
            self.start(evse, driver)
        else:
            evse.permit = driver

    def start(self, evse: Evse, driver: Permit) -> None:
        """Begin a transaction now."""
        register_wh = evse.meter.register_wh
        transaction = Transaction(
            transaction_id=new_transaction_id(self.spec.station_id, evse.evse_id, self.now, len(self.transactions)),
            evse_id=evse.evse_id,
            id_token=driver.id_token,
            token_type=driver.token_type,
            started_at=self.now,
            meter_start_wh=register_wh,
            remote_start_id=driver.remote_start_id,
            group=driver.group,
            reservation_id=self._used_reservation(evse, driver),
        )
        evse.permit = None
        evse.finishing = False
        self.say(
            evse,
            transaction,
            Phase.STARTED,
            driver.trigger,
            ReadingContext.TRANSACTION_BEGIN,
            id_token=driver.id_token,
        )
        evse.transaction_id = transaction.transaction_id
        if driver.profile is not None:
            self.profiles.put(replace(driver.profile, evse_id=evse.evse_id, transaction_id=transaction.transaction_id))
        evse.next_sample_at = self.after(self.settings.sample_s)
        evse.choose_power()
        self.note(
            "transaction_started",
            evse,
            transaction_id=transaction.transaction_id,
            id_token=masked(driver.id_token),
            meter_start_wh=register_wh,
            offline=not self.online,
        )

    def _used_reservation(self, evse: Evse, driver: Permit) -> int | None:
        """Use up the reservation that this driver had (OCPP 1.6 §5.13, 2.0.1 H03)."""
        used = self.reservations.usable(evse.evse_id, driver.id_token, driver.group)
        if used is None:
            return None
        del self.reservations.by_id[used.reservation_id]
        return used.reservation_id

    def end(self, evse: Evse, reason: StopReason, trigger: Trigger, id_token: str | None = None) -> None:
        """End the running transaction now, or at the instant when the power went that cut it off."""
        if evse.transaction_id is None:
            return
        ended_at = evse.interrupted_at or self.now
        register_wh = evse.meter.register_wh
        transaction = replace(
            self.transactions[evse.transaction_id], ended_at=ended_at, meter_stop_wh=register_wh, reason=reason
        )
        evse.transaction_id = None
        evse.interrupted_at = None
        evse.next_sample_at = None
        self.profiles.end_transaction(evse.evse_id)
        evse.choose_power()
        evse.finishing = evse.vehicle is not None
        self.say(
            evse,
            transaction,
            Phase.ENDED,
            trigger,
            ReadingContext.TRANSACTION_END,
            id_token=id_token,
            reason=reason,
            at=ended_at,
        )
        if evse.operative_next is not None:
            evse.operative, evse.operative_next = evse.operative_next, None
        self.note(
            "transaction_ended",
            evse,
            transaction_id=transaction.transaction_id,
            reason=reason.value,
            energy_wh=register_wh - transaction.meter_start_wh,
            offline=not self.online,
        )
        if self.reset_when_idle and not any(each.transaction_id for each in self.evses.values()):
            self.reset_when_idle = False
            self.out.append(Reboot(hard=False))

    def say(
        self,
        evse: Evse,
        transaction: Transaction,
        phase: Phase,
        trigger: Trigger,
        context: ReadingContext,
        *,
        id_token: str | None = None,
        reason: StopReason | None = None,
        at: datetime | None = None,
    ) -> None:
        """Add the next message of a transaction, and remember the transaction with its new number."""
        state = evse.charging_state
        self.out.append(
            TransactionMessage(
                phase=phase,
                transaction_id=transaction.transaction_id,
                evse_id=evse.evse_id,
                seq_no=transaction.next_seq_no,
                trigger=trigger,
                charging_state=state,
                reading=replace(evse.read(context), at=at or self.now),
                offline=not self.online,
                at=at or self.now,
                id_token=id_token,
                remote_start_id=transaction.remote_start_id if phase is Phase.STARTED else None,
                reason=reason,
                reservation_id=transaction.reservation_id if phase is Phase.STARTED else None,
            )
        )
        self.transactions[transaction.transaction_id] = replace(
            transaction, next_seq_no=transaction.next_seq_no + 1, charging_state=state
        )

    # --- reports ---

    def sample(self, evse: Evse, context: ReadingContext, trigger: Trigger) -> None:
        """Read the meter; outside of a transaction only when there is somebody to tell."""
        if evse.transaction_id is not None:
            self.say(evse, self.transactions[evse.transaction_id], Phase.UPDATED, trigger, context)
        elif self.online:
            self.out.append(IdleMeterMessage(evse_id=evse.evse_id, reading=evse.read(context)))

    def tell_changes(self) -> None:
        """Report every connector whose state has changed since it was last reported."""
        if not self.powered:
            return
        for evse in self.evses.values():
            state = evse.state
            if state is evse.reported:
                continue
            if evse.transaction_id is not None:
                transaction = self.transactions[evse.transaction_id]
                if evse.charging_state is not transaction.charging_state:
                    self.say(evse, transaction, Phase.UPDATED, Trigger.CHARGING_STATE_CHANGED, ReadingContext.OTHER)
            if self.online:
                self.out.append(StatusMessage(evse_id=evse.evse_id, state=state, previous=evse.reported, at=self.now))
            self.note("status", evse, status=state.value)
            evse.reported = state

    def tell_states(self, evse_id: int) -> None:
        """Report states although nothing changed: of one EVSE, or for 0 of the station and all of them."""
        if evse_id == 0:
            operative = any(evse.operative for evse in self.evses.values())
            state = ConnectorState.AVAILABLE if operative else ConnectorState.UNAVAILABLE
            self.out.append(StatusMessage(evse_id=0, state=state, previous=None, at=self.now))
        for evse in self.chosen(evse_id):
            evse.reported = evse.state
            self.out.append(StatusMessage(evse_id=evse.evse_id, state=evse.state, previous=None, at=self.now))
