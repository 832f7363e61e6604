"""What the hub and the staff want: commands, token lists, and the hub's acknowledgements."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

from edge.domain import asking, edge_transactions, jobs, local_lists, operations, polled_commands
from edge.domain.decision import Decision
from edge.domain.disk_events import DiskLevel
from edge.domain.events import DocumentUnreadable, Done, Refused, SyncLagged, TokenBlocked, TokensImported
from edge.domain.site import OpenCommand, Site
from protocols.charger.commands import Operation, RawCall
from protocols.charger.events import CommandAnswered
from protocols.charger.operations.transactions import StartTransaction, StopTransaction
from protocols.ocpi.token import Token, token_key
from protocols.sync.down import (
    Ack,
    CallStation,
    CancelJob,
    Command,
    Operate,
    RemoteStart,
    RemoteStop,
    StartJob,
)
from protocols.sync.topics import Stream
from protocols.sync.up import CommandFinished, CommandTaken, DocumentApplied, Outcome, Severity, TokensChanged

REMEMBERED: Final = timedelta(days=1)
PATIENCE: Final = timedelta(minutes=10)
"""How long past its expiry a command that was sent may remain without an answer."""


def take_command(site: Site, decision: Decision, command: Command, now: datetime) -> None:
    """At most once, never late (sync 14): the id is journaled before the charger hears of it."""
    if command.id in site.commands:
        decision.reply = Refused(reason=f"command {command.id} was taken before")
        return
    site.commands[command.id] = OpenCommand(command_id=command.id, expires_at=command.expires_at)
    taken = CommandTaken(command_id=command.id, command=command.body.command, expires_at=command.expires_at)
    decision.journal(site, now, taken)
    if command.expires_at <= site.clock.believed(now):
        _finish(site, decision, command.id, Outcome.EXPIRED, f"expired at {command.expires_at.isoformat()}", now)
        return
    if isinstance(command.body, StartJob | CancelJob):
        _order_job(site, decision, command.id, command.body, now)
        return
    meant = _meant(site, command.body)
    refused = meant if isinstance(meant, Refused) else _ask_station(site, decision, command.id, *meant, now)
    if refused is not None:
        _finish(site, decision, command.id, Outcome.REJECTED, refused.reason, now)
        return
    decision.reply = Done(text=f"command {command.id} is under way")


def _order_job(site: Site, decision: Decision, command_id: str, wish: StartJob | CancelJob, now: datetime) -> None:
    """Done when the job is begun: how it goes on is journaled by its stations."""
    ordered = jobs.order(site, decision, wish, now)
    if isinstance(ordered, Refused):
        _finish(site, decision, command_id, Outcome.REJECTED, ordered.reason, now)
    else:
        _finish(site, decision, command_id, Outcome.ACCEPTED, "", now, ordered)


def _meant(
    site: Site, body: RemoteStart | RemoteStop | Operate | CallStation
) -> tuple[str, Operation | RawCall] | Refused:
    """Which station is to do what."""
    match body:
        case RemoteStart() as start:
            return start.station_id, StartTransaction(evse_id=start.evse_id, token_uid=start.token_uid)
        case RemoteStop() as stop:
            transaction = site.transactions.get(stop.transaction_id)
            if transaction is None:
                return Refused(reason=f"transaction {stop.transaction_id} is not running")
            charger_id = transaction.charger_transaction_id
            return transaction.station_id, StopTransaction(charger_transaction_id=charger_id)
        case Operate() as operate:
            return operate.station_id, operate.operation
        case CallStation() as call:
            return call.station_id, RawCall(action=call.action, payload=call.payload)
        case _:
            assert_never(body)


def _ask_station(
    site: Site, decision: Decision, command_id: str, station_id: str, operation: Operation | RawCall, now: datetime
) -> Refused | None:
    station = site.stations.get(station_id)
    if station is None:
        return Refused(reason=f"station {station_id} does not exist")
    if isinstance(operation, StartTransaction) and site.disk is DiskLevel.FULL:
        return Refused(reason="no transaction can be begun: the site's disk is full")
    if not station.is_online and not polled_commands.needs_no_charger(site, station_id, operation):
        return Refused(reason=f"station {station_id} is not connected")
    asked = operations.prepare(site, decision, station, operation, now)
    if isinstance(asked, Refused):
        return asked
    site.commands[command_id] = replace(site.commands[command_id], station_id=station_id, operation=asked)
    if station_id in site.rules.runs:
        return _do_here(site, decision, command_id, station_id, asked, now)
    decision.commands.append(asking.command(site, command_id, station_id, asked))
    return None


def _do_here(
    site: Site, decision: Decision, command_id: str, station_id: str, operation: Operation | RawCall, now: datetime
) -> Refused | None:
    """The station is polled: what a station would do itself with a command, the site does."""
    answered = polled_commands.carry_out(site, decision, command_id, station_id, operation, now)
    if isinstance(answered, Refused):
        return answered
    if answered is not None:
        note_answer(site, decision, answered, now)
        edge_transactions.steer_all(site, decision, station_id, now)
    return None


def note_answer(site: Site, decision: Decision, event: CommandAnswered, now: datetime) -> None:
    command = site.commands.get(event.command_id)
    if command is None or command.is_finished:
        return
    outcome = Outcome.ACCEPTED if event.is_accepted else Outcome.FAILED
    _finish(site, decision, event.command_id, outcome, event.detail, now, event.result)
    operations.note(site, decision, site.station(event.station_id), command, event, now)


def give_up_commands(site: Site, decision: Decision, now: datetime) -> None:
    """After a restart: whether the charger ever heard of an unanswered command cannot be known."""
    for command in list(site.commands.values()):
        if not command.is_finished:
            detail = "the agent restarted before the station answered; look at the station"
            _finish(site, decision, command.command_id, Outcome.FAILED, detail, now)


def tidy_commands(site: Site, decision: Decision, now: datetime) -> None:
    """Close what no station answered; an id is remembered for a day past its expiry, then the expiry refuses it."""
    for command in [c for c in site.commands.values() if not c.is_finished and c.expires_at + PATIENCE < now]:
        _finish(site, decision, command.command_id, Outcome.FAILED, "the station never answered", now)
    for command in [c for c in site.commands.values() if c.is_finished and c.expires_at + REMEMBERED < now]:
        del site.commands[command.command_id]


def _finish(
    site: Site,
    decision: Decision,
    command_id: str,
    outcome: Outcome,
    detail: str,
    now: datetime,
    result: dict[str, Any] | None = None,
) -> None:
    command = site.commands[command_id]
    if command.is_own:
        del site.commands[command_id]
        return
    # What was asked is not needed again; the id is.
    site.commands[command_id] = OpenCommand(command_id=command_id, expires_at=command.expires_at, is_finished=True)
    finished = CommandFinished(
        command_id=command_id, outcome=outcome, detail=_storable(detail), result=_storable(result)
    )
    decision.journal(site, now, finished)
    decision.outcomes.append(finished)
    decision.reply = Refused(reason=detail) if outcome is not Outcome.ACCEPTED else Done(text=detail or "accepted")


def note_unreadable(site: Site, decision: Decision, event: DocumentUnreadable, now: datetime) -> None:
    version = site.documents.get(event.document, 0)
    decision.journal(site, now, DocumentApplied(document=event.document, version=version, problem=event.problem))
    text = f"desired document {event.document} cannot be read and version {version} stays: {event.problem}"
    decision.raise_alarm(site, now, "document_unreadable", Severity.WARNING, text, event.document)


def import_tokens(site: Site, decision: Decision, event: TokensImported, now: datetime) -> None:
    imported = {token.key: token for token in event.tokens}
    before = site.tokens.site
    site.tokens.site = imported if event.replaces_all else {**before, **imported}
    tokens = tuple(imported.values())
    body = TokensChanged(source="site", tokens=tokens, is_complete=event.replaces_all)
    changed = decision.journal(site, now, body)
    local_lists.note_change(site, before, site.tokens.site, changed.seq, now)
    decision.reply = Done(text=f"{len(tokens)} tokens imported, {len(site.tokens)} known in all")


def block_token(site: Site, decision: Decision, event: TokenBlocked, now: datetime) -> None:
    """Blocked at the site at once. Letting in again lifts the site's own block only, not one of the hub."""
    token = site.tokens.site.get(token_key(event.uid)) or site.tokens.find(event.uid)
    if token is None:
        decision.reply = Refused(reason="no such token: see `ohmstead-edge tokens list`")
        return
    changed: Token = replace(token, valid=not event.is_blocked)
    site.tokens.site[changed.key] = changed
    seq = decision.journal(site, now, TokensChanged(source="site", tokens=(changed,))).seq
    local_lists.note_change(site, {token.key: token}, {changed.key: changed}, seq, now)
    hubs = site.tokens.hub.get(changed.key)
    if not event.is_blocked and hubs is not None and not hubs.valid:
        decision.reply = Refused(reason="the site's block is lifted, but the hub blocks this token: unblock it there")
        return
    decision.reply = Done(text="token blocked" if event.is_blocked else "token may charge again")


def note_lag(site: Site, decision: Decision, event: SyncLagged, now: datetime) -> None:
    """The hub has fallen behind, or has caught up."""
    if event.is_lagging:
        decision.raise_alarm(site, now, "sync_lag", Severity.WARNING, event.text, "uplink")
    else:
        decision.clear_alarm(site, now, "sync_lag", "uplink")


def note_ack(site: Site, decision: Decision, ack: Ack, now: datetime) -> None:
    """The hub has committed up to `seq`. Only a resend moves the mark back: the hub has lost what it had."""
    if ack.epoch != site.epoch or ack.seq > site.last_seq[ack.stream]:
        decision.reply = Refused(reason="the acknowledgement is for another ledger")
        return
    if ack.seq > site.acked_seq[ack.stream] or (ack.resend and ack.seq < site.acked_seq[ack.stream]):
        site.acked_seq[ack.stream] = ack.seq
        decision.acked[ack.stream] = ack.seq
        if ack.stream is Stream.MONEY:
            site.accounts.note_sent(ack.seq)
    for rejected in ack.rejected:
        decision.dead.append((ack.stream, rejected))
        severity = Severity.CRITICAL if ack.stream is Stream.MONEY else Severity.WARNING
        text = f"the hub cannot read entry {rejected.seq} of {ack.stream}: {rejected.reason}"
        decision.raise_alarm(site, now, "entry_rejected", severity, text, f"{ack.stream}-{rejected.seq}")


def _storable(told: Any) -> Any:
    """What a station or an operator wrote, without NUL, which no database of the hub can hold."""
    match told:
        case str():
            return told.replace("\0", "")
        case dict():
            return {_storable(name): _storable(value) for name, value in told.items()}
        case list() | tuple():
            return [_storable(item) for item in told]
        case _:
            return told
