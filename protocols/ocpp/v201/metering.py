"""OCPP 2.0.1 functional block J: MeterValues outside transactions."""

from __future__ import annotations

from typing import Any

from protocols.charger.events import MeterValuesReported
from protocols.ocpp.reading import read_evse_id
from protocols.ocpp.sampled_values import read_samples_201


def read_meter_values(station_id: str, payload: Any) -> MeterValuesReported:
    """J01 MeterValuesRequest. EVSE 0 is the station's main meter."""
    return MeterValuesReported(
        station_id=station_id,
        evse_id=read_evse_id(payload.evseId, name="evseId", lowest=0),
        charger_transaction_id=None,
        samples=read_samples_201(payload.meterValue),
    )
