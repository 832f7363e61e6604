"""What polled chargers tell, and what the site makes of it: they know no transactions, so the site runs them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from edge.domain import availability, drivers, edge_transactions, metering, remote
from edge.domain.decision import Decision
from edge.domain.run_book import Awaited, EvseRun
from edge.domain.site import Site
from protocols.charger.commands import IdTokenAnswer
from protocols.charger.events import (
    CommandAnswered,
    IdTokenPresented,
    MeterValuesReported,
    StatusReported,
    SteeringReported,
    VehicleReplaced,
)
from protocols.sync.up import Severity
from protocols.terms import AuthorizationStatus, ConnectorStatus, EvseRef

NOT_STEERED: Final = "charger_not_steered"


def restart(site: Site) -> None:
    """The agent begins: which EVSEs it runs itself."""
    for station_id in site.rules.runs:
        site.runs.stations[station_id] = {ref.evse_id: EvseRun() for ref in site.refs_of(station_id)}


def connect(site: Site, decision: Decision, station_id: str, now: datetime) -> None:
    """It answers, perhaps again: what was told it before may be gone. A transaction that was read too long ago ends
    before anything newer is taken for its own."""
    rules = site.rules.runs.get(station_id)
    for ref in site.refs_of(station_id):
        run = site.runs.of(*ref)
        transaction = site.at_evse(ref)
        if run is None or rules is None:
            continue
        run.steered_w = None
        if transaction is not None:
            _tell(site, decision, edge_transactions.end_if_lost(site, decision, transaction, rules.end_after, now), now)
        edge_transactions.steer(site, decision, ref, now)


def meter(site: Site, decision: Decision, event: MeterValuesReported, now: datetime) -> None:
    edge_transactions.foresee(site, event, now)
    metering.meter(site, decision, event, now)
    edge_transactions.note_readings(site, event, now)
    ref = EvseRef(event.station_id, event.evse_id)
    _tell(site, decision, edge_transactions.end_if_settled(site, decision, ref, now), now)


def note_status(site: Site, decision: Decision, event: StatusReported, now: datetime) -> None:
    """After the status is noted: a vehicle has come or gone, or the EVSE has failed."""
    ref = EvseRef(event.station_id, event.evse_id)
    match event.status:
        case ConnectorStatus.OCCUPIED:
            edge_transactions.begin_if_all_is_there(site, decision, ref, now)
            ended = edge_transactions.end_if_settled(site, decision, ref, now)
        case ConnectorStatus.AVAILABLE:
            _welcome_next(site, ref)
            ended = edge_transactions.end_soon(site, decision, ref, edge_transactions.UNPLUGGED, now)
        case ConnectorStatus.FAULTED:
            ended = edge_transactions.end_soon(site, decision, ref, edge_transactions.FAILED, now)
        case _:
            ended = []
    _tell(site, decision, ended, now)


def present(site: Site, decision: Decision, event: IdTokenPresented, evse_id: int, now: datetime) -> None:
    """A card at the reader: to begin, or, where it charges already, to stop.

    A reader may show a card for as long as the vehicle is there. One that it showed when the site first looked is news
    only where the vehicle is: otherwise a card that has stopped would begin again when the agent does.
    """
    ref = EvseRef(event.station_id, evse_id)
    status, running = site.evses.get(ref), site.at_evse(ref)
    was_here = status is not None and status.status is ConnectorStatus.OCCUPIED
    if status is None or (event.is_old and (was_here or running is not None)):
        return
    mine = site.tokens.find(event.token_uid)
    to_begin = ref if running is None else None
    drivers.present(site, decision, event.station_id, event.token_uid, now, ref=to_begin)
    reply = decision.reply
    if not isinstance(reply, IdTokenAnswer) or reply.status is not AuthorizationStatus.ACCEPTED:
        return
    run = site.runs.of(*ref)
    if running is None:
        edge_transactions.await_vehicle(site, decision, ref, event.token_uid, now)
    elif running in site.by_token(event.token_uid) or (mine and mine.group_id and mine.group_id == running.group_id):
        reason = edge_transactions.STOPPED_BY_CARD
        _tell(site, decision, edge_transactions.end_soon(site, decision, ref, reason, now), now)
    elif run is not None:
        run.next = Awaited(token_uid=event.token_uid, until=now + edge_transactions.AWAITED_FOR)


def replace_vehicle(site: Site, decision: Decision, event: VehicleReplaced, now: datetime) -> None:
    """One went and another one came between two readings: who charged does not pay for it."""
    ref = EvseRef(event.station_id, event.evse_id)
    _tell(site, decision, edge_transactions.end_replaced(site, decision, ref, now), now)
    _welcome_next(site, ref)


def _welcome_next(site: Site, ref: EvseRef) -> None:
    """Who held a card to the reader while another one charged meant the vehicle that comes after."""
    run = site.runs.of(*ref)
    if run is not None and run.next is not None:
        run.awaited, run.next = run.next, None


def stop(site: Site, decision: Decision, ref: EvseRef, reason: str, now: datetime) -> None:
    """The site itself ends it."""
    _tell(site, decision, edge_transactions.end_soon(site, decision, ref, reason, now), now)


def note_steering(site: Site, decision: Decision, event: SteeringReported, now: datetime) -> None:
    """A charger that does not do as it is told charges more than it may, or less: somebody should know."""
    run, ref = site.runs.of(event.station_id, event.evse_id), EvseRef(event.station_id, event.evse_id)
    if run is None:
        return
    if event.is_followed:
        run.unfollowed -= {event.setpoint, ""}
    else:
        run.unfollowed.add(event.setpoint)
        what = f"is not set to what the site wants ({event.setpoint})" if event.setpoint else "cannot be set"
        decision.raise_alarm(site, now, NOT_STEERED, Severity.WARNING, f"{ref} {what}: {event.detail}", ref)
    if not run.unfollowed:
        decision.clear_alarm(site, now, NOT_STEERED, ref)


def tick(site: Site, decision: Decision, now: datetime) -> None:
    """Time alone ends what nothing more is heard of, and moves limits that have a schedule."""
    for station_id in site.runs.stations:
        rules = site.rules.runs.get(station_id)
        is_online = site.stations[station_id].is_online
        for ref in site.refs_of(station_id):
            transaction = site.at_evse(ref)
            if transaction is not None and rules is not None and not is_online:
                lost = edge_transactions.end_if_lost(site, decision, transaction, rules.end_after, now)
                _tell(site, decision, lost, now)
            _tell(site, decision, edge_transactions.end_if_settled(site, decision, ref, now), now)
            edge_transactions.begin_if_all_is_there(site, decision, ref, now)
            edge_transactions.steer(site, decision, ref, now)
        if site.out_of_service:
            availability.close(site, decision, station_id, now)


def _tell(site: Site, decision: Decision, answers: Iterable[CommandAnswered], now: datetime) -> None:
    """The commands that were waiting for it are done."""
    for answered in answers:
        reply = decision.reply
        remote.note_answer(site, decision, answered, now)
        decision.reply = reply
