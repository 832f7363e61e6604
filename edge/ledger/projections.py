"""What each journal entry does to the state tables, inside the transaction that journals it."""

from __future__ import annotations

import sqlite3
from typing import assert_never

from pydantic import TypeAdapter

from edge.ledger.queries import queries
from protocols.ocpi.cdr import Cdr
from protocols.ocpi.token import Token
from protocols.sync.up import (
    AlarmCleared,
    AlarmRaised,
    CdrIssued,
    CdrQuarantined,
    CommandFinished,
    CommandTaken,
    ConnectorStatusChanged,
    DocumentApplied,
    Entry,
    IdTokenRefused,
    PostingMade,
    StationBooted,
    StationConnectionChanged,
    TokensChanged,
    TransactionEnded,
    TransactionStarted,
    UnknownStopReceived,
)

CDR = TypeAdapter(Cdr)
TOKEN = TypeAdapter(Token)
ALARM = TypeAdapter(AlarmRaised)


def project(connection: sqlite3.Connection, entry: Entry) -> None:
    """Bring the tables up to an entry."""
    sql, run = queries(), connection.execute
    match entry.body:
        case TransactionEnded() as ended:
            run(sql["end_transaction"], (ended.reason, ended.transaction_id))
        case CdrIssued() | CdrQuarantined():
            _add_cdr(connection, entry.seq, entry.body.cdr, isinstance(entry.body, CdrQuarantined))
        case PostingMade() as posting:
            run(sql["add_posting"], (posting.posting_id, posting.key, posting.cdr_id, posting.currency))
            for leg in posting.legs:
                run(sql["add_posting_leg"], (posting.posting_id, leg.account, str(leg.amount)))
        case ConnectorStatusChanged() as status:
            _put_status(connection, status)
        case StationConnectionChanged() as link:
            run(sql["put_station_online"], (link.station_id, link.is_online))
        case StationBooted() as boot:
            run(
                sql["put_station_boot"],
                (boot.station_id, boot.vendor, boot.model, boot.serial_number, boot.firmware_version),
            )
        case TokensChanged() as changed:
            if changed.is_complete:
                run(sql["drop_tokens"], (changed.source,))
            for token in changed.tokens:
                run(sql["put_token"], (changed.source, token.key, TOKEN.dump_json(token)))
        case DocumentApplied() as applied:
            if applied.problem is None:
                run(sql["put_document"], (applied.document, applied.version))
        case AlarmRaised() as alarm:
            run(sql["put_alarm"], (alarm.alarm_id, ALARM.dump_json(alarm)))
        case AlarmCleared() as cleared:
            run(sql["drop_alarm"], (cleared.alarm_id,))
        case CommandTaken() as taken:
            run(sql["put_command"], (taken.command_id, taken.expires_at.isoformat()))
        case CommandFinished() as finished:
            run(sql["finish_command"], (finished.command_id,))
        case TransactionStarted() | IdTokenRefused() | UnknownStopReceived():
            pass  # the journal is their only place; an open transaction's row comes with its checkpoint
        case _:
            assert_never(entry.body)


def _add_cdr(connection: sqlite3.Connection, seq: int, cdr: Cdr, is_quarantined: bool) -> None:
    connection.execute(
        queries()["add_cdr"],
        (
            cdr.id,
            cdr.session_id,
            seq,
            is_quarantined,
            cdr.station_id,
            cdr.evse_id,
            cdr.contract_id,
            cdr.end_date_time.isoformat(),
            CDR.dump_json(cdr),
        ),
    )


def _put_status(connection: sqlite3.Connection, status: ConnectorStatusChanged) -> None:
    if status.evse_id == 0:
        connection.execute(queries()["put_station_status"], (status.station_id, status.status))
        return
    connection.execute(
        queries()["put_evse"],
        (
            status.station_id,
            status.evse_id,
            status.connector_id,
            status.status,
            status.charging_state,
            status.error_code,
        ),
    )
