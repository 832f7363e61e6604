"""OCPP 2.0.1 functional block G: StatusNotification and ChangeAvailability."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from protocols.charger.events import StatusReported
from protocols.charger.operations.availability import ChangeAvailability
from protocols.ocpp.dialect import Payload
from protocols.ocpp.reading import read_evse_id, read_stamp
from protocols.ocpp.v201.datatypes import write_evse
from protocols.ocpp.writing import filled
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


def write_change_availability(operation: ChangeAvailability) -> Payload:
    """G03, G04 ChangeAvailabilityRequest."""
    evse = write_evse(operation.evse_id, operation.connector_id)
    return filled(operationalStatus=operation.operational_status, evse=evse)
