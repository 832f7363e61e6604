"""What chargers say of transactions: begun, continued, finished. Repeated messages change nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from edge.domain import holds, reservations, wanted_connectors
from edge.domain.accounts import SUSPENSE_CONTRACT
from edge.domain.billing import SUPERSEDED, doubt_order, end_transaction, money_id
from edge.domain.clock import believed
from edge.domain.decision import Decision
from edge.domain.drivers import identify, judge_start, known_token
from edge.domain.events import Elsewhere
from edge.domain.handover import HANDED_OVER, end_as_told, keep_stop
from edge.domain.metering import (
    checkpoint_if_due,
    expect_change,
    journal_samples,
    register_of,
    stand_still,
    take_samples,
)
from edge.domain.numbering import from_the_middle
from edge.domain.past import PastKey, PastTransaction
from edge.domain.running_cost import cost_to_tell, tell_final
from edge.domain.signed_values import keep_signed
from edge.domain.site import Site
from edge.domain.station import EvseStatus, Home
from edge.domain.timekeeping import began_at
from edge.domain.transaction import Cause, Doubt, Transaction
from protocols.charger.commands import IdTokenAnswer, TransactionAnswer
from protocols.charger.events import (
    TransactionBegan,
    TransactionContinued,
    TransactionFinished,
)
from protocols.sync.up import Severity, TransactionStarted, UnknownStopReceived
from protocols.terms import AuthorizationStatus, ChargingState

STATION_CLOCK: Final = "station_clock"
_NUMBERS_SINCE: Final = datetime(2020, 1, 1, tzinfo=UTC)


def start_key(event: TransactionBegan) -> str:
    """What makes two start messages the same one (field quirk 8)."""
    stamp = event.at.isoformat() if event.at else "-"
    if event.charger_transaction_id is not None:
        return f"{event.charger_transaction_id}|{stamp}"
    return f"{event.evse_id}.{event.connector_id}|{stamp}|{event.meter_start_wh}|{event.token_uid}"


def begin(site: Site, decision: Decision, event: TransactionBegan, now: datetime) -> None:
    """OCPP 1.6 §4.8, 2.0.1 E02: one transaction, however often the message comes."""
    if _is_elsewhere(site, decision, event.station_id):
        return
    key = start_key(event)
    known = site.by_start_key(event.station_id, key) or site.past(PastKey(event.station_id, start_key=key))
    if isinstance(known, Transaction) and known.is_start_assumed:
        _adopt_start(site, decision, known, event, now)  # an update at the very moment of the start came before it
        return
    if known is not None:
        decision.reply = TransactionAnswer(
            charger_transaction_id=known.charger_transaction_id,
            id_token=known_token(site, known.token_uid, now) if event.token_uid else None,
        )
        return
    if event.charger_transaction_id is not None:
        running = site.by_charger_id(event.station_id, event.charger_transaction_id)
        if running is not None:
            _adopt_start(site, decision, running, event, now)
            return
    transaction, id_token = _open(site, decision, event, key, now)
    if site.wanted_connectors and id_token is not None:
        place, start_id = event.connector_id, event.remote_start_id
        id_token = wanted_connectors.judge(site, decision, transaction, place, start_id, id_token, now)
    decision.reply = TransactionAnswer(
        charger_transaction_id=transaction.charger_transaction_id, id_token=id_token if event.token_uid else None
    )
    if event.charger_transaction_id is not None:
        end_as_told(site, decision, transaction, now)  # its end came before its start (field quirk 14)


def continue_(site: Site, decision: Decision, event: TransactionContinued, now: datetime) -> None:
    """OCPP 2.0.1 E02-E12. An update of a transaction whose start never came opens it: its energy is not given away."""
    if _is_elsewhere(site, decision, event.station_id):
        return
    transaction = site.by_charger_id(event.station_id, event.charger_transaction_id)
    if transaction is None:
        past = site.past(PastKey(event.station_id, charger_transaction_id=event.charger_transaction_id))
        # While another agent may still bring it, nothing is begun in its place.
        is_lost = past is None and site.home_of(event.station_id) is Home.HERE
        if is_lost and event.evse_id is not None:
            begun = TransactionBegan(
                station_id=event.station_id,
                evse_id=event.evse_id,
                connector_id=event.connector_id,
                charger_transaction_id=event.charger_transaction_id,
                token_uid=event.token_uid,
                meter_start_wh=None,
                at=event.at,
                charging_state=event.charging_state,
                samples=event.samples,
                is_offline=event.is_offline,
                reservation_id=event.reservation_id,
                is_token_waived=event.is_token_waived,
                signed=event.signed,
            )
            begin(site, decision, begun, now)
            opened = site.by_charger_id(event.station_id, event.charger_transaction_id)
            if opened is not None:
                opened.is_start_assumed = True
                if event.seq_no is not None:
                    opened.numbering = from_the_middle(event.seq_no)
            return
        id_token = known_token(site, event.token_uid, now)
        decision.reply = TransactionAnswer(charger_transaction_id=event.charger_transaction_id, id_token=id_token)
        return
    id_token = None
    if event.token_uid is not None and transaction.token_uid is None:
        id_token = identify(site, decision, transaction, event.token_uid, now)
        if site.wanted_connectors:
            place, start_id = event.connector_id, event.remote_start_id
            id_token = wanted_connectors.judge(site, decision, transaction, place, start_id, id_token, now)
        if id_token.status is AuthorizationStatus.ACCEPTED:
            reservations.use(site, decision, transaction, event.reservation_id, now)
    elif event.token_uid is not None:
        id_token = known_token(site, event.token_uid, now)
    if transaction.is_evse_assumed and event.evse_id is not None:
        decision.shown.add(transaction.ref)
        site.place(transaction, event.evse_id)
    ref = transaction.ref
    at, _ = believed(event.at, now, transaction.started_at)
    transaction.move(Cause.HEARD_OF)
    is_late = transaction.hear(event.seq_no)
    take_samples(site, transaction, event.samples, at, now)
    is_changed = event.charging_state is not None and not is_late and transaction.enter(event.charging_state, at)
    if is_changed:
        expect_change(site, ref)
        if not transaction.phases[-1].is_charging:
            stand_still(site, ref, now)
    journal_samples(site, decision, ref, transaction.transaction_id, event.samples, now)
    is_signed = bool(event.signed) and keep_signed(transaction, event.signed)
    if is_changed or is_signed or id_token is not None:
        decision.checkpoint(transaction, now)
    else:
        checkpoint_if_due(site, decision, transaction, now)
    decision.shown.add(ref)
    decision.reply = TransactionAnswer(
        charger_transaction_id=event.charger_transaction_id,
        id_token=id_token if event.token_uid else None,
        total_cost=cost_to_tell(site, transaction, now),
    )


def finish(site: Site, decision: Decision, event: TransactionFinished, now: datetime) -> None:
    """OCPP 1.6 §4.10, 2.0.1 E06. A stop that belongs to nothing is answered and kept (field quirk 8, attack 5)."""
    if _is_elsewhere(site, decision, event.station_id):
        return
    id_token = known_token(site, event.token_uid, now) if event.token_uid else None
    decision.reply = TransactionAnswer(charger_transaction_id=event.charger_transaction_id, id_token=id_token)
    transaction = site.by_charger_id(event.station_id, event.charger_transaction_id)
    if transaction is None:
        past = site.past(PastKey(event.station_id, charger_transaction_id=event.charger_transaction_id))
        is_awaited = past is not None and past.end_reason == HANDED_OVER
        if (
            past is None
            or past.end_reason == SUPERSEDED
            or (is_awaited and site.home_of(event.station_id) is not Home.HERE)
        ):
            _keep_stray_stop(site, decision, event, past, now)
        return
    ended_at, is_believed = believed(event.at, now, transaction.started_at)
    _note_clock(site, decision, transaction, event.at, now, is_believed=is_believed)
    transaction.move(Cause.HEARD_OF)
    transaction.hear(event.seq_no)
    has_register = event.meter_stop_wh is not None
    doubt_order(site, decision, transaction, has_register=has_register, now=now)
    take_samples(site, transaction, event.samples, ended_at, now)
    if event.signed:
        keep_signed(transaction, event.signed)
    journal_samples(site, decision, transaction.ref, transaction.transaction_id, event.samples, now)
    cdr = end_transaction(
        site,
        decision,
        transaction,
        now,
        meter_stop_wh=event.meter_stop_wh,
        ended_at=ended_at,
        reason=event.reason,
    )
    if not cdr.quarantine:
        decision.reply = TransactionAnswer(
            charger_transaction_id=event.charger_transaction_id,
            id_token=id_token,
            total_cost=str(cdr.total_cost.incl_vat),
        )
        tell_final(site, decision, cdr, transaction.charger_transaction_id, now)


def _open(
    site: Site, decision: Decision, event: TransactionBegan, key: str, now: datetime
) -> tuple[Transaction, IdTokenAnswer | None]:
    stamp = began_at(site, event, now)
    started_at, is_believed = believed(stamp, now)
    status = _evse_of_start(site, event)
    running = site.at_evse(status.ref)
    if running is not None and site.home_of(event.station_id) is Home.HERE:
        # The station forgot how it ended: billed up to what was last heard of it.
        ended_at = running.last_heard_at
        end_transaction(site, decision, running, now, meter_stop_wh=None, ended_at=ended_at, reason=SUPERSEDED)
    ref = status.ref if status.evse.evse_id == event.evse_id else None
    id_token = judge_start(site, decision, event, ref, started_at, now)
    token = site.tokens.find(event.token_uid) if event.token_uid else None
    register = register_of(event.samples)
    transaction = Transaction(
        transaction_id=money_id(site),
        charger_transaction_id=event.charger_transaction_id or _next_number(site, now),
        station_id=event.station_id,
        evse_id=status.evse.evse_id,
        connector_id=event.connector_id or 1,
        start_key=key,
        token_uid=event.token_uid,
        contract_id=token.contract_id if token else SUSPENSE_CONTRACT,
        group_id=token.group_id if token else None,
        started_at=started_at,
        meter_start_wh=event.meter_start_wh if event.meter_start_wh is not None else register,
        tariff=site.tariff_of(
            status.evse, started_at, token.group_id if token else None, token.contract_id if token else None
        ),
        is_evse_assumed=status.evse.evse_id != event.evse_id,
        rating_w=status.evse.max_power_w,
        time_zone=site.rules.location.time_zone,
    )
    transaction.hear(event.seq_no)
    _note_clock(site, decision, transaction, stamp, now, is_believed=is_believed)
    if site.clock.is_bad:
        transaction.remark(f"the site's clock was {site.clock.remark} when it began")
    # Without a word to the contrary a transaction charges: OCPP 1.6 says so in a StatusNotification, if at all.
    transaction.enter(event.charging_state or ChargingState.CHARGING, started_at)
    if id_token is not None and id_token.status is AuthorizationStatus.ACCEPTED:
        reservations.use(site, decision, transaction, event.reservation_id, now)
    main_meter = site.stations[event.station_id].main_meter
    if main_meter is not None and main_meter.at <= started_at:
        transaction.main_wh = main_meter.register_wh
    site.open_transaction(transaction)
    take_samples(site, transaction, event.samples, started_at, now)
    if event.signed:
        keep_signed(transaction, event.signed)
    decision.journal(
        site,
        now,
        TransactionStarted(
            transaction_id=transaction.transaction_id,
            charger_transaction_id=transaction.charger_transaction_id,
            station_id=transaction.station_id,
            evse_id=transaction.evse_id,
            connector_id=transaction.connector_id,
            token_uid=transaction.token_uid,
            contract_id=transaction.contract_id,
            meter_start_wh=transaction.meter_start_wh or 0,
            started_at=started_at,
            tariff_id=transaction.tariff.id,
            currency=transaction.tariff.currency,
            is_offline=event.is_offline,
            reservation_id=transaction.reservation_id,
        ),
    )
    if site.accounts:
        holds.begin(site, decision, transaction, now)
    decision.checkpoint(transaction, now)
    decision.shown.add(transaction.ref)
    journal_samples(site, decision, transaction.ref, transaction.transaction_id, event.samples, now)
    return transaction, id_token


def _note_clock(
    site: Site,
    decision: Decision,
    transaction: Transaction,
    stamp: datetime | None,
    now: datetime,
    *,
    is_believed: bool,
) -> None:
    """Field quirk 2: a stamp that cannot be believed is replaced by the time of receipt, and somebody should know."""
    station_id = transaction.station_id
    if is_believed:
        decision.clear_alarm(site, now, STATION_CLOCK, station_id)
        return
    told = stamp.isoformat() if stamp is not None else "no time that can be read"
    transaction.doubt(Doubt.CLOCK, f"{told} came at {now.isoformat()}")
    text = f"{station_id} stamps its messages with {told}: the times of receipt are used"
    decision.raise_alarm(site, now, STATION_CLOCK, Severity.WARNING, text, station_id)


def _evse_of_start(site: Site, event: TransactionBegan) -> EvseStatus:
    """The EVSE that a start names; where it names none (OCPP 2.0.1 E01, a card before the cable), a free one.

    Every station has one: `stations.connect` sees to it.
    """
    named = site.evse(event.station_id, event.evse_id) if event.evse_id else None
    if named is not None:
        return named
    known = [site.evses[ref] for ref in site.refs_of(event.station_id)]
    free = [status for status in known if status.transaction_id is None]
    return (free or known)[0]


def _next_number(site: Site, now: datetime) -> str:
    """A transactionId for OCPP 1.6: from the clock, so that it stays new also when the ledger is restored or lost."""
    seconds = int((now - _NUMBERS_SINCE).total_seconds())
    site.last_charger_number = max(site.last_charger_number + 1, seconds)
    return str(site.last_charger_number)


def _adopt_start(site: Site, decision: Decision, running: Transaction, event: TransactionBegan, now: datetime) -> None:
    """A start that arrives after an update of the same transaction, or again with another time stamp."""
    if event.signed:
        keep_signed(running, event.signed)
    if running.is_start_assumed:
        started_at, _ = believed(began_at(site, event, now), now)
        register = event.meter_start_wh if event.meter_start_wh is not None else register_of(event.samples)
        running.learn_start(started_at, register)
        running.hear(event.seq_no)
        decision.checkpoint(running, now)
    journal_samples(site, decision, running.ref, running.transaction_id, event.samples, now)
    id_token = None
    if event.token_uid is not None:
        if running.token_uid is None:
            id_token = identify(site, decision, running, event.token_uid, now)
            if id_token.status is AuthorizationStatus.ACCEPTED:
                reservations.use(site, decision, running, event.reservation_id, now)
            decision.checkpoint(running, now)
        else:
            id_token = known_token(site, event.token_uid, now)
    decision.reply = TransactionAnswer(charger_transaction_id=running.charger_transaction_id, id_token=id_token)


def _keep_stray_stop(
    site: Site, decision: Decision, event: TransactionFinished, past: PastTransaction | None, now: datetime
) -> None:
    """Journal it once: a replay of the same stop finds it in memory."""
    if site.stray_stop(event.station_id, event.charger_transaction_id) is not None:
        return
    site.remember(
        PastTransaction(
            transaction_id=past.transaction_id if past else "",
            charger_transaction_id=event.charger_transaction_id,
            station_id=event.station_id,
            start_key=past.start_key if past else f"stray|{event.charger_transaction_id}",
            token_uid=event.token_uid,
        )
    )
    ended_at, _ = believed(event.at, now)
    stop = UnknownStopReceived(
        station_id=event.station_id,
        charger_transaction_id=event.charger_transaction_id,
        meter_stop_wh=event.meter_stop_wh,
        ended_at=ended_at,
        token_uid=event.token_uid,
        reason=event.reason,
    )
    keep_stop(site, decision, stop, now)


def _is_elsewhere(site: Site, decision: Decision, station_id: str) -> bool:
    """What comes late over a socket that another agent's has replaced is not answered: it will be said there."""
    if site.home_of(station_id) is not Home.ELSEWHERE:
        return False
    decision.reply = Elsewhere(station_id=station_id)
    return True
