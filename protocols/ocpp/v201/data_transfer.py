"""OCPP 2.0.1 functional block P: DataTransfer; this house has no vendor extensions, and says so."""

from __future__ import annotations

from datetime import datetime

from protocols.ocpp.dialect import Payload


def answer_data_transfer(_now: datetime) -> Payload:
    """P02 DataTransferResponse."""
    return {"status": "UnknownVendorId"}
