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
from edge.chargers.modbus.modbus_metrics import ModbusMetrics
from edge.chargers.modbus.patience import Patience
from edge.chargers.modbus.rounds import Rounds
from edge.chargers.modbus.turns import Urgency
from protocols.charger.snapshot import SetpointReported
from protocols.modbus.codec import BadValue, Decoded
from protocols.modbus.profile import Profile, WatchdogKind
from protocols.modbus.setpoint import Write, feed

LOOKS: Final = 3
LOOK_EVERY_S: Final = 1.0
"""So often a setpoint that was written is looked for: a charger may take a while to show it."""
MAX_WRITES: Final = 3
FIRST_RETRY_S: Final = 2.0
SELDOM_S: Final = 60.0
"""From one attempt to the next: at first, doubling; and once it was reported that the device does not take it."""
FEED_RETRY_S: Final = 0.1
UNWELL_LOOK_S: Final = 0.5
_NEVER: Final = math.inf


class Reason(StrEnum):
    """Why a setpoint is written. Feeding a watchdog is the only one beside."""

    CHANGED = "changed"
    UNCONFIRMED = "unconfirmed"
    LOST = "lost"
    """The device shows another one."""
    CAME_BACK = "came_back"
    """It was lost, and does not show what it has."""


@dataclass(slots=True, kw_only=True)
class _Setpoint:
    """One register's way from wanted to confirmed."""

    target: Target
    reason: Reason
    due_s: float
    written_s: float = -_NEVER
    attempts: int = 0
    looks: int = 0
    is_echoed: bool = False
    is_confirmed: bool = False
    is_reported: bool = False
    shown: int | None = None


@dataclass(slots=True, kw_only=True)
class _Evse:
    desired: Desired = NOTHING
    setpoints: dict[str, _Setpoint] = field(default_factory=dict)
    problem: str = ""
    fed_s: float = -_NEVER
    feed_due_s: float = -_NEVER


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
        self._evses = {evse_id: _Evse() for evse_id in evse_ids}
        self._wake = asyncio.Event()
        self.answered_s = -_NEVER
        """When the device last answered anything."""

    # --- what is wanted ---

    def want(self, evse_id: int, desired: Desired) -> None:
        """From now on this is wanted; it takes the place of what was. Raises BadValue for what the device cannot do."""
        evse = self._evses[evse_id]
        found = targets(self._profile, desired, evse_id, lambda name: self._known(evse_id, name))
        evse.desired, evse.problem = desired, ""
        self._aim(evse, found, Reason.CHANGED)
        self._wake.set()

    def desired(self, evse_id: int) -> Desired:
        return self._evses[evse_id].desired

    def came_back(self) -> None:
        """The device was lost and is there again: what it does not show may be gone."""
        for evse in self._evses.values():
            for setpoint in evse.setpoints.values():
                if setpoint.is_confirmed and setpoint.target.shown_by is None:
                    self._again(setpoint, Reason.CAME_BACK)
        self._wake.set()

    def look(self) -> None:
        """A slow round was read: are the setpoints still there? And may more be set now than before?"""
        for evse_id, evse in self._evses.items():
            self._aim_anew(evse_id, evse)
            for setpoint in evse.setpoints.values():
                target = setpoint.target
                shown = self._known(evse_id, target.shown_by)
                if not setpoint.is_confirmed or shown is None or target.write.name in self._phases_register:
                    continue
                if not target.is_met_by(shown):
                    self._again(setpoint, Reason.LOST)
        self._wake.set()

    @property
    def _phases_register(self) -> tuple[str, ...]:
        """Its state is in codes of its own, and chargers switch phases by themselves."""
        switch = self._profile.phase_switch
        return (switch.register,) if switch is not None else ()

    def _aim_anew(self, evse_id: int, evse: _Evse) -> None:
        """What the device tells of its own limits may have changed what may be written."""
        if evse.desired.is_nothing:
            return
        try:
            found = targets(self._profile, evse.desired, evse_id, lambda name: self._known(evse_id, name))
        except BadValue as error:
            if evse.problem != str(error):
                evse.problem = str(error)
                self._on_report(
                    SetpointReported(
                        device_id=self._device_id,
                        evse_id=evse_id,
                        name="",
                        wanted=0,
                        shown=None,
                        is_confirmed=False,
                        detail=str(error),
                    )
                )
            return
        self._aim(evse, found, Reason.CHANGED)

    def _aim(self, evse: _Evse, found: tuple[Target, ...], reason: Reason) -> None:
        now_s = asyncio.get_running_loop().time()
        kept = {}
        for target in found:
            was = evse.setpoints.get(target.name)
            if was is not None and was.target.write == target.write:
                kept[target.name] = was
                continue
            written_s = was.written_s if was is not None else -_NEVER
            due_s = max(now_s, written_s + self._min_interval_s(target))
            kept[target.name] = _Setpoint(target=target, reason=reason, due_s=due_s, written_s=written_s)
        # What is no longer wanted is not taken back; it is remembered so that wanting it again writes it only if other.
        for name, was in evse.setpoints.items():
            if name not in kept and was.is_confirmed:
                kept[name] = was
        evse.setpoints = kept

    def _min_interval_s(self, target: Target) -> float:
        rule = self._profile.limit
        return float(rule.min_interval_s) if rule is not None and target.name == rule.register else 0.0

    def _again(self, setpoint: _Setpoint, reason: Reason) -> None:
        now_s = asyncio.get_running_loop().time()
        setpoint.reason, setpoint.is_confirmed, setpoint.is_echoed, setpoint.is_reported = reason, False, False, False
        setpoint.attempts = 0
        setpoint.due_s = max(now_s, setpoint.written_s + self._min_interval_s(setpoint.target))

    # --- doing it ---

    async def run(self) -> None:
        """Feed and set until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            wait_s = self.due_s() - loop.time()
            if wait_s > 0:
                try:
                    async with asyncio.timeout(None if wait_s == _NEVER else wait_s):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                continue
            if not self._is_well():
                self._metrics.feeds_withheld += 1
                await asyncio.sleep(UNWELL_LOOK_S)
                continue
            await self._next()

    def due_s(self) -> float:
        """When there is something to do, by the loop's clock; not before the device may be asked again."""
        at_s = min(
            (
                due
                for evse_id, evse in self._evses.items()
                for due in (self._feed_due_s(evse_id, evse), _set_due_s(evse))
            ),
            default=_NEVER,
        )
        if at_s == _NEVER:
            return at_s
        now_s = asyncio.get_running_loop().time()
        return max(at_s, now_s + self._patience.feed_wait_s(now_s), now_s + self._bus.retry_wait_s())

    async def _next(self) -> None:
        """The one thing that is due first; of a feed and a setpoint the feed, which some devices need for the other."""
        now_s = asyncio.get_running_loop().time()
        for evse_id, evse in self._evses.items():
            if self._feed_due_s(evse_id, evse) <= now_s:
                await self._feed(evse_id, evse)
                return
        for evse_id, evse in self._evses.items():
            for setpoint in evse.setpoints.values():
                if setpoint.due_s <= now_s:
                    if setpoint.is_echoed:
                        await self._look_for(evse_id, setpoint)
                    else:
                        await self._set(evse_id, evse, setpoint)
                    return

    # --- the watchdog ---

    def _feed_due_s(self, evse_id: int, evse: _Evse) -> float:
        watchdog = self._profile.watchdog
        if watchdog is None or all(each.desired.is_nothing for each in self._evses.values()):
            return _NEVER
        if watchdog.kind is WatchdogKind.ANY_READ:
            interval_s = self._feed_interval_s(evse_id)
            is_first = evse_id == next(iter(self._evses))
            if interval_s is None or not is_first:
                return _NEVER
            return max(evse.feed_due_s, self.answered_s + interval_s)
        if self._feed_write(evse_id, evse) is None:
            return _NEVER
        return evse.feed_due_s if self._feed_interval_s(evse_id) is not None else _NEVER

    def _feed_write(self, evse_id: int, evse: _Evse) -> Write | None:
        """What feeds this EVSE's watchdog; of a station's the first EVSE's."""
        watchdog, rule = self._profile.watchdog, self._profile.limit
        assert watchdog is not None  # noqa: S101 - asked only where there is one
        setpoint = evse.setpoints.get(rule.register) if rule is not None else None
        written = setpoint.target.write if setpoint is not None and setpoint.attempts + setpoint.is_confirmed else None
        timeout_s = self._timeout_s(evse_id)
        write = feed(self._profile, written, round(timeout_s) if timeout_s else None, evse_id)
        is_shared = write is not None and write == feed(self._profile, written, None, next(iter(self._evses)))
        if is_shared and watchdog.kind is not WatchdogKind.REWRITE_SETPOINT and evse_id != next(iter(self._evses)):
            return None
        return write

    def _timeout_s(self, evse_id: int) -> float | None:
        """The time-out in force; None where it is not known, 0 where it is switched off."""
        watchdog = self._profile.watchdog
        known_ms = self._known(evse_id, watchdog.timeout_register) if watchdog is not None else None
        if known_ms is not None:
            return known_ms / 1000
        return float(watchdog.timeout_s) if watchdog is not None and watchdog.timeout_s is not None else None

    def _feed_interval_s(self, evse_id: int) -> float | None:
        watchdog = self._profile.watchdog
        return watchdog.feed_interval_s(self._timeout_s(evse_id)) if watchdog is not None else None

    async def _feed(self, evse_id: int, evse: _Evse) -> None:
        interval_s = self._feed_interval_s(evse_id) or 0.0
        began_s = asyncio.get_running_loop().time()
        try:
            write = None
            if self._profile.watchdog is not None and self._profile.watchdog.kind is not WatchdogKind.ANY_READ:
                write = self._feed_write(evse_id, evse)
            if write is None:
                await self._rounds.touch()
            else:
                await self._bus.write(write, pause_s=self._profile.reads.pause_ms / 1000)
        except BusError as error:
            self._note_failure(error)
            evse.feed_due_s = asyncio.get_running_loop().time() + FEED_RETRY_S
            return
        self._note_answer()
        timeout_s = self._timeout_s(evse_id)
        if timeout_s and evse.fed_s > -_NEVER and asyncio.get_running_loop().time() - evse.fed_s > timeout_s:
            self._metrics.feeds_late += 1
        self._metrics.feeds += 1
        evse.fed_s, evse.feed_due_s = began_s, began_s + interval_s  # counted from before: it may have heard us then

    # --- setpoints ---

    async def _set(self, evse_id: int, evse: _Evse, setpoint: _Setpoint) -> None:
        loop = asyncio.get_running_loop()
        reason = setpoint.reason if setpoint.attempts == 0 else Reason.UNCONFIRMED
        self._metrics.writes[reason] += 1
        began_s = setpoint.written_s = loop.time()
        setpoint.attempts += 1
        try:
            await self._bus.write(setpoint.target.write, pause_s=self._profile.reads.pause_ms / 1000)
        except BusError as error:
            self._note_failure(error)
            self._retry(evse_id, setpoint, str(error))
            return
        self._note_answer()
        if self._profile.watchdog is not None and self._profile.watchdog.kind is WatchdogKind.REWRITE_SETPOINT:
            rule = self._profile.limit
            if rule is not None and setpoint.target.name == rule.register:
                evse.fed_s, evse.feed_due_s = began_s, began_s + (self._feed_interval_s(evse_id) or 0.0)
        setpoint.is_echoed, setpoint.looks, setpoint.due_s = True, 0, loop.time()
        if setpoint.target.shown_by is None:
            self._confirm(evse_id, setpoint, None)

    async def _look_for(self, evse_id: int, setpoint: _Setpoint) -> None:
        """Read it back; and again a little later, if it does not show yet."""
        target, loop = setpoint.target, asyncio.get_running_loop()
        setpoint.looks += 1
        outcome = await self._rounds.read_names([target.shown_by or target.name], evse_id, urgency=Urgency.WRITE)
        if outcome.error is not None:
            self._note_failure(outcome.error)
        else:
            self._note_answer()
        shown = target.read_back(_firsts(outcome.values, evse_id))
        if shown is not None:
            setpoint.shown = shown
            if target.is_met_by(shown):
                self._confirm(evse_id, setpoint, shown)
                return
        elif outcome.error is None and (target.shown_by or "") in self._rounds.missing:
            self._confirm(evse_id, setpoint, None)  # this device shows it nowhere
            return
        if setpoint.looks < LOOKS:
            setpoint.due_s = loop.time() + LOOK_EVERY_S
        else:
            self._retry(evse_id, setpoint, f"it shows {setpoint.shown}" if setpoint.shown is not None else "unreadable")

    def _confirm(self, evse_id: int, setpoint: _Setpoint, shown: int | None) -> None:
        setpoint.is_confirmed, setpoint.due_s, setpoint.shown = True, _NEVER, shown
        setpoint.attempts = 0
        self._report(evse_id, setpoint, is_confirmed=True)

    def _retry(self, evse_id: int, setpoint: _Setpoint, detail: str) -> None:
        """Write it again later; once it was tried often enough, say so and go on, seldom."""
        now_s = asyncio.get_running_loop().time()
        setpoint.is_echoed = False
        pause_s = FIRST_RETRY_S * 2 ** (setpoint.attempts - 1)
        if setpoint.attempts >= MAX_WRITES:
            pause_s = SELDOM_S
            if not setpoint.is_reported:
                setpoint.is_reported = True
                self._metrics.unconfirmed += 1
                self._report(evse_id, setpoint, is_confirmed=False, detail=detail)
        setpoint.due_s = now_s + max(pause_s, self._min_interval_s(setpoint.target))

    def _report(self, evse_id: int, setpoint: _Setpoint, *, is_confirmed: bool, detail: str = "") -> None:
        self._on_report(
            SetpointReported(
                device_id=self._device_id,
                evse_id=evse_id,
                name=setpoint.target.name,
                wanted=setpoint.target.wanted,
                shown=setpoint.shown,
                is_confirmed=is_confirmed,
                detail=detail,
            )
        )

    # --- what others hear of it ---

    def _note_answer(self) -> None:
        self.answered_s = asyncio.get_running_loop().time()
        self._patience.answered()

    def _note_failure(self, error: BusError) -> None:
        if error.is_refusal:
            self._note_answer()
        else:
            self._patience.failed(asyncio.get_running_loop().time(), error.lost_s)


def _set_due_s(evse: _Evse) -> float:
    return min((setpoint.due_s for setpoint in evse.setpoints.values()), default=_NEVER)


def _firsts(values: Mapping[tuple[int, str, int], Decoded], evse_id: int) -> dict[str, Decoded]:
    return {name: found for (of, name, index), found in values.items() if of == evse_id and index == 0}
