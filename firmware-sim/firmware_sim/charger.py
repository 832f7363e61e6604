"""The charging station: events in, messages out. Pure; it neither waits nor sends, and the time is what it is told.

`Charger.handle(event, at)` first lets the time pass until `at` (integrating energy, sending what falls due at exactly
its own instant, however late it is asked) and then takes the event. `Charger.next_due()` says when to ask again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar, assert_never

from firmware_sim import answers, driver, requests
from firmware_sim.functions import certifying, logging_up, monitoring, publishing, updating, watching
from firmware_sim.habits import Habit
from firmware_sim.messages import (
    Answered,
    AuthorizeMessage,
    AvailabilityChanged,
    BootMessage,
    BootReason,
    ConnectorFaulted,
    Event,
    FaultCleared,
    HeartbeatMessage,
    Limited,
    LinkLost,
    LinkUp,
    Output,
    Plugged,
    PowerCut,
    PowerRestored,
    Presented,
    Rebooted,
    RemoteStart,
    RemoteStop,
    ResetRequested,
    StopReason,
    Trigger,
    Triggered,
    Unanswered,
    UnlockRequested,
    Unplugged,
)
from firmware_sim.orders import Downloaded, KeyMade, Uploaded
from firmware_sim.settings import AfterPowerLoss, Settings
from firmware_sim.station_model import StationModel
from protocols.terms import ReadingContext

_T = TypeVar("_T")


class Charger(StationModel):
    """The model of one ChargingStation; starts without power and without a connection."""

    def handle(self, event: Event, at: datetime) -> list[Output]:
        """Take one event at `at` (UTC) and return what follows from it, in order."""
        self._pass_until(at)
        self._take(event)
        self._take_effect()
        return self._taken_out()

    def perform(self, request: Callable[[StationModel], _T], at: datetime) -> tuple[_T, list[Output]]:
        """Let a functional block take a request of the CSMS; what it says to it, and what follows."""
        self._pass_until(at)
        answer = request(self)
        self._take_effect()
        return answer, self._taken_out()

    def _take_effect(self) -> None:
        watching.take_effect(self)
        for evse in self.evses.values():
            evse.choose_power()
        self.tell_changes()
        watching.watch(self)

    def advance(self, now: datetime) -> list[Output]:
        """Let the time pass until `now`; a clock that went back is ignored."""
        self._pass_until(now)
        return self._taken_out()

    def next_due(self) -> datetime | None:
        """When the charger has something to do although nothing happens to it; None without power."""
        if not self.powered:
            return None
        due = [at for at in (self.next_boot_at, self.next_heartbeat_at, self.next_aligned_at) if at is not None]
        for evse in self.evses.values():
            if evse.cell_end is not None:
                due.append(evse.cell_end)
            if evse.next_sample_at is not None:
                due.append(evse.next_sample_at)
            if evse.permit is not None:
                due.append(evse.permit.until)
        return min(due + watching.next_due(self), default=None)

    def configure(self, settings: Settings) -> None:
        """Take new settings; running periods begin anew."""
        self.settings = settings
        if self.next_heartbeat_at is not None:
            self.next_heartbeat_at = self.after(settings.heartbeat_s)
        self.next_aligned_at = self._next_aligned()
        for evse in self.evses.values():
            if evse.transaction_id is not None and self.powered:
                evse.next_sample_at = self.after(settings.sample_s)

    def _taken_out(self) -> list[Output]:
        out, self.out = self.out, []
        return out

    # --- time ---

    def _pass_until(self, now: datetime) -> None:
        while (due := self.next_due()) is not None and due <= now:
            self._settle(max(due, self.now))
            self._fall_due()
            self._take_effect()
        self._settle(max(now, self.now))

    def _settle(self, now: datetime) -> None:
        self.now = now
        for evse in self.evses.values():
            evse.settle(now)

    def _fall_due(self) -> None:
        now = self.now
        watching.fall_due(self)
        if self.next_boot_at is not None and self.next_boot_at <= now:
            self.next_boot_at = None
            self.out.append(BootMessage(reason=self.boot_reason))
        if self.next_heartbeat_at is not None and self.next_heartbeat_at <= now:
            self.next_heartbeat_at = self.after(self.settings.heartbeat_s)
            self.out.append(HeartbeatMessage())
        if self.next_aligned_at is not None and self.next_aligned_at <= now:
            self.next_aligned_at = self._next_aligned()
            for evse in self.evses.values():
                self.sample(evse, ReadingContext.SAMPLE_CLOCK, Trigger.METER_VALUE_CLOCK)
        for evse in self.evses.values():
            if evse.next_sample_at is not None and evse.next_sample_at <= now:
                evse.next_sample_at = self.after(self.settings.sample_s)
                self.sample(evse, ReadingContext.SAMPLE_PERIODIC, Trigger.METER_VALUE_PERIODIC)
            if evse.permit is not None and evse.permit.until <= now:
                evse.permit = None
                self.note("permit_lapsed", evse)

    def _next_aligned(self) -> datetime | None:
        """The next multiple of the aligned interval since midnight (OCPP 1.6 §9.1.2)."""
        if self.settings.aligned_s <= 0 or not self.powered:
            return None
        midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        interval = timedelta(seconds=self.settings.aligned_s)
        return midnight + interval * ((self.now - midnight) // interval + 1)

    # --- events ---

    def _take(self, event: Event) -> None:
        match event:
            case Plugged():
                driver.plugged(self, self.evses[event.evse_id], event.vehicle)
            case Unplugged():
                driver.unplugged(self, self.evses[event.evse_id])
            case Presented():
                driver.presented(self, self.evses[event.evse_id], event.id_token)
            case ConnectorFaulted():
                driver.broken(self, self.evses[event.evse_id])
            case FaultCleared():
                self.evses[event.evse_id].faulted = False
                self.note("fault_cleared", self.evses[event.evse_id])
                monitoring.problem(self, self.evses[event.evse_id], is_cleared=True)
            case Limited():
                self.evses[event.evse_id].limit_w = event.limit_w
            case Answered():
                answers.answered(self, event.message, event.answer)
            case Unanswered():
                if isinstance(event.message, AuthorizeMessage):
                    driver.decide_locally(self, event.message)
            case RemoteStart():
                requests.remote_start(self, event)
            case RemoteStop():
                requests.remote_stop(self, event)
            case AvailabilityChanged():
                requests.availability(self, event)
            case ResetRequested():
                requests.reset(self, event)
            case UnlockRequested():
                requests.unlock(self, event.evse_id)
            case Triggered():
                requests.triggered(self, event)
            case Downloaded():
                taken = publishing.downloaded if event.job.purpose == "publish" else updating.downloaded
                taken(self, event)
            case Uploaded():
                logging_up.uploaded(self, event)
            case KeyMade():
                certifying.key_made(self, event)
            case LinkUp():
                self._link_up()
            case LinkLost():
                self._link_lost()
            case PowerCut():
                self._power_cut()
            case PowerRestored():
                self._power_restored()
            case Rebooted():
                self._rebooted()
            case _:
                assert_never(event)

    # --- link and power ---

    def _link_up(self) -> None:
        self.connected = True
        if Habit.NO_BOOT in self.habits:
            self.registered = True
        if self.registered:
            answers.greet(self)
        else:
            self.out.append(BootMessage(reason=self.boot_reason))

    def _link_lost(self) -> None:
        self.connected = False
        self.next_heartbeat_at = None
        self.next_boot_at = None
        for evse in self.evses.values():
            if evse.asking is not None:
                driver.decide_locally(self, AuthorizeMessage(evse_id=evse.evse_id, id_token=evse.asking))

    def _power_cut(self) -> None:
        self.note("power_cut")
        self._go_dark()
        self.boot_reason = BootReason.POWER_UP
        for evse in self.evses.values():
            if evse.transaction_id is not None and evse.interrupted_at is None:
                evse.interrupted_at = self.now
            evse.finishing = False

    def _go_dark(self) -> None:
        """The electronics are off: everything volatile is gone."""
        self.powered = self.connected = self.registered = False
        self.next_boot_at = self.next_heartbeat_at = self.next_aligned_at = None
        for evse in self.evses.values():
            evse.powered = False
            evse.permit = None
            evse.asking = None
            evse.next_sample_at = None
            evse.reported = None

    def _power_restored(self) -> None:
        """Power is back: the electronics start, and interrupted transactions are ended or go on, as set up."""
        self.powered = True
        self.next_aligned_at = self._next_aligned()
        self.note("power_up")
        for evse in self.evses.values():
            evse.powered = True
            if evse.transaction_id is None:
                continue
            resumes = self.spec.after_power_loss is AfterPowerLoss.RESUME and evse.vehicle is not None
            if not resumes:
                self.end(evse, StopReason.POWER_LOSS, Trigger.ABNORMAL_CONDITION)
                continue
            evse.interrupted_at = None
            evse.next_sample_at = self.after(self.settings.sample_s)
            self.sample(evse, ReadingContext.INTERRUPTION_END, Trigger.ABNORMAL_CONDITION)

    def _rebooted(self) -> None:
        self._go_dark()
        self.powered = True
        self.boot_reason = BootReason.REMOTE_RESET
        self.next_aligned_at = self._next_aligned()
        for evse in self.evses.values():
            evse.powered = True
        self.note("rebooted")
        updating.rebooted(self)
