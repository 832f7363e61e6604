"""Setpoints and watchdogs of one device: what is due next, and doing it.

A setpoint is written when it changed, when the device shows another one or came back, and when the watchdog wants it
again; for no other reason. It is read back where the device shows it. The watchdog is fed only while something is
wanted of the device and the agent is well: a charger whose agent is ill shall go to its fail-safe.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from edge.chargers.modbus.bus import Bus, BusError
from edge.chargers.modbus.desired import NOTHING, Desired, Target, targets
from edge.chargers.modbus.feeding import RETRY_S, Feeding
from edge.chargers.modbus.modbus_metrics import ModbusMetrics
from edge.chargers.modbus.patience import Patience
from edge.chargers.modbus.rounds import Rounds
from edge.chargers.modbus.turns import Urgency
from protocols.charger.snapshot import SetpointReported
from protocols.modbus.codec import BadValue, Decoded
from protocols.modbus.profile import Profile
from protocols.modbus.setpoint import Write

LOOKS: Final = 3
LOOK_EVERY_S: Final = 1.0
"""So often a setpoint that was written is looked for: a charger may take a while to show it."""
MAX_WRITES: Final = 3
FIRST_RETRY_S: Final = 2.0
SELDOM_S: Final = 60.0
"""From one attempt to the next: at first, doubling; and once it was reported that the device does not take it."""
UNWELL_LOOK_S: Final = 0.5
_NEVER: Final = math.inf


class Reason(StrEnum):
    """Why a setpoint is written. Feeding a watchdog is the only one beside."""

    CHANGED = "changed"
    UNCONFIRMED = "unconfirmed"
    LOST = "lost"
    """The device shows another one."""
    CAME_BACK = "came_back"
    """The device was lost, and does not show what it has."""


@dataclass(slots=True, kw_only=True)
class _Setpoint:
    """One register's way from wanted over written to confirmed. `is_sought`: the next step is to read it back."""

    target: Target
    reason: Reason
    due_s: float
    written_s: float = -_NEVER
    attempts: int = 0
    looks: int = 0
    is_sought: bool = False
    is_confirmed: bool = False
    is_reported: bool = False
    shown: int | None = None
    in_force: Write | None = None
    """What the device was last known to have, and nothing was written since."""
    kept: int | None = None
    """A lower value that the device keeps to, whatever is written."""

    def is_met_by(self, shown: int) -> bool:
        return shown == self.kept or self.target.is_met_by(shown)

    def seek(self, now_s: float, reason: Reason) -> None:
        """Read it back before anything is written."""
        self.reason, self.due_s, self.is_sought, self.is_confirmed = reason, now_s, True, False
        self.attempts, self.looks, self.is_reported = 0, 0, False


@dataclass(slots=True, kw_only=True)
class _Evse:
    """`setpoints` in the order of writing, the next one only when the one before is confirmed; `remembered` are those
    that were set and are not wanted just now: they are not taken back."""

    feeding: Feeding
    desired: Desired = NOTHING
    setpoints: dict[str, _Setpoint] = field(default_factory=dict)
    remembered: dict[str, _Setpoint] = field(default_factory=dict)
    problem: str = ""

    @property
    def next(self) -> _Setpoint | None:
        return next((setpoint for setpoint in self.setpoints.values() if not setpoint.is_confirmed), None)


class Control:
    """`known` tells what was last read of an EVSE's register. `on_report` hears what became of setpoints."""

    def __init__(
        self,
        device_id: str,
        profile: Profile,
        bus: Bus,
        rounds: Rounds,
        patience: Patience,
        metrics: ModbusMetrics,
        *,
        evse_ids: tuple[int, ...],
        known: Callable[[int, str | None], int | None],
        is_well: Callable[[], bool],
        on_report: Callable[[SetpointReported], None],
    ) -> None:
        self._device_id = device_id
        self._profile = profile
        self._bus = bus
        self._rounds = rounds
        self._patience = patience
        self._metrics = metrics
        self._known = known
        self._is_well = is_well
        self._on_report = on_report
        self._wake = asyncio.Event()
        self._evses = {evse_id: _Evse(feeding=self._feeding(evse_id, evse_ids[0])) for evse_id in evse_ids}

    def _feeding(self, evse_id: int, first_id: int) -> Feeding:
        return Feeding(
            profile=self._profile,
            evse_id=evse_id,
            is_first=evse_id == first_id,
            known=lambda name: self._known(evse_id, name),
        )

    # --- what is wanted ---

    def want(self, evse_id: int, desired: Desired) -> None:
        """From now on this is wanted; it takes the place of what was. Raises BadValue for what the device cannot do."""
        evse = self._evses[evse_id]
        found = self._targets(evse_id, evse, desired)
        evse.desired, evse.problem = desired, ""
        self._aim(evse, found)
        self._wake.set()

    def came_back(self) -> None:
        """The device was lost and is there again: what it does not show may be gone."""
        now_s = asyncio.get_running_loop().time()
        for evse in self._evses.values():
            evse.remembered.clear()
            for setpoint in evse.setpoints.values():
                if setpoint.is_confirmed:
                    setpoint.seek(now_s, Reason.CAME_BACK)
                    setpoint.is_sought = setpoint.target.shown_by is not None
                setpoint.in_force = None
        self._wake.set()

    def look(self) -> None:
        """The slow registers were read: are the setpoints still there? And may now be set what could not be before?"""
        now_s = asyncio.get_running_loop().time()
        for evse_id, evse in self._evses.items():
            self._aim_anew(evse_id, evse)
            for setpoint in evse.setpoints.values():
                shown = self._known(evse_id, setpoint.target.shown_by)
                is_plain = not self._is_phase_switch(setpoint)  # its state is in codes, and cars switch phases as well
                if setpoint.is_confirmed and shown is not None and is_plain and not setpoint.is_met_by(shown):
                    setpoint.seek(now_s, Reason.LOST)  # what was read may be older than the last write
        self._wake.set()

    def _targets(self, evse_id: int, evse: _Evse, desired: Desired) -> tuple[Target, ...]:
        """Phases that may be switched only while paused wait for the pause, and the limit for the phases."""

        def known(name: str | None) -> int | None:
            return self._known(evse_id, name)

        found = targets(self._profile, desired, evse_id, known)
        switch = self._profile.phase_switch
        if switch is None or not switch.only_while_paused or desired.phases is None or desired.is_paused:
            return found
        was = evse.setpoints.get(switch.register)
        is_settled = was is not None and was.target.wanted == desired.phases and (was.is_confirmed or was.is_reported)
        if is_settled:
            return found
        return targets(self._profile, Desired(is_paused=True, phases=desired.phases), evse_id, known)

    def _aim_anew(self, evse_id: int, evse: _Evse) -> None:
        """What the device tells, or what was confirmed, may have changed what is to be written."""
        if evse.desired.is_nothing:
            return
        try:
            found = self._targets(evse_id, evse, evse.desired)
        except BadValue as error:
            if evse.problem != str(error):
                evse.problem = str(error)
                self._report(evse_id, "", evse.desired.limit or 0, None, is_confirmed=False, detail=str(error))
            return
        self._aim(evse, found)

    def _aim(self, evse: _Evse, found: tuple[Target, ...]) -> None:
        now_s = asyncio.get_running_loop().time()
        before = {**evse.remembered, **evse.setpoints}
        aimed: dict[str, _Setpoint] = {}
        for target in found:
            was = before.pop(target.name, None)
            if was is None or was.target.write != target.write:
                aimed[target.name] = self._new(target, was, now_s)
                continue
            if target.name in evse.remembered and was.is_confirmed and target.shown_by is not None:
                was.seek(now_s, Reason.CHANGED)
            aimed[target.name] = was
        evse.setpoints, evse.remembered = aimed, before

    def _new(self, target: Target, was: _Setpoint | None, now_s: float) -> _Setpoint:
        if was is None:
            return _Setpoint(target=target, reason=Reason.CHANGED, due_s=now_s)
        due_s = max(now_s, was.written_s + self._min_interval_s(target))
        new = _Setpoint(
            target=target, reason=Reason.CHANGED, due_s=due_s, written_s=was.written_s, in_force=was.in_force
        )
        if was.in_force == target.write:  # what came between was never written
            new.seek(now_s, Reason.CHANGED)
            new.is_confirmed = target.shown_by is None
        return new

    def _is_phase_switch(self, setpoint: _Setpoint) -> bool:
        switch = self._profile.phase_switch
        return switch is not None and setpoint.target.name == switch.register

    def _min_interval_s(self, target: Target) -> float:
        rule = self._profile.limit
        return float(rule.min_interval_s) if rule is not None and target.name == rule.register else 0.0

    # --- doing it ---

    async def run(self) -> None:
        """Feed and set until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            wait_s = self._due_s() - loop.time()
            if wait_s > 0:
                await self._sleep(wait_s)
            elif self._is_well():
                await self._next()
            else:
                self._metrics.feeds_withheld += 1
                await asyncio.sleep(UNWELL_LOOK_S)

    async def _sleep(self, wait_s: float) -> None:
        """Or until something else is wanted."""
        try:
            async with asyncio.timeout(None if wait_s == _NEVER else wait_s):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _due_s(self) -> float:
        """When there is something to do, by the loop's clock; not before the device may be asked again."""
        at_s = min(min(self._feed_due_s(evse), self._set_due_s(evse)) for evse in self._evses.values())
        if at_s == _NEVER:
            return at_s
        now_s = asyncio.get_running_loop().time()
        return max(at_s, now_s + max(self._patience.feed_wait_s(now_s), self._bus.retry_wait_s()))

    def _feed_due_s(self, evse: _Evse) -> float:
        if all(each.desired.is_nothing for each in self._evses.values()):
            return _NEVER
        return evse.feeding.due_s(self._patience.heard_s)

    def _set_due_s(self, evse: _Evse) -> float:
        setpoint = evse.next
        return setpoint.due_s if setpoint is not None else _NEVER

    async def _next(self) -> None:
        """The one thing that is due: of a feed and a setpoint the feed, without which some devices take no setpoint."""
        now_s = asyncio.get_running_loop().time()
        for evse in self._evses.values():
            if self._feed_due_s(evse) <= now_s:
                await self._feed(evse)
                return
        for evse_id, evse in self._evses.items():
            setpoint = evse.next
            if setpoint is not None and setpoint.due_s <= now_s:
                if setpoint.is_sought:
                    await self._look_for(evse_id, evse, setpoint)
                else:
                    await self._set(evse_id, evse, setpoint)
                return

    async def _feed(self, evse: _Evse) -> None:
        loop, feeding = asyncio.get_running_loop(), evse.feeding
        began_s, heard_s = loop.time(), self._patience.heard_s
        try:
            if (write := feeding.write) is None:
                await self._rounds.touch()
            else:
                await self._rounds.write(write)
        except BusError as error:
            self._note_failure(error)
            feeding.failed(loop.time())
            return
        self._patience.answered(loop.time())
        self._metrics.feeds += 1
        self._metrics.feeds_late += feeding.fed(began_s, loop.time(), heard_s)

    # --- setpoints ---

    async def _set(self, evse_id: int, evse: _Evse, setpoint: _Setpoint) -> None:
        loop = asyncio.get_running_loop()
        write = setpoint.target.write
        self._metrics.writes[setpoint.reason if setpoint.attempts == 0 else Reason.UNCONFIRMED] += 1
        began_s = setpoint.written_s = loop.time()
        setpoint.attempts += 1
        setpoint.in_force = None
        is_limit = self._profile.limit is not None and write.name == self._profile.limit.register
        if is_limit:
            evse.feeding.setpoint = write  # from now on the one before is no longer to be repeated
        try:
            await self._rounds.write(write)
        except BusError as error:
            self._note_failure(error)
            self._retry(evse_id, evse, setpoint, str(error), is_silent=not error.is_refusal)
            return
        self._patience.answered(loop.time())
        if is_limit and evse.feeding.is_by_setpoint:
            evse.feeding.fed(began_s, loop.time())
        if setpoint.target.shown_by is None:
            self._confirm(evse_id, evse, setpoint, None)
        else:
            setpoint.is_sought, setpoint.looks, setpoint.due_s = True, 0, loop.time()

    async def _look_for(self, evse_id: int, evse: _Evse, setpoint: _Setpoint) -> None:
        """Read it back; and again a little later, if it does not show yet."""
        target, loop = setpoint.target, asyncio.get_running_loop()
        outcome = await self._rounds.read_names([target.shown_by or target.name], evse_id, urgency=Urgency.WRITE)
        if outcome.error is not None:
            self._note_failure(outcome.error)
            setpoint.due_s = loop.time() + LOOK_EVERY_S  # that tells nothing about it
            return
        self._patience.answered(loop.time())
        shown = target.read_back(_firsts(outcome.values, evse_id))
        if shown is not None and setpoint.is_met_by(shown):
            self._confirm(evse_id, evse, setpoint, shown)
            return
        if shown is None and target.shown_by in self._rounds.missing:
            self._confirm(evse_id, evse, setpoint, None)  # this device shows it nowhere
            return
        setpoint.shown = shown
        setpoint.looks += 1
        if setpoint.looks < LOOKS:
            setpoint.due_s = loop.time() + LOOK_EVERY_S
        else:
            self._retry(evse_id, evse, setpoint, "no value" if shown is None else f"it shows {shown}", is_silent=False)

    def _confirm(self, evse_id: int, evse: _Evse, setpoint: _Setpoint, shown: int | None) -> None:
        setpoint.is_confirmed, setpoint.is_sought, setpoint.is_reported = True, False, False
        setpoint.due_s, setpoint.shown, setpoint.attempts = _NEVER, shown, 0
        setpoint.in_force = setpoint.target.write
        self._report(evse_id, setpoint.target.name, setpoint.target.wanted, shown, is_confirmed=True)
        self._aim_anew(evse_id, evse)

    def _retry(self, evse_id: int, evse: _Evse, setpoint: _Setpoint, detail: str, *, is_silent: bool) -> None:
        """Write it again: at once where nothing was answered, a little later where it was not taken.

        Tried often enough, it is reported; from then on seldom, or not at all where the device keeps to a lower limit.
        """
        setpoint.is_sought = False
        if setpoint.attempts < (2 * MAX_WRITES if is_silent else MAX_WRITES):
            patient_s = FIRST_RETRY_S * 2.0 ** (setpoint.attempts - 1) if setpoint.attempts else 0.0
            pause_s = RETRY_S if is_silent else patient_s
        else:
            pause_s = SELDOM_S
            if not setpoint.is_reported:
                setpoint.is_reported = True
                self._metrics.unconfirmed += 1
                target = setpoint.target
                self._report(evse_id, target.name, target.wanted, setpoint.shown, is_confirmed=False, detail=detail)
            if not is_silent and setpoint.shown is not None and 0 < setpoint.shown < setpoint.target.wanted:
                setpoint.kept, setpoint.is_confirmed, setpoint.due_s = setpoint.shown, True, _NEVER
                return
        now_s = asyncio.get_running_loop().time()
        setpoint.due_s = max(now_s + pause_s, setpoint.written_s + self._min_interval_s(setpoint.target))
        if setpoint.is_reported and self._is_phase_switch(setpoint):
            setpoint.due_s = _NEVER  # not again while it charges
            self._aim_anew(evse_id, evse)

    def _report(
        self, evse_id: int, name: str, wanted: int, shown: int | None, *, is_confirmed: bool, detail: str = ""
    ) -> None:
        self._on_report(
            SetpointReported(
                device_id=self._device_id,
                evse_id=evse_id,
                name=name,
                wanted=wanted,
                shown=shown,
                is_confirmed=is_confirmed,
                detail=detail,
            )
        )

    def _note_failure(self, error: BusError) -> None:
        now_s = asyncio.get_running_loop().time()
        if error.is_refusal:
            self._patience.answered(now_s)
        else:
            self._patience.failed(now_s, error.lost_s)


def _firsts(values: Mapping[tuple[int, str, int], Decoded], evse_id: int) -> dict[str, Decoded]:
    return {name: found for (of, name, index), found in values.items() if of == evse_id and index == 0}
