"""Functional block K with ISO 15118: what vehicles need, what they are offered, and what they plan (K15, K16, K17).

A vehicle is offered all that its EVSE may give, as a TxProfile, and plans within that. A plan that goes beyond it is
refused, and the offer repeated: the vehicle has to plan anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from pydantic import ValidationError

from edge.domain.asking import ANSWERED_WITHIN, ask, number
from edge.domain.composite import InstalledProfile, VehicleOffer, composite, side_by_side, steps_of
from edge.domain.decision import Decision
from edge.domain.site import Site
from edge.domain.smart_charging import (
    external_limit,
    keep,
    lowest,
    note_asked,
    profiles_of,
    read_schedule,
    replaces,
    running_at,
    tolerance_w,
)
from edge.domain.station import Station
from edge.domain.transaction import Transaction
from protocols.charger.commands import Judged
from protocols.charger.events import ChargingNeedsReported, EvScheduleReported
from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    SchedulePeriod,
    SetChargingProfile,
)
from protocols.errors import BadText
from protocols.terms import EvseRef

AHEAD: Final = timedelta(days=1)
"""So far vehicles plan where they know no departure (ISO 15118-2 §8.7.2)."""
MOST_PERIODS: Final = 24
"""Of an offer; a vehicle may say that it takes fewer."""
MOST_REFUSALS: Final = 3
"""A vehicle that plans beyond its offer again and again is offered nothing new: its meter tells what it does."""


def answer_needs(site: Site, decision: Decision, event: ChargingNeedsReported, now: datetime) -> None:
    """K15, K17: the vehicle has come, or wants something else now."""
    transaction = site.at_evse(EvseRef(event.station_id, event.evse_id))
    if transaction is None:
        decision.reply = Judged(is_accepted=False, reason="NoTransaction")
        return
    decision.reply = Judged(is_accepted=True)
    most_periods = max(1, min(event.max_schedule_tuples or MOST_PERIODS, MOST_PERIODS))
    _offer(site, decision, transaction, replace(_offer_to(site, transaction), most_periods=most_periods), now)


def judge_plan(site: Site, decision: Decision, event: EvScheduleReported, now: datetime) -> None:
    """K15 to K17: is what the vehicle plans within what it may? If not it is offered anew (K16)."""
    ref = EvseRef(event.station_id, event.evse_id)
    try:
        schedule = read_schedule(event.schedule)
        plan = steps_of(schedule, event.time_base or now)
        begin, end = _lasts(schedule, plan[0].at, now)
    except (BadText, ValidationError) as error:
        decision.reply = Judged(is_accepted=False, reason=str(error)[:50])
        return
    transaction, schedule_id = site.at_evse(ref), event.schedule.get("id")
    profiles = [_as_chosen(each, ref, transaction, schedule_id) for each in _meant(site, ref, now)]
    may = composite(profiles, ref.evse_id, running_at(site, ref), begin, end)
    if all(_is_within(planned_w, may_w) for _, may_w, planned_w in side_by_side(may, plan, begin, end)):
        decision.reply = Judged(is_accepted=True)
        _note_choice(site, decision, ref, profiles, now)
        return
    decision.reply = Judged(is_accepted=False, reason="LimitExceeded")
    if transaction is not None:
        offer = _offer_to(site, transaction)
        if offer.refusals < MOST_REFUSALS:
            _offer(site, decision, transaction, replace(offer, refusals=offer.refusals + 1), now)


def note_limits_changed(site: Site, decision: Decision, station: Station, now: datetime) -> None:
    """K16: an offer that a station keeps stands above its TxDefaultProfiles. Where those change, it is made anew."""
    kept = site.profiles.get(station.station_id, {})
    for evse_id in station.evse_ids:
        ref = EvseRef(station.station_id, evse_id)
        transaction, offer = site.at_evse(ref), site.vehicle_offers.get(ref)
        if transaction is not None and offer is not None and offer.profile_id in kept:
            _offer(site, decision, transaction, offer, now)


def _offer_to(site: Site, transaction: Transaction) -> VehicleOffer:
    """The last offer of this transaction, or one that was not made yet."""
    known = site.vehicle_offers.get(transaction.ref)
    if known is not None and known.transaction_id == transaction.transaction_id:
        return known
    return VehicleOffer(transaction_id=transaction.transaction_id)


def _offer(site: Site, decision: Decision, transaction: Transaction, offer: VehicleOffer, now: datetime) -> None:
    """What somebody has set for this transaction is offered again as it is (K16.FR.12); otherwise all that may be."""
    ref, charger_id = transaction.ref, transaction.charger_transaction_id
    others = [each for each in _meant(site, ref, now) if each.profile.profile_id != offer.profile_id]
    set_for_it = [each.profile for each in others if _is_for(each, ref, charger_id)]
    if set_for_it:
        profile = max(set_for_it, key=lambda each: each.stack_level)
    else:
        offer = replace(offer, profile_id=offer.profile_id or number(site, now))
        profile = ChargingProfile(
            purpose="TxProfile",
            schedules=(_all_that_may_be(site, ref, others, offer.most_periods, now),),
            profile_id=offer.profile_id,
            charger_transaction_id=charger_id,
        )
    site.vehicle_offers[ref] = offer
    operation = SetChargingProfile(evse_id=ref.evse_id, profile=profile)
    note_asked(site, ref.station_id, operation, now)
    ask(site, decision, ref.station_id, operation, now)


def _all_that_may_be(
    site: Site, ref: EvseRef, profiles: Sequence[InstalledProfile], most_periods: int, now: datetime
) -> ChargingSchedule:
    """From this whole second on: what a vehicle says back of a time has no fractions."""
    begin = now.replace(microsecond=0)
    ceiling_w = lowest(site.evses[ref].evse.max_power_w, external_limit(site, ref))
    limits_w: dict[int, int] = {}
    for step in composite(profiles, ref.evse_id, running_at(site, ref), begin, begin + AHEAD):
        start_s = int((step.at - begin).total_seconds())
        limit_w = lowest(limits_w.get(start_s), step.limit_w, ceiling_w)
        limits_w[start_s] = limit_w or 0
    starts = list(limits_w)
    if len(starts) > most_periods:
        last = starts[most_periods - 1]
        limits_w[last] = min(limits_w[start_s] for start_s in starts[most_periods - 1 :])
    periods = tuple(SchedulePeriod(start_s=each, limit=float(limits_w[each])) for each in starts[:most_periods])
    return ChargingSchedule(rate_unit="W", periods=periods, start_at=begin)


def _is_for(known: InstalledProfile, ref: EvseRef, charger_transaction_id: str) -> bool:
    profile = known.profile
    its = (profile.purpose, known.evse_id, profile.charger_transaction_id)
    return its == ("TxProfile", ref.evse_id, charger_transaction_id)


def _as_chosen(
    known: InstalledProfile, ref: EvseRef, transaction: Transaction | None, schedule_id: object
) -> InstalledProfile:
    """Of the schedules that the vehicle could choose from, the one that it names."""
    if transaction is None or not _is_for(known, ref, transaction.charger_transaction_id):
        return known
    chosen = tuple(each for each in known.profile.schedules if each.schedule_id == schedule_id)
    return replace(known, profile=replace(known.profile, schedules=chosen)) if chosen else known


def _meant(site: Site, ref: EvseRef, now: datetime) -> list[InstalledProfile]:
    """The station's profiles, with the one that it was asked to take a moment ago: its word that it does may cross with
    the plan."""
    profiles, asked = profiles_of(site, ref), site.profiles_asked.get(ref)
    if asked is None or now - asked.installed_at > ANSWERED_WITHIN:
        return profiles
    return [asked, *(each for each in profiles if not replaces(asked, each))]


def _note_choice(
    site: Site, decision: Decision, ref: EvseRef, profiles: Sequence[InstalledProfile], now: datetime
) -> None:
    """What the vehicle did not choose holds no more."""
    kept, asked = site.profiles.get(ref.station_id, {}), site.profiles_asked.get(ref)
    for each in profiles:
        profile_id = each.profile.profile_id or 0
        if asked is not None and asked.profile.profile_id == profile_id:
            site.profiles_asked[ref] = each
        if profile_id in kept and kept[profile_id].profile != each.profile:
            keep(site, decision, ref.station_id, each, now)


def _is_within(planned_w: int | None, may_w: int | None) -> bool:
    return planned_w is None or may_w is None or planned_w <= may_w + tolerance_w(may_w)


def _lasts(schedule: ChargingSchedule, begin: datetime, now: datetime) -> tuple[datetime, datetime]:
    """From when until when a plan is looked at. Raises BadText where that is beyond the calendar."""
    seen_from = max(now, begin)
    try:
        seen_until = seen_from + AHEAD
        if schedule.duration_s is not None:
            seen_until = min(seen_until, begin + timedelta(seconds=schedule.duration_s))
    except OverflowError as error:
        raise BadText(f"the plan is out of bounds: {error}") from error
    return seen_from, seen_until
