"""OCPP 2.0.1 functional block G: StatusNotification."""

from __future__ import annotations

from typing import Any

from protocols.charger.events import StatusReported
from protocols.ocpp.reading import read_evse_id, read_stamp
from protocols.terms import ConnectorStatus


def read_status_notification(station_id: str, payload: Any) -> StatusReported:
    """G01 StatusNotificationRequest."""
    return StatusReported(
        station_id=station_id,
        evse_id=read_evse_id(payload.evseId, name="evseId", lowest=0),
        connector_id=read_evse_id(payload.connectorId, name="connectorId", lowest=0),
        status=ConnectorStatus(payload.connectorStatus),
        at=read_stamp(payload.timestamp),
    )
