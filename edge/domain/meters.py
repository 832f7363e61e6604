"""The site's own meters and inverters: their readings are kept, shown, given to chargers that have none, and held
against what chargers tell."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from edge.domain import metering, polled
from edge.domain.cross_check import Pair, Told
from edge.domain.decision import Decision
from edge.domain.meter_book import Meter
from edge.domain.site import Site
from edge.domain.station import EvseStatus
from edge.domain.transaction import Doubt, Transaction
from protocols.charger.abilities import EnergySource
from protocols.charger.events import MeterFound, MeterLost, MeterRead, MeterValuesReported
from protocols.sync.up import Severity
from protocols.terms import EvseRef, Measurand, MeterRole

METER_SILENT: Final = "meter_silent"
METERS_DISAGREE: Final = "meters_disagree"
SLEEPS_FOR: Final = timedelta(hours=24)
"""Longer than any night in which an inverter is to wake again."""
_SOURCES: Final = (MeterRole.FEEDER, MeterRole.PV, MeterRole.BATTERY)


def find(site: Site, decision: Decision, event: MeterFound, now: datetime) -> None:
    meter = _meter(site, event.meter_id)
    if meter is None:
        return
    meter.is_online, meter.asleep_since = True, None
    meter.vendor, meter.model, meter.serial_number = event.vendor, event.model, event.serial_number
    decision.shown.add(meter.rules.ref)
    decision.clear_alarm(site, now, METER_SILENT, event.meter_id)


def lose(site: Site, decision: Decision, event: MeterLost, now: datetime) -> None:
    """Its readings grow too old by themselves. One that sleeps at night is missed when it has not come back by the
    same hour of the next day."""
    meter = _meter(site, event.meter_id)
    if meter is None:
        return
    meter.is_online = False
    decision.shown.add(meter.rules.ref)
    if meter.is_dozing():
        meter.asleep_since = meter.asleep_since or now
        return
    text = f"meter {event.meter_id} is not read: {event.reason}"
    decision.raise_alarm(site, now, METER_SILENT, Severity.WARNING, text, event.meter_id)


def tick(site: Site, decision: Decision, now: datetime) -> None:
    for meter in site.meters.meters.values():
        if meter.asleep_since is not None and now - meter.asleep_since >= SLEEPS_FOR:
            text = f"meter {meter.rules.meter_id} is not read since {meter.asleep_since.isoformat(timespec='minutes')}"
            decision.raise_alarm(site, now, METER_SILENT, Severity.WARNING, text, meter.rules.meter_id)
            meter.asleep_since = None


def read(site: Site, decision: Decision, event: MeterRead, now: datetime) -> None:
    meter = _meter(site, event.meter_id)
    if meter is None or not event.samples:
        return
    for sample in event.samples:
        meter.take(sample, now)
    if meter.has_news(now, site.rules.telemetry.by_measurand[Measurand.POWER]):
        decision.shown.add(meter.rules.ref)
    metering.journal_samples(site, decision, meter.rules.ref, None, event.samples, now)
    has_energy = any(sample.measurand in _ENERGIES and sample.phase is None for sample in event.samples)
    if meter.rules.behind is not None:
        _give(site, decision, meter, event, now)
        if has_energy and meter.rules.is_compared:
            _hold_evse_against(site, decision, meter, meter.rules.behind, now)
    elif has_energy and meter.rules.role is MeterRole.FEEDER and meter.rules.is_compared:
        _hold_site_against(site, decision, meter, now)


# --- the meter of a charger that has none ---


def _give(site: Site, decision: Decision, meter: Meter, event: MeterRead, now: datetime) -> None:
    """The readings go the way of the charger's own, while that one answers."""
    ref = meter.rules.behind
    if ref is None or not _counts_for(site, meter, ref) or not site.stations[ref.station_id].is_online:
        return
    source = _source(site, ref)
    wanted = (
        {Measurand.ENERGY_REGISTER, Measurand.POWER} if source is EnergySource.NONE else {Measurand.ENERGY_REGISTER}
    )
    samples = tuple(sample for sample in event.samples if sample.measurand in wanted and sample.phase is None)
    if samples:
        given = MeterValuesReported(
            station_id=ref.station_id, evse_id=ref.evse_id, charger_transaction_id=None, samples=samples
        )
        polled.meter(site, decision, given, now)


def _counts_for(site: Site, meter: Meter, ref: EvseRef) -> bool:
    """Whether it is the only one that counts what the EVSE delivers."""
    is_run = ref.station_id in site.runs.stations
    return is_run and meter.rules.counts_energy and _source(site, ref) in (EnergySource.NONE, EnergySource.POWER)


def _source(site: Site, ref: EvseRef) -> EnergySource | None:
    abilities = site.stations[ref.station_id].abilities
    return abilities.polled.energy if abilities is not None and abilities.polled is not None else None


# --- cross-check ---


def _hold_evse_against(site: Site, decision: Decision, meter: Meter, ref: EvseRef, now: datetime) -> None:
    status, energy = site.evses.get(ref), meter.energy(now)
    if status is None or energy is None or _counts_for(site, meter, ref):
        return
    transaction = site.at_evse(ref)
    pair = _pair(site, status, transaction, energy.value, energy.at)
    told_at = transaction.last_at if transaction is not None else None
    if pair is None or (told_at is not None and told_at == meter.compared_at):
        return  # compared as soon as the charger has told something: later, more has flowed between
    meter.compared_at = told_at
    finding = meter.watch.note(transaction.transaction_id if transaction is not None else None, pair)
    if finding is None:
        return
    if finding.evidence is None:
        decision.clear_alarm(site, now, METERS_DISAGREE, ref)
    elif finding.stands:
        text = f"{ref}, meter {meter.rules.meter_id}: {finding.evidence}"
        decision.raise_alarm(site, now, METERS_DISAGREE, Severity.WARNING, text, ref)
        if transaction is not None:
            _doubt(decision, transaction, f"meter {meter.rules.meter_id}: {finding.evidence}", now)


def _pair(site: Site, status: EvseStatus, transaction: Transaction | None, shown_wh: int, at: datetime) -> Pair | None:
    """None while the charger has nothing to say: it is away, its meter was not read yet, or its state is not known."""
    if not site.stations[status.ref.station_id].is_online or status.ref in site.unsettled:
        return None
    if transaction is None:
        return Pair(at=at, told_wh=0, shown_wh=shown_wh)
    if transaction.last_at is None:
        return None
    apart_s = abs((at - transaction.last_at).total_seconds())
    slack_wh = int(status.evse.max_power_w * apart_s / 3600) + 1
    return Pair(at=at, told_wh=transaction.energy_wh, shown_wh=shown_wh, slack_wh=slack_wh)


def _hold_site_against(site: Site, decision: Decision, feeder: Meter, now: datetime) -> None:
    """All EVSEs against all that supplies the site; as much as one of its meters is not known, nothing is said."""
    watch = site.meters.feeder
    if not watch.is_due(now):
        return
    supplied_wh, read_at = 0, now
    for rules in site.rules.meters.values():
        if rules.role not in _SOURCES:
            continue
        energy = site.meters.of(rules).energy(now)
        if energy is None:
            watch.since = None
            return
        supplied_wh += energy.value if rules.role is MeterRole.FEEDER else -energy.value
        read_at = min(read_at, energy.at)
    told = {key: _told(each) for key, each in site.transactions.items()}
    finding = watch.note(supplied_wh, read_at, told, now)
    if finding is None:
        return
    feeder_id = feeder.rules.meter_id
    if finding.evidence is None:
        decision.clear_alarm(site, now, METERS_DISAGREE, feeder_id)
    elif finding.stands:
        text = f"meter {feeder_id}: {finding.evidence}"
        decision.raise_alarm(site, now, METERS_DISAGREE, Severity.WARNING, text, feeder_id)
        for key in finding.transactions:
            if not _has_good_meter(site, site.transactions[key]):
                _doubt(decision, site.transactions[key], text, now)


def _told(transaction: Transaction) -> Told:
    return Told(
        energy_wh=transaction.energy_wh,
        began_at=transaction.started_at,
        at=transaction.last_heard_at,
        rating_w=transaction.rating_w,
    )


def _has_good_meter(site: Site, transaction: Transaction) -> bool:
    """A meter of its own speaks for its bill: another one is wrong."""
    meter = next((each for each in site.meters.meters.values() if each.rules.behind == transaction.ref), None)
    return meter is not None and meter.watch.key == transaction.transaction_id and meter.watch.apart == 0


def _doubt(decision: Decision, transaction: Transaction, evidence: str, now: datetime) -> None:
    if Doubt.METERS_DISAGREE not in transaction.doubts:
        transaction.doubt(Doubt.METERS_DISAGREE, evidence)
        decision.checkpoint(transaction, now)


def _meter(site: Site, meter_id: str) -> Meter | None:
    rules = site.rules.meters.get(meter_id)
    return site.meters.of(rules) if rules is not None else None


_ENERGIES: Final = (Measurand.ENERGY_REGISTER, Measurand.ENERGY_EXPORT_REGISTER)
