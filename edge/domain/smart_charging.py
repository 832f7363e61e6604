"""Functional block K: charging profiles that are set, kept, read back and compared with the meter.

What a station accepted is believed when its own composite schedule says the same, and its meter obeys.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from pydantic import TypeAdapter, ValidationError

from edge.domain.asking import ask, number
from edge.domain.composite import InstalledProfile, Running, Step, composite, limit_at, side_by_side, steps_of
from edge.domain.decision import Decision
from edge.domain.events import Refused
from edge.domain.site import Site
from edge.domain.station import EvseStatus, Station
from protocols.charger.events import ChargingLimitCleared, ChargingLimitReported, CommandAnswered
from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    ClearChargingProfile,
    GetCompositeSchedule,
    SetChargingProfile,
)
from protocols.errors import BadText
from protocols.sync.up import Severity
from protocols.sync.upkeep import ChargingLimitChanged, ChargingProfileCleared, ChargingProfileSet
from protocols.terms import EvseRef

READ_BACK: Final = timedelta(hours=1)
"""So much of the composite schedule is asked for and compared."""
TOLERANCE_W: Final = 500
TOLERANCE: Final = 0.05
"""What a station may round, and a meter be wrong by."""
OBEYS_WITHIN: Final = timedelta(seconds=60)
"""A vehicle that is told to draw less gets so much time."""
BEGINS_WITHIN: Final = timedelta(minutes=10)
"""A profile of a remote start to which nobody came is forgotten after so long."""
NOT_APPLIED: Final = "charging_profile_not_applied"
NOT_OBEYED: Final = "charging_limit_exceeded"
MAX_PROFILES_PER_STATION: Final = 64
_SCHEDULE: Final[TypeAdapter[ChargingSchedule]] = TypeAdapter(ChargingSchedule)


def prepare_set(
    site: Site, station: Station, operation: SetChargingProfile, now: datetime
) -> SetChargingProfile | Refused:
    """K01: what no station could make sense of is refused here, with the reason."""
    evse_id, profile = operation.evse_id, operation.profile
    problem = _problem_of(site, station, evse_id, profile)
    if problem is not None:
        return Refused(reason=problem)
    if profile.purpose == "TxProfile" and profile.charger_transaction_id is None:
        transaction = site.at_evse(EvseRef(station.station_id, evse_id))
        if transaction is None:
            return Refused(reason=f"a TxProfile needs a running transaction, and EVSE {evse_id} has none")
        profile = replace(profile, charger_transaction_id=transaction.charger_transaction_id)
    if profile.profile_id is None:
        profile = replace(profile, profile_id=number(site, now))
    if profile.kind != "Relative" and profile.schedules[0].start_at is None:
        profile = replace(profile, schedules=tuple(replace(each, start_at=now) for each in profile.schedules))
    operation = replace(operation, profile=in_whole_seconds(_told_apart(profile)))
    note_asked(site, station.station_id, operation, now)
    return operation


def in_whole_seconds(profile: ChargingProfile) -> ChargingProfile:
    """Stations and vehicles keep no fractions of a second: what they say back of a time would not be what was said."""
    schedules = tuple(replace(each, start_at=_whole(each.start_at)) for each in profile.schedules)
    return replace(
        profile, schedules=schedules, valid_from=_whole(profile.valid_from), valid_to=_whole(profile.valid_to)
    )


def note_asked(site: Site, station_id: str, operation: SetChargingProfile, now: datetime) -> None:
    """A vehicle's plan for it may come before the station's answer."""
    if operation.profile.purpose == "TxProfile":
        ref = EvseRef(station_id, operation.evse_id)
        site.profiles_asked[ref] = InstalledProfile(
            evse_id=operation.evse_id, profile=operation.profile, installed_at=now
        )


def note_set(
    site: Site, decision: Decision, station: Station, operation: SetChargingProfile, answer: CommandAnswered,
    now: datetime,
) -> None:  # fmt: skip
    """What is accepted takes the place of what it replaces (K01.FR.05), and is read back."""
    evse_id, profile = operation.evse_id, operation.profile
    asked = site.profiles_asked.get(EvseRef(station.station_id, evse_id))
    if asked is not None and asked.profile.profile_id == profile.profile_id:
        del site.profiles_asked[EvseRef(station.station_id, evse_id)]
        profile = asked.profile  # as the vehicle has chosen meanwhile
    if profile.profile_id is None or not answer.is_accepted:
        return
    installed = InstalledProfile(evse_id=evse_id, profile=profile, installed_at=now)
    _install(site, decision, station.station_id, installed, now)
    for each in [evse_id] if evse_id else station.evse_ids:
        _read_back(site, decision, EvseRef(station.station_id, each), now)


def note_start_with(
    site: Site, decision: Decision, station: Station, evse_id: int, profile: ChargingProfile, now: datetime
) -> None:
    """F01, K05: accepted with a remote start. It is for the transaction that begins, or for the one of the cable."""
    installed = InstalledProfile(evse_id=evse_id, profile=profile, installed_at=now)
    _install(site, decision, station.station_id, installed, now)
    tidy(site, decision, station.station_id, now)


def keep(site: Site, decision: Decision, station_id: str, installed: InstalledProfile, now: datetime) -> None:
    """The station has this profile, as it is here."""
    profile = installed.profile
    site.profiles.setdefault(station_id, {})[profile.profile_id or 0] = installed
    told = ChargingProfileSet(
        station_id=station_id, evse_id=installed.evse_id, profile=profile, installed_at=installed.installed_at
    )
    decision.journal(site, now, told)


def note_cleared(
    site: Site, decision: Decision, station: Station, operation: ClearChargingProfile, now: datetime
) -> None:
    """K10: all that the request covers is gone, known here or not."""
    for known in list(site.profiles.get(station.station_id, {}).values()):
        if _is_covered(operation, known):
            _forget(site, decision, station.station_id, known, now)


def note_composite(
    site: Site, decision: Decision, station: Station, operation: GetCompositeSchedule, answer: CommandAnswered,
    now: datetime,
) -> None:  # fmt: skip
    """What the station says it will do, beside what its profiles mean. A station that cannot tell is not judged."""
    ref = EvseRef(station.station_id, operation.evse_id)
    told = answer.result.get("schedule") if answer.is_accepted and answer.result is not None else None
    if told is None:
        return
    try:
        steps = steps_of(_SCHEDULE.validate_python(told), now)
    except (BadText, ValidationError):
        return
    profiles = profiles_of(site, ref)
    if any(len(each.profile.schedules) > 1 for each in profiles):
        return  # the vehicle has not chosen yet
    meant = composite(profiles, ref.evse_id, running_at(site, ref), now, now + READ_BACK)
    difference = _difference(meant, steps, _rated_w(site, ref), now)
    if difference is None:
        decision.clear_alarm(site, now, NOT_APPLIED, ref)
        return
    text = f"{ref} accepted a charging profile and will not follow it: {difference}"
    decision.raise_alarm(site, now, NOT_APPLIED, Severity.WARNING, text, ref)


def watch_power(site: Site, decision: Decision, status: EvseStatus, now: datetime) -> None:
    """Compare what an EVSE draws with its limit; for stations that have profiles alone."""
    if status.power_w is None:
        return
    limit_w = limit_now(site, status.ref, now)
    if limit_w is None or status.power_w <= limit_w + tolerance_w(limit_w):
        site.over_limit.pop(status.ref, None)
        decision.clear_alarm(site, now, NOT_OBEYED, status.ref)
        return
    since = site.over_limit.setdefault(status.ref, now)
    if now - since >= OBEYS_WITHIN:
        text = f"{status.ref} draws {status.power_w} W and may draw {limit_w} W"
        decision.raise_alarm(site, now, NOT_OBEYED, Severity.CRITICAL, text, status.ref)


def limit_now(site: Site, ref: EvseRef, now: datetime) -> int | None:
    """What the EVSE may draw by its profiles and the limits that others set, in W; None for no limit."""
    limit_w = limit_at(profiles_of(site, ref), ref.evse_id, running_at(site, ref), now)
    return lowest(limit_w, external_limit(site, ref))


def external_limit(site: Site, ref: EvseRef) -> int | None:
    """What others than the site let the EVSE draw, in W; None for no limit."""
    limits = site.external_limits.get(ref.station_id, {}).values()
    return lowest(*(limit.limit_w for limit in limits if limit.evse_id in (None, ref.evse_id)))


def lowest(*limits_w: int | None) -> int | None:
    """Of several limits the one that counts; None limits nothing."""
    return min((limit_w for limit_w in limits_w if limit_w is not None), default=None)


def tolerance_w(limit_w: int) -> float:
    """How much more than a limit, or less, is taken for the limit."""
    return max(TOLERANCE_W, limit_w * TOLERANCE)


def note_limit(site: Site, decision: Decision, event: ChargingLimitReported, now: datetime) -> None:
    """K12: somebody else limits the station."""
    limit_w = None
    for schedule in event.schedules:
        try:
            limit_w = steps_of(read_schedule(schedule), now)[0].limit_w
        except (BadText, ValidationError):
            continue
    limit = ChargingLimitChanged(
        station_id=event.station_id,
        source=event.source,
        evse_id=event.evse_id,
        is_grid_critical=event.is_grid_critical,
        limit_w=limit_w,
    )
    _keep_limit(site, decision, limit, now)


def note_limit_cleared(site: Site, decision: Decision, event: ChargingLimitCleared, now: datetime) -> None:
    """K13."""
    limit = ChargingLimitChanged(
        station_id=event.station_id, source=event.source, evse_id=event.evse_id, is_cleared=True
    )
    _keep_limit(site, decision, limit, now)


def tidy(site: Site, decision: Decision, station_id: str, now: datetime) -> None:
    """What is past holds no more; TxProfiles go with their transaction (K01.FR.09)."""
    for known in list(site.profiles.get(station_id, {}).values()):
        profile, charger_id = known.profile, known.profile.charger_transaction_id
        if profile.purpose == "TxProfile" and charger_id is None:
            is_over = not _is_begun(site, decision, station_id, known, now) and now - known.installed_at > BEGINS_WITHIN
        else:
            is_over = charger_id is not None and site.by_charger_id(station_id, charger_id) is None
        if is_over or (profile.valid_to is not None and profile.valid_to <= now):
            _forget(site, decision, station_id, known, now)


def watch(site: Site, decision: Decision, station_id: str, evse_id: int | None, now: datetime) -> None:
    """A station that has profiles, or is limited by others, told something of its meter."""
    status = site.evses.get(EvseRef(station_id, evse_id)) if evse_id else None
    if status is not None:
        watch_power(site, decision, status, now)


def limit_key(limit: ChargingLimitChanged) -> str:
    """Whose limit it is, and of which EVSE."""
    return f"{limit.source}:{limit.evse_id or 0}"


def _problem_of(site: Site, station: Station, evse_id: int, profile: ChargingProfile) -> str | None:
    is_of_station = profile.purpose in ("ChargingStationMaxProfile", "ChargingStationExternalConstraints")
    if evse_id != 0 and EvseRef(station.station_id, evse_id) not in site.evses:
        return f"EVSE {station.station_id}*{evse_id} does not exist"
    if is_of_station and evse_id != 0:
        return f"a {profile.purpose} is for the station: evse_id 0"
    if profile.purpose == "TxProfile" and evse_id == 0:
        return "a TxProfile is for the EVSE of its transaction, not for evse_id 0"
    if profile.purpose != "TxProfile" and len(profile.schedules) > 1:
        return f"a {profile.purpose} has one schedule"
    if profile.kind == "Recurring" and profile.recurrency is None:
        return "a Recurring profile needs its recurrency: Daily or Weekly"
    if is_of_station and profile.kind == "Relative":
        return f"a {profile.purpose} cannot be Relative: there is no transaction that it could be relative to"
    for schedule in profile.schedules:
        starts = [period.start_s for period in schedule.periods]
        if starts[0] != 0 or starts != sorted(set(starts)):
            return "the periods of a schedule begin at 0 and follow each other"
    if len(site.profiles.get(station.station_id, {})) >= MAX_PROFILES_PER_STATION:
        return f"the station has {MAX_PROFILES_PER_STATION} profiles: clear some first"
    return None


def _install(site: Site, decision: Decision, station_id: str, installed: InstalledProfile, now: datetime) -> None:
    for known in list(site.profiles.get(station_id, {}).values()):
        if replaces(installed, known):
            _forget(site, decision, station_id, known, now)
    keep(site, decision, station_id, installed, now)


def _is_begun(site: Site, decision: Decision, station_id: str, known: InstalledProfile, now: datetime) -> bool:
    """The profile of a remote start is of the transaction that runs there now, if one does."""
    ref = EvseRef(station_id, known.evse_id)
    transaction = site.at_evse(ref)
    if transaction is None:
        return False
    profile = replace(known.profile, charger_transaction_id=transaction.charger_transaction_id)
    keep(site, decision, station_id, replace(known, profile=profile), now)
    _read_back(site, decision, ref, now)
    return True


def _read_back(site: Site, decision: Decision, ref: EvseRef, now: datetime) -> None:
    question = GetCompositeSchedule(evse_id=ref.evse_id, duration_s=int(READ_BACK.total_seconds()), rate_unit="W")
    ask(site, decision, ref.station_id, question, now)


def replaces(new: InstalledProfile, old: InstalledProfile) -> bool:
    """Of one station: K01.FR.05, and what has the same id."""
    if new.profile.profile_id == old.profile.profile_id:
        return True
    return _place(new) == _place(old)


def _place(installed: InstalledProfile) -> tuple[object, ...]:
    profile = installed.profile
    return (installed.evse_id, profile.charger_transaction_id, profile.purpose, profile.stack_level)


def _is_covered(operation: ClearChargingProfile, known: InstalledProfile) -> bool:
    if operation.profile_id is not None:
        return known.profile.profile_id == operation.profile_id
    asked = (operation.evse_id, operation.purpose, operation.stack_level)
    has = (known.evse_id, known.profile.purpose, known.profile.stack_level)
    return all(wanted is None or wanted == given for wanted, given in zip(asked, has, strict=True))


def _forget(site: Site, decision: Decision, station_id: str, known: InstalledProfile, now: datetime) -> None:
    profile_id = known.profile.profile_id
    if profile_id is None:
        return
    profiles = site.profiles[station_id]
    del profiles[profile_id]
    if not profiles:
        del site.profiles[station_id]
    decision.journal(site, now, ChargingProfileCleared(station_id=station_id, profile_id=profile_id))


def _keep_limit(site: Site, decision: Decision, limit: ChargingLimitChanged, now: datetime) -> None:
    limits = site.external_limits.setdefault(limit.station_id, {})
    key = limit_key(limit)
    if limit.is_cleared:
        limits.pop(key, None)
    else:
        limits[key] = limit
    if not limits:
        del site.external_limits[limit.station_id]
    decision.journal(site, now, limit)


def profiles_of(site: Site, ref: EvseRef) -> list[InstalledProfile]:
    """All profiles of the station of an EVSE."""
    return list(site.profiles.get(ref.station_id, {}).values())


def running_at(site: Site, ref: EvseRef) -> Running | None:
    """What runs at an EVSE, as profiles know it."""
    transaction = site.at_evse(ref)
    if transaction is None:
        return None
    return Running(charger_transaction_id=transaction.charger_transaction_id, started_at=transaction.started_at)


def _rated_w(site: Site, ref: EvseRef) -> int:
    status = site.evses.get(ref)
    return status.evse.max_power_w if status is not None else site.rules.default_max_power_w


def _difference(meant: list[Step], told: list[Step], rated_w: int, now: datetime) -> str | None:
    """Where the station would draw more than is meant, or less; an EVSE never draws more than it is rated for."""
    begin = max(now, told[0].at)  # its clock may be a little ahead, and it speaks of nothing before
    for at, ours, theirs in side_by_side(meant, told, begin, now + READ_BACK):
        ours_w = rated_w if ours is None else min(ours, rated_w)
        theirs_w = rated_w if theirs is None else min(theirs, rated_w)
        if abs(ours_w - theirs_w) > tolerance_w(ours_w):
            return f"at {at.isoformat(timespec='seconds')} it means {theirs_w} W, and {ours_w} W were asked for"
    return None


def _whole(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(microsecond=0)


def _told_apart(profile: ChargingProfile) -> ChargingProfile:
    """A vehicle that is offered several schedules says by its id which one it takes."""
    if len({each.schedule_id for each in profile.schedules}) == len(profile.schedules):
        return profile
    schedules = tuple(replace(each, schedule_id=number) for number, each in enumerate(profile.schedules, 1))
    return replace(profile, schedules=schedules)


def read_schedule(schedule: dict[str, object]) -> ChargingSchedule:
    """A 2.0.1 ChargingScheduleType as it came. Raises BadText or ValidationError."""
    periods = schedule.get("chargingSchedulePeriod")
    if not isinstance(periods, list):
        raise BadText("the schedule has no periods")
    return _SCHEDULE.validate_python(
        {
            "rate_unit": schedule.get("chargingRateUnit"),
            "start_at": schedule.get("startSchedule"),
            "duration_s": schedule.get("duration"),
            "periods": [
                {
                    "start_s": period.get("startPeriod"),
                    "limit": period.get("limit"),
                    "number_phases": period.get("numberPhases"),
                }
                for period in periods
                if isinstance(period, dict)
            ],
        }
    )
