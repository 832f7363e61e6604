"""OCPP 2.0.1 functional block G: StatusNotification."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from protocols.charger.events import StatusReported
from protocols.ocpp.reading import read_evse_id, read_stamp
from protocols.terms import ConnectorStatus

_STATUSES: Final = MappingProxyType({status.value: status for status in ConnectorStatus})


def read_status_notification(station_id: str, payload: Any) -> StatusReported:
    """G01 StatusNotificationRequest."""
    return StatusReported(
        station_id=station_id,
        evse_id=read_evse_id(payload.evseId, name="evseId", lowest=0),
        connector_id=read_evse_id(payload.connectorId, name="connectorId", lowest=0),
        status=_STATUSES[payload.connectorStatus],
        at=read_stamp(payload.timestamp),
    )
