"""The charging station: events in, messages out. Pure; it neither waits nor sends, and the time is what it is told.

`Charger.handle(event, at)` first lets the time pass until `at` (integrating energy, sending what falls due at exactly
its own instant, however late it is asked) and then takes the event. `Charger.next_due()` says when to ask again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import assert_never

from firmware_sim.evse import Evse, Permit
from firmware_sim.messages import (
    Answer,
    Answered,
    AuthorizeMessage,
    AvailabilityChanged,
    BootAnswer,
    BootMessage,
    BootReason,
    CallRefused,
    ConnectorFaulted,
    ConnectorState,
    Event,
    FaultCleared,
    HeartbeatMessage,
    IdleMeterMessage,
    Limited,
    LinkLost,
    LinkUp,
    Message,
    Note,
    Output,
    Phase,
    Plugged,
    PowerCut,
    PowerRestored,
    Presented,
    Reboot,
    Rebooted,
    RemoteStart,
    RemoteStop,
    Reply,
    ResetRequested,
    StatusMessage,
    StopReason,
    TokenAnswer,
    TransactionMessage,
    Trigger,
    Triggered,
    Unanswered,
    UnlockRequested,
    Unplugged,
    masked,
)
from firmware_sim.meter import Meter
from firmware_sim.settings import AfterPowerLoss, OfflineAuthorize, Settings, StationSpec
from firmware_sim.transaction import Transaction, new_transaction_id
from firmware_sim.vehicle import UJ_PER_WH
from protocols.terms import ReadingContext

_MIN_BOOT_RETRY_S = 10
_ACCEPTED = "Accepted"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What a charger keeps without power: odometers, ids it saw accepted, transactions not yet settled."""

    register_uj: Mapping[int, int] = field(default_factory=dict)
    accepted: frozenset[str] = frozenset()
    transactions: tuple[Transaction, ...] = ()
    saved_at: datetime = _EPOCH


class Charger:
    """The model of one ChargingStation; starts without power and without a connection."""

    def __init__(self, spec: StationSpec, now: datetime, remembered: Remembered | None = None) -> None:
        past = remembered or Remembered()
        self.spec = spec
        self.now = now
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
        self.evses = {
            evse.evse_id: Evse(
                spec=evse,
                meter=Meter(
                    register_uj=past.register_uj.get(evse.evse_id, evse.odometer_wh * UJ_PER_WH), phases=evse.phases
                ),
                at=now,
                powered=False,
            )
            for evse in spec.evses
        }
        self._boot_reason = BootReason.POWER_UP
        self._next_boot_at: datetime | None = None
        self._next_heartbeat_at: datetime | None = None
        self._next_aligned_at: datetime | None = None
        self._reset_when_idle = False
        for transaction in past.transactions:
            if transaction.ended_at is None:
                self.evses[transaction.evse_id].transaction_id = transaction.transaction_id
                self.evses[transaction.evse_id].interrupted_at = past.saved_at

    # --- what others ask ---

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
        )

    def next_due(self) -> datetime | None:
        """When the charger has something to do although nothing happens to it; None without power."""
        if not self.powered:
            return None
        due = [at for at in (self._next_boot_at, self._next_heartbeat_at, self._next_aligned_at) if at is not None]
        for evse in self.evses.values():
            if evse.cell_end is not None:
                due.append(evse.cell_end)
            if evse.next_sample_at is not None:
                due.append(evse.next_sample_at)
            if evse.permit is not None:
                due.append(evse.permit.until)
        return min(due, default=None)

    def configure(self, settings: Settings) -> None:
        """Take new settings; running periods begin anew."""
        self.settings = settings
        if self._next_heartbeat_at is not None:
            self._next_heartbeat_at = self._after(settings.heartbeat_s)
        self._next_aligned_at = self._next_aligned()
        for evse in self.evses.values():
            if evse.transaction_id is not None and self.powered:
                evse.next_sample_at = self._after(settings.sample_s)

    # --- time ---

    def advance(self, now: datetime) -> list[Output]:
        """Let the time pass until `now`; a clock that went back is ignored."""
        out: list[Output] = []
        while (due := self.next_due()) is not None and due <= now:
            self._settle(max(due, self.now))
            self._fall_due(out)
            self._tell_changes(out)
        self._settle(max(now, self.now))
        return out

    def _settle(self, now: datetime) -> None:
        self.now = now
        for evse in self.evses.values():
            evse.settle(now)

    def _fall_due(self, out: list[Output]) -> None:
        now = self.now
        if self._next_boot_at is not None and self._next_boot_at <= now:
            self._next_boot_at = None
            out.append(BootMessage(reason=self._boot_reason))
        if self._next_heartbeat_at is not None and self._next_heartbeat_at <= now:
            self._next_heartbeat_at = self._after(self.settings.heartbeat_s)
            out.append(HeartbeatMessage())
        if self._next_aligned_at is not None and self._next_aligned_at <= now:
            self._next_aligned_at = self._next_aligned()
            for evse in self.evses.values():
                self._sample(evse, ReadingContext.SAMPLE_CLOCK, Trigger.METER_VALUE_CLOCK, out)
        for evse in self.evses.values():
            if evse.next_sample_at is not None and evse.next_sample_at <= now:
                evse.next_sample_at = self._after(self.settings.sample_s)
                self._sample(evse, ReadingContext.SAMPLE_PERIODIC, Trigger.METER_VALUE_PERIODIC, out)
            if evse.permit is not None and evse.permit.until <= now:
                evse.permit = None
                out.append(self._note("permit_lapsed", evse))

    def _after(self, interval_s: int) -> datetime | None:
        return self.now + timedelta(seconds=interval_s) if interval_s > 0 else None

    def _next_aligned(self) -> datetime | None:
        """The next multiple of the aligned interval since midnight (OCPP 1.6 §9.1.2)."""
        if self.settings.aligned_s <= 0 or not self.powered:
            return None
        midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        interval = timedelta(seconds=self.settings.aligned_s)
        return midnight + interval * ((self.now - midnight) // interval + 1)

    # --- events ---

    def handle(self, event: Event, at: datetime) -> list[Output]:
        """Take one event at `at` (UTC) and return what follows from it, in order."""
        out = self.advance(at)
        self._take(event, out)
        for evse in self.evses.values():
            evse.choose_power()
        self._tell_changes(out)
        return out

    def _take(self, event: Event, out: list[Output]) -> None:
        match event:
            case Plugged():
                self._plugged(self.evses[event.evse_id], event, out)
            case Unplugged():
                self._unplugged(self.evses[event.evse_id], out)
            case Presented():
                self._presented(self.evses[event.evse_id], event.id_token, out)
            case Answered():
                self._answered(event.message, event.answer, out)
            case Unanswered():
                if isinstance(event.message, AuthorizeMessage):
                    self._decide_locally(event.message, out)
            case LinkUp():
                self._link_up(out)
            case LinkLost():
                self._link_lost(out)
            case PowerCut():
                self._power_cut(out)
            case PowerRestored():
                self._power_restored(out)
            case ConnectorFaulted():
                self._faulted(self.evses[event.evse_id], out)
            case FaultCleared():
                self.evses[event.evse_id].faulted = False
                out.append(self._note("fault_cleared", self.evses[event.evse_id]))
            case Limited():
                self.evses[event.evse_id].limit_w = event.limit_w
            case RemoteStart():
                self._remote_start(event, out)
            case RemoteStop():
                self._remote_stop(event, out)
            case AvailabilityChanged():
                self._availability(event, out)
            case ResetRequested():
                self._reset(event, out)
            case Rebooted():
                self._rebooted(out)
            case UnlockRequested():
                self._unlock(event.evse_id, out)
            case Triggered():
                self._triggered(event, out)
            case _:
                assert_never(event)

    # --- the driver ---

    def _plugged(self, evse: Evse, event: Plugged, out: list[Output]) -> None:
        if evse.vehicle is not None:
            out.append(self._note("plug_refused", evse))
            return
        evse.vehicle = event.vehicle
        evse.full_at = None
        out.append(self._note("plugged", evse, soc_percent=event.vehicle.soc_percent))
        if evse.permit is not None and self._may_start(evse):
            self._tell_changes(out)
            trigger = Trigger.REMOTE_START if evse.permit.trigger is Trigger.REMOTE_START else Trigger.CABLE_PLUGGED_IN
            self._start(evse, evse.permit.id_token, trigger, evse.permit.remote_start_id, out)

    def _unplugged(self, evse: Evse, out: list[Output]) -> None:
        if evse.vehicle is None:
            return
        soc_percent = evse.vehicle.soc_percent
        evse.vehicle = None
        evse.power_w = 0
        evse.cell_end = None
        if evse.transaction_id is not None and self.powered:
            self._end(evse, StopReason.EV_DISCONNECTED, Trigger.EV_COMMUNICATION_LOST, None, out)
        evse.finishing = False
        out.append(self._note("unplugged", evse, soc_percent=soc_percent))

    def _presented(self, evse: Evse, id_token: str, out: list[Output]) -> None:
        if not self.powered or evse.asking is not None:
            out.append(self._note("card_ignored", evse, id_token=masked(id_token)))
            return
        if evse.transaction_id is not None:
            if self.transactions[evse.transaction_id].id_token == id_token:
                self._end(evse, StopReason.LOCAL, Trigger.STOP_AUTHORIZED, id_token, out)
            else:
                out.append(self._note("card_ignored", evse, id_token=masked(id_token)))
            return
        if not evse.operative or evse.faulted:
            out.append(self._note("card_ignored", evse, id_token=masked(id_token)))
            return
        message = AuthorizeMessage(evse_id=evse.evse_id, id_token=id_token)
        evse.asking = id_token
        if self.online:
            out.append(message)
        else:
            self._decide_locally(message, out)

    def _decide_locally(self, message: AuthorizeMessage, out: list[Output]) -> None:
        """The CSMS cannot be asked: LocalAuthorizeOffline and AllowOfflineTxForUnknownId (OCPP 1.6 §3.5)."""
        rule = self.settings.offline_authorize
        known = message.id_token in self.accepted
        accepted = rule is OfflineAuthorize.ANY or (rule is OfflineAuthorize.KNOWN and known)
        self._authorized(message, _ACCEPTED if accepted else "Offline", out)

    def _authorized(self, message: AuthorizeMessage, status: str, out: list[Output]) -> None:
        evse = self.evses[message.evse_id]
        if evse.asking != message.id_token:
            return
        evse.asking = None
        id_token, offline = masked(message.id_token), not self.online
        if status != _ACCEPTED:
            out.append(self._note("refused", evse, status=status, id_token=id_token, offline=offline))
            return
        out.append(self._note("authorized", evse, id_token=id_token, offline=offline))
        if evse.vehicle is not None and self._may_start(evse):
            self._start(evse, message.id_token, Trigger.AUTHORIZED, None, out)
        else:
            self._permit(evse, message.id_token, Trigger.AUTHORIZED, None)

    def _permit(self, evse: Evse, id_token: str, trigger: Trigger, remote_start_id: int | None) -> None:
        until = self.now + timedelta(seconds=self.settings.connection_timeout_s)
        evse.permit = Permit(id_token=id_token, until=until, trigger=trigger, remote_start_id=remote_start_id)

    def _may_start(self, evse: Evse) -> bool:
        return self.powered and evse.operative and not evse.faulted and evse.transaction_id is None

    def _faulted(self, evse: Evse, out: list[Output]) -> None:
        evse.faulted = True
        evse.permit = None
        out.append(self._note("faulted", evse))
        if evse.transaction_id is not None and self.powered:
            self._end(evse, StopReason.OTHER, Trigger.ABNORMAL_CONDITION, None, out)

    # --- transactions ---

    def _start(
        self, evse: Evse, id_token: str, trigger: Trigger, remote_start_id: int | None, out: list[Output]
    ) -> None:
        register_wh = evse.meter.register_wh
        transaction = Transaction(
            transaction_id=new_transaction_id(self.spec.station_id, evse.evse_id, self.now, register_wh),
            evse_id=evse.evse_id,
            id_token=id_token,
            started_at=self.now,
            meter_start_wh=register_wh,
            remote_start_id=remote_start_id,
        )
        self.transactions[transaction.transaction_id] = transaction
        evse.permit = None
        evse.finishing = False
        self._say(
            evse,
            transaction,
            Phase.STARTED,
            trigger,
            ReadingContext.TRANSACTION_BEGIN,
            out,
            id_token=id_token,
            remote_start_id=remote_start_id,
        )
        evse.transaction_id = transaction.transaction_id
        evse.next_sample_at = self._after(self.settings.sample_s)
        evse.choose_power()
        out.append(
            self._note(
                "transaction_started",
                evse,
                transaction_id=transaction.transaction_id,
                id_token=masked(id_token),
                meter_start_wh=register_wh,
                offline=not self.online,
            )
        )

    def _end(self, evse: Evse, reason: StopReason, trigger: Trigger, id_token: str | None, out: list[Output]) -> None:
        """End the running transaction now, or when the power went that cut it off."""
        transaction = self.transactions[evse.transaction_id or ""]
        evse.transaction_id = None
        evse.next_sample_at = None
        evse.choose_power()
        evse.finishing = evse.vehicle is not None
        ended_at = evse.interrupted_at or self.now
        evse.interrupted_at = None
        register_wh = evse.meter.register_wh
        transaction = replace(transaction, ended_at=ended_at, meter_stop_wh=register_wh, reason=reason)
        self._say(
            evse,
            transaction,
            Phase.ENDED,
            trigger,
            ReadingContext.TRANSACTION_END,
            out,
            id_token=id_token,
            reason=reason,
            at=ended_at,
        )
        if evse.operative_next is not None:
            evse.operative, evse.operative_next = evse.operative_next, None
        out.append(
            self._note(
                "transaction_ended",
                evse,
                transaction_id=transaction.transaction_id,
                reason=reason.value,
                energy_wh=register_wh - transaction.meter_start_wh,
                offline=not self.online,
            )
        )
        if self._reset_when_idle and not any(each.transaction_id for each in self.evses.values()):
            self._reset_when_idle = False
            out.append(Reboot(hard=False))

    def _say(
        self,
        evse: Evse,
        transaction: Transaction,
        phase: Phase,
        trigger: Trigger,
        context: ReadingContext,
        out: list[Output],
        *,
        id_token: str | None = None,
        remote_start_id: int | None = None,
        reason: StopReason | None = None,
        at: datetime | None = None,
    ) -> None:
        """Add the next message of a transaction and remember its number."""
        state = evse.charging_state
        out.append(
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
                remote_start_id=remote_start_id,
                reason=reason,
            )
        )
        self.transactions[transaction.transaction_id] = replace(
            transaction, next_seq_no=transaction.next_seq_no + 1, charging_state=state
        )

    def _sample(self, evse: Evse, context: ReadingContext, trigger: Trigger, out: list[Output]) -> None:
        if evse.transaction_id is not None:
            self._say(evse, self.transactions[evse.transaction_id], Phase.UPDATED, trigger, context, out)
        elif self.online:
            out.append(IdleMeterMessage(evse_id=evse.evse_id, reading=evse.read(context)))

    def _tell_changes(self, out: list[Output]) -> None:
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
                    self._say(
                        evse, transaction, Phase.UPDATED, Trigger.CHARGING_STATE_CHANGED, ReadingContext.OTHER, out
                    )
            if self.online:
                out.append(StatusMessage(evse_id=evse.evse_id, state=state, previous=evse.reported, at=self.now))
            out.append(self._note("status", evse, status=state.value))
            evse.reported = state

    # --- the CSMS ---

    def _answered(self, message: Message, answer: Answer, out: list[Output]) -> None:
        match message:
            case BootMessage():
                self._boot_answered(answer, out)
            case AuthorizeMessage():
                status = answer.status if isinstance(answer, TokenAnswer) else None
                if status == _ACCEPTED:
                    self.accepted.add(message.id_token)
                elif isinstance(answer, TokenAnswer):
                    self.accepted.discard(message.id_token)
                if isinstance(answer, CallRefused):
                    self._decide_locally(message, out)
                else:
                    self._authorized(message, status or "Invalid", out)
            case TransactionMessage():
                self._transaction_answered(message, answer, out)
            case StatusMessage() | HeartbeatMessage() | IdleMeterMessage():
                pass
            case _:
                assert_never(message)

    def _boot_answered(self, answer: Answer, out: list[Output]) -> None:
        if not isinstance(answer, BootAnswer):
            self._next_boot_at = self._after(_MIN_BOOT_RETRY_S)
            return
        if not answer.accepted:
            self._next_boot_at = self._after(max(answer.interval_s, _MIN_BOOT_RETRY_S))
            out.append(self._note("boot_refused"))
            return
        self.registered = True
        if answer.interval_s > 0:
            self.settings = replace(self.settings, heartbeat_s=answer.interval_s)
        out.append(self._note("booted", reason=self._boot_reason.value, heartbeat_s=self.settings.heartbeat_s))
        self._greet(out)

    def _greet(self, out: list[Output]) -> None:
        """After connecting: tell the state of everything, then start beating."""
        self._next_heartbeat_at = self._after(self.settings.heartbeat_s)
        self._tell_states(0, out)

    def _tell_states(self, evse_id: int, out: list[Output]) -> None:
        if evse_id == 0:
            operative = any(evse.operative for evse in self.evses.values())
            state = ConnectorState.AVAILABLE if operative else ConnectorState.UNAVAILABLE
            out.append(StatusMessage(evse_id=0, state=state, previous=None, at=self.now))
        for evse in self._chosen(evse_id):
            evse.reported = evse.state
            out.append(StatusMessage(evse_id=evse.evse_id, state=evse.state, previous=None, at=self.now))

    def _chosen(self, evse_id: int) -> Iterable[Evse]:
        return self.evses.values() if evse_id == 0 else (self.evses[evse_id],)

    def _transaction_answered(self, message: TransactionMessage, answer: Answer, out: list[Output]) -> None:
        transaction = self.transactions[message.transaction_id]
        if isinstance(answer, CallRefused):
            out.append(
                self._note("discarded", self.evses[message.evse_id], code=answer.code, phase=message.phase.value)
            )
            return
        if message.phase is Phase.STARTED:
            csms_id = answer.csms_id if isinstance(answer, TokenAnswer) else None
            transaction = replace(transaction, acknowledged_start=True, csms_id=csms_id)
        elif message.phase is Phase.ENDED:
            transaction = replace(transaction, acknowledged_stop=True)
        self.transactions[transaction.transaction_id] = transaction
        if message.phase is not Phase.UPDATED:
            out.append(
                self._note(
                    "replayed" if message.offline else "acknowledged",
                    self.evses[message.evse_id],
                    phase=message.phase.value,
                    transaction_id=transaction.csms_id or transaction.transaction_id,
                )
            )
        status = answer.status if isinstance(answer, TokenAnswer) else None
        if status == _ACCEPTED:
            self.accepted.add(transaction.id_token)
        elif status is not None:
            self._deauthorized(transaction, status, out)

    def _deauthorized(self, transaction: Transaction, status: str, out: list[Output]) -> None:
        """The CSMS does not want this transaction after all (OCPP 1.6 §4.8, 2.0.1 E05)."""
        self.accepted.discard(transaction.id_token)
        evse = self.evses[transaction.evse_id]
        if evse.transaction_id == transaction.transaction_id and self.powered and self.settings.stop_on_invalid_id:
            out.append(self._note("deauthorized", evse, status=status))
            self._end(evse, StopReason.DEAUTHORIZED, Trigger.DEAUTHORIZED, None, out)

    def _remote_start(self, event: RemoteStart, out: list[Output]) -> None:
        """OCPP 1.6 §5.11, 2.0.1 F01–F02, with AuthorizeRemoteTxRequests off: the CSMS has decided already."""
        free = [
            evse
            for evse in self.evses.values()
            if event.evse_id in (None, evse.evse_id)
            and self._may_start(evse)
            and evse.permit is None
            and evse.asking is None
        ]
        if not free:
            out.append(Reply(status="Rejected"))
            return
        evse = next((each for each in free if each.vehicle is not None), free[0])
        out.append(Reply(status=_ACCEPTED))
        out.append(self._note("remote_start", evse, id_token=masked(event.id_token)))
        if evse.vehicle is not None:
            self._start(evse, event.id_token, Trigger.REMOTE_START, event.remote_start_id, out)
        else:
            self._permit(evse, event.id_token, Trigger.REMOTE_START, event.remote_start_id)

    def _remote_stop(self, event: RemoteStop, out: list[Output]) -> None:
        for evse in self.evses.values():
            if evse.transaction_id is None or not self.powered:
                continue
            transaction = self.transactions[evse.transaction_id]
            if event.transaction in (transaction.csms_id, transaction.transaction_id):
                out.append(Reply(status=_ACCEPTED))
                self._end(evse, StopReason.REMOTE, Trigger.REMOTE_STOP, None, out)
                return
        out.append(Reply(status="Rejected"))

    def _availability(self, event: AvailabilityChanged, out: list[Output]) -> None:
        if event.evse_id and event.evse_id not in self.evses:
            out.append(Reply(status="Rejected"))
            return
        scheduled = False
        for evse in self._chosen(event.evse_id):
            if evse.transaction_id is not None and not event.operative:
                evse.operative_next = False
                scheduled = True
            else:
                evse.operative, evse.operative_next = event.operative, None
                evse.permit = evse.permit if event.operative else None
        out.append(Reply(status="Scheduled" if scheduled else _ACCEPTED))

    def _reset(self, event: ResetRequested, out: list[Output]) -> None:
        busy = [evse for evse in self.evses.values() if evse.transaction_id is not None]
        if event.when_idle and busy:
            self._reset_when_idle = True
            out.append(Reply(status="Scheduled"))
            return
        out.append(Reply(status=_ACCEPTED))
        for evse in busy:
            reason = StopReason.HARD_RESET if event.hard else StopReason.SOFT_RESET
            self._end(evse, reason, Trigger.RESET_COMMAND, None, out)
        out.append(Reboot(hard=event.hard))

    def _unlock(self, evse_id: int, out: list[Output]) -> None:
        if evse_id not in self.evses:
            out.append(Reply(status="UnknownConnector"))
            return
        evse = self.evses[evse_id]
        out.append(Reply(status="Unlocked"))
        if evse.transaction_id is not None:
            self._end(evse, StopReason.UNLOCK_COMMAND, Trigger.UNLOCK_COMMAND, None, out)

    def _triggered(self, event: Triggered, out: list[Output]) -> None:
        if event.evse_id and event.evse_id not in self.evses:
            out.append(Reply(status="Rejected"))
            return
        match event.what:
            case "BootNotification":
                out.extend((Reply(status=_ACCEPTED), BootMessage(reason=self._boot_reason)))
            case "Heartbeat":
                out.extend((Reply(status=_ACCEPTED), HeartbeatMessage()))
            case "StatusNotification":
                out.append(Reply(status=_ACCEPTED))
                self._tell_states(event.evse_id, out)
            case "MeterValues":
                out.append(Reply(status=_ACCEPTED))
                for evse in self._chosen(event.evse_id):
                    self._sample(evse, ReadingContext.TRIGGER, Trigger.TRIGGER, out)
            case _:
                out.append(Reply(status="NotImplemented"))

    # --- link and power ---

    def _link_up(self, out: list[Output]) -> None:
        self.connected = True
        if self.registered:
            self._greet(out)
        else:
            out.append(BootMessage(reason=self._boot_reason))

    def _link_lost(self, out: list[Output]) -> None:
        self.connected = False
        self._next_heartbeat_at = None
        self._next_boot_at = None
        for evse in self.evses.values():
            if evse.asking is not None:
                self._decide_locally(AuthorizeMessage(evse_id=evse.evse_id, id_token=evse.asking), out)

    def _power_cut(self, out: list[Output]) -> None:
        out.append(self._note("power_cut"))
        self._dark()
        self._boot_reason = BootReason.POWER_UP
        for evse in self.evses.values():
            if evse.transaction_id is not None and evse.interrupted_at is None:
                evse.interrupted_at = self.now
            evse.finishing = False

    def _dark(self) -> None:
        """The electronics are off: everything volatile is gone."""
        self.powered = self.connected = self.registered = False
        self._next_boot_at = self._next_heartbeat_at = self._next_aligned_at = None
        for evse in self.evses.values():
            evse.powered = False
            evse.permit = None
            evse.asking = None
            evse.next_sample_at = None
            evse.reported = None

    def _power_restored(self, out: list[Output]) -> None:
        """Power is back: the electronics start, and interrupted transactions are ended or go on, as set up."""
        self.powered = True
        self._next_aligned_at = self._next_aligned()
        out.append(self._note("power_up"))
        for evse in self.evses.values():
            evse.powered = True
            if evse.transaction_id is None:
                continue
            resumes = self.spec.after_power_loss is AfterPowerLoss.RESUME and evse.vehicle is not None
            if not resumes:
                self._end(evse, StopReason.POWER_LOSS, Trigger.ABNORMAL_CONDITION, None, out)
                continue
            evse.interrupted_at = None
            evse.next_sample_at = self._after(self.settings.sample_s)
            self._sample(evse, ReadingContext.INTERRUPTION_END, Trigger.ABNORMAL_CONDITION, out)

    def _rebooted(self, out: list[Output]) -> None:
        self._dark()
        self.powered = True
        self._boot_reason = BootReason.REMOTE_RESET
        self._next_aligned_at = self._next_aligned()
        for evse in self.evses.values():
            evse.powered = True
        out.append(self._note("rebooted"))

    def _note(self, what: str, evse: Evse | None = None, **detail: str | int | bool | None) -> Note:
        return Note(what=what, at=self.now, evse_id=evse.evse_id if evse else None, detail=detail)
