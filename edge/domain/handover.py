"""A station moves from one agent of a node to another, and what is open of it moves along.

Whenever a station connects, its agent asks the others for it (`seek`); each gives what it has and lets the station go
(`give`), and the first makes it its own (`take`): it is at home there until another one asks, or until it connects
anew, for it may have been elsewhere while its agent could not be asked. A transaction is handed over durably before
anybody else has it, so it is open, and billed, in one ledger at a time; that `moves` grows with each hand-over tells an
old copy from the newest, so every answer may be repeated.

A charger that is polled does not choose its agent: it belongs to the one whose configuration names it, and stays there.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from edge.domain import holds, reservations
from edge.domain.billing import SUPERSEDED, end_transaction
from edge.domain.decision import Decision
from edge.domain.events import ClaimAnswered, Done, NotAtHome, PeerChanged, StationsClaimed
from edge.domain.metering import end_samples
from edge.domain.past import PastKey, PastTransaction
from edge.domain.site import Site
from edge.domain.station import Home, Station
from edge.domain.transaction import Cause, Transaction
from protocols.sync.up import (
    Severity,
    TransactionHandedOver,
    TransactionMerged,
    TransactionTakenOver,
    UnknownStopReceived,
    UnknownStopSettled,
)

HANDED_OVER: Final = "HandedOver"
POLLED_TWICE: Final = "polled_twice"


def seek(site: Site, decision: Decision, station: Station) -> None:
    """A station connected: where was it before, and what has it left there? One that is polled is at home all the same:
    another agent may have named it before, and nobody else can bring what comes of it from now on."""
    if site.rules.peers:
        is_polled = station.station_id in site.rules.runs
        station.home, station.claim = Home.HERE if is_polled else Home.SOUGHT, station.claim + 1
        decision.reply = NotAtHome(claim=station.claim)


# --- at the agent that had the station ---


def give(site: Site, decision: Decision, event: StationsClaimed, now: datetime) -> None:
    """Hand over what is open of the stations and let them go. Claimed again, there is nothing more to decide: the
    ledger has kept what was handed over."""
    for station_id in event.station_ids:
        station = site.stations.get(station_id)
        if station is None:
            continue
        if station_id in site.rules.runs:
            _keep_polled(site, decision, station_id, event.by_edge_id, now)
            continue
        station.home = Home.ELSEWHERE
        for transaction in site.open_at(station_id):
            _hand_over(site, decision, transaction, event.by_edge_id, now)
        reservations.let_go(site, decision, station_id, now)
        decision.clear_alarm(site, now, "unknown_stop", station_id)  # its stray stops go along, and the worry with them
    decision.reply = Done(text=f"{len(event.station_ids)} stations are {event.by_edge_id}'s")


def _keep_polled(site: Site, decision: Decision, station_id: str, by_edge_id: str, now: datetime) -> None:
    """Two agents that steer one charger undo each other's work, and both bill: only a person can say whose it is."""
    text = (
        f"agent {by_edge_id} has {station_id}, too, which is polled from here: name a Modbus device in the settings of "
        "one agent alone, and restart both"
    )
    decision.raise_alarm(site, now, POLLED_TWICE, Severity.CRITICAL, text, station_id)


def _hand_over(site: Site, decision: Decision, transaction: Transaction, to_edge_id: str, now: datetime) -> None:
    wallet = site.accounts.wallets.pop(transaction.transaction_id, None)
    if wallet is not None:
        holds.release(site, decision, transaction, wallet, now)
    transaction.move(Cause.CLAIMED)
    transaction.moves += 1
    decision.checkpoint(transaction, now)
    decision.journal(
        site,
        now,
        TransactionHandedOver(
            transaction_id=transaction.transaction_id,
            station_id=transaction.station_id,
            evse_id=transaction.evse_id,
            to_edge_id=to_edge_id,
            moves=transaction.moves,
        ),
    )
    end_samples(site, decision, transaction, now)
    site.close_transaction(transaction, HANDED_OVER)
    site.set_power(site.evses[transaction.ref], None)
    decision.shown.add(transaction.ref)


# --- at the agent that has it now ---


def wanted(site: Site, event: ClaimAnswered) -> tuple[PastKey, ...]:
    """What must be known of the past before the given transactions can be taken."""
    keys = []
    for given in event.given:
        if given.transaction_id not in site.transactions:
            keys.append(PastKey(given.station_id, transaction_id=given.transaction_id))
            keys.append(PastKey(given.station_id, start_key=given.start_key))
            keys.append(PastKey(given.station_id, charger_transaction_id=given.charger_transaction_id))
    keys += [PastKey(stop.station_id, charger_transaction_id=stop.charger_transaction_id) for stop in event.stops]
    return tuple(key for key in keys if site.past(key) is None)


def take(site: Site, decision: Decision, event: ClaimAnswered, now: datetime) -> None:
    """Make one's own what others had. Heard again, it changes nothing."""
    station = site.station(event.station_id)
    site.last_charger_number = max(site.last_charger_number, event.last_charger_number)
    for stop in event.stops:
        _take_stop(site, decision, stop, now)
    for given in event.given:
        _take_transaction(site, decision, given, now)
    for past in event.ended:
        _learn_past(site, decision, past, now)
    decision.reply = Done(text=f"{event.station_id}: {len(event.given)} transactions taken over")
    if event.is_complete and station.home is Home.SOUGHT and station.claim == event.claim:
        station.home = Home.HERE
    if station.home is Home.HERE:
        # Nobody knows how these ended: billed up to what was last heard of them.
        for transaction in list(site.displaced.get(event.station_id, {}).values()):
            _supersede(site, decision, transaction, now)


def _take_transaction(site: Site, decision: Decision, given: Transaction, now: datetime) -> None:
    past = site.past(PastKey(given.station_id, transaction_id=given.transaction_id))
    if given.transaction_id in site.transactions or (past is not None and past.moves >= given.moves):
        return
    transaction = given.copied()
    transaction.move(Cause.TAKEN_OVER)
    decision.journal(
        site,
        now,
        TransactionTakenOver(
            transaction_id=transaction.transaction_id,
            charger_transaction_id=transaction.charger_transaction_id,
            station_id=transaction.station_id,
            evse_id=transaction.evse_id,
            connector_id=transaction.connector_id,
            start_key=transaction.start_key,
            token_uid=transaction.token_uid,
            contract_id=transaction.contract_id,
            meter_start_wh=transaction.meter_start_wh or 0,
            started_at=transaction.started_at,
            tariff_id=transaction.tariff.id,
            currency=transaction.tariff.currency,
            moves=transaction.moves,
            reservation_id=transaction.reservation_id,
        ),
    )
    same = _same_here(site, given)
    if same is not None:
        _merge(site, decision, given, same, now)
    else:
        _go_on(site, decision, transaction, now)


def _go_on(site: Site, decision: Decision, transaction: Transaction, now: datetime) -> None:
    """Open it, and end it at once where it ended while nobody here knew it."""
    namesake = site.by_charger_id(transaction.station_id, transaction.charger_transaction_id)
    site.open_transaction(transaction)
    if site.accounts:
        holds.begin(site, decision, transaction, now)
    decision.checkpoint(transaction, now)
    decision.shown.add(transaction.ref)
    status = site.evses.get(transaction.ref)
    if end_as_told(site, decision, transaction, now):
        pass
    elif namesake is not None:
        _supersede(site, decision, transaction, now)  # two of one number: the station speaks of the later
    elif status is not None and status.charging_state is not None and status.ref not in site.unsettled:
        transaction.enter(status.charging_state, now)  # said since it came here
    if namesake is not None:
        site.open_transaction(namesake)  # its number leads to it again


def _supersede(site: Site, decision: Decision, transaction: Transaction, now: datetime) -> None:
    ended_at = transaction.last_heard_at
    _end(site, decision, transaction, now, meter_stop_wh=None, ended_at=ended_at, reason=SUPERSEDED)


def _end(
    site: Site,
    decision: Decision,
    transaction: Transaction,
    now: datetime,
    *,
    meter_stop_wh: int | None,
    ended_at: datetime,
    reason: str | None,
) -> None:
    reason = reason or "Local"
    end_transaction(site, decision, transaction, now, meter_stop_wh=meter_stop_wh, ended_at=ended_at, reason=reason)
    decision.checkpoint(transaction, now)  # the ledger makes the past of what it has


def _same_here(site: Site, given: Transaction) -> Transaction | PastTransaction | None:
    """The same transaction, begun here anew: its start was repeated while its agent could not be asked."""
    station_id, by_start = given.station_id, PastKey(given.station_id, start_key=given.start_key)
    found: list[Transaction | PastTransaction | None] = [
        site.by_start_key(station_id, given.start_key),
        site.past(by_start),
    ]
    if given.start_key.startswith(f"{given.charger_transaction_id}|"):  # the station gave it its id
        found.append(site.by_charger_id(station_id, given.charger_transaction_id))
    others = [each for each in found if each is not None and each.transaction_id not in ("", given.transaction_id)]
    return others[0] if others else None


def _merge(
    site: Site, decision: Decision, given: Transaction, same: Transaction | PastTransaction, now: datetime
) -> None:
    if isinstance(same, Transaction) and same.is_start_assumed:
        same.learn_start(given.started_at, given.meter_start_wh)
        decision.checkpoint(same, now)
    decision.journal(
        site,
        now,
        TransactionMerged(
            transaction_id=given.transaction_id,
            into_transaction_id=same.transaction_id,
            station_id=given.station_id,
            evse_id=given.evse_id,
        ),
    )
    site.remember(
        PastTransaction(
            transaction_id=given.transaction_id,
            charger_transaction_id="",
            station_id=given.station_id,
            start_key="",
            token_uid=None,
            moves=given.moves,
        )
    )


# --- ends that nobody knew ---


def keep_stop(site: Site, decision: Decision, stop: UnknownStopReceived, now: datetime) -> None:
    """Keep it for a transaction that may yet come from another agent; until then a person should know."""
    site.keep_stop(stop)
    decision.journal(site, now, stop)
    text = f"{stop.station_id} ended transaction {stop.charger_transaction_id}, which is not open: look at its meter"
    decision.raise_alarm(site, now, "unknown_stop", Severity.WARNING, text, stop.station_id)


def settle_stop(site: Site, decision: Decision, stop: UnknownStopReceived, transaction_id: str, now: datetime) -> None:
    """It has found its transaction."""
    stops = site.stray_stops[stop.station_id]
    del stops[stop.charger_transaction_id]
    decision.journal(
        site,
        now,
        UnknownStopSettled(
            station_id=stop.station_id,
            charger_transaction_id=stop.charger_transaction_id,
            transaction_id=transaction_id,
        ),
    )
    if not stops:
        decision.clear_alarm(site, now, "unknown_stop", stop.station_id)


def end_as_told(site: Site, decision: Decision, transaction: Transaction, now: datetime) -> bool:
    """End a transaction just opened where its end came before it and was kept; returns whether it was."""
    stop = site.stray_stop(transaction.station_id, transaction.charger_transaction_id)
    if stop is None or stop.ended_at < transaction.started_at:
        return False
    wh = stop.meter_stop_wh
    _end(site, decision, transaction, now, meter_stop_wh=wh, ended_at=stop.ended_at, reason=stop.reason)
    settle_stop(site, decision, stop, transaction.transaction_id, now)
    return True


def _take_stop(site: Site, decision: Decision, stop: UnknownStopReceived, now: datetime) -> None:
    """An end that came to another agent meanwhile."""
    if site.stray_stop(stop.station_id, stop.charger_transaction_id) is not None:
        return
    transaction = site.by_charger_id(stop.station_id, stop.charger_transaction_id)
    if transaction is not None and stop.ended_at >= transaction.started_at:
        wh = stop.meter_stop_wh
        _end(site, decision, transaction, now, meter_stop_wh=wh, ended_at=stop.ended_at, reason=stop.reason)
        return
    past = site.past(PastKey(stop.station_id, charger_transaction_id=stop.charger_transaction_id))
    if past is None or past.end_reason in (HANDED_OVER, SUPERSEDED):
        keep_stop(site, decision, stop, now)


def _learn_past(site: Site, decision: Decision, past: PastTransaction, now: datetime) -> None:
    """A message about it may be repeated here."""
    stop = site.stray_stop(past.station_id, past.charger_transaction_id)
    if stop is not None:
        settle_stop(site, decision, stop, past.transaction_id, now)
    by_id = PastKey(past.station_id, charger_transaction_id=past.charger_transaction_id)
    known = site.past(by_id)
    if site.by_charger_id(past.station_id, past.charger_transaction_id) is None and (
        known is None or known.end_reason in ("", HANDED_OVER)
    ):
        site.remember(past)


# --- the other agents ---


def note_peer(site: Site, decision: Decision, event: PeerChanged, now: datetime) -> None:
    if event.is_reachable:
        decision.clear_alarm(site, now, "peer_unreachable", event.edge_id)
        return
    text = (
        f"agent {event.edge_id} cannot be asked for stations that came to this one: they charge, but what they had open"
        " there waits for it"
    )
    decision.raise_alarm(site, now, "peer_unreachable", Severity.WARNING, text, event.edge_id)
