"""EVSEs that the operator takes out of service, at once or when their transaction ends (OCPP 1.6 §5.2, 2.0.1 G03, G04).

What a station agreed to is kept, and said again to one that has forgotten it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from edge.domain.asking import ask
from edge.domain.decision import Decision
from edge.domain.site import Site
from edge.domain.station import Station
from protocols.charger.events import CommandAnswered, StatusReported
from protocols.charger.operations.availability import ChangeAvailability
from protocols.sync.upkeep import AvailabilityChanged
from protocols.terms import ConnectorStatus, EvseRef

_SCHEDULED: Final = "Scheduled"


def note(
    site: Site, decision: Decision, station: Station, change: ChangeAvailability, answer: CommandAnswered, now: datetime
) -> None:
    """The station answered. An EVSE in service again is nothing to remember."""
    if not answer.is_accepted:
        return
    ref = EvseRef(station.station_id, change.evse_id or 0)
    is_scheduled = _SCHEDULED in answer.detail
    if change.operational_status == "Inoperative":
        wanted = AvailabilityChanged(
            station_id=ref.station_id,
            evse_id=ref.evse_id,
            connector_id=change.connector_id,
            is_operative=False,
            is_scheduled=is_scheduled,
        )
        if site.out_of_service.get(ref) != wanted:
            site.out_of_service[ref] = wanted
            decision.journal(site, now, wanted)
    else:
        whole = [ref, *site.refs_of(station.station_id)] if ref.evse_id == 0 else [ref]
        for each in whole:
            if site.out_of_service.pop(each, None) is not None:
                back = AvailabilityChanged(station_id=each.station_id, evse_id=each.evse_id, is_operative=True)
                decision.journal(site, now, back)
    decision.shown.update(site.refs_of(station.station_id))


def follow(site: Site, decision: Decision, event: StatusReported, now: datetime) -> None:
    """A new status: what was scheduled has come to pass, or was forgotten when its transaction ended."""
    wanted = _wanted(site, EvseRef(event.station_id, event.evse_id))
    if wanted is None or not wanted.is_scheduled:
        return
    ref = EvseRef(wanted.station_id, wanted.evse_id)
    if event.status is ConnectorStatus.UNAVAILABLE:
        done = site.out_of_service[ref] = replace(wanted, is_scheduled=False)
        decision.journal(site, now, done)
        decision.shown.update(site.refs_of(event.station_id))
    elif event.status is ConnectorStatus.AVAILABLE and not site.open_at(event.station_id):
        _ask(site, decision, wanted, now)


def close(site: Site, decision: Decision, station_id: str, now: datetime) -> None:
    """Of a station whose transactions the site runs: what was scheduled comes to pass with the end of the last one."""
    running = {transaction.ref for transaction in site.open_at(station_id)}
    for ref in (EvseRef(station_id, 0), *site.refs_of(station_id)):
        wanted = site.out_of_service.get(ref)
        if wanted is not None and wanted.is_scheduled and ref not in running and not (ref.evse_id == 0 and running):
            done = site.out_of_service[ref] = replace(wanted, is_scheduled=False)
            decision.journal(site, now, done)
            decision.shown.update(site.refs_of(station_id))


def say_again(site: Site, decision: Decision, station: Station, now: datetime) -> None:
    """After a boot: a station that shows an EVSE in service again has forgotten."""
    for ref in (EvseRef(station.station_id, 0), *site.refs_of(station.station_id)):
        wanted = site.out_of_service.get(ref)
        if wanted is not None and not wanted.is_scheduled and not _is_out(site, station, ref):
            _ask(site, decision, wanted, now)


def _is_out(site: Site, station: Station, ref: EvseRef) -> bool:
    """By what the station shows; FAULTED hides whether it is in service."""
    refs = [ref] if ref.evse_id else site.refs_of(ref.station_id)
    shown = [site.evses[each].status for each in refs if each in site.evses]
    if station.status is ConnectorStatus.UNAVAILABLE:
        return True
    return all(status in (ConnectorStatus.UNAVAILABLE, ConnectorStatus.FAULTED) for status in shown)


def _wanted(site: Site, ref: EvseRef) -> AvailabilityChanged | None:
    return site.out_of_service.get(ref) or site.out_of_service.get(EvseRef(ref.station_id, 0))


def _ask(site: Site, decision: Decision, wanted: AvailabilityChanged, now: datetime) -> None:
    change = ChangeAvailability(
        operational_status="Inoperative", evse_id=wanted.evse_id or None, connector_id=wanted.connector_id
    )
    ask(site, decision, wanted.station_id, change, now)
