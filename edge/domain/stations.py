"""What charging stations say of themselves: connected, booted, status."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from edge.domain import availability, boots, handover, local_lists, reservations
from edge.domain.decision import Decision
from edge.domain.events import ConnectionLimitReached, DecisionFailed
from edge.domain.metering import note_charging_state
from edge.domain.site import Site
from edge.domain.station import Station
from edge.domain.transaction import Cause
from protocols.charger.events import BootReported, StationConnected, StationDisconnected, StatusReported
from protocols.sync.up import ConnectorStatusChanged, Severity, StationBooted, StationConnectionChanged
from protocols.terms import ConnectorStatus, EvseRef

SETTLED_AFTER: Final = timedelta(seconds=30)
"""A station that has told nothing new for so long after it came back is where it was when it left (1.6 §4.9)."""
CONNECTIONS_AT_LIMIT: Final = "connections_at_limit"
DECISION_FAILED: Final = "decision_failed"


def connect(site: Site, decision: Decision, event: StationConnected, now: datetime) -> None:
    station = site.station(event.station_id, is_known=event.is_known)
    station.abilities = event.abilities
    if not station.evse_ids:
        site.evse(event.station_id, 1)
    if not event.is_known:
        text = f"station {event.station_id} is not configured and was let in: allow_unknown is on"
        decision.raise_alarm(site, now, "unknown_station", Severity.WARNING, text, event.station_id)
    if not station.is_online:
        station.is_online = True
        site.unsettled.update(dict.fromkeys(site.refs_of(station.station_id), now))
        _tell_connection(site, decision, station, now)
    reservations.note_back(site, station.station_id, now)
    local_lists.look_at(site, station)
    handover.seek(site, decision, station)


def disconnect(site: Site, decision: Decision, event: StationDisconnected, now: datetime) -> None:
    station = site.station(event.station_id)
    if station.is_online:
        station.is_online = False
        _settle(site, site.refs_of(station.station_id))
        _tell_connection(site, decision, station, now)


def settle_the_silent(site: Site, decision: Decision, now: datetime) -> None:
    """Believe again what stations said before they were away, and did not take back since they are here again."""
    settled = [ref for ref, since in site.unsettled.items() if now - since >= SETTLED_AFTER]
    _settle(site, settled)
    decision.shown.update(settled)


def _settle(site: Site, refs: Iterable[EvseRef]) -> None:
    for ref in refs:
        site.unsettled.pop(ref, None)


def _tell_connection(site: Site, decision: Decision, station: Station, now: datetime) -> None:
    version = station.abilities.ocpp_version if station.abilities else None
    decision.journal(
        site,
        now,
        StationConnectionChanged(station_id=station.station_id, is_online=station.is_online, ocpp_version=version),
    )
    for ref in site.refs_of(station.station_id):
        status = site.evses[ref]
        if not station.is_online:
            site.set_power(status, None)  # what a silent station draws is not known
        decision.shown.add(ref)


def boot(site: Site, decision: Decision, event: BootReported, now: datetime) -> None:
    """OCPP 1.6 §4.2, 2.0.1 B01. Its open transactions were interrupted; the station says how they go on."""
    station = site.station(event.station_id)
    station.vendor, station.model = event.vendor, event.model
    station.serial_number, station.firmware_version = event.serial_number, event.firmware_version
    decision.journal(
        site,
        now,
        StationBooted(
            station_id=event.station_id,
            vendor=event.vendor,
            model=event.model,
            serial_number=event.serial_number,
            firmware_version=event.firmware_version,
            reason=event.reason,
        ),
    )
    for ref in site.refs_of(event.station_id):
        transaction = site.at_evse(ref)
        if transaction is not None:
            transaction.move(Cause.STATION_REBOOTED)
            decision.checkpoint(transaction, now)
            decision.shown.add(ref)
    site.displays.refused.discard(event.station_id)
    decision.reply = boots.answer(site, station, now)


def report_status(site: Site, decision: Decision, event: StatusReported, now: datetime) -> None:
    """OCPP 1.6 §4.9, 2.0.1 G01. Journaled only when it says something new."""
    if event.evse_id == 0:
        station = site.station(event.station_id)
        if station.status is not event.status:
            station.status = event.status
            _journal_status(site, decision, event, now)
            decision.shown.update(site.refs_of(event.station_id))
            if site.out_of_service:
                availability.follow(site, decision, event, now)
        return
    status = site.evse(event.station_id, event.evse_id)
    if status is None:
        return
    before = (status.status, status.charging_state, status.error_code)
    status.connector_id = event.connector_id
    status.status, status.charging_state, status.error_code = event.status, event.charging_state, event.error_code
    if site.unsettled.pop(status.ref, None) is not None:
        decision.shown.add(status.ref)
    if site.booted and event.station_id in site.booted:
        site.booted[event.station_id].silent.discard(event.evse_id)
    if before != (event.status, event.charging_state, event.error_code):
        _journal_status(site, decision, event, now)
        decision.shown.add(status.ref)
        if site.out_of_service:
            availability.follow(site, decision, event, now)
    if event.charging_state is not None:
        note_charging_state(site, decision, status.ref, event.charging_state, event.at or now, now)
    if status.transaction_id is None and event.status is not ConnectorStatus.OCCUPIED:
        site.set_power(status, 0)
    _alarm_fault(site, decision, status.ref, event, now)


def note_connection_limit(site: Site, decision: Decision, event: ConnectionLimitReached, now: datetime) -> None:
    if event.is_reached:
        text = f"stations are turned away: this agent holds {event.limit} connections and may open no more files"
        decision.raise_alarm(site, now, CONNECTIONS_AT_LIMIT, Severity.CRITICAL, text, "agent")
    else:
        decision.clear_alarm(site, now, CONNECTIONS_AT_LIMIT, "agent")


def note_failed_decision(site: Site, decision: Decision, event: DecisionFailed, now: datetime) -> None:
    """Cleared at the next start: by then the fault may be mended."""
    whose = f" of {event.station_id}" if event.station_id is not None else ""
    text = f"a {event.event_type}{whose} could not be decided and was refused: a fault of this program, see its log"
    decision.raise_alarm(site, now, DECISION_FAILED, Severity.CRITICAL, text, event.station_id or "agent")


def forget_faults(site: Site, decision: Decision, now: datetime) -> None:
    """At a start: what was wrong with the program that ran before, or its settings, is no alarm of this one."""
    decision.clear_alarm(site, now, CONNECTIONS_AT_LIMIT, "agent")
    for alarm in [each for each in site.alarms.values() if each.alarm in (DECISION_FAILED, handover.POLLED_TWICE)]:
        decision.clear_alarm(site, now, alarm.alarm, alarm.station_id or "agent")


def _journal_status(site: Site, decision: Decision, event: StatusReported, now: datetime) -> None:
    decision.journal(
        site,
        now,
        ConnectorStatusChanged(
            station_id=event.station_id,
            evse_id=event.evse_id,
            connector_id=event.connector_id,
            status=event.status,
            charging_state=event.charging_state,
            error_code=event.error_code,
        ),
    )


def _alarm_fault(site: Site, decision: Decision, ref: EvseRef, event: StatusReported, now: datetime) -> None:
    if event.status is ConnectorStatus.FAULTED:
        text = f"{ref} reports a fault: {event.error_code or 'no code given'}"
        decision.raise_alarm(site, now, "evse_faulted", Severity.CRITICAL, text, ref)
    else:
        decision.clear_alarm(site, now, "evse_faulted", ref)
