"""OCPP 1.6 §4.7 MeterValues."""

from __future__ import annotations

from typing import Any

from protocols.charger.events import MeterValuesReported
from protocols.ocpp.reading import read_evse_id, read_int
from protocols.ocpp.sampled_values import read_samples_16
from protocols.ocpp.signed_values import read_signed_16


def read_meter_values(station_id: str, payload: Any) -> MeterValuesReported:
    """§6.31. Connector 0 is the station's main meter. Transaction ids below 1 mean none (field_quirks 3)."""
    transaction_id = read_int(payload.transactionId)
    return MeterValuesReported(
        station_id=station_id,
        evse_id=read_evse_id(payload.connectorId, name="connectorId", lowest=0),
        charger_transaction_id=str(transaction_id) if transaction_id is not None and transaction_id > 0 else None,
        samples=read_samples_16(payload.meterValue),
        signed=read_signed_16(payload.meterValue),
    )
