"""Energy that flows without a transaction is given away: an alarm says where, how much and since when.

A charger that does not keep its pause does so, a station that lost its start, or one that lets anybody charge. What
proves it is the EVSE's own meter: power that lasts, or a register that rises. What is from a queue, of a transaction
that has ended, of one that is with another agent, or of the station's other EVSEs proves nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from edge.domain.clock import AHEAD
from edge.domain.decision import Decision
from edge.domain.site import Site
from edge.domain.station import EvseStatus, Home
from edge.domain.transaction import Transaction
from edge.domain.unbilled_book import MUCH_WH, STILL_AFTER, STILL_W, Ended, Reading, Suspicion, could_have_flowed
from protocols.charger.events import Sample
from protocols.sync.up import Severity
from protocols.terms import ConnectorStatus, EvseRef, Measurand, ReadingContext

ENERGY_WITHOUT_TRANSACTION: Final = "energy_without_transaction"
_OF_A_TRANSACTION: Final = (ReadingContext.TRANSACTION_BEGIN, ReadingContext.TRANSACTION_END)
_MAY_HAVE_A_VEHICLE: Final = (None, ConnectorStatus.OCCUPIED, ConnectorStatus.FAULTED)
_SILENT_FOR: Final = 24 * STILL_AFTER
"""Of a station that says nothing for so long nobody knows any more."""


def restart(site: Site, now: datetime) -> None:
    """What was suspect before is looked at again: only a meter can take it back."""
    for alarm in site.alarms.values():
        if alarm.alarm == ENERGY_WITHOUT_TRANSACTION and alarm.station_id is not None and alarm.evse_id is not None:
            ref = EvseRef(alarm.station_id, alarm.evse_id)
            site.unbilled.suspects[ref] = Suspicion(
                since=now, heard_at=now, read_at=now, flowed_at=now, others_wh=_others_wh(site, ref)
            )


def note_readings(
    site: Site, decision: Decision, status: EvseStatus, samples: tuple[Sample, ...], now: datetime
) -> None:
    """An EVSE was read at which no transaction runs."""
    ref, book = status.ref, site.unbilled
    if site.home_of(ref.station_id) is not Home.HERE or ref in site.unsettled:
        return
    ended = book.ended.get(ref) if book.ended else None
    reading = _present(site, samples, ended, now)
    if reading is None:
        return
    suspicion = book.suspects.get(ref)
    if suspicion is None:
        if _is_suspect(status, reading, ended):
            book.suspects[ref] = _suspect(site, status, reading, ended, now)
        return
    suspicion.take(reading, now, status.evse.max_power_w)
    if suspicion.is_over(reading.at):
        _acquit(site, decision, ref, now)
        if _is_suspect(status, reading, None):
            book.suspects[ref] = _suspect(site, status, reading, None, now)
    elif suspicion.is_proven(now) and not _is_of_the_station(site, ref, suspicion, now):
        _raise(site, decision, ref, suspicion, now)


def note_end(site: Site, decision: Decision, transaction: Transaction, ended_at: datetime, now: datetime) -> None:
    """From here on its register counts for nobody."""
    ref = transaction.ref
    for other in site.refs_of(ref.station_id) if site.unbilled.suspects else ():
        if (suspicion := site.unbilled.suspects.get(other)) is not None:
            suspicion.others_wh -= transaction.energy_wh
    if ref in site.unbilled.suspects:
        _acquit(site, decision, ref, now)
    register_wh = None if transaction.last_wh is None else transaction.last_wh - transaction.offset_wh
    site.unbilled.note_end(ref, Ended(ended_at, now, register_wh))


def tick(site: Site, decision: Decision, now: datetime) -> None:
    """A transaction has begun there, or the station is another agent's, or it says no more of it."""
    book = site.unbilled
    if book.ended:
        book.forget_ended(now)
    for ref, suspicion in list(book.suspects.items()):
        status = site.evses.get(ref)
        is_away = site.home_of(ref.station_id) is Home.ELSEWHERE
        silent_for = now - suspicion.read_at
        is_free = status is not None and status.status is ConnectorStatus.AVAILABLE and silent_for >= STILL_AFTER
        if status is None or status.transaction_id is not None or is_away or is_free or silent_for >= _SILENT_FOR:
            _acquit(site, decision, ref, now)


def _present(site: Site, samples: tuple[Sample, ...], ended: Ended | None, now: datetime) -> Reading | None:
    """The present of an EVSE: what was stamped long ago, or within the last transaction, is not. Those of a begin or an
    end belong to a transaction whose message is yet to come, or was here."""
    oldest = now - site.rules.silent_after
    if ended is not None:
        oldest = max(oldest, ended.at)
    power_w: int | None = None
    by_phase_w: int | None = None
    register_wh: int | None = None
    at: datetime | None = None
    for sample in samples:
        stamp = now if sample.at is None or sample.at > now + AHEAD else sample.at
        if stamp <= oldest or sample.context in _OF_A_TRANSACTION:
            continue
        if sample.measurand is Measurand.POWER:
            if sample.phase is None:
                power_w, at = sample.value, stamp
            else:
                by_phase_w, at = (by_phase_w or 0) + sample.value, stamp
        elif sample.measurand is Measurand.ENERGY_REGISTER and sample.phase is None:
            register_wh, at = sample.value, stamp
    if at is None:
        return None
    return Reading(at, power_w if power_w is not None else by_phase_w, register_wh)


def _is_suspect(status: EvseStatus, reading: Reading, ended: Ended | None) -> bool:
    """Something is drawn, or may be while nobody says so: a register has to be watched where a vehicle may be."""
    if reading.power_w is not None and reading.power_w > STILL_W:
        return True
    if reading.register_wh is None:
        return False
    is_beyond = ended is not None and reading.register_wh - (ended.register_wh or reading.register_wh) > MUCH_WH
    return is_beyond or status.status in _MAY_HAVE_A_VEHICLE


def _suspect(site: Site, status: EvseStatus, reading: Reading, ended: Ended | None, now: datetime) -> Suspicion:
    """From this reading on, or, where its register can have gone on from there, from the last transaction's end."""
    suspicion = Suspicion(
        since=reading.at,
        heard_at=now,
        read_at=now,
        flowed_at=reading.at,
        others_wh=_others_wh(site, status.ref),
    )
    if ended is not None and ended.register_wh is not None and reading.register_wh is not None:
        passed_s = (reading.at - ended.at).total_seconds()
        if could_have_flowed(ended.register_wh, reading.register_wh, status.evse.max_power_w, passed_s):
            suspicion.since, suspicion.base_wh, suspicion.is_after_bill = ended.at, ended.register_wh, True
    suspicion.take(reading, now, status.evse.max_power_w)
    return suspicion


def _is_of_the_station(site: Site, ref: EvseRef, suspicion: Suspicion, now: datetime) -> bool:
    """Some stations tell at one EVSE what all of them draw: as long as the others explain it, it proves nothing."""
    others = _others(site, ref)
    drawn_wh = max(0, _others_wh(site, ref) - suspicion.others_wh)
    if not others and not drawn_wh:
        return False
    unread_wh = 0
    for each in others:
        unread = min(max(now - each.last_heard_at, timedelta(0)), STILL_AFTER)
        unread_wh += int(each.rating_w * unread.total_seconds() / 3600)
    noise_wh = MUCH_WH + drawn_wh // 10
    return -noise_wh <= suspicion.energy_wh - drawn_wh <= noise_wh + unread_wh


def _others(site: Site, ref: EvseRef) -> list[Transaction]:
    running = (site.at_evse(other) for other in site.refs_of(ref.station_id) if other != ref)
    return [each for each in running if each is not None]


def _others_wh(site: Site, ref: EvseRef) -> int:
    return sum(each.energy_wh for each in _others(site, ref))


def _raise(site: Site, decision: Decision, ref: EvseRef, suspicion: Suspicion, now: datetime) -> None:
    run = site.runs.of(*ref)
    paused = ", though it was told to pause" if run is not None and run.steered_w == 0 else ""
    if suspicion.rose_wh is None:
        energy = f"about {suspicion.energy_wh} Wh so far by its power"
    else:
        beyond = " beyond the last bill" if suspicion.is_after_bill else ""
        energy = f"{suspicion.energy_wh} Wh so far{beyond} by its register"
    since = suspicion.since.isoformat(timespec="seconds")
    text = f"{ref} gives energy without a transaction{paused}, since {since}: {energy}"
    decision.raise_alarm(site, now, ENERGY_WITHOUT_TRANSACTION, Severity.WARNING, text, ref)


def _acquit(site: Site, decision: Decision, ref: EvseRef, now: datetime) -> None:
    del site.unbilled.suspects[ref]
    decision.clear_alarm(site, now, ENERGY_WITHOUT_TRANSACTION, ref)
