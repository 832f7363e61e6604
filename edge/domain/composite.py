"""Charging profiles merged: the most that an EVSE may draw, over time (OCPP 1.6 §3.13, 2.0.1 K01, K08).

Of the profiles of one purpose the one with the highest stack level counts; a TxProfile takes the place of the
TxDefaultProfiles; what is left over of several purposes is the lowest. All in W: amperes are at the nominal voltage.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    SchedulePeriod,
    watts_per_ampere,
)
from protocols.errors import BadText

SAME_MOMENT: Final = timedelta(seconds=1)
"""Times are told in whole seconds, rounded by whoever tells them: what differs for so long does not differ."""
_RECURS: Final = {"Daily": timedelta(days=1), "Weekly": timedelta(days=7)}


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledProfile:
    """A profile that a station has accepted. EVSE 0: for the station, or for each of its EVSEs (TxDefaultProfile)."""

    evse_id: int
    profile: ChargingProfile
    installed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleOffer:
    """What the vehicle of a transaction was offered (ISO 15118): `profile_id` None where somebody else set its profile.
    `refusals` counts the plans of it that went beyond."""

    transaction_id: str
    profile_id: int | None = None
    most_periods: int = 1
    refusals: int = 0


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


def side_by_side(
    ours: Sequence[Step], theirs: Sequence[Step], begin: datetime, end: datetime
) -> Iterator[tuple[datetime, int | None, int | None]]:
    """Both limits from each moment at which one of them changes, `begin` first, until `end`."""
    moments = sorted({begin, *(step.at for step in (*ours, *theirs) if begin < step.at < end)})
    for at, until in pairwise((*moments, end)):
        if until - at > SAME_MOMENT:
            yield at, _held(ours, at), _held(theirs, at)


def steps_of(schedule: ChargingSchedule, begin: datetime) -> list[Step]:
    """A schedule as a station told it; it begins at `begin` where it does not say when. Raises BadText where it goes
    beyond the calendar."""
    start = schedule.start_at or begin
    try:
        return [Step(start + timedelta(seconds=p.start_s), watts(p, schedule)) for p in schedule.periods]
    except OverflowError as error:
        raise BadText(f"the schedule is out of bounds: {error}") from error


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


def _held(steps: Sequence[Step], at: datetime) -> int | None:
    limit_w = None
    for step in steps:
        if step.at > at:
            break
        limit_w = step.limit_w
    return limit_w


def _limit_of(installed: InstalledProfile, running: Running | None, at: datetime) -> int | None:
    """Of several schedules the vehicle chooses one (ISO 15118): until it says which, it may choose the highest."""
    profile = installed.profile
    if (profile.valid_from is not None and at < profile.valid_from) or (
        profile.valid_to is not None and at >= profile.valid_to
    ):
        return None
    limits = [_limit_by(schedule, _start(installed, schedule, running, at), at) for schedule in profile.schedules]
    known = [limit_w for limit_w in limits if limit_w is not None]
    return max(known) if len(known) == len(limits) else None


def _limit_by(schedule: ChargingSchedule, start: datetime | None, at: datetime) -> int | None:
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


def _start(
    installed: InstalledProfile, schedule: ChargingSchedule, running: Running | None, at: datetime
) -> datetime | None:
    """When the schedule that holds at a time began."""
    profile = installed.profile
    given = schedule.start_at or profile.valid_from or installed.installed_at
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
    profile = installed.profile
    moments = [at for at in (profile.valid_from, profile.valid_to) if at is not None]
    for schedule in profile.schedules:
        seconds = [period.start_s for period in schedule.periods]
        if schedule.duration_s is not None:
            seconds.append(schedule.duration_s)
        start = _start(installed, schedule, running, begin)
        while start is not None and start < end:
            moments += [start + timedelta(seconds=second) for second in seconds]
            start = start + _RECURS[profile.recurrency or "Daily"] if profile.kind == "Recurring" else None
    return (at for at in moments if begin < at < end)
