"""What a station does when the CSMS has answered. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from firmware_sim.driver import ACCEPTED, decide_locally, decided
from firmware_sim.messages import (
    Answer,
    AuthorizeMessage,
    BootAnswer,
    BootMessage,
    CallRefused,
    HeartbeatMessage,
    IdleMeterMessage,
    Message,
    Phase,
    Said,
    SaidAnswer,
    StatusMessage,
    StopReason,
    TokenAnswer,
    TransactionMessage,
    Trigger,
)
from firmware_sim.station_model import StationModel
from firmware_sim.transaction import Transaction

_MIN_BOOT_RETRY_S = 10


def answered(model: StationModel, message: Message, answer: Answer) -> None:
    """Take the answer to a message."""
    match message:
        case BootMessage():
            _boot_answered(model, answer)
        case AuthorizeMessage():
            _authorize_answered(model, message, answer)
        case TransactionMessage():
            _transaction_answered(model, message, answer)
        case Said():
            _said_answered(model, message, answer)
        case StatusMessage() | HeartbeatMessage() | IdleMeterMessage():
            pass
        case _:
            assert_never(message)


def greet(model: StationModel) -> None:
    """After connecting: tell the state of everything, then start beating."""
    model.next_heartbeat_at = model.after(model.settings.heartbeat_s)
    model.tell_states(0)


def _boot_answered(model: StationModel, answer: Answer) -> None:
    if not isinstance(answer, BootAnswer):
        model.next_boot_at = model.after(_MIN_BOOT_RETRY_S)
        return
    model.is_pending = answer.pending
    if not answer.accepted:
        model.next_boot_at = model.after(max(answer.interval_s, _MIN_BOOT_RETRY_S))
        model.note("boot_refused")
        return
    model.registered = True
    if answer.interval_s > 0:
        model.settings = replace(model.settings, heartbeat_s=answer.interval_s)
    model.note("booted", reason=model.boot_reason.value, heartbeat_s=model.settings.heartbeat_s)
    greet(model)


def _authorize_answered(model: StationModel, message: AuthorizeMessage, answer: Answer) -> None:
    if not isinstance(answer, TokenAnswer):
        decide_locally(model, message)
        return
    _remember(model, message.id_token, answer)
    decided(model, message, answer.status or "Invalid")


def _said_answered(model: StationModel, message: Said, answer: Answer) -> None:
    """A certificate request that was refused is not waited for (OCPP 2.0.1 A02.FR.09)."""
    if isinstance(answer, CallRefused):
        model.note("discarded", code=answer.code, action=message.action)
        return
    is_refused = isinstance(answer, SaidAnswer) and answer.payload.get("status") != ACCEPTED
    if message.action == "SignCertificate" and is_refused:
        model.certificates.pending_keys.clear()
        model.note("certificate_refused")


def _transaction_answered(model: StationModel, message: TransactionMessage, answer: Answer) -> None:
    transaction = model.transactions[message.transaction_id]
    evse = model.evses[message.evse_id]
    if isinstance(answer, CallRefused):
        model.note("discarded", evse, code=answer.code, phase=message.phase.value)
        return
    csms_id, status = (answer.csms_id, answer.status) if isinstance(answer, TokenAnswer) else (None, None)
    if message.phase is Phase.STARTED:
        transaction = replace(transaction, acknowledged_start=True, csms_id=csms_id)
    elif message.phase is Phase.ENDED:
        transaction = replace(transaction, acknowledged_stop=True)
    model.transactions[transaction.transaction_id] = transaction
    if message.phase is not Phase.UPDATED:
        what = "replayed" if message.offline else "acknowledged"
        known_as = transaction.transaction_id if transaction.csms_id is None else transaction.csms_id
        model.note(what, evse, phase=message.phase.value, transaction_id=known_as)
    if isinstance(answer, TokenAnswer) and status is not None:
        _remember(model, transaction.id_token, answer)
    if status not in (ACCEPTED, None):
        _deauthorized(model, transaction, status or "")


def _remember(model: StationModel, id_token: str, answer: TokenAnswer) -> None:
    """The cache keeps what was said last (OCPP 1.6 §3.5.1, 2.0.1 C10)."""
    if answer.status == ACCEPTED:
        model.accepted.add(id_token)
    else:
        model.accepted.discard(id_token)
    if answer.group is not None:
        model.groups[id_token] = answer.group


def _deauthorized(model: StationModel, transaction: Transaction, status: str) -> None:
    """The CSMS does not want this transaction after all (OCPP 1.6 §4.8, 2.0.1 E05)."""
    model.accepted.discard(transaction.id_token)
    evse = model.evses[transaction.evse_id]
    is_running = evse.transaction_id == transaction.transaction_id and model.powered
    if is_running and model.settings.stop_on_invalid_id:
        model.note("deauthorized", evse, status=status)
        model.end(evse, StopReason.DEAUTHORIZED, Trigger.DEAUTHORIZED)
