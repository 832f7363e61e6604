"""What meters say: the present of an EVSE, and the progress of its transaction. Nothing of it is journaled."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from edge.domain.clock import believed
from edge.domain.decision import Decision
from edge.domain.site import EvseStatus, Site
from edge.domain.transaction import Cause, Transaction
from protocols.charger.events import MeterValuesReported, Sample
from protocols.terms import ChargingState, EvseRef, Measurand, ReadingContext


def meter(site: Site, decision: Decision, event: MeterValuesReported, now: datetime) -> None:
    """A MeterValues request (OCPP 1.6 §4.7, 2.0.1 J01), inside a transaction or outside."""
    status = site.evse(event.station_id, event.evse_id)
    if status is None:
        return
    transaction = None
    if event.charger_transaction_id is not None:
        transaction = site.by_charger_id(event.station_id, event.charger_transaction_id)
    else:
        transaction = site.at_evse(status.ref)  # field quirk 3: the id is missing, 0 or -1
    if transaction is not None and transaction.ref == status.ref:
        transaction.move(Cause.HEARD_OF)
        take_samples(site, transaction, event.samples, now, now)
        checkpoint_if_due(site, decision, transaction, now)
    else:
        show_samples(site, status, event.samples, now)
    decision.shown.add(status.ref)


def register_of(samples: Iterable[Sample]) -> int | None:
    for sample in samples:
        if sample.measurand is Measurand.ENERGY_REGISTER and sample.phase is None:
            return sample.value
    return None


def take_samples(
    site: Site, transaction: Transaction, samples: tuple[Sample, ...], at: datetime, now: datetime
) -> None:
    """Meter readings of a transaction, each at its own time stamp; `at` where it has none that can be believed."""
    register = Measurand.ENERGY_REGISTER
    for sample in samples:
        if sample.measurand is register and sample.phase is None:
            stamp, is_believed = believed(sample.at, now, transaction.started_at)
            transaction.read(sample.value, stamp if is_believed else at)
    status = site.evses.get(transaction.ref)
    if status is not None and status.transaction_id == transaction.transaction_id:
        show_samples(site, status, samples, now)


def show_samples(site: Site, status: EvseStatus, samples: tuple[Sample, ...], now: datetime) -> None:
    """The present of an EVSE. Samples from an offline queue are the past and are not shown as the present."""
    oldest = now - timedelta(seconds=site.rules.silent_after_s)
    power, state_of_charge, end = Measurand.POWER, Measurand.STATE_OF_CHARGE, ReadingContext.TRANSACTION_END
    whole_w: int | None = None
    by_phase_w: int | None = None
    is_fresh = has_ended = False
    for sample in samples:
        if sample.at is not None and sample.at < oldest:
            continue
        is_fresh = True
        if sample.context is end:
            has_ended = True
        if sample.measurand is power:
            if sample.phase is None:
                whole_w = sample.value
            else:
                by_phase_w = (by_phase_w or 0) + sample.value
        elif sample.measurand is state_of_charge:
            status.state_of_charge_percent = sample.value
    if is_fresh:
        status.read_at = now
    if has_ended:
        site.set_power(status, 0)
    elif whole_w is not None or by_phase_w is not None:
        site.set_power(status, whole_w if whole_w is not None else by_phase_w)


def stand_still(site: Site, ref: EvseRef) -> None:
    status = site.evses.get(ref)
    if status is not None:
        site.set_power(status, 0)


def note_charging_state(
    site: Site, decision: Decision, ref: EvseRef, charging_state: ChargingState, at: datetime, now: datetime
) -> None:
    """OCPP 1.6 tells the charging state of a transaction in a StatusNotification."""
    transaction = site.at_evse(ref)
    if transaction is None:
        return
    stamp, _ = believed(at, now, transaction.started_at)
    if transaction.enter(charging_state, stamp):
        decision.checkpoint(transaction, now)
    if charging_state is not ChargingState.CHARGING:
        stand_still(site, ref)


def checkpoint_if_due(site: Site, decision: Decision, transaction: Transaction, now: datetime) -> None:
    """At least every `checkpoint_s` of charging (sync 11), by our clock or by that of the readings: a station that
    delivers its queue tells hours in a second, and will not tell them again."""
    kept_at, kept_until = transaction.checkpointed_at, transaction.kept_until or transaction.started_at
    is_due = kept_at is None or (now - kept_at).total_seconds() >= site.rules.checkpoint_s
    is_ahead = transaction.last_at is not None and (
        (transaction.last_at - kept_until).total_seconds() >= site.rules.checkpoint_s
    )
    if is_due or is_ahead:
        decision.checkpoint(transaction, now)
