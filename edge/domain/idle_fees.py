"""Vehicles that are parked and do not charge: told before the grace of their tariff is over and parking costs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from edge.domain.decision import Decision
from edge.domain.site import Site
from edge.domain.transaction import Transaction
from protocols.ocpi.tariff import TariffDimensionType
from protocols.sync.up import Severity
from protocols.terms import EvseRef

IDLE_FEE: Final = "idle_fee"


def tick(site: Site, decision: Decision, now: datetime) -> None:
    """Raise a notice for each vehicle whose grace is over soon, and clear it when it charges again or has gone."""
    if all(tariff.idle is None for tariff in site.tariffs.values()):
        return
    due: dict[EvseRef, datetime] = {}
    for transaction in site.transactions.values():
        begins_at = fee_begins_at(transaction)
        idle = transaction.tariff.idle
        if begins_at is not None and idle is not None and now >= begins_at - timedelta(seconds=idle.warn_s):
            due[transaction.ref] = begins_at
    told = [alarm for alarm in site.alarms.values() if alarm.alarm == IDLE_FEE]
    for alarm in told:
        ref = EvseRef(alarm.station_id or "", alarm.evse_id or 0)
        if ref not in due:
            decision.clear_alarm(site, now, IDLE_FEE, ref)
    zone = ZoneInfo(site.rules.location.time_zone)
    for ref, begins_at in due.items():
        text = (
            f"the vehicle at {ref} does not charge any more: parking costs from {begins_at.astimezone(zone):%H:%M} on"
        )
        decision.raise_alarm(site, now, IDLE_FEE, Severity.INFO, text, ref)


def fee_begins_at(transaction: Transaction) -> datetime | None:
    """When the grace of a parked vehicle is over; None while it charges, and where parking costs nothing."""
    idle, phases = transaction.tariff.idle, transaction.phases
    if idle is None or not phases or phases[-1].is_charging:
        return None
    if not any(
        component.type is TariffDimensionType.PARKING_TIME
        for element in transaction.tariff.elements
        for component in element.price_components
    ):
        return None
    ends = [phase.start for phase in phases[1:]]
    parked = sum(
        (end - phase.start for phase, end in zip(phases, ends, strict=False) if not phase.is_charging), timedelta()
    )
    return phases[-1].start + max(timedelta(), timedelta(seconds=idle.grace_s) - parked)
