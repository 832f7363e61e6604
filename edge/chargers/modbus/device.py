"""One device on a bus: found, read round by round, controlled; lost, and found again.

What it shows goes to a sink as events; what is wanted of it comes in through `want`. It decides nothing.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

import structlog

from edge.chargers.modbus.bus import Bus, BusError, BusFault
from edge.chargers.modbus.control import UNWELL_LOOK_S, Control
from edge.chargers.modbus.desired import Desired
from edge.chargers.modbus.modbus_metrics import ModbusMetrics
from edge.chargers.modbus.patience import Patience
from edge.chargers.modbus.rounds import Outcome, Rounds
from edge.chargers.modbus.snapshots import SnapshotMaker
from edge.chargers.modbus.sunspec_walk import walk_device
from edge.ports import Clock
from protocols.charger.snapshot import (
    DeviceEvent,
    DeviceFound,
    DeviceLost,
    EvseChanged,
    EvseSnapshot,
    SetpointReported,
)
from protocols.modbus.catalogue import Fit, fit, variant_for
from protocols.modbus.codec import BadValue, Value
from protocols.modbus.profile import Profile, WatchdogKind
from protocols.modbus.reader import Parsed
from protocols.modbus.reads import singles
from protocols.modbus.register import Group
from protocols.modbus.setpoint import write_raw

STRANGER_PAUSE_S: Final = 60.0
"""From one look at a device that is not of its profile to the next."""
ATTEMPTS: Final = 3
"""So often each read is tried while a device is looked for: what is found out then holds for long."""
_EVERYTHING: Final = (Group.ONCE, Group.FAST, Group.SLOW)

Sink = Callable[[DeviceEvent], None]
"""Takes what a device shows. It must be short and may not raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSettings:
    """`unit_id` None: the profile's. `variant` None: the one that the device shows. `evses` None: as many as it tells.

    The slow registers come with every fast round that is due `slow_s` after the last one that had them.
    """

    device_id: str
    unit_id: int | None = None
    variant: str | None = None
    evses: int | None = None
    fast_s: float = 1.0
    slow_s: float = 30.0
    lost_after_s: float = 10.0


class Device:
    """`run` must be running. `is_well` tells whether the agent is: while it is not, watchdogs are not fed."""

    def __init__(
        self,
        settings: DeviceSettings,
        parsed: Parsed,
        bus: Bus,
        metrics: ModbusMetrics,
        *,
        sink: Sink,
        clock: Clock,
        is_well: Callable[[], bool],
        random: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._parsed = parsed
        self._bus = bus
        self._metrics = metrics
        self._sink = sink
        self._clock = clock
        self._is_well = is_well
        self._random = random
        self._patience = Patience(random, lambda: bus.share)
        self._desired: dict[int, Desired] = {}
        self._profile = self._variant_of(settings.variant)
        self._found: _Found | None = None
        self._is_lost = True
        self._told: str | None = None
        self._is_stranger = False
        self._stranger_until_s = 0.0
        self._log = structlog.get_logger().bind(device_id=settings.device_id, profile=parsed.profile.id)

    @property
    def device_id(self) -> str:
        return self._settings.device_id

    @property
    def profile(self) -> Profile:
        """With its variant, once the device has shown which it is."""
        return self._profile

    def snapshots(self) -> tuple[EvseSnapshot, ...]:
        """What was last seen of its EVSEs; none before it was found."""
        return tuple(maker.snapshot for maker in self._found.makers.values()) if self._found is not None else ()

    def want(self, evse_id: int, desired: Desired) -> None:
        """From now on this is wanted of an EVSE, also of one that is not there yet; see Control.want.

        Raises BadValue for what the device cannot do.
        """
        if self._found is not None and evse_id in self._found.makers:
            self._found.control.want(evse_id, desired)
        self._desired[evse_id] = desired

    async def unlock(self, evse_id: int) -> None:
        """Let the cable of an EVSE go, once. Raises BadValue where the device has no such register or was not found
        yet, BusError where it does not take it."""
        found, lock = self._found, self._profile.cable_lock
        if found is None or evse_id not in found.makers:
            raise BadValue(f"{self.device_id} was not found yet")
        if lock is None:
            raise BadValue(f"{self._profile.id} has no register for its lock")
        await found.rounds.write(write_raw(found.profile, lock.register, lock.off, evse_id))

    async def run(self) -> None:
        """Look for the device, read and control it until cancelled."""
        self._bus.join()
        self._is_lost, self._told = True, None
        self._metrics.devices["lost"] += 1
        try:
            await self._live()
        finally:
            self._bus.leave()
            self._metrics.devices["lost" if self._is_lost else "connected"] -= 1

    async def _live(self) -> None:
        await asyncio.sleep(self._random() * self._settings.fast_s)  # devices shall not all be asked in the same moment
        while True:
            found = await self._look_for()
            self._found, self._profile = found, found.profile
            self._tell_found(found, was_here=False)
            self._take(found, found.first, found.first_at)
            for evse_id, desired in self._desired.items():
                self._pass_on(found, evse_id, desired)
            async with asyncio.TaskGroup() as tasks:
                controlling = tasks.create_task(found.control.run())
                await self._poll(found)
                controlling.cancel()

    def _pass_on(self, found: _Found, evse_id: int, desired: Desired) -> None:
        try:
            if evse_id not in found.makers:
                raise BadValue(f"it has no EVSE {evse_id}")
            found.control.want(evse_id, desired)
        except BadValue as error:
            self._sink(
                SetpointReported(
                    device_id=self.device_id,
                    evse_id=evse_id,
                    name="",
                    wanted=desired.limit or 0,
                    shown=None,
                    is_confirmed=False,
                    detail=str(error),
                )
            )

    # --- looking for it ---

    async def _look_for(self) -> _Found:
        """Until the device answers and is of its profile."""
        while True:
            await self._until_it_may_be_asked(0.0)
            found = await self._try_to_find()
            if isinstance(found, _Found):
                return found
            self._tell_lost(found)

    async def _try_to_find(self) -> _Found | str:
        """Or why not."""
        profile = self._variant_of(self._settings.variant)
        try:
            if profile.sunspec is not None:
                profile = await walk_device(self._bus, profile)
        except BusError as error:
            self._note_failure(error)
            return str(error)
        outcome = await Rounds(self._bus, profile, (1,)).read_groups(*_EVERYTHING, attempts=ATTEMPTS)
        if outcome.error is not None:
            self._note_failure(outcome.error)
            return str(outcome.error)
        self._note_answer()
        values = singles(outcome.values)
        if fit(profile, values) is Fit.NO:
            self._stranger_until_s = asyncio.get_running_loop().time() + STRANGER_PAUSE_S
            self._is_stranger = True
            return f"what answers does not look like {profile.vendor} {profile.model}"
        if self._settings.variant is None and profile.sunspec is None:
            profile = self._variant_of(variant_for(self._parsed, values))
        evse_ids = self._evse_ids(profile, values)
        rounds, at = Rounds(self._bus, profile, evse_ids), self._clock()
        outcome = await rounds.read_groups(*_EVERYTHING, attempts=ATTEMPTS)
        if outcome.error is not None:
            self._note_failure(outcome.error)
            return str(outcome.error)
        return self._made(profile, evse_ids, rounds, outcome, at)

    def _evse_ids(self, profile: Profile, values: Mapping[str, Value | None]) -> tuple[int, ...]:
        counted = values.get(profile.evses.count_register) if profile.evses.count_register is not None else None
        told = counted if isinstance(counted, int) and counted > 0 else 1
        return tuple(range(1, min(self._settings.evses or told, profile.evses.at_most) + 1))

    def _made(
        self, profile: Profile, evse_ids: tuple[int, ...], rounds: Rounds, first: Outcome, at: datetime
    ) -> _Found:
        is_only = len(evse_ids) == 1
        makers = {evse_id: SnapshotMaker(self.device_id, profile, evse_id, is_only=is_only) for evse_id in evse_ids}
        control = Control(
            self.device_id,
            profile,
            self._bus,
            rounds,
            self._patience,
            self._metrics,
            evse_ids=evse_ids,
            known=lambda evse_id, name: makers[evse_id].number(name),
            is_well=self._is_well,
            on_report=self._sink,
        )
        return _Found(profile=profile, rounds=rounds, makers=makers, control=control, first=first, first_at=at)

    def _variant_of(self, name: str | None) -> Profile:
        profile = self._parsed.profile if name is None else self._parsed.variants[name][1]
        unit_id = self._settings.unit_id
        return profile if unit_id is None else replace(profile, unit_id=unit_id)

    # --- reading it ---

    async def _poll(self, found: _Found) -> None:
        """Round by round; returns when something else is in the device's place."""
        loop, settings = asyncio.get_running_loop(), self._settings
        next_s, slow_due_s = loop.time() + settings.fast_s, loop.time() + settings.slow_s
        while True:
            await self._until_it_may_be_asked(next_s)
            next_s = max(next_s + settings.fast_s, loop.time())
            if self._may_not_even_be_read(found):
                await asyncio.sleep(UNWELL_LOOK_S)
                continue
            if self._is_lost and not await self._is_back(found):
                if self._is_stranger:
                    return
                continue
            is_slow = loop.time() >= slow_due_s
            groups = (Group.FAST, Group.SLOW) if is_slow else (Group.FAST,)
            at = self._clock()  # before it is read: never told to be newer than it is
            outcome = await found.rounds.read_groups(*groups)
            self._take(found, outcome, at)
            if outcome.error is None:
                self._metrics.polls["good"] += 1
                self._note_answer()
                if is_slow:
                    slow_due_s = loop.time() + settings.slow_s
                    found.control.look()
            else:
                self._metrics.polls["failed"] += 1
                self._note_failure(outcome.error, is_partial=bool(outcome.values))
            if loop.time() - self._patience.heard_s > settings.lost_after_s:
                self._tell_lost(str(outcome.error))

    async def _is_back(self, found: _Found) -> bool:
        """It was lost: does it answer, and is it the one that it was?"""
        outcome = await found.rounds.read_groups(*_EVERYTHING, attempts=ATTEMPTS)  # its signs may be in any group
        if outcome.error is not None:
            self._note_failure(outcome.error)
            return False
        self._note_answer()
        facts = _facts(found.profile, outcome)
        if facts != found.facts or fit(found.profile, singles(outcome.values)) is Fit.NO:
            self._is_stranger = True
            return False
        self._tell_found(found, was_here=True)
        found.control.came_back()
        return True

    def _may_not_even_be_read(self, found: _Found) -> bool:
        """Where any request feeds the watchdog, an agent that is not well asks nothing."""
        watchdog = found.profile.watchdog
        if watchdog is None or watchdog.kind is not WatchdogKind.ANY_READ or self._is_well():
            return False
        self._metrics.feeds_withheld += 1
        return True

    def _take(self, found: _Found, outcome: Outcome, at: datetime) -> None:
        if not outcome.values:
            return
        for maker in found.makers.values():
            doubted = set(maker.snapshot.doubts)
            changes = maker.take(outcome.values, at)
            self._metrics.implausible += len(set(maker.snapshot.doubts) - doubted)
            self._sink(EvseChanged(snapshot=maker.snapshot, changes=changes))

    # --- waiting ---

    async def _until_it_may_be_asked(self, at_s: float) -> None:
        loop = asyncio.get_running_loop()
        while True:
            now_s = loop.time()
            wait_s = max(
                at_s - now_s,
                self._patience.poll_wait_s(now_s),
                self._bus.retry_wait_s(),
                self._stranger_until_s - now_s,
            )
            if wait_s <= 0:
                return
            await asyncio.sleep(wait_s)

    def _note_answer(self) -> None:
        self._patience.answered(asyncio.get_running_loop().time())

    def _note_failure(self, error: BusError, *, is_partial: bool = False) -> None:
        now_s = asyncio.get_running_loop().time()
        if is_partial or error.is_refusal:
            self._note_answer()
        if error.fault is not BusFault.UNREACHABLE:  # then the bus itself pauses
            self._patience.failed(now_s, error.lost_s)
            self._metrics.back_offs += 1

    # --- telling ---

    def _tell_found(self, found: _Found, *, was_here: bool) -> None:
        if self._is_lost:
            self._metrics.devices["lost"] -= 1
            self._metrics.devices["connected"] += 1
        self._is_lost, self._told, self._is_stranger = False, None, False
        self._log.info("modbus_device_found", variant=found.profile.variant, was_here=was_here)
        self._sink(
            DeviceFound(
                device_id=self.device_id,
                profile_id=found.profile.id,
                variant=found.profile.variant,
                evse_ids=tuple(found.makers),
                facts=found.facts,
                was_here=was_here,
            )
        )

    def _tell_lost(self, reason: str) -> None:
        """Once that it is silent, and once that it is another, until it is found again."""
        if not self._is_lost:
            self._metrics.devices["lost"] += 1
            self._metrics.devices["connected"] -= 1
        self._is_lost = True
        kind = "stranger" if self._is_stranger else "silent"
        if self._told == kind:
            return
        self._told = kind
        self._log.warning("modbus_device_lost", reason=reason)
        self._sink(DeviceLost(device_id=self.device_id, reason=reason))


@dataclass(slots=True, kw_only=True)
class _Found:
    """A device that answers, and all that is made for it then."""

    profile: Profile
    rounds: Rounds
    makers: Mapping[int, SnapshotMaker]
    control: Control
    first: Outcome
    first_at: datetime

    @property
    def facts(self) -> Mapping[str, int | str]:
        return _facts(self.profile, self.first)


def _facts(profile: Profile, outcome: Outcome) -> Mapping[str, int | str]:
    """What it tells of itself: the registers that are read once."""
    values = singles(outcome.values)
    return MappingProxyType(
        {
            name: value
            for name, value in values.items()
            if isinstance(value, int | str) and profile.registers[name].group is Group.ONCE
        }
    )
