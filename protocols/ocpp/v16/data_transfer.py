"""OCPP 1.6 §4.3 and §5.6 DataTransfer: this house takes no vendor extensions, and says so. What it
sends of one itself is in `cost_display`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from protocols.charger.commands import Judged, Reply
from protocols.charger.events import DataTransferred
from protocols.charger.operations.messages import TransferData
from protocols.ocpp.dialect import Calls, Payload, Result, expect
from protocols.ocpp.reading import read_block, read_document, read_text
from protocols.ocpp.v16.wording import read_status


def read_data_transfer(station_id: str, payload: Any) -> DataTransferred:
    """§6.15."""
    return DataTransferred(
        station_id=station_id,
        vendor_id=read_text(payload.vendorId) or "",
        message_id=read_text(payload.messageId),
        data=read_block(payload.data),
    )


def render_data_transfer(reply: Reply) -> Payload:
    """§6.16."""
    return {"status": "Accepted" if expect(reply, Judged).is_accepted else "UnknownVendorId"}


def render_transfer_data(transfer: TransferData) -> Calls:
    """§6.15. What is no text goes out as JSON text."""
    payload: Payload = {"vendorId": transfer.vendor_id}
    if transfer.message_id is not None:
        payload["messageId"] = transfer.message_id
    if transfer.data is not None:
        payload["data"] = transfer.data if isinstance(transfer.data, str) else json.dumps(transfer.data)
    return [("DataTransfer", payload)]


def read_transferred(transfer: TransferData, answers: Sequence[Payload]) -> Result:
    """§6.16."""
    judged = read_status(transfer, answers)
    told = {"status": read_text(answers[0].get("status")), "data": read_document(answers[0].get("data"))}
    return Result(is_accepted=judged.is_accepted, detail=judged.detail, result=told)
