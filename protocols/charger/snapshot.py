"""What is known of a charger, meter or inverter that is polled: the values, and when each of them was read.

A device that is polled says nothing by itself. What it showed last stands here until something newer is read; who uses
a value looks at its `at` first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from protocols.charger.events import Sample
from protocols.terms import ChargingState, ConnectorStatus, Measurand

Phase = str | None
"""L1, L2, L3, N, or None for the sum, or where there is one only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A value in its base unit (W, Wh, mA, mV, mHz, percent), read at `at` (aware, UTC). `is_estimated`: it stands in
    for what the device does not measure, such as apparent for active power. `is_frozen`: it does not move though it
    should."""

    value: int
    at: datetime
    is_estimated: bool = False
    is_frozen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A text that a device shows: a card's uid, a fault. None: it shows that there is none."""

    text: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownStatus:
    """What a device says of its connector; `charging_state` None where no vehicle is there."""

    status: ConnectorStatus
    charging_state: ChargingState | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitShown:
    """Limits as the device tells them, all in `unit`, mA or W: `setpoint` what was written last, `applied` what the
    charger makes of it, `fail_safe` what it falls back to, `lowest` and `highest` what it takes."""

    unit: str
    setpoint: Reading | None = None
    applied: Reading | None = None
    fail_safe: Reading | None = None
    lowest: Reading | None = None
    highest: Reading | None = None


class Change(StrEnum):
    """What is different from the snapshot before."""

    STATUS = "status"
    CARD = "card"
    FAULT = "fault"
    READINGS = "readings"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseSnapshot:
    """An EVSE, a meter or an inverter (`evse_id` 1). None and left out: unknown, never read or read as missing.

    `session_energy` counts what the device takes for the session, `session_time` for how many seconds it charged in it;
    `is_session_reliable` False: the energy does not start anew with each car.

    `doubts`: registers whose last value was not believed, and why.
    """

    device_id: str
    evse_id: int = 1
    status: ShownStatus | None = None
    fault: Shown | None = None
    card: Shown | None = None
    readings: Mapping[tuple[Measurand, Phase], Reading] = field(default_factory=lambda: MappingProxyType({}))
    session_energy: Reading | None = None
    session_time: Reading | None = None
    is_session_reliable: bool = True
    limit: LimitShown | None = None
    phases_in_use: Reading | None = None
    doubts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def value(self, measurand: Measurand, phase: Phase = None) -> Reading | None:
        return self.readings.get((measurand, phase))

    def samples(self, since: datetime | None = None) -> tuple[Sample, ...]:
        """The readings as samples of a meter; with `since` those that were read then or later. Frozen ones are none."""
        return tuple(
            Sample(measurand=measurand, phase=phase, value=reading.value, at=reading.at)
            for (measurand, phase), reading in self.readings.items()
            if not reading.is_frozen and (since is None or reading.at >= since)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFound:
    """A device answers, and is what its profile describes. `facts`: what it tells of itself, by register name.

    `was_here`: it was lost and came back; whether it has been off meanwhile, it does not say.
    """

    device_id: str
    profile_id: str
    variant: str | None
    evse_ids: tuple[int, ...]
    facts: Mapping[str, int | str]
    was_here: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceLost:
    """A device does not answer any more, or another one does in its place; `reason` is for a person."""

    device_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseChanged:
    """A round of reading is over; `changes` says what is new in `snapshot`, beside the times."""

    snapshot: EvseSnapshot
    changes: frozenset[Change]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetpointReported:
    """Of something that was asked for: `is_confirmed` once the device shows it, or echoed it where it shows nothing;
    not so when several attempts brought another value or none. They go on, seldom."""

    device_id: str
    evse_id: int
    name: str
    wanted: int
    shown: int | None
    is_confirmed: bool
    detail: str = ""


DeviceEvent = DeviceFound | DeviceLost | EvseChanged | SetpointReported
