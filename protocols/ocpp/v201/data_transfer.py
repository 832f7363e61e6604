"""OCPP 2.0.1 functional block P: DataTransfer; this house has no vendor extensions, and says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from protocols.charger.commands import Judged, Reply
from protocols.charger.events import DataTransferred
from protocols.charger.operations.messages import TransferData
from protocols.ocpp.dialect import Payload, Result, expect
from protocols.ocpp.outcome import read_status
from protocols.ocpp.reading import given, read_document, read_text
from protocols.ocpp.v201.datatypes import refused
from protocols.ocpp.writing import filled


def read_data_transfer(station_id: str, payload: Any) -> DataTransferred:
    """P02 DataTransferRequest."""
    return DataTransferred(
        station_id=station_id,
        vendor_id=read_text(payload.vendorId) or "",
        message_id=read_text(given(payload.messageId)),
        data=read_document(given(payload.data)),
    )


def render_data_transfer(reply: Reply) -> Payload:
    """P02 DataTransferResponse: whoever is not understood is of an unknown vendor."""
    judged = expect(reply, Judged)
    return {"status": "Accepted"} if judged.is_accepted else refused("UnknownVendorId", judged.reason)


def write_data_transfer(operation: TransferData) -> Payload:
    """P01 DataTransferRequest."""
    return filled(messageId=operation.message_id, data=operation.data, vendorId=operation.vendor_id)


def read_transferred(operation: TransferData, answers: Sequence[Payload]) -> Result:
    """P01 DataTransferResponse."""
    told = read_status(operation, answers)
    result = {"status": read_text(answers[0].get("status")), "data": read_document(answers[0].get("data"))}
    return Result(is_accepted=told.is_accepted, detail=told.detail, result=result)
