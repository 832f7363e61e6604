"""Charging profiles as a station keeps them: by purpose, stack level and EVSE. Pure.

In OCPP 2.0.1's words; a 1.6 profile is one with a single schedule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

MAX_STACK_LEVEL = 9
MAX_PERIODS = 24
MAX_PROFILES = 40


class Purpose(StrEnum):
    """OCPP 2.0.1 ChargingProfilePurposeEnumType; 1.6 calls the second ChargePointMaxProfile and has no first."""

    EXTERNAL = "ChargingStationExternalConstraints"
    STATION_MAX = "ChargingStationMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


class Kind(StrEnum):
    """OCPP ChargingProfileKindType: what a schedule's times are counted from."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From `start_s` on at most `limit`, in the schedule's unit; `phases` only as far as it is told."""

    start_s: int
    limit: float
    phases: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Periods in order, the first at 0; `unit` is "A" (per phase) or "W" (all together)."""

    unit: str
    periods: tuple[Period, ...]
    start: datetime | None = None
    duration_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingProfile:
    """One profile for an EVSE (0: the station). `told` is the profile in the words it came in, for reports."""

    profile_id: int
    evse_id: int
    stack_level: int
    purpose: Purpose
    kind: Kind
    schedule: Schedule
    recurrency: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    transaction_id: str | None = None
    source: str = "CSO"
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Profiles:
    """What was set and not cleared."""

    all: list[ChargingProfile] = field(default_factory=list)

    def put(self, profile: ChargingProfile) -> None:
        """Keep a profile in place of the one with its id, or with its EVSE, purpose and stack level (K01.FR.05)."""
        self.all = [each for each in self.all if not _gives_way(each, profile)] + [profile]

    def clear(
        self,
        *,
        profile_id: int | None = None,
        evse_id: int | None = None,
        purpose: str | None = None,
        stack_level: int | None = None,
    ) -> list[ChargingProfile]:
        """Remove and return what fits all that is given (OCPP 1.6 §5.5, 2.0.1 K10); external limits are not ours."""
        gone = [
            each
            for each in self.all
            if each.purpose is not Purpose.EXTERNAL
            and profile_id in (None, each.profile_id)
            and evse_id in (None, each.evse_id)
            and purpose in (None, each.purpose.value)
            and stack_level in (None, each.stack_level)
        ]
        self.all = [each for each in self.all if each not in gone]
        return gone

    def end_transaction(self, evse_id: int) -> None:
        """A transaction is over: its profiles go with it (OCPP 1.6 §3.13.1, 2.0.1 K02)."""
        self.all = [each for each in self.all if each.purpose is not Purpose.TX or each.evse_id != evse_id]


def _gives_way(old: ChargingProfile, new: ChargingProfile) -> bool:
    if old.profile_id == new.profile_id and old.purpose is not Purpose.EXTERNAL:
        return True
    return (old.evse_id, old.purpose, old.stack_level) == (new.evse_id, new.purpose, new.stack_level)
