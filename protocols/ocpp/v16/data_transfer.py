"""OCPP 1.6 §4.3 DataTransfer: this house has no vendor extensions, and says so."""

from __future__ import annotations

from datetime import datetime

from protocols.ocpp.dialect import Payload


def answer_data_transfer(_now: datetime) -> Payload:
    """§6.16."""
    return {"status": "UnknownVendorId"}
