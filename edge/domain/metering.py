"""What meters say: the present of an EVSE, the progress of its transaction, and what of it is worth keeping."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from edge.domain.clock import believed, is_past
from edge.domain.decision import Decision
from edge.domain.main_meter import reading
from edge.domain.past import PastKey
from edge.domain.pricing.compiled import compiled
from edge.domain.signed_values import keep_signed
from edge.domain.site import Site
from edge.domain.station import EvseStatus
from edge.domain.telemetry import Kept, Readings
from edge.domain.telemetry_events import ReadingsPacked
from edge.domain.transaction import Cause, Transaction
from edge.domain.unbilled import note_readings
from protocols.charger.events import MeterValuesReported, Sample
from protocols.sync.up import MeterValuesSampled, SampledValue
from protocols.terms import ChargingState, EvseRef, Measurand, ReadingContext

MAX_SAMPLES_PER_ROW: Final = 250
"""A message may hold thousands."""
_MILLISECOND: Final = timedelta(milliseconds=1)
_NEUTRAL: Final = "N"


def meter(site: Site, decision: Decision, event: MeterValuesReported, now: datetime) -> None:
    """A MeterValues request (OCPP 1.6 §4.7, 2.0.1 J01), inside a transaction or outside."""
    station_id, charger_id = event.station_id, event.charger_transaction_id
    status = site.evse(station_id, event.evse_id)
    if status is None:
        if event.evse_id == 0 and station_id in site.stations:  # the station's main meter (OCPP 1.6 §4.7)
            station = site.stations[station_id]
            station.main_meter = reading(station.main_meter, event.samples, now)
            journal_samples(site, decision, EvseRef(station_id, 0), None, event.samples, now)
        return
    ref = status.ref
    # Field quirk 3: the id is missing, 0 or -1.
    transaction = site.by_charger_id(station_id, charger_id) if charger_id is not None else site.at_evse(ref)
    decision.shown.add(ref)
    if transaction is not None and transaction.evse_id == event.evse_id:
        transaction.move(Cause.HEARD_OF)
        _read_registers(transaction, event.samples, now, now, is_named=charger_id is not None)
        if status.transaction_id == transaction.transaction_id:
            show_samples(site, status, event.samples, now)
        if event.signed and keep_signed(transaction, event.signed):
            decision.checkpoint(transaction, now)
        else:
            checkpoint_if_due(site, decision, transaction, now)
    else:
        show_samples(site, status, event.samples, now)
        if charger_id is not None and site.past(PastKey(station_id, charger_transaction_id=charger_id)) is not None:
            return  # its curve came to an end with it
        if transaction is None and status.transaction_id is None:
            note_readings(site, decision, status, event.samples, now)
    journal_samples(site, decision, ref, status.transaction_id, event.samples, now)


def register_of(samples: Iterable[Sample]) -> int | None:
    for sample in samples:
        if sample.measurand is Measurand.ENERGY_REGISTER and sample.phase is None:
            return sample.value
    return None


def take_samples(
    site: Site, transaction: Transaction, samples: tuple[Sample, ...], at: datetime, now: datetime
) -> None:
    """Meter readings of a transaction, each at its own time stamp; `at` where it has none that can be believed."""
    if not samples:
        return
    _read_registers(transaction, samples, at, now, is_named=True)
    status = site.evses.get(transaction.ref)
    if status is not None and status.transaction_id == transaction.transaction_id:
        show_samples(site, status, samples, now)


def _read_registers(
    transaction: Transaction, samples: tuple[Sample, ...], at: datetime, now: datetime, *, is_named: bool
) -> None:
    """`is_named`: the station says that they are of this transaction. Where it does not, those from before its start
    are another's (field quirk 3)."""
    register = Measurand.ENERGY_REGISTER
    for sample in samples:
        if sample.measurand is register and sample.phase is None:
            stamp, is_believed = believed(sample.at, now, transaction.started_at)
            if is_believed:
                transaction.read(sample.value, stamp)
            elif is_named or not is_past(sample.at, now):
                transaction.read(sample.value, at, is_stamped=False)
    asked = compiled(transaction.tariff)
    if asked.plain is None and (asked.asks_power or asked.asks_current):
        _feel(transaction, samples, at, now)


def _feel(transaction: Transaction, samples: tuple[Sample, ...], at: datetime, now: datetime) -> None:
    """Power and current at each time stamp, the sum over the phases where a station tells these."""
    drawn: dict[datetime, dict[tuple[Measurand, bool], int]] = {}
    for sample in samples:
        if (
            sample.measurand in (Measurand.POWER, Measurand.CURRENT)
            and sample.phase != _NEUTRAL
            and sample.context is not ReadingContext.TRANSACTION_END
        ):
            stamp, is_believed = believed(sample.at, now, transaction.started_at)
            sums = drawn.setdefault(stamp if is_believed else at, {})
            kind = (sample.measurand, sample.phase is None)
            sums[kind] = sums.get(kind, 0) + sample.value
    for stamp, sums in sorted(drawn.items()):
        power_w, current_ma = (
            sums.get((measurand, True), sums.get((measurand, False)))
            for measurand in (Measurand.POWER, Measurand.CURRENT)
        )
        transaction.feel(stamp, power_w, current_ma)


def show_samples(site: Site, status: EvseStatus, samples: tuple[Sample, ...], now: datetime) -> None:
    """The present of an EVSE. Samples from an offline queue are the past and are not shown as the present."""
    oldest = now - site.rules.silent_after
    power, state_of_charge, end = Measurand.POWER, Measurand.STATE_OF_CHARGE, ReadingContext.TRANSACTION_END
    whole_w: int | None = None
    by_phase_w: int | None = None
    is_fresh = has_ended = is_old = False
    said = None
    for sample in samples:
        if sample.at is not said:  # most messages hold one time stamp
            said = sample.at
            is_old = said is not None and said < oldest
        if is_old:
            continue
        is_fresh = True
        if sample.context is end:
            has_ended = True
        if sample.measurand is power:
            if sample.phase is None:
                whole_w = sample.value
            else:
                by_phase_w = (by_phase_w or 0) + sample.value
        elif sample.measurand is state_of_charge and 0 <= sample.value <= 100:
            status.state_of_charge_percent = sample.value
    if is_fresh:
        status.read_at = now
    if has_ended:
        whole_w = 0
    elif whole_w is None:
        whole_w = by_phase_w
    if whole_w is not None:
        site.set_power(status, whole_w)
        if status.transaction_id is not None:
            site.transactions[status.transaction_id].draw(whole_w, now)


def journal_samples(
    site: Site, decision: Decision, ref: EvseRef, transaction_id: str | None, samples: tuple[Sample, ...], now: datetime
) -> None:
    """Let the telemetry filter keep what says something new. After all else that the message changes."""
    rules = site.filters.evse if ref.evse_id else site.filters.meter
    if not samples or not rules.is_enabled:
        return
    readings = site.readings.get(ref)
    if readings is None or readings.transaction_id != transaction_id:
        dropped = _give_up(site, readings) if readings is not None else 0
        readings = site.readings[ref] = Readings(transaction_id, now, dropped)
    before, thinned = readings.dropped, readings.thinned
    kept = readings.take(samples, now, rules, site.telemetry_thinning)
    site.telemetry_dropped += readings.dropped - before
    site.telemetry_thinned += readings.thinned - thinned
    if kept:
        _keep(site, decision, ref, readings, kept)


def end_samples(site: Site, decision: Decision, transaction: Transaction, now: datetime) -> None:
    """The curves of a transaction end with it: what was withheld last is kept, and the memory is given back."""
    readings = site.readings.get(transaction.ref)
    if readings is not None and readings.transaction_id == transaction.transaction_id:
        del site.readings[transaction.ref]
        if kept := readings.end():
            _keep(site, decision, transaction.ref, readings, kept)


def forget_idle_readings(site: Site, now: datetime) -> None:
    """Outside a transaction a curve begins anew after the longest interval, so that its memory is not needed longer."""
    if not site.readings:
        return
    longest = site.filters.longest
    idle = [ref for ref, each in site.readings.items() if each.transaction_id is None and now - each.heard_at > longest]
    for ref in idle:
        _give_up(site, site.readings.pop(ref))


def _give_up(site: Site, readings: Readings) -> int:
    """Leave curves that came to no end of their own; how much was dropped since their last entry."""
    dropped = readings.give_up()
    site.telemetry_dropped += dropped - readings.dropped
    return dropped


def journal_packed(site: Site, decision: Decision, event: ReadingsPacked, now: datetime) -> None:
    """What was kept becomes entries when its quarter of an hour is over, and waits no longer."""
    for block in event.blocks:
        decision.journal(site, now, block)
    decision.packed = event.numbers


def _keep(site: Site, decision: Decision, ref: EvseRef, readings: Readings, kept: list[Kept]) -> None:
    site.telemetry_kept += len(kept)
    for first in range(0, len(kept), MAX_SAMPLES_PER_ROW):
        part = kept[first : first + MAX_SAMPLES_PER_ROW]
        at = part[0][1]
        for _, other in part:
            if other is not at and other < at:
                at = other
        samples = tuple(
            SampledValue(
                sample.measurand,
                sample.value,
                sample.phase,
                sample.context,
                0 if stamp is at else (stamp - at) // _MILLISECOND,
            )
            for sample, stamp in part
        )
        body = MeterValuesSampled(
            station_id=ref.station_id,
            evse_id=ref.evse_id,
            transaction_id=readings.transaction_id,
            at=at,
            samples=samples,
            dropped=readings.dropped,
            filter=site.filters.name,
        )
        readings.dropped = 0
        decision.readings.append(body)


def expect_change(site: Site, ref: EvseRef) -> None:
    """The charging state has changed: the filter keeps the last readings before and the first after it."""
    readings = site.readings.get(ref)
    if readings is not None:
        readings.expect_change()


def stand_still(site: Site, ref: EvseRef, now: datetime) -> None:
    status = site.evses.get(ref)
    if status is not None:
        site.set_power(status, 0)
        if status.transaction_id is not None:
            site.transactions[status.transaction_id].draw(0, now)


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
        expect_change(site, ref)
    if charging_state is not ChargingState.CHARGING:
        stand_still(site, ref, now)


def checkpoint_if_due(site: Site, decision: Decision, transaction: Transaction, now: datetime) -> None:
    """At least every `checkpoint_s` of charging (sync 11), by our clock or by that of the readings: a station that
    delivers its queue tells hours in a second, and will not tell them again."""
    kept_at, kept_until = transaction.checkpointed_at, transaction.kept_until or transaction.started_at
    every = site.rules.checkpoint_every
    is_due = kept_at is None or now - kept_at >= every
    if is_due or (transaction.last_at is not None and transaction.last_at - kept_until >= every):
        decision.checkpoint(transaction, now)
