"""OCPP 2.0.1 functional block O: what a station shows."""

from __future__ import annotations

from typing import Any

from protocols.charger.events import ReportReceived
from protocols.charger.operations.messages import ClearDisplayMessage, GetDisplayMessages, SetDisplayMessage
from protocols.ocpp.dialect import Payload
from protocols.ocpp.reading import given, read_document, read_number
from protocols.ocpp.writing import filled, numbered, stamp


def write_set_display_message(operation: SetDisplayMessage) -> Payload:
    """O01, O02, O06 SetDisplayMessageRequest."""
    message = operation.message
    content = filled(format=message.format, language=message.language, content=message.content)
    return {
        "message": filled(
            id=numbered(message.message_id),
            priority=message.priority,
            state=message.state,
            startDateTime=stamp(message.start_at),
            endDateTime=stamp(message.end_at),
            transactionId=message.charger_transaction_id,
            message=content,
        )
    }


def write_get_display_messages(operation: GetDisplayMessages) -> Payload:
    """O03, O04 GetDisplayMessagesRequest."""
    return filled(
        id=list(operation.message_ids) or None,
        requestId=numbered(operation.request_id),
        priority=operation.priority,
        state=operation.state,
    )


def read_notify_display_messages(station_id: str, payload: Any) -> ReportReceived:
    """O03, O04 NotifyDisplayMessagesRequest. Its parts have no number."""
    return ReportReceived(
        station_id=station_id,
        kind="display_messages",
        request_id=read_number(payload.requestId, name="requestId"),
        seq_no=0,
        is_last=not given(payload.tbc, False),
        items=tuple(read_document(given(payload.messageInfo, ()))),
    )


def write_clear_display_message(operation: ClearDisplayMessage) -> Payload:
    """O05 ClearDisplayMessageRequest."""
    return {"id": operation.message_id}
