"""Charging profiles merged: the most that an EVSE may draw, over time (OCPP 1.6 §3.13, 2.0.1 K01, K08).

Of the profiles of one purpose the one with the highest stack level counts; a TxProfile takes the place of the
TxDefaultProfiles; what is left over of several purposes is the lowest. All in W: amperes are at the nominal voltage.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    SchedulePeriod,
    watts_per_ampere,
)

_RECURS: Final = {"Daily": timedelta(days=1), "Weekly": timedelta(days=7)}


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledProfile:
    """A profile that a station has accepted. EVSE 0: for the station, or for each of its EVSEs (TxDefaultProfile)."""

    evse_id: int
    profile: ChargingProfile
    installed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The transaction at the EVSE, which Relative and TxProfiles belong to."""

    charger_transaction_id: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """From then on at most so much; None where nothing limits it."""

    at: datetime
    limit_w: int | None


def limit_at(profiles: Iterable[InstalledProfile], evse_id: int, running: Running | None, at: datetime) -> int | None:
    """The limit of the EVSE in W at a time, None for none. EVSE 0: that of the station as a whole."""
    strongest: dict[str, tuple[tuple[int, bool], int]] = {}
    for installed in profiles:
        profile = installed.profile
        if not _concerns(installed, evse_id, running):
            continue
        limit_w = _limit_of(installed, running, at)
        if limit_w is None:
            continue
        rank = (profile.stack_level, installed.evse_id != 0)
        if profile.purpose not in strongest or strongest[profile.purpose][0] < rank:
            strongest[profile.purpose] = (rank, limit_w)
    if "TxProfile" in strongest:
        strongest.pop("TxDefaultProfile", None)
    return min((limit_w for _, limit_w in strongest.values()), default=None)


def composite(
    profiles: Iterable[InstalledProfile], evse_id: int, running: Running | None, begin: datetime, end: datetime
) -> list[Step]:
    """How the limit goes from `begin` until `end`: where it changes, `begin` first."""
    installed = list(profiles)
    moments = sorted({begin, *(at for each in installed for at in _turns(each, running, begin, end))})
    steps: list[Step] = []
    for at in moments:
        limit_w = limit_at(installed, evse_id, running, at)
        if not steps or steps[-1].limit_w != limit_w:
            steps.append(Step(at, limit_w))
    return steps


def steps_of(schedule: ChargingSchedule, begin: datetime) -> list[Step]:
    """A composite schedule as a station told it; it begins at `begin` where it does not say when."""
    start = schedule.start_at or begin
    return [Step(start + timedelta(seconds=p.start_s), watts(p, schedule)) for p in schedule.periods]


def watts(period: SchedulePeriod, schedule: ChargingSchedule) -> int:
    """The period's limit in W, rounded down."""
    if schedule.rate_unit == "W":
        return int(period.limit)
    return int(period.limit * watts_per_ampere(period))


def _concerns(installed: InstalledProfile, evse_id: int, running: Running | None) -> bool:
    profile = installed.profile
    match profile.purpose:
        case "ChargingStationMaxProfile" | "ChargingStationExternalConstraints":
            return installed.evse_id in (0, evse_id)
        case "TxDefaultProfile":
            return evse_id != 0 and installed.evse_id in (0, evse_id)
        case _:
            is_its = running is not None and profile.charger_transaction_id in (None, running.charger_transaction_id)
            return installed.evse_id == evse_id and is_its


def _limit_of(installed: InstalledProfile, running: Running | None, at: datetime) -> int | None:
    profile = installed.profile
    if (profile.valid_from is not None and at < profile.valid_from) or (
        profile.valid_to is not None and at >= profile.valid_to
    ):
        return None
    schedule = profile.schedules[0]
    start = _start(installed, running, at)
    if start is None or at < start:
        return None
    passed_s = (at - start).total_seconds()
    if schedule.duration_s is not None and passed_s >= schedule.duration_s:
        return None
    period = None
    for each in schedule.periods:
        if each.start_s > passed_s:
            break
        period = each
    return None if period is None else watts(period, schedule)


def _start(installed: InstalledProfile, running: Running | None, at: datetime) -> datetime | None:
    """When the schedule that holds at a time began."""
    profile = installed.profile
    given = profile.schedules[0].start_at or profile.valid_from or installed.installed_at
    match profile.kind:
        case "Relative":
            return running.started_at if running is not None else None
        case "Recurring":
            every = _RECURS[profile.recurrency or "Daily"]
            return given + every * max(0, (at - given) // every)
        case _:
            return given


def _turns(installed: InstalledProfile, running: Running | None, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The moments from `begin` until `end` at which what the profile says may change."""
    profile, schedule = installed.profile, installed.profile.schedules[0]
    seconds = [period.start_s for period in schedule.periods]
    if schedule.duration_s is not None:
        seconds.append(schedule.duration_s)
    moments = [at for at in (profile.valid_from, profile.valid_to) if at is not None]
    start = _start(installed, running, begin)
    while start is not None and start < end:
        moments += [start + timedelta(seconds=second) for second in seconds]
        start = start + _RECURS[profile.recurrency or "Daily"] if profile.kind == "Recurring" else None
    return (at for at in moments if begin < at < end)
